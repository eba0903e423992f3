"""Commands that start a long-running process: the worker, the embedded servers, the local sevDesk, the demo."""

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer

from worker.cli.base import ACT, FAILED, USAGE, cli, console, fail, postgres_errors, settings
from worker.observability import log


@cli.command(rich_help_panel=ACT)
def run() -> None:
    """Run the worker until SIGTERM."""
    from worker.app import App, start_threads
    from worker.operator.checks_postgres import DIRECT_LOCKS, locks_refused
    from worker.queue.redis_client import UnsuitableRedis
    from worker.store import WRONG_URL, PooledLocks

    if settings().otel_traces_exporter == "otlp":
        try:
            import worker.observability.otel  # noqa: F401 - only whether it can be had
        except ModuleNotFoundError as error:
            fail(f"OTEL_TRACES_EXPORTER=otlp needs {error.name}: pip install 'sevdesk-worker[otel]'", USAGE)
    log.set_up(settings().log_level, settings().log_format)
    log.tell_crashes()

    async def work() -> None:
        app = App(settings())
        asyncio.get_running_loop().set_default_executor(start_threads())
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, app.stop)
        await app.run()

    with postgres_errors(USAGE):
        try:
            asyncio.run(work())
        except PooledLocks:
            fail(f"{locks_refused(settings())} {DIRECT_LOCKS}", USAGE)
        except UnsuitableRedis as error:
            fail(f"{error}.", USAGE)
        except WRONG_URL:
            fail("DATABASE_URL or DATABASE_LOCK_URL has an option with a wrong value, such as sslmode.", USAGE)


@cli.command(rich_help_panel=ACT)
def local(
    directory: Annotated[
        Path | None, typer.Option("--dir", help="Where the data are kept; root's are not without it.")
    ] = None,
) -> None:
    """Start embedded Postgres and Redis, print their URLs, and stay until signalled."""
    from worker.local.programs import ServiceError
    from worker.local.services import default_directory, serve

    try:
        serve(directory or default_directory())
    except ServiceError as error:
        fail(f"Cannot start the embedded servers: {error}.", FAILED)


@cli.command(rich_help_panel=ACT)
def sandbox(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.")] = 0,
    token: Annotated[str | None, typer.Option(help="The API token it accepts; a random one by default.")] = None,
    latency: Annotated[str, typer.Option(help="READ_MS,WRITE_MS added to each answer.")] = "0,0",
    record: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write requests and answers, without token and personal data.")
    ] = None,
    upstream: Annotated[
        str | None, typer.Option(metavar="URL", help="Stand in front of this sevDesk instead, with the caller's token.")
    ] = None,
    diff: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Compare recorded answers with the sandbox's; exit 1 if they differ."),
    ] = None,
) -> None:
    """Start the local sevDesk, print its URL and token, and stay until signalled."""
    try:
        from sevdesk_client.sandbox.command import run as run_sandbox
    except ModuleNotFoundError as error:
        fail(f"The sandbox needs {error.name}, which is not installed: pip install 'sevdesk-worker[sandbox]'")

    try:
        read_ms, write_ms = (float(part) for part in latency.split(","))
    except ValueError:
        fail(f"--latency is {latency!r}; it must look like 60,600.", USAGE)
    latency_ms = (read_ms, write_ms)
    code = run_sandbox(port=port, token=token, latency=latency_ms, record=record, upstream=upstream, diff=diff)
    raise typer.Exit(code)


@cli.command(rich_help_panel=ACT)
def demo(
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave everything running afterwards, with the URLs printed.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Where to put the PDFs; a new folder by default.")] = None,
    sevdesk_url: Annotated[str | None, typer.Option(help="A running sandbox instead of an own one.")] = None,
    own_tables: Annotated[
        bool, typer.Option("--own-tables", help="On tables of another form, through views (BILLING_SCHEMA).")
    ] = False,
) -> None:
    """Play a billing month on embedded services and the sandbox, and check every row of it."""
    from worker.demo.run import main as play

    raise typer.Exit(play(console(), keep=keep, out=out, sevdesk_url=sevdesk_url, own_tables=own_tables))
