"""The payload of each kind of job: its fields and what they may hold. Pure."""

import json
import re
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from worker.domain import schedule
from worker.domain.dates import FIRST_DAY, LAST_DAY
from worker.domain.emails import address_fault, several
from worker.domain.invoice import FinalInvoiceForm

# The only accepted form of ids. pydantic also accepts ids without hyphens, in braces or as URNs; but the ledger finds a
# job's invoice by this form, so with another one two jobs of the same invoice could run at the same time.
UUID_TEXT = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def _canonical(value: object) -> object:
    if isinstance(value, str) and not UUID_TEXT.fullmatch(value):
        raise PydanticCustomError("uuid_form", "must be a UUID in its usual form of 36 characters")
    return value


Id = Annotated[UUID, BeforeValidator(_canonical)]
# At the ends of the calendar there are no days in Berlin, and sevDesk was asked for them all the same.
Day = Annotated[date, Field(ge=FIRST_DAY, le=LAST_DAY)]


class Payload(BaseModel):
    """Unknown fields are refused: a misspelt option must not be ignored silently."""

    model_config = ConfigDict(extra="forbid", frozen=True)


PersonId = Annotated[str, Field(pattern=r"^[0-9]{1,20}$")] | None


class PublishInvoice(Payload):
    """Bring an approved invoice into sevDesk: contact, draft, layout, number, PDF.

    `final_invoice_form` says how a final invoice accounts for the advances of its deal; it, `contact_person_id` (a
    sevDesk user) and Skonto, where given, take the place of what settings and columns say.
    """

    invoice_id: Id
    final_invoice_form: FinalInvoiceForm | None = None
    contact_person_id: PersonId = None
    skonto_percent: Annotated[Decimal, Field(gt=0, lt=100, decimal_places=2)] | None = None
    skonto_days: Annotated[int, Field(ge=0, le=365)] | None = None

    @model_validator(mode="after")
    def _both_terms(self) -> Self:
        if (self.skonto_percent is None) != (self.skonto_days is None):
            raise PydanticCustomError("skonto", "give skonto_percent and skonto_days together")
        return self


# More addresses than any customer has needed.
MAX_ADDRESSES = 20


def _addresses(text: str) -> str:
    """Names the faulty one by its place, because the value is personal data."""
    addresses = several(text)
    if not 1 <= len(addresses) <= MAX_ADDRESSES:
        raise PydanticCustomError(
            "addresses", "must be 1 to {max} addresses, separated by commas", {"max": MAX_ADDRESSES}
        )
    for place, address in enumerate(addresses, 1):
        if fault := address_fault(address):
            raise PydanticCustomError(
                "address", "address {place} is not one plain e-mail address: {fault}", {"place": place, "fault": fault}
            )
    return ",".join(addresses)


Addresses = Annotated[str, Field(max_length=5000), AfterValidator(_addresses)] | None


class Channel(StrEnum):
    """How an invoice reaches its recipient. Only for EMAIL sevDesk sends it; for the others it is marked as sent."""

    EMAIL = "email"
    POST = "post"
    PORTAL = "portal"


class SendInvoice(Payload):
    """Send a published invoice to its recipient. A second job sends nothing, unless `resend` is true.

    `email`: sevDesk mails it. `post`, `portal`: you send it, and the job marks it as sent in sevDesk. `to` replaces the
    recipient's own address; `to`, `cc` and `bcc` each take several, separated by commas. `send_xml`: whether an
    e-invoice's mail has the XML in place of the PDF; by default it has for recipients with a Leitweg-ID.
    """

    invoice_id: Id
    channel: Channel = Channel.EMAIL
    to: Addresses = None
    cc: Addresses = None
    bcc: Addresses = None
    subject: str | None = Field(default=None, min_length=1, max_length=200, pattern=r"^[^\r\n]*$")  # a mail's is a line
    text: str | None = Field(default=None, min_length=1, max_length=20_000)
    resend: bool = False
    send_xml: bool | None = None

    @model_validator(mode="after")
    def _mail_fields(self) -> Self:
        of_mails = {"to", "cc", "bcc", "subject", "text", "send_xml"}
        if self.channel is not Channel.EMAIL and of_mails & self.model_fields_set:
            raise PydanticCustomError(
                "channel", "to, cc, bcc, subject, text, send_xml belong to the channel email only"
            )
        return self


def _one_address(text: str) -> str:
    if fault := address_fault(text):
        raise PydanticCustomError("address", "is not one plain e-mail address: {fault}", {"fault": fault})
    return text


class MailBounced(Payload):
    """Report that an invoice's mail came back undelivered; then `send_invoice` sends it afresh.

    `email` says which mail, if several were sent: the latest one to this address. Reported twice, it counts once.
    """

    invoice_id: Id
    email: Annotated[str, Field(max_length=320), AfterValidator(_one_address)] | None = None
    reason: str | None = Field(default=None, min_length=1, max_length=500)


class FetchInvoicePdf(Payload):
    """Fetch a published invoice's PDF again into `sevdesk_documents`."""

    invoice_id: Id


class UndeleteInvoice(Payload):
    """Take an invoice over again that counts as deleted in sevDesk, if sevDesk has it all the same; writes nothing."""

    invoice_id: Id


class CancelInvoice(Payload):
    """Cancel an invoice, whatever its status is. `notify` mails the cancellation invoice to the recipient, once.

    An invoice on which money has come is cancelled by a credit note, if `refund` says that it will be paid back.
    """

    invoice_id: Id
    reason: str = Field(min_length=1, max_length=500)
    notify: bool = False
    refund: bool = False


Figure = Annotated[Decimal, Field(gt=0, lt=10**9, decimal_places=4)]


class CreditPosition(BaseModel):
    """A position of the invoice, of which a quantity is credited; what is left out is as on the invoice.

    A discount stays negative: quantity and price are given without their signs, which are the invoice's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    position: Annotated[int, Field(ge=0, le=10**6)]
    quantity: Figure | None = None
    unit_price: Figure | None = None  # net
    name: str | None = Field(default=None, min_length=1, max_length=500)


def _read_text(value: Any) -> Any:
    """The outbox takes no lists, so that positions may also come as the text of a JSON list."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise PydanticCustomError("positions", "must be a list of positions, or one as JSON text") from None


# An invoice's positions are a few dozen.
MAX_POSITIONS = 500


class CreditInvoice(Payload):
    """Write a credit note over a part of an invoice on which money has come. `notify` mails it to the recipient.

    Each job makes one credit note; all of an invoice's together are never more than the invoice.
    """

    invoice_id: Id
    reason: str = Field(min_length=1, max_length=500)
    positions: Annotated[
        tuple[CreditPosition, ...],
        Field(min_length=1, max_length=MAX_POSITIONS),
        BeforeValidator(_read_text, json_schema_input_type=list[CreditPosition] | str),
    ]
    notify: bool = False


class SyncPayments(Payload):
    """Copy the state of payments from sevDesk: what changed since the last time, or the part that a field names.

    `full` reads the whole book and finds changes that were missed. `missing` looks again for the invoices that sevDesk
    did not have at a first look. `party_id` is a company's or a contact's id. The range is of invoice dates, Berlin
    days, both ends included.
    """

    full: bool = False
    missing: bool = False
    invoice_id: Id | None = None
    party_id: Id | None = None
    start_date: Day | None = None
    end_date: Day | None = None

    @model_validator(mode="after")
    def _one_scope(self) -> Self:
        ranged = self.start_date is not None or self.end_date is not None
        if sum((self.full, self.missing, self.invoice_id is not None, self.party_id is not None, ranged)) > 1:
            raise PydanticCustomError("scope", "give one of full, missing, invoice_id, party_id, a range, not several")
        if ranged and (self.start_date is None or self.end_date is None or self.start_date > self.end_date):
            raise PydanticCustomError("range", "a range needs start_date and end_date, in this order")
        return self

    @property
    def scope(self) -> str:
        """Two jobs with the same scope can share one run."""
        if self.invoice_id or self.party_id:
            return f"invoice {self.invoice_id}" if self.invoice_id else f"party {self.party_id}"
        if self.start_date:
            return f"{self.start_date} to {self.end_date}"
        return "full" if self.full else "missing" if self.missing else "feed"


class TestConnection(Payload):
    """Check the API token, and whether the settings fit the account; the answers are in the job's result.

    `move_account`: from now on the database belongs to the account of this token.
    """

    move_account: bool = False


class RefreshTemplates(Payload):
    """Fetch sevDesk's layouts into `sevdesk_templates`, unless that was done in the last five minutes."""

    force: bool = False


class ExportDatev(Payload):
    """A DATEV package of a period (Berlin days, both included), checked against our own documents.

    `export_id` names a row that the billing system inserted into `sevdesk_datev_exports`; without it the other fields
    say what is wanted. `enshrine` locks the documents in sevDesk for good.
    """

    export_id: Id | None = None
    start_date: Day | None = None
    end_date: Day | None = None
    scope: Annotated[str, Field(pattern=r"^[EXTCD]{1,5}$")] = "E"
    by_pay_date: bool = False
    include_images: bool = False
    enshrine: bool = False

    @model_validator(mode="after")
    def _either_or(self) -> Self:
        if self.export_id is not None:
            if len(self.model_fields_set) > 1:
                raise PydanticCustomError("export", "give export_id alone, or the period without it")
        elif self.start_date is None or self.end_date is None or self.start_date > self.end_date:
            raise PydanticCustomError("range", "give export_id, or start_date and end_date, in this order")
        return self


def _interval(minutes: int) -> int:
    if not schedule.is_allowed(minutes):
        raise PydanticCustomError("interval", "allowed are {allowed}", {"allowed": schedule.ALLOWED})
    return minutes


TemplateId = Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{1,64}$")] | None


class Adopt(Payload):
    """Take over what existed before this worker: link invoices and contacts with sevDesk's, and change nothing there.

    `archive`: also ask for the PDF and XML of each linked invoice that has none stored.
    """

    archive: bool = False


def _split(value: Any) -> Any:
    if isinstance(value, list):
        return [part.strip() if isinstance(part, str) else part for part in value]
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


# Deal types and invoice numbers, also as one text with commas. A change-over by single invoices names a few dozen.
PublishOnly = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=100)], ...],
    Field(max_length=1000),
    BeforeValidator(_split, json_schema_input_type=list[str] | str),
]


class UpdateConfig(Payload):
    """Change settings in `sevdesk_config`; fields that are left out stay.

    null clears a template, a person or `publish_only`: the deal types and invoice numbers that this worker publishes,
    while another program publishes the rest.
    """

    template_eb_ar: TemplateId = None
    template_eb_sr: TemplateId = None
    template_kop_ar: TemplateId = None
    template_kop_sr: TemplateId = None
    contact_person_id: PersonId = None
    contact_person_eb: PersonId = None
    contact_person_kop: PersonId = None
    payment_sync_interval_minutes: Annotated[int, Field(strict=True), AfterValidator(_interval)] = 10
    datev_chart_of_accounts: Literal["SKR03", "SKR04"] = "SKR03"
    auto_transfer_invoices: Annotated[bool, Field(strict=True)] = False
    publish_only: PublishOnly | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not self.model_fields_set:
            raise PydanticCustomError(
                "empty", "nothing to change; settings are {names}", {"names": ", ".join(type(self).model_fields)}
            )
        return self

    @property
    def patch(self) -> dict[str, Any]:
        """The fields that were given, with their new values."""
        return self.model_dump(exclude_unset=True)
