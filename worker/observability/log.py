"""structlog set-up: one JSON object a line, or coloured text for a console, for our log lines and the libraries'.

Event names are dotted (`job.done`, `sevdesk.call`). Libraries log at WARNING and above only, because arq's INFO lines
hold the jobs' arguments and httpx's the addresses it calls.
"""

import logging
import sys
import threading
import traceback
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any

import structlog

from worker.domain.visible import visible, visible_line

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    structlog.processors.ExceptionRenderer(lambda exc_info: _traceback(exc_info)),
]


def _traceback(exc_info: ExcInfo) -> str:
    """Stack frames and the errors' class names. Messages and variables are left out, as they may hold personal data."""
    parts: list[str] = []
    error: BaseException | None = exc_info[1]
    while error is not None:
        frames = traceback.extract_tb(error.__traceback__)
        parts.append("".join(traceback.format_list(frames)) + type(error).__name__)
        error = error.__cause__ or error.__context__
    return "\n\ncaused by\n".join(parts)


def _first_line(_: Any, __: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Of what libraries say. asyncio adds lines with the task and its error, whose message may hold personal data."""
    return {**fields, "event": str(fields["event"]).partition("\n")[0]}


def tell_crashes() -> None:
    """Log an error that nobody handles; Python's own lines would repeat its message, which may hold personal data."""
    sys.excepthook = _crashed
    threading.excepthook = lambda given: _crashed(given.exc_type, given.exc_value, given.exc_traceback)


def _crashed(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    log = structlog.get_logger()
    log.error(
        "worker.crashed",
        exc_info=(kind, error or kind(), trace),
        reason="An error that nobody handles; the line holds its traceback.",
        next_step="Restart the worker; jobs go on where they stood. Report the traceback.",
    )


def _make_visible(_: Any, __: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Texts from outside must not give the terminal orders, nor pass for a line of their own; JSON escapes them anyway.

    Fields without a value go. A traceback has lines, and no text from outside.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    ways = {"exception": visible}
    return {
        name: ways.get(name, visible_line)(value) if isinstance(value, str) else value for name, value in given.items()
    }


def set_up(level: str = "INFO", style: str = "json") -> None:
    """Configure structlog and the standard library's loggers for this process; idempotent."""
    renderers: list[Any] = [structlog.processors.JSONRenderer()]
    if style == "console":
        renderers = [_make_visible, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
            foreign_pre_chain=[*_SHARED, _first_line],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for noisy in ("arq", "httpx", "httpcore", "asyncio", "backoff"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # Its pool warns of each try to connect, with a traceback; an outage is `postgres.lost`.
    logging.getLogger("asyncpg").setLevel(logging.ERROR)
