"""What can happen to the recipient's contact in sevDesk. Pure."""

from dataclasses import dataclass, field
from uuid import UUID

from worker.domain.event_base import UNLOGGED, Event, LinkedHow
from worker.domain.invoice import PartyKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactEvent(Event):
    """Something of the party's sevDesk contact now equals the billing system's data; `digest` is that data's."""

    party_kind: PartyKind
    party_id: UUID
    contact_id: str
    digest: str = field(metadata=UNLOGGED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactLinked(ContactEvent):
    """The sevDesk contact of the recipient is known; its name is what the billing system has, if `digest` says so."""

    how: LinkedHow


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressWritten(ContactEvent):
    """The contact's invoice address is what the billing system has."""

    address_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailWritten(ContactEvent):
    """The contact's e-mail address is what the billing system has."""

    email_id: str
