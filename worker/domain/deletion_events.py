"""The events about finalized invoices that sevDesk does not have. Pure."""

from dataclasses import dataclass

from worker.domain.event_base import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingInSevdesk(Event):
    """sevDesk did not have the invoice at a first look; a second one, GONE_AFTER seconds later, decides."""

    external_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletedInSevdesk(Event):
    """sevDesk no longer has the invoice. The claim stays as it is; a person must publish it again or cancel it."""

    external_id: str
