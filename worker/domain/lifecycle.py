"""The lifecycle of an invoice: the table of (status, event) -> new status. Pure.

    not_synced/queued --Drafted--> drafted --Finalized--> synced          (accounting_sync_status)
    approved --Mailed/MarkedSent/SentByHand--> sent (document_status)
    sent --MailBounced--> approved; --Drafted--> approved, if it is published again
    open <-> partially_paid <-> paid                                      (claim_status; `paid` is never final)
    --Cancelled--> cancelled                                              (all three, and final)

Every legal change of the three status columns is a row of `TABLE`; any other raises `IllegalTransition` and changes
nothing. `Parked` and `Rejected` are events, too: both are logged, and `Parked` marks an invoice that is not synced yet.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from worker.domain import events
from worker.domain.events import Event
from worker.domain.invoice import ClaimStatus, DocumentStatus, Handback, SyncStatus

_Status = TypeVar("_Status", bound=StrEnum)


class IllegalTransition(Exception):
    """The event is not allowed in this status; nothing was changed."""

    def __init__(self, event: Event, status: StrEnum) -> None:
        self.event, self.status = event.type, status.value
        super().__init__(f"{self.event} is not allowed while the invoice is {self.status}")


@dataclass(frozen=True, slots=True)
class Transitions:
    """One event's rows of the table. An empty mapping: any status is allowed, and it stays."""

    sync: Mapping[SyncStatus, SyncStatus] = field(default_factory=dict)
    document: Mapping[DocumentStatus, DocumentStatus] = field(default_factory=dict)
    claim: Mapping[ClaimStatus, ClaimStatus] = field(default_factory=dict)


_S, _D, _C = SyncStatus, DocumentStatus, ClaimStatus
_UNFINISHED = (_S.NOT_SYNCED, _S.QUEUED, _S.DRAFTED, _S.PARKED)
_NOT_CANCELLED = (_C.OPEN, _C.PARTIALLY_PAID, _C.PAID)
_SYNCED = {_S.SYNCED: _S.SYNCED}
# What became of a credit note or mail is recorded even if the invoice was deleted or cancelled in sevDesk meanwhile.
_ONCE_SYNCED = {status: status for status in (_S.SYNCED, _S.PARKED, _S.CANCELLED)}
_FINALIZED = Transitions(
    sync=dict.fromkeys((*_UNFINISHED, _S.SYNCED), _S.SYNCED),
    document={_D.APPROVED: _D.APPROVED, _D.SENT: _D.SENT},
)
_SENT = Transitions(sync=_ONCE_SYNCED, document={_D.APPROVED: _D.SENT, _D.SENT: _D.SENT, _D.CANCELLED: _D.CANCELLED})


def _payment(claim: ClaimStatus) -> Transitions:
    """The claim may change between open, partly paid and paid in any order, once sevDesk has finalized the invoice."""
    return Transitions(sync=_SYNCED, claim=dict.fromkeys(_NOT_CANCELLED, claim))


TABLE: Mapping["type[Event]", Transitions] = {
    events.ContactLinked: Transitions(),
    events.AddressWritten: Transitions(),
    events.EmailWritten: Transitions(),
    events.Drafted: Transitions(  # SENT: published again after a deletion in sevDesk; the new document is not sent yet
        sync=dict.fromkeys(_UNFINISHED, _S.DRAFTED), document=dict.fromkeys((_D.APPROVED, _D.SENT), _D.APPROVED)
    ),
    # SYNCED: a person reset it to a draft in sevDesk
    events.DraftDeleted: Transitions(sync=dict.fromkeys((*_UNFINISHED, _S.SYNCED), _S.NOT_SYNCED)),
    events.TemplateSet: Transitions(sync={_S.DRAFTED: _S.DRAFTED, _S.PARKED: _S.PARKED, **_SYNCED}),
    events.Finalized: _FINALIZED,
    events.Adopted: _FINALIZED,
    events.PdfStored: Transitions(sync=_SYNCED),
    events.XmlStored: Transitions(sync=_SYNCED),
    events.EInvoiceChecked: Transitions(),
    events.Mailed: _SENT,
    events.MarkedSent: _SENT,
    events.SentByHand: Transitions(sync=_SYNCED, document={_D.APPROVED: _D.SENT}),
    events.MailBounced: Transitions(sync=_SYNCED, document=dict.fromkeys((_D.SENT, _D.APPROVED), _D.APPROVED)),
    events.PartiallyPaid: _payment(_C.PARTIALLY_PAID),
    events.Paid: _payment(_C.PAID),
    events.Overpaid: _payment(_C.PAID),
    events.Discounted: _payment(_C.PAID),
    events.SettledByCredit: _payment(_C.PAID),
    events.PaymentReversed: _payment(_C.OPEN),
    events.NothingOwed: _payment(_C.PAID),
    events.PaymentSynced: Transitions(),
    events.Cancelled: Transitions(
        sync=dict.fromkeys((*_UNFINISHED, _S.SYNCED), _S.CANCELLED),
        document=dict.fromkeys(_D, _D.CANCELLED),
        claim=dict.fromkeys(_C, _C.CANCELLED),
    ),
    events.CancelledInSevdesk: Transitions(
        sync={_S.SYNCED: _S.CANCELLED},
        document=dict.fromkeys((_D.APPROVED, _D.SENT, _D.CANCELLED), _D.CANCELLED),
        claim=dict.fromkeys(_C, _C.CANCELLED),
    ),
    events.CreditNoteDrafted: Transitions(sync=_SYNCED),
    events.CancellationPdfStored: Transitions(sync={_S.CANCELLED: _S.CANCELLED}),
    events.CancellationMailed: Transitions(sync={_S.CANCELLED: _S.CANCELLED}),
    events.CreditSaved: Transitions(sync=_ONCE_SYNCED),
    events.CreditDeleted: Transitions(sync=_ONCE_SYNCED),
    events.Credited: Transitions(sync=_ONCE_SYNCED),
    events.CreditPdfStored: Transitions(sync=_ONCE_SYNCED),
    events.CreditMailed: Transitions(sync=_ONCE_SYNCED),
    events.MissingInSevdesk: Transitions(sync=_SYNCED),
    events.DeletedInSevdesk: Transitions(sync={_S.SYNCED: _S.PARKED}),
    events.Renumbered: Transitions(sync=_SYNCED),
    events.Parked: Transitions(
        sync={**dict.fromkeys(_UNFINISHED, _S.PARKED), **_SYNCED, _S.CANCELLED: _S.CANCELLED},
    ),
    events.Rejected: Transitions(),
    events.LegalWarning: Transitions(),
    events.LegalWarningSettled: Transitions(),
    events.Dismissed: Transitions(),
    events.Acknowledged: Transitions(),
    events.ChangedAfterPublication: Transitions(sync=_SYNCED),
}


def apply(before: Handback, event: Event) -> Handback:
    """The hand-back columns after `event`. Raises `IllegalTransition` if the table has no row for it."""
    rows = TABLE[type(event)]
    return replace(
        before,
        sync_status=_next(rows.sync, before.sync_status, event),
        document_status=_next(rows.document, before.document_status, event),
        claim_status=_next(rows.claim, before.claim_status, event),
        **_other_columns(event),
    )


def _next(rows: Mapping[_Status, _Status], status: _Status, event: Event) -> _Status:
    if rows and status not in rows:
        raise IllegalTransition(event, status)
    return rows.get(status, status)


def _other_columns(event: Event) -> dict[str, Any]:
    """The columns an event sets apart from the statuses."""
    match event:
        case events.Drafted(external_id=external_id):
            return {"external_id": external_id}
        case events.DraftDeleted():
            return {"external_id": None}
        case (
            events.Finalized(external_id=external_id, number=number)
            | events.Adopted(external_id=external_id, number=number)
        ):
            return {"external_id": external_id, "external_invoice_number": number}
        case events.Renumbered(number=number):
            return {"external_invoice_number": number}
        case events.PaymentEvent(paid_now=paid_now, paid_at=paid_at):
            return {"paid_amount": paid_now, "paid_at": paid_at}
        case events.Cancelled(at=at) | events.CancelledInSevdesk(at=at):
            return {"cancelled_at": at, "paid_at": None, "paid_amount": Decimal(0)}
        case _:
            return {}
