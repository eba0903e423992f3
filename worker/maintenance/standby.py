"""A worker without a token leaves all jobs to those that have one; alone, it parks what needs sevDesk."""

from time import monotonic

import structlog

from worker.queue.claims import ClaimLoop
from worker.store import Store

log = structlog.get_logger()

# Until a worker without a token takes itself for the only one: the others of a deploy may be starting.
ALONE_SECONDS = 10.0


class Standby:
    """Of one worker, which stands by while it has no token and another living one has, or may still come."""

    def __init__(self, store: Store, claims: ClaimLoop, *, has_token: bool) -> None:
        self._store, self._claims, self._has_token = store, claims, has_token
        self._alone_at = monotonic() + ALONE_SECONDS
        self._elsewhere: bool | None = None
        claims.standby = not has_token

    async def look(self) -> bool:
        """Whether it stands by, and claims nothing. Logs each change."""
        if self._has_token:
            return False
        elsewhere = await self._store.query("token_elsewhere")
        if elsewhere != self._elsewhere and (elsewhere or monotonic() >= self._alone_at):
            await self._store.query("set_token_configured", configured=elsewhere)
            self._elsewhere = self._claims.standby = elsewhere
            self._tell()
            self._claims.wake()
        return self._claims.standby

    def _tell(self) -> None:
        reason = "SEVDESK_API_TOKEN is not set in any worker: no payment sync; jobs that need sevDesk are parked."
        if self._elsewhere:
            reason = "SEVDESK_API_TOKEN is not set here, but in another worker: this one leaves all jobs to the others."
        log.warning("token.missing", reason=reason, next_step="Set the token and restart the worker.")
