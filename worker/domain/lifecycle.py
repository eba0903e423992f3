"""The lifecycle of an invoice: THE TABLE of (status, event) -> status. Pure.

    not_synced/queued --Drafted--> drafted --Finalized--> synced          (accounting_sync_status)
    approved --Mailed--> sent; --Drafted--> approved, if it is published afresh (document_status)
    open <-> partially_paid <-> paid                                      (claim_status; `paid` is never final)
    --Cancelled--> cancelled                                              (all three, and final)

Every legal change of the three status columns is a row of `TABLE`; whatever is not there raises `IllegalTransition` and
changes nothing. `Parked` and `Rejected` are events too: they are logged, and only `Parked` marks an unfinished sync.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from worker.domain.events import (
    AddressWritten,
    CancellationMailed,
    CancellationPdfStored,
    Cancelled,
    CancelledInSevdesk,
    ContactLinked,
    CreditNoteDrafted,
    DeletedInSevdesk,
    Discounted,
    DraftDeleted,
    Drafted,
    EmailWritten,
    Event,
    Finalized,
    Mailed,
    Overpaid,
    Paid,
    Parked,
    PartiallyPaid,
    PaymentEvent,
    PaymentReversed,
    PaymentSynced,
    PdfStored,
    Rejected,
    Renumbered,
    TemplateSet,
    XmlStored,
)
from worker.domain.invoice import ClaimStatus, DocumentStatus, Handback, SyncStatus

_Status = TypeVar("_Status", bound=StrEnum)


class IllegalTransition(Exception):
    """The event is not allowed in this status; nothing was changed."""

    def __init__(self, event: "Event", status: StrEnum) -> None:
        self.event, self.status = event.type, status.value
        super().__init__(f"{self.event} is not allowed while the invoice is {self.status}")


@dataclass(frozen=True, slots=True)
class Transitions:
    """One event's rows of the table. An empty mapping: the event does not care about that column."""

    sync: Mapping[SyncStatus, SyncStatus] = field(default_factory=dict)
    document: Mapping[DocumentStatus, DocumentStatus] = field(default_factory=dict)
    claim: Mapping[ClaimStatus, ClaimStatus] = field(default_factory=dict)


_S, _D, _C = SyncStatus, DocumentStatus, ClaimStatus
_UNFINISHED = (_S.NOT_SYNCED, _S.QUEUED, _S.DRAFTED, _S.PARKED)
_LIVE = (_C.OPEN, _C.PARTIALLY_PAID, _C.PAID)
_SYNCED = {_S.SYNCED: _S.SYNCED}


def _pay(to: ClaimStatus) -> Transitions:
    """Payment moves freely between open, partly paid and paid, but only on what sevDesk has finalized."""
    return Transitions(sync=_SYNCED, claim=dict.fromkeys(_LIVE, to))


TABLE: Mapping["type[Event]", Transitions] = {
    ContactLinked: Transitions(),
    AddressWritten: Transitions(),
    EmailWritten: Transitions(),
    Drafted: Transitions(  # afresh, where what was sent is gone from sevDesk: the new document was not sent yet
        sync=dict.fromkeys(_UNFINISHED, _S.DRAFTED), document=dict.fromkeys((_D.APPROVED, _D.SENT), _D.APPROVED)
    ),
    DraftDeleted: Transitions(sync=dict.fromkeys((*_UNFINISHED, _S.SYNCED), _S.NOT_SYNCED)),  # SYNCED: reset by hand
    TemplateSet: Transitions(sync={_S.DRAFTED: _S.DRAFTED, _S.PARKED: _S.PARKED, **_SYNCED}),
    Finalized: Transitions(
        sync={**dict.fromkeys(_UNFINISHED, _S.SYNCED), **_SYNCED},
        document={_D.APPROVED: _D.APPROVED, _D.SENT: _D.SENT},
    ),
    PdfStored: Transitions(sync=_SYNCED),
    XmlStored: Transitions(sync=_SYNCED),
    Mailed: Transitions(  # a mail whose answer was lost is found also when the invoice was deleted or cancelled since
        sync={**_SYNCED, _S.PARKED: _S.PARKED, _S.CANCELLED: _S.CANCELLED},
        document={_D.APPROVED: _D.SENT, _D.SENT: _D.SENT, _D.CANCELLED: _D.CANCELLED},
    ),
    PartiallyPaid: _pay(_C.PARTIALLY_PAID),
    Paid: _pay(_C.PAID),
    Overpaid: _pay(_C.PAID),
    Discounted: _pay(_C.PAID),
    PaymentReversed: _pay(_C.OPEN),
    PaymentSynced: Transitions(),
    Cancelled: Transitions(
        sync=dict.fromkeys((*_UNFINISHED, _S.SYNCED), _S.CANCELLED),
        document=dict.fromkeys(_D, _D.CANCELLED),
        claim=dict.fromkeys(_C, _C.CANCELLED),
    ),
    CancelledInSevdesk: Transitions(
        sync={_S.SYNCED: _S.CANCELLED},
        document=dict.fromkeys((_D.APPROVED, _D.SENT, _D.CANCELLED), _D.CANCELLED),
        claim=dict.fromkeys((*_LIVE, _C.CANCELLED), _C.CANCELLED),
    ),
    CreditNoteDrafted: Transitions(sync=_SYNCED),
    CancellationPdfStored: Transitions(sync={_S.CANCELLED: _S.CANCELLED}),
    CancellationMailed: Transitions(sync={_S.CANCELLED: _S.CANCELLED}),
    DeletedInSevdesk: Transitions(sync={_S.SYNCED: _S.PARKED}),
    Renumbered: Transitions(sync=_SYNCED),
    Parked: Transitions(
        sync={**dict.fromkeys(_UNFINISHED, _S.PARKED), **_SYNCED, _S.CANCELLED: _S.CANCELLED},
    ),
    Rejected: Transitions(),
}


def apply(before: Handback, event: Event) -> Handback:
    """What the hand-back columns are after `event`. Raises `IllegalTransition` when the table has no row for it."""
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
        raise IllegalTransition(event, status) from None


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
