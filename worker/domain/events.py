"""Everything that can happen to an invoice, as immutable events; those of the files imported here belong to it. Pure.

An event's class name in snake case is its `event_type` in `billing_invoice_event_log`; `lifecycle.TABLE` says what each
may change.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar, Literal
from uuid import UUID

from worker.domain.adoption_events import Adopted as Adopted
from worker.domain.contact_events import AddressWritten as AddressWritten
from worker.domain.contact_events import ContactLinked as ContactLinked
from worker.domain.contact_events import EmailWritten as EmailWritten
from worker.domain.deletion_events import DeletedInSevdesk as DeletedInSevdesk
from worker.domain.deletion_events import MissingInSevdesk as MissingInSevdesk
from worker.domain.e_invoice_events import EInvoiceChecked as EInvoiceChecked
from worker.domain.event_base import UNLOGGED, CreditDeletedCause
from worker.domain.event_base import CancelledHow as CancelledHow
from worker.domain.event_base import CreditSavedHow as CreditSavedHow
from worker.domain.event_base import DraftedHow as DraftedHow
from worker.domain.event_base import Event as Event
from worker.domain.event_base import FinalizedHow as FinalizedHow
from worker.domain.event_base import LinkedHow as LinkedHow
from worker.domain.event_base import MarkedHow as MarkedHow
from worker.domain.event_base import SentHow as SentHow
from worker.domain.invoice import Cancellation, ClaimStatus, PartyKind
from worker.domain.person_events import Acknowledged as Acknowledged
from worker.domain.person_events import Dismissed as Dismissed

ADOPTED: DraftedHow = "adopted"  # `Drafted.how` of a document that somebody else made


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted(Event):
    """sevDesk has the document; `how`: `created` by us, `found` after a lost answer, `adopted` if others made it."""

    external_id: str
    net: Decimal
    tax: Decimal
    gross: Decimal
    recipient_kind: PartyKind
    recipient_id: UUID
    recipient_reason: str
    how: DraftedHow = "created"
    e_invoice_by_duty: bool = False  # the billing system asked for an ordinary one
    content: Mapping[str, Any] = field(metadata=UNLOGGED)  # the fields of the request, as JSON values
    seen_update: datetime | None = field(metadata=UNLOGGED)


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftDeleted(Event):
    """We deleted the draft in sevDesk; the next publish makes a new one."""

    external_id: str
    cause: Literal["sums_differ", "invoice_changed", "changed_in_sevdesk", "cancelled"]
    parameters: Mapping[str, str] = field(default_factory=dict)  # the sums on both sides, or what differs


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateSet(Event):
    """The document in sevDesk uses this layout."""

    template_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finalized(Event):
    """The invoice is open in sevDesk and has its number."""

    external_id: str
    number: str
    gross: Decimal
    enshrined: bool
    how: FinalizedHow = "finalized"
    seen_update: datetime | None = field(metadata=UNLOGGED)
    account_gross: Decimal | None = field(default=None, metadata=UNLOGGED)  # in the account's currency, if another


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentStored(Event):
    """A document was stored in `sevdesk_documents`."""

    document: ClassVar[str]  # the table's `kind`
    mimetype: ClassVar[str] = "application/pdf"
    filename: str
    sha256: str
    content: bytes = field(metadata=UNLOGGED)


@dataclass(frozen=True, slots=True, kw_only=True)
class PdfDocumentStored(DocumentStored):
    """A PDF; `not_shown` is explained at `PdfStored`."""

    not_shown: tuple[str, ...] = ()


class PdfStored(PdfDocumentStored):
    """The finalized invoice's PDF. `not_shown`: which of document_number and gross_total its text does not show.

    Both, if it has no text that can be read.
    """

    document = "invoice_pdf"


class XmlStored(DocumentStored):
    """The e-invoice's XML, which its PDF contains too."""

    document, mimetype = "invoice_xml", "application/xml"


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSent(Event):
    """A document was sent by e-mail; `how` says how we know."""

    document: ClassVar[str]
    recipient_kind: PartyKind
    recipient_id: UUID
    recipient_reason: str
    how: SentHow
    pdf_sha256: str | None
    xml_sha256: str | None = None  # of the XML that was attached instead of the PDF
    copies: int = 0  # how many addresses beside the first got the same mail, as CC or BCC
    recipient: str = field(metadata=UNLOGGED)
    cc: str | None = field(default=None, metadata=UNLOGGED)
    bcc: str | None = field(default=None, metadata=UNLOGGED)
    subject: str = field(metadata=UNLOGGED)


class Mailed(MailSent):
    """The invoice was sent by e-mail."""

    document = "invoice"


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedSent(Event):
    """The invoice was sent by post or put into a portal, and is marked so in sevDesk; `how` says how we know."""

    channel: str  # `post`, `portal`
    recipient_kind: PartyKind
    recipient_id: UUID
    recipient_reason: str
    how: MarkedHow
    pdf_sha256: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SentByHand(Event):
    """Somebody mailed or printed the invoice in sevDesk; `send_type` is sevDesk's VM, VPR or VP."""

    send_type: str
    send_date: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MailBounced(Event):
    """The mail that the named job sent came back undelivered; the invoice counts as not sent."""

    mail_job_id: str
    send_date: datetime | None  # sevDesk's at that time
    bounced_address: str | None = field(metadata=UNLOGGED)
    bounce_reason: str | None = field(metadata=UNLOGGED)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentEvent(Event):
    """sevDesk's payment state has changed. Amounts in the invoice's currency; `paid_on` is a Berlin day."""

    gross: Decimal
    paid_before: Decimal
    paid_now: Decimal
    sevdesk_status: int
    paid_on: date | None
    claim_before: ClaimStatus
    paid_at: datetime | None = field(metadata=UNLOGGED)


class PartiallyPaid(PaymentEvent):
    """Less than the gross amount has come."""


class Paid(PaymentEvent):
    """Exactly the gross amount has come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overpaid(PaymentEvent):
    """More has come than the gross amount, or than credit notes left of it beside their `refund_due`: `excess`."""

    excess: Decimal | None = None  # null in events of older releases


@dataclass(frozen=True, slots=True, kw_only=True)
class Discounted(PaymentEvent):
    """sevDesk closed the invoice with less money (Skonto or another deduction).

    `within_terms`: at least `skonto_expected` came, by `skonto_until`; null: no Skonto, or no payment day is known.
    """

    skonto_expected: Decimal | None = None
    skonto_until: date | None = None
    within_terms: bool | None = None


class SettledByCredit(PaymentEvent):
    """What has come and what was credited make up the gross amount, so that nothing is owed any more."""


class PaymentReversed(PaymentEvent):
    """What was paid was taken back in sevDesk (transaction unlinked): nothing is paid any more."""


class NothingOwed(PaymentEvent):
    """The invoice is over 0, such as a final invoice whose advances cover everything, and no money was paid on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentSynced(Event):
    """Logged with every payment event, in the form in which the integration before this one logged payments."""

    status: ClaimStatus
    paid_amount: Decimal
    gross_amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled(Event):
    """The job cancelled the invoice: in the billing system only, with its draft, or by the document named here.

    `refund_due`: without a document, what had been paid and no credit note says must be paid back.
    """

    how: CancelledHow
    reason: str
    at: datetime
    cancellation: Cancellation | None = None
    refund_due: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelledInSevdesk(Event):
    """Somebody cancelled the invoice in sevDesk, which made a cancellation invoice (SR)."""

    external_id: str
    at: datetime
    cancellation: Cancellation


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditNoteDrafted(Event):
    """Asked to cancel a paid invoice, sevDesk made a credit note, as a draft; the invoice itself is untouched."""

    reason: str
    cancellation: Cancellation


class CancellationPdfStored(PdfDocumentStored):
    """The PDF of the cancellation invoice, or of the credit note over the whole invoice."""

    document = "cancellation_pdf"


class CancellationMailed(MailSent):
    """The cancellation invoice, or the credit note over the whole invoice, was sent by e-mail."""

    document = "cancellation"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditSaved(Event):
    """sevDesk has the draft of a credit note over a part of the invoice; `how`: `created` by us, or `found`."""

    marker: str
    external_id: str
    net: Decimal
    tax: Decimal
    gross: Decimal
    reason: str
    how: CreditSavedHow
    subtotals: Mapping[str, Any]  # tax rate -> its `net` and `tax`, as text
    content: Mapping[str, Any] = field(metadata=UNLOGGED)  # the positions and `Credit.amounts`, as JSON values


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditDeleted(Event):
    """The draft of a credit note over a part of the invoice is deleted: by us, or we found it gone."""

    marker: str
    external_id: str
    cause: CreditDeletedCause


@dataclass(frozen=True, slots=True, kw_only=True)
class Credited(Event):
    """The credit note over a part of the invoice has its number. `refund_due`: what must be paid back for it."""

    marker: str
    external_id: str
    number: str
    net: Decimal
    tax: Decimal
    gross: Decimal
    day: date | None
    reason: str
    refund_due: Decimal
    how: FinalizedHow


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditPdfStored(PdfDocumentStored):
    """The PDF of a credit note over a part of the invoice."""

    document: ClassVar[str] = "credit_note_pdf"
    marker: str


class CreditMailed(MailSent):
    """The credit note over a part of the invoice was sent by e-mail."""

    document = "credit_note"


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalWarning(Event):
    """A check found something that the law or sevDesk may object to; the invoice went on, as CHECK_LEVELS says."""

    problem: str
    parameters: Mapping[str, str]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalWarningSettled(Event):
    """What a check warned of was corrected before the invoice was published."""

    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedAfterPublication(Event):
    """The billing system changed the invoice after its document was made; told once for the same columns."""

    columns: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Renumbered(Event):
    """sevDesk shows another invoice number than the one on record."""

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
