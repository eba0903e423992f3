"""The lifecycle of an invoice: THE TABLE of (status, event) -> status, and the events themselves. Pure.

    not_synced/queued --Drafted--> drafted --Finalized--> synced          (accounting_sync_status)
    approved --Mailed--> sent; --Drafted--> approved, if it is published afresh (document_status)
    open <-> partially_paid <-> paid                                      (claim_status; `paid` is never final)
    --Cancelled--> cancelled                                              (all three, and final)

Every legal change of the three status columns is a row of `TABLE`; whatever is not there raises `IllegalMove` and
changes nothing. `Parked` and `Rejected` are events too: they are logged, and only `Parked` marks an unfinished sync.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from worker.invoice import Cancellation, ClaimStatus, DocumentStatus, Handback, PartyKind, SyncStatus

_Status = TypeVar("_Status", bound=StrEnum)


class IllegalMove(Exception):
    """The event is not allowed in this status; nothing was changed."""

    def __init__(self, event: "Event", status: StrEnum) -> None:
        super().__init__(f"{event.type} is not allowed while the invoice is {status.value}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that has happened. `payload()` is what the event log keeps."""

    @property
    def type(self) -> str:
        """`event_type` in the log: the class name in snake case."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", self.__class__.__name__).lower()

    def payload(self) -> dict[str, Any]:
        """The event's fields as JSON values; money as strings, binary content left out."""
        shown = (f.name for f in fields(self) if f.metadata.get("log", True))
        return {name: _jsonable(getattr(self, name)) for name in shown}


def _jsonable(value: Any) -> Any:
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Cancellation):
        return {f.name: _jsonable(getattr(value, f.name)) for f in fields(value)}
    return value


# Fields the side tables need and the event log must not repeat: binary content, personal data.
UNLOGGED: Mapping[str, bool] = {"log": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactLinked(Event):
    """A sevDesk contact stands for the recipient, and its name is what we last wrote."""

    party_kind: PartyKind
    party_id: UUID
    contact_id: str
    how: str  # `created`, `found by customer number`, `updated`
    digest: str = field(metadata=UNLOGGED)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressWritten(Event):
    """The linked contact's invoice address is what the billing system has."""

    party_kind: PartyKind
    party_id: UUID
    contact_id: str
    address_id: str | None
    digest: str = field(metadata=UNLOGGED)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailWritten(Event):
    """The linked contact's e-mail is what the billing system has."""

    party_kind: PartyKind
    party_id: UUID
    contact_id: str
    email_id: str | None
    digest: str = field(metadata=UNLOGGED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted(Event):
    """sevDesk holds a draft with exactly our sums; `how` says whether we made it or found it."""

    external_id: str
    net: Decimal
    tax: Decimal
    gross: Decimal
    recipient_kind: PartyKind
    recipient_id: UUID
    recipient_reason: str
    how: str = "created"


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftDeleted(Event):
    """The draft was deleted in sevDesk; the next publish starts afresh."""

    external_id: str
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateSet(Event):
    """The draft is laid out with this sevDesk template."""

    template_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finalized(Event):
    """The invoice is open in sevDesk and has its number."""

    external_id: str
    number: str
    gross: Decimal
    enshrined: bool
    how: str = "finalized"


@dataclass(frozen=True, slots=True, kw_only=True)
class PdfStored(Event):
    """The finalized invoice's PDF lies in `sevdesk_documents`."""

    filename: str
    sha256: str
    content: bytes = field(metadata=UNLOGGED)


@dataclass(frozen=True, slots=True, kw_only=True)
class XmlStored(Event):
    """The e-invoice's XML lies in `sevdesk_documents`, beside the PDF that carries it."""

    filename: str
    sha256: str
    content: bytes = field(metadata=UNLOGGED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailed(Event):
    """The invoice went out by e-mail, once for this job."""

    recipient_kind: PartyKind
    recipient_id: UUID
    recipient_reason: str
    how: str
    pdf_sha256: str | None
    recipient: str = field(metadata=UNLOGGED)
    subject: str = field(metadata=UNLOGGED)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentEvent(Event):
    """What sevDesk now says about the money. Amounts in the invoice's currency; `paid_on` is a Berlin day."""

    gross: Decimal
    paid_before: Decimal
    paid_now: Decimal
    sevdesk_status: int
    paid_on: date | None
    claim_before: ClaimStatus
    paid_at: datetime | None = field(metadata=UNLOGGED)


class PartiallyPaid(PaymentEvent):
    """Some of the money has come."""


class Paid(PaymentEvent):
    """Exactly the gross amount has come."""


class Overpaid(PaymentEvent):
    """More than the gross amount has come."""


class Discounted(PaymentEvent):
    """sevDesk closed the invoice with less money (Skonto or another deduction)."""


class PaymentReversed(PaymentEvent):
    """Money that had come is gone again (transaction unlinked): back to open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentSynced(Event):
    """Logged with every payment event: what the original integration logs."""

    status: ClaimStatus
    paid_amount: Decimal
    gross_amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled(Event):
    """The invoice is cancelled: locally, with its draft, or by the cancellation invoice named here."""

    how: str
    reason: str
    at: datetime
    cancellation: Cancellation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelledInSevdesk(Event):
    """A cancellation invoice (SR) stands against ours in sevDesk, made by hand there."""

    external_id: str
    at: datetime
    cancellation: Cancellation


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditNoteDrafted(Event):
    """Asked to cancel a paid invoice, sevDesk made a credit note draft; the invoice itself is untouched."""

    reason: str
    cancellation: Cancellation


@dataclass(frozen=True, slots=True, kw_only=True)
class CancellationPdfStored(Event):
    """The cancellation invoice's PDF lies in `sevdesk_documents`."""

    filename: str
    sha256: str
    content: bytes = field(metadata=UNLOGGED)


@dataclass(frozen=True, slots=True, kw_only=True)
class CancellationMailed(Event):
    """The cancellation invoice went out by e-mail, once for this job."""

    recipient_kind: PartyKind
    recipient_id: UUID
    recipient_reason: str
    how: str
    pdf_sha256: str | None
    recipient: str = field(metadata=UNLOGGED)
    subject: str = field(metadata=UNLOGGED)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletedInSevdesk(Event):
    """sevDesk no longer has the invoice. What is owed stays as it is; a person must publish it again or cancel it."""

    external_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Renumbered(Event):
    """sevDesk shows another number for the invoice than the one handed back."""

    before: str
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked(Event):
    """A job for the invoice waits for a person: cause and next step in plain words."""

    job_id: str
    kind: str
    reason: str
    next_step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected(Event):
    """A job for the invoice was refused for good; nothing was changed."""

    job_id: str
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class Moves:
    """One event's rows of the table. An empty mapping: the event does not care about that column."""

    sync: Mapping[SyncStatus, SyncStatus] = field(default_factory=dict)
    document: Mapping[DocumentStatus, DocumentStatus] = field(default_factory=dict)
    claim: Mapping[ClaimStatus, ClaimStatus] = field(default_factory=dict)


_S, _D, _C = SyncStatus, DocumentStatus, ClaimStatus
_UNFINISHED = (_S.NOT_SYNCED, _S.QUEUED, _S.DRAFTED, _S.PARKED)
_LIVE = (_C.OPEN, _C.PARTIALLY_PAID, _C.PAID)
_SYNCED = {_S.SYNCED: _S.SYNCED}


def _pay(to: ClaimStatus) -> Moves:
    """Payment moves freely between open, partly paid and paid, but only on what sevDesk has finalized."""
    return Moves(sync=_SYNCED, claim=dict.fromkeys(_LIVE, to))


TABLE: Mapping["type[Event]", Moves] = {
    ContactLinked: Moves(),
    AddressWritten: Moves(),
    EmailWritten: Moves(),
    Drafted: Moves(  # afresh, where what was sent is gone from sevDesk: the new document was not sent yet
        sync=dict.fromkeys(_UNFINISHED, _S.DRAFTED), document=dict.fromkeys((_D.APPROVED, _D.SENT), _D.APPROVED)
    ),
    DraftDeleted: Moves(sync=dict.fromkeys((*_UNFINISHED, _S.SYNCED), _S.NOT_SYNCED)),  # SYNCED: reset by hand
    TemplateSet: Moves(sync={_S.DRAFTED: _S.DRAFTED, _S.PARKED: _S.PARKED, **_SYNCED}),
    Finalized: Moves(
        sync={**dict.fromkeys(_UNFINISHED, _S.SYNCED), **_SYNCED},
        document={_D.APPROVED: _D.APPROVED, _D.SENT: _D.SENT},
    ),
    PdfStored: Moves(sync=_SYNCED),
    XmlStored: Moves(sync=_SYNCED),
    Mailed: Moves(  # a mail whose answer was lost is found also when the invoice was deleted or cancelled since
        sync={**_SYNCED, _S.PARKED: _S.PARKED, _S.CANCELLED: _S.CANCELLED},
        document={_D.APPROVED: _D.SENT, _D.SENT: _D.SENT, _D.CANCELLED: _D.CANCELLED},
    ),
    PartiallyPaid: _pay(_C.PARTIALLY_PAID),
    Paid: _pay(_C.PAID),
    Overpaid: _pay(_C.PAID),
    Discounted: _pay(_C.PAID),
    PaymentReversed: _pay(_C.OPEN),
    PaymentSynced: Moves(),
    Cancelled: Moves(
        sync=dict.fromkeys((*_UNFINISHED, _S.SYNCED), _S.CANCELLED),
        document=dict.fromkeys(_D, _D.CANCELLED),
        claim=dict.fromkeys(_C, _C.CANCELLED),
    ),
    CancelledInSevdesk: Moves(
        sync={_S.SYNCED: _S.CANCELLED},
        document=dict.fromkeys((_D.APPROVED, _D.SENT, _D.CANCELLED), _D.CANCELLED),
        claim=dict.fromkeys((*_LIVE, _C.CANCELLED), _C.CANCELLED),
    ),
    CreditNoteDrafted: Moves(sync=_SYNCED),
    CancellationPdfStored: Moves(sync={_S.CANCELLED: _S.CANCELLED}),
    CancellationMailed: Moves(sync={_S.CANCELLED: _S.CANCELLED}),
    DeletedInSevdesk: Moves(sync={_S.SYNCED: _S.PARKED}),
    Renumbered: Moves(sync=_SYNCED),
    Parked: Moves(
        sync={**dict.fromkeys(_UNFINISHED, _S.PARKED), **_SYNCED, _S.CANCELLED: _S.CANCELLED},
    ),
    Rejected: Moves(),
}


def apply(before: Handback, event: Event) -> Handback:
    """What the hand-back columns are after `event`. Raises `IllegalMove` when the table has no row for it."""
    moves = TABLE[type(event)]
    moved = replace(
        before,
        sync_status=_move(moves.sync, before.sync_status, event),
        document_status=_move(moves.document, before.document_status, event),
        claim_status=_move(moves.claim, before.claim_status, event),
    )
    return replace(moved, **_data(event))


def _move(moves: Mapping[_Status, _Status], status: _Status, event: Event) -> _Status:
    if not moves:
        return status
    try:
        return moves[status]
    except KeyError:
        raise IllegalMove(event, status) from None


def _data(event: Event) -> dict[str, Any]:
    """The columns an event sets beside the statuses."""
    match event:
        case Drafted(external_id=external_id):
            return {"external_id": external_id}
        case DraftDeleted():
            return {"external_id": None}
        case Finalized(external_id=external_id, number=number):
            return {"external_id": external_id, "external_invoice_number": number}
        case Renumbered(number=number):
            return {"external_invoice_number": number}
        case PaymentEvent(paid_now=paid_now, paid_at=paid_at):
            return {"paid_amount": paid_now, "paid_at": paid_at}
        case Cancelled(at=at) | CancelledInSevdesk(at=at):
            return {"cancelled_at": at, "paid_at": None, "paid_amount": Decimal(0)}
        case _:
            return {}
