"""Says once that a server is away, and once that it is back, however many loops notice it."""

import structlog

log = structlog.get_logger()


class Outage:
    """Whether a server can be reached, as far as this process knows. `name` begins the log events: redis, postgres."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.lasts = False

    def began(self, error: BaseException) -> None:
        """Log the beginning, unless it is known."""
        if not self.lasts:
            self.lasts = True
            log.warning(
                f"{self._name}.lost", error=type(error).__name__, next_step="The worker waits and goes on by itself."
            )

    def over(self) -> None:
        """Log the end, if an outage was known."""
        if self.lasts:
            self.lasts = False
            log.info(f"{self._name}.restored")
