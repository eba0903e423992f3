"""Logs an outage, or an error that each try meets again, once a minute at most, however many loops notice it."""

import errno
from time import monotonic
from typing import Literal

import structlog

from worker.observability.redis_cause import redis_cause
from worker.store import CONNECTION_LOST, NO_ROOM, postgres_cause

log = structlog.get_logger()

# The same is logged at most this often, though a server come and go, or an error be met every second.
QUIET_SECONDS = 60.0


# Of the process or the machine: open files, memory, processes.
_LIMITS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN})


def without_room(error: BaseException) -> Literal["postgres", "worker"] | None:
    """Who lacks room, such as disk, memory or open files; None if the error says no such thing."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in _LIMITS):
        return "worker"
    return "postgres" if isinstance(error, NO_ROOM) and not isinstance(error, CONNECTION_LOST) else None


class Outage:
    """Whether a server can be reached, as far as this process knows."""

    def __init__(self, name: Literal["redis", "postgres"]) -> None:
        self._name = name
        self._lasts = self._told = False
        self._logged_at: dict[tuple[object, ...], float] = {}

    def began(self, error: BaseException) -> None:
        """Log the beginning, unless it is known or one was logged within QUIET_SECONDS.

        Want of room is no outage: what another loop asks may go well.
        """
        if (where := without_room(error)) is not None:
            if self.is_news("no room", where):
                log.warning(
                    "postgres.no_room" if where == "postgres" else "worker.no_room",
                    error=postgres_cause(error),
                    next_step="Give it room (the error says of what); the worker goes on by itself.",
                )
            return
        if self._lasts:
            return
        self._lasts, self._told = True, self.is_news()
        if self._told:
            log.warning(
                "redis.lost" if self._name == "redis" else "postgres.lost",
                error=redis_cause(error) if self._name == "redis" else postgres_cause(error),
                next_step="The worker waits and goes on by itself.",
            )

    def is_news(self, *kind: object) -> bool:
        """True unless it was True for this kind of line within QUIET_SECONDS."""
        if monotonic() - self._logged_at.get(kind, -QUIET_SECONDS) < QUIET_SECONDS:
            return False
        self._logged_at[kind] = monotonic()
        return True

    def over(self) -> None:
        """Log the end, if the beginning was logged."""
        if self._lasts and self._told:
            log.info("redis.restored" if self._name == "redis" else "postgres.restored")
        self._lasts = self._told = False
