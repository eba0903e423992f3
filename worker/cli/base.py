"""What all commands share: the Typer app, the settings, a database connection, and output as text or JSON."""

import asyncio
import dataclasses
import json
import logging
import re
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer
from pydantic import ValidationError
from typer.core import TyperGroup

from worker.domain.postgres_url import read_postgres_url
from worker.domain.visible import visible, visible_in_json, visible_line
from worker.env_file import UnreadableEnvFile
from worker.settings import EvidenceSettings, Settings

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from worker.steps.sevdesk_account import SevdeskAccount
    from worker.store import Store

T = TypeVar("T")
AnySettings = TypeVar("AnySettings", bound=EvidenceSettings)

FAILED, USAGE, MUST_ACT = 1, 2, 3  # exit codes
# What to do about a setting.
WHERE = "Set it in the environment or in a file .env; sevdesk-worker init writes one that explains each."
# A person waits; asyncpg would try each host for a minute.
CONNECT_SECONDS = 15.0
# Columns of output to a file or pipe, which has no width of its own; sentences stand below their rows.
PIPE_WIDTH = 140

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value instead of text.")]

# Groups of `--help`, as in docs/operating.md.
LOOK, ACT = "Look", "Act"

# Commands in the order of the same tables; others come after these.
ORDER = (
    "status", "top", "tail", "jobs", "files", "exports", "why", "show", "verify", "preview", "rehearse", "readiness",
    "report", "reconcile", "doctor", "health", "mapping", "schema", "problems",
    "run", "migrate", "clean", "enqueue", "test-connection", "adopt", "recover", "undelete", "retry", "dismiss",
    "acknowledge", "init", "seed", "local", "sandbox", "demo",
)  # fmt: skip


class _Commands(TyperGroup):
    """In their order. A word with one hyphen before it is an argument, for invoice numbers may begin so."""

    def list_commands(self, ctx: Any) -> list[str]:
        place = {name: number for number, name in enumerate(ORDER)}
        return sorted(self.commands, key=lambda name: place.get(name, len(ORDER)))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None:
            hyphened = any(word != "-h" and re.match("-[^-]", word) for word in rest)
            # Without -h, for the parser would find it in the middle of such a word, too.
            as_argument = {"ignore_unknown_options": True, "help_option_names": ["--help"]}
            command.context_settings = as_argument if hyphened else {}
        return name, command, rest


cli = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from worker.version import version

        typer.echo(f"sevdesk-worker {version()}")
        raise typer.Exit


@cli.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Publishes the billing system's invoices to sevDesk and brings their payment state back."""


@cache
def settings() -> Settings:
    """The settings. If some are wrong or `.env` cannot be read: one sentence about each, and exit code 2.

    From then on warnings and errors are logged to standard error, for standard output is the command's answer.
    """
    import structlog

    from worker.observability.log import set_up

    if not structlog.is_configured():
        set_up("WARNING", "console")
    return read_settings(Settings)


def read_settings(which: type[AnySettings]) -> AnySettings:
    """Those of a class, with the same endings as `settings`."""
    try:
        return which()
    except ValidationError as error:
        for problem in error.errors():
            name = "_".join(map(str, problem["loc"])).upper()
            said = problem["msg"].removeprefix("Value error, ")
            typer.echo(visible(f"Setting {name}: {said}. {WHERE}" if name else f"{said}."), err=True)
        raise typer.Exit(USAGE) from None
    except UnreadableEnvFile as error:
        fail(str(error), USAGE)
    except OSError as error:
        fail(f"Cannot read the file .env in this folder: {error.strerror}.", USAGE)


def fail(text: str, code: int = FAILED) -> NoReturn:
    """End the command with this sentence on standard error."""
    typer.echo(visible_line(text), err=True)
    raise typer.Exit(code)


@contextmanager
def postgres_errors(code: int = FAILED) -> Iterator[None]:
    """End the command with one sentence and this exit code if Postgres lacks a table or refuses."""
    from worker.store import MIGRATION_MISSING, postgres_cause
    from worker.store.probe import PostgresError, what_is_missing

    try:
        yield
    except MIGRATION_MISSING as error:
        fail(what_is_missing(error), code)
    except PostgresError as error:
        fail(f"Postgres refuses: {postgres_cause(error)}. Check DATABASE_URL and the role's rights with doctor.", code)


def require_token() -> None:
    """End the command with exit code 2 if it has no API token."""
    if settings().sevdesk_api_token is None:
        fail(f"SEVDESK_API_TOKEN is not set. {WHERE}", USAGE)


def with_store(act: Callable[["Store"], Awaitable[T]], advice: str = "") -> T:
    """Run `act` on one database connection. If the database or sevDesk fails: one sentence about it, and exit code 1.

    The same with exit code 3 if a row holds a status that the worker does not know.

    `advice` follows an error of sevDesk.
    """
    from sevdesk_client.errors import SevDeskError
    from worker.operator.lookup import Ambiguous
    from worker.store import CONNECTION_LOST, Store, postgres_cause
    from worker.store.rows import UnknownValue

    given = settings()

    async def work() -> T:
        patient = "connect_timeout" in read_postgres_url(given.database_url).given
        async with asyncio.timeout(None if patient else CONNECT_SECONDS):
            store = await Store.connect(
                given.database_url, size=1, name="sevdesk-worker cli", billing_schema=given.billing_schema
            )
        try:
            return await act(store)
        finally:
            await store.close()

    with postgres_errors():
        try:
            return asyncio.run(work())
        except CONNECTION_LOST as error:
            fail(f"Cannot reach Postgres: {postgres_cause(error)}. Check DATABASE_URL.")
        except SevDeskError as error:
            fail(f"{error} {advice}")
        except Ambiguous as error:
            fail(str(error))
        except UnknownValue as error:
            fail(f"{error} {error.problem.next_step(job=str(error.invoice_id))}", MUST_ACT)


@asynccontextmanager
async def own_account(store: "Store") -> AsyncIterator["SevdeskAccount"]:
    """The database's account in sevDesk, for many reads; ends the command if the token belongs to another one.

    From then on nothing is logged, for the command prints its result itself.
    """
    import structlog

    from worker.operator.connections import open_account_gated

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    async with open_account_gated(settings()) as account:
        await refuse_other(store, account)
        yield account


async def refuse_other(store: "Store", account: "SevdeskAccount | None") -> None:
    """End the command if the token belongs to another account than the database; None is not asked."""
    from worker.operator.connections import other_account_of

    if account is not None and (other := await other_account_of(store, account)) is not None:
        fail(other)


def end_on_interrupt() -> None:
    """End the command on Ctrl-C with exit code 0. asyncio's own handler would cancel a connection being made."""

    def end(*_: object) -> NoReturn:
        raise SystemExit(0)  # asyncio lets this exception through at any point

    signal.signal(signal.SIGINT, end)


def console() -> "Console":
    """Standard output as text; characters that its encoding lacks become question marks."""
    from rich.console import Console

    if (reconfigure := getattr(sys.stdout, "reconfigure", None)) is not None:
        reconfigure(errors="replace")
    made = Console(highlight=False, markup=False, emoji=False)
    if not made.is_terminal:
        made.width = PIPE_WIDTH
    return made


class Visibly:
    """Rich's own control sequences stay; what comes from data is written out."""

    def __init__(self, inner: "RenderableType") -> None:
        self.inner = inner

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        from rich.segment import Segment

        for segment in console.render(self.inner, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)


def show(as_json: bool, value: Any, text: "RenderableType | Sequence[str]") -> None:
    """Print `value` as JSON if `as_json`, else `text`. A string is not wrapped, so that ids and paths can be copied.

    Each string of several is one line, whatever it holds.
    """
    if isinstance(text, Sequence) and not isinstance(text, str):
        text = "\n".join(map(visible_line, text))
    if as_json:
        typer.echo(dump(value))
    else:
        console().print(Visibly(text), soft_wrap=isinstance(text, str))


def dump(value: Any, indent: int | None = 2) -> str:
    """JSON with money as strings and times in ISO 8601."""
    return visible_in_json(json.dumps(value, default=_json_value, ensure_ascii=False, indent=indent))


def _json_value(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, frozenset):
        return sorted(value)
    if hasattr(value, "items"):  # a mapping or a database row
        return dict(value.items())
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
