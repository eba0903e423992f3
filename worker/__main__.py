"""The operator's command line."""

import asyncio
import json
import signal
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from pydantic import ValidationError

from worker import jobs, log
from worker.settings import Settings

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@cli.callback()
def about() -> None:
    """Publishes the billing system's invoices to sevDesk and brings their payment state back."""


def _settings() -> Settings:
    """Read the settings, or say in one sentence each what is wrong with them."""
    try:
        return Settings()
    except ValidationError as error:
        for problem in error.errors():
            name = "_".join(map(str, problem["loc"])).upper()
            typer.echo(f"Setting {name}: {problem['msg']}. See .env.example.", err=True)
        raise typer.Exit(2) from None


@cli.command()
def run() -> None:
    """Run the worker until SIGTERM."""
    from worker.app import App

    settings = _settings()
    log.set_up(settings.log_level, settings.log_format)

    async def work() -> None:
        app = App(settings)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, app.stop)
        await app.run()

    asyncio.run(work())


@cli.command()
def migrate(
    billing_reference: Annotated[
        bool, typer.Option(help="Also create the reference billing tables (empty database only).")
    ] = False,
) -> None:
    """Bring the worker's own tables up to date."""
    import psycopg

    from worker.migrate import migrate as apply

    try:
        applied = apply(_settings().database_url, billing_reference=billing_reference)
    except psycopg.OperationalError as error:
        typer.echo(f"Cannot reach Postgres: {str(error).strip().splitlines()[0]}. Check DATABASE_URL.", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"Applied {', '.join(applied)}." if applied else "Nothing to apply.")


@cli.command()
def local(
    directory: Annotated[
        Path | None, typer.Option("--dir", help="Where the data live; kept for the next start.")
    ] = None,
) -> None:
    """Start embedded Postgres and Redis, print their URLs, and stay until signalled."""
    from worker.local import ServiceError, default_directory, serve

    try:
        serve(directory or default_directory())
    except ServiceError as error:
        typer.echo(f"Cannot start the embedded servers: {error}.", err=True)
        raise typer.Exit(1) from None


@cli.command()
def sandbox(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.")] = 0,
    token: Annotated[str | None, typer.Option(help="The API token it accepts; a random one by default.")] = None,
    latency: Annotated[str, typer.Option(help="READ_MS,WRITE_MS added to each answer.")] = "0,0",
) -> None:
    """Start the local sevDesk, print its URL and token, and stay until signalled."""
    from sevdesk_client.sandbox.server import serve

    try:
        read_ms, write_ms = (float(part) for part in latency.split(","))
    except ValueError:
        typer.echo(f"--latency is {latency!r}; it must look like 60,600.", err=True)
        raise typer.Exit(2) from None
    serve(port, token, (read_ms, write_ms))


@cli.command()
def enqueue(
    kind: Annotated[str, typer.Argument(help="The job kind, for example publish_invoice.")],
    values: Annotated[list[str] | None, typer.Argument(help="key=value ..., JSON values or plain text.")] = None,
) -> None:
    """Ask for a job through the outbox and print its id."""
    payload = _payload(values or [])
    requested_by = payload.pop("requested_by", None)
    correlation_id = payload.pop("correlation_id", None)
    try:
        jobs.parse(kind, payload)
        person = UUID(requested_by) if requested_by else None
    except (jobs.BadJob, ValueError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None

    async def ask(store: Any) -> None:
        typer.echo(await store.request_job(kind, payload, requested_by=person, correlation_id=correlation_id))

    _with_store(ask)


class Known(StrEnum):
    """What a person found out about a write whose outcome sevDesk cannot tell."""

    DONE = "done"
    NOT_DONE = "not-done"


@cli.command()
def retry(
    job_id: Annotated[str, typer.Argument(help="The parked job.")],
    known: Annotated[
        Known | None, typer.Option("--as", help="The answer to what the job asks: did it happen or not?")
    ] = None,
) -> None:
    """Take a parked job up again from the start; finished work is found, not repeated."""

    async def again(store: Any) -> None:
        if await store.unpark(job_id, answer=known.value if known else None) is None:
            typer.echo(f"Job {job_id} is not parked, so there is nothing to retry.", err=True)
            raise typer.Exit(1)
        typer.echo(f"Job {job_id} is requested again.")

    _with_store(again)


@cli.command()
def schema() -> None:
    """Print the JSON Schema of every job's payload."""
    shown = {
        kind.name: {"asked_by": kind.who.value, "payload": kind.payload.model_json_schema()}
        for kind in jobs.KINDS.values()
    }
    typer.echo(json.dumps(shown, indent=2, ensure_ascii=False))


@cli.command()
def demo(
    keep: Annotated[bool, typer.Option(help="Leave everything running afterwards, with the URLs printed.")] = False,
    out: Annotated[Path | None, typer.Option(help="Where to put the PDFs; a new folder by default.")] = None,
    sevdesk_url: Annotated[str | None, typer.Option(help="A running sandbox instead of an own one.")] = None,
) -> None:
    """Play a billing month on embedded services and the sandbox, and check every row of it."""
    from worker.demo import main as play

    raise typer.Exit(play(keep=keep, out=out, sevdesk_url=sevdesk_url))


def _payload(values: list[str]) -> dict[str, Any]:
    payload: dict[str, Any] = {}
    for pair in values:
        key, sign, text = pair.partition("=")
        if not sign:
            typer.echo(f"{pair!r} is not key=value.", err=True)
            raise typer.Exit(2)
        try:
            payload[key] = json.loads(text)
        except ValueError:
            payload[key] = text
    return payload


def _with_store(act: Callable[[Any], Awaitable[None]]) -> None:
    from worker.store import LOST, Store

    async def work() -> None:
        store = await Store.connect(_settings().database_url, size=1, name="sevdesk-worker cli")
        try:
            await act(store)
        finally:
            await store.close()

    try:
        asyncio.run(work())
    except LOST as error:
        typer.echo(f"Cannot reach Postgres ({type(error).__name__}). Check DATABASE_URL.", err=True)
        raise typer.Exit(1) from None


def main() -> None:
    """Entry point of the console script."""
    cli()


if __name__ == "__main__":
    main()
