"""Everything that can happen to an invoice, as immutable events. Pure.

An event's class name in snake case is its `event_type` in `billing_invoice_event_log`; `lifecycle.TABLE` says what each
may change.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from worker.domain.invoice import Cancellation, ClaimStatus, PartyKind


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
class ContactEvent(Event):
    """The sevDesk contact of a party is what the billing system has. `digest` is of what was written."""

    party_kind: PartyKind
    party_id: UUID
    contact_id: str
    digest: str = field(metadata=UNLOGGED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactLinked(ContactEvent):
    """A sevDesk contact stands for the recipient, and its name is what we last wrote."""

    how: str  # `created`, `found by customer number`, `updated`


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressWritten(ContactEvent):
    """The linked contact's invoice address is what the billing system has."""

    address_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailWritten(ContactEvent):
    """The linked contact's e-mail is what the billing system has."""

    email_id: str | None


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
class DocumentStored(Event):
    """A document lies in `sevdesk_documents`."""

    document: ClassVar[str]  # the table's `kind`
    mimetype: ClassVar[str] = "application/pdf"
    filename: str
    sha256: str
    content: bytes = field(metadata=UNLOGGED)


class PdfStored(DocumentStored):
    """The finalized invoice's PDF lies in `sevdesk_documents`."""

    document = "invoice_pdf"


class XmlStored(DocumentStored):
    """The e-invoice's XML lies in `sevdesk_documents`, beside the PDF that carries it."""

    document, mimetype = "invoice_xml", "application/xml"


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSent(Event):
    """A document went out by e-mail. `how` is how that is known."""

    document: ClassVar[str]
    recipient_kind: PartyKind
    recipient_id: UUID
    recipient_reason: str
    how: str
    pdf_sha256: str | None
    recipient: str = field(metadata=UNLOGGED)
    subject: str = field(metadata=UNLOGGED)


class Mailed(MailSent):
    """The invoice went out by e-mail, once for this job."""

    document = "invoice"


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


class CancellationPdfStored(DocumentStored):
    """The cancellation invoice's PDF lies in `sevdesk_documents`."""

    document = "cancellation_pdf"


class CancellationMailed(MailSent):
    """The cancellation invoice went out by e-mail, once for this job."""

    document = "cancellation"


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
class ProblemEvent(Event):
    """A job for the invoice ended with a problem: its code and parameters, cause and next step in English."""

    job_id: str
    kind: str
    problem: str
    parameters: Mapping[str, str]
    reason: str
    next_step: str


class Parked(ProblemEvent):
    """A job for the invoice waits for a person."""


class Rejected(ProblemEvent):
    """A job for the invoice was refused for good; nothing was changed."""
