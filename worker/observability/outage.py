"""Says once that a server is away, and once that it is back, however many loops notice it."""

from time import monotonic
from typing import Literal

import structlog

log = structlog.get_logger()

# A server that comes and goes is spoken of at most this often.
QUIET_SECONDS = 60.0


class Outage:
    """Whether a server can be reached, as far as this process knows."""

    def __init__(self, name: Literal["redis", "postgres"]) -> None:
        self._name = name
        self._lasts = self._told = False
        self._told_at = -QUIET_SECONDS

    def began(self, error: BaseException) -> None:
        """Log the beginning, unless it is known or one was logged within QUIET_SECONDS."""
        if self._lasts:
            return
        self._lasts, self._told = True, monotonic() - self._told_at >= QUIET_SECONDS
        if self._told:
            self._told_at = monotonic()
            log.warning(
                "redis.lost" if self._name == "redis" else "postgres.lost",
                error=type(error).__name__,
                next_step="The worker waits and goes on by itself.",
            )

    def over(self) -> None:
        """Log the end, if the beginning was logged."""
        if self._lasts and self._told:
            log.info("redis.restored" if self._name == "redis" else "postgres.restored")
        self._lasts = self._told = False
