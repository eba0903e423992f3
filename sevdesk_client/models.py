"""sevDesk's objects in sevDesk's words, and the drafts that requests are built from.

Strings in answers ("100", "5.51", "1") become numbers, dates and booleans. Unused keys are ignored; keys that appear
only when set may be missing (measured by two peers).
Amounts are `Decimal` in the document's currency, dates are Berlin days, times are aware.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AliasChoices, AliasPath, BeforeValidator, Field, model_validator

from sevdesk_client.record import BERLIN as BERLIN
from sevdesk_client.record import Amount as Amount
from sevdesk_client.record import (
    AmountOrZero,
    FileName,
    Flag,
    Model,
    Whole,
    none_if_zero,
    ref_id,
)
from sevdesk_client.record import Day as Day
from sevdesk_client.record import Moment as Moment
from sevdesk_client.record import OptionalRef as OptionalRef
from sevdesk_client.record import Record as Record
from sevdesk_client.record import Ref as Ref


def _filled(value: Any) -> dict[str, bool]:
    return {key: bool(each) for key, each in value.items()} if isinstance(value, dict) else {}


class SevUser(Record):
    """A user of the sevDesk account. `client_id` is the account's id; `client_name` is set only when embedded.

    `client_told`: the keys of the account that the answer has, and whether they are filled. Values such as the IBAN are
    not kept.
    """

    email: str | None = None
    fullname: str | None = None
    client_id: str | None = Field(default=None, validation_alias=ref_id("sevClient"))
    client_name: str | None = Field(default=None, validation_alias=AliasPath("sevClient", "name"))
    client_told: Annotated[dict[str, bool], BeforeValidator(_filled)] = Field(
        default_factory=dict, validation_alias="sevClient"
    )


def _is_zero(value: Any) -> bool:
    return value is None or not str(value).strip("0.")


class InOneCurrency(Record):
    """A document whose `sum_net`, `sum_tax` and `sum_gross` are in the document's own currency.

    Where the account has another one, sumNet and the like are converted and sumNetForeignCurrency and the like are the
    document's (one report, for a voucher). Otherwise those are "0" (captures).
    """

    account_gross: Annotated[Decimal, Field(max_digits=24)] | None = None  # in the account's currency; None: the same

    @model_validator(mode="before")
    @classmethod
    def _take_foreign_sums(cls, answer: Any) -> Any:
        if not isinstance(answer, dict) or _is_zero(answer.get("sumGrossForeignCurrency")):
            return answer
        own = {key: answer.get(f"{key}ForeignCurrency") for key in ("sumNet", "sumTax", "sumGross")}
        return {**answer, **own, "accountGross": answer.get("sumGross")}


class Invoice(InOneCurrency):
    """An invoice or cancellation (`invoice_type`: RE normal, AR advance, ER final, SR cancellation; others exist).

    `status`: 50 recurring, 100 draft, 200 open, 750 partly paid, 1000 paid (official) **or cancelled** (one capture: no
    pay_date, paid_amount 0, and an SR whose `origin` is this invoice; the SR itself is 1000 too).
    `paid_amount` may stay below `sum_gross` at 1000 (Skonto; inferred). Whether it is in the document's or in the
    account's currency, where these differ, is not established.
    `invoice_number` is None until sendBy (live, three peers). `is_e_invoice` is unreliable in reads: "1" only in the
    answer to saving (live, two peers).
    """

    invoice_number: str | None = None
    status: Whole
    invoice_type: str
    contact_id: str | None = Field(default=None, validation_alias=ref_id("contact"))
    currency: str
    sum_net: Amount
    sum_tax: Amount
    sum_gross: Amount
    # Required, because a missing key read as 0 would look like a reversed payment. null means none (spec).
    paid_amount: AmountOrZero
    invoice_date: Day = None
    pay_date: Day = None
    create: Moment = None
    update: Moment = None
    send_type: Annotated[str | None, BeforeValidator(none_if_zero)] = None
    send_date: Moment = None
    enshrined: Moment = None
    customer_internal_note: str | None = None
    origin: OptionalRef = None
    header: str | None = None
    discount: AmountOrZero = Decimal(0)  # Skonto in percent, if paid within `discount_time` days (official)
    discount_time: Annotated[Whole, BeforeValidator(lambda days: days or 0)] = 0
    is_e_invoice: Flag = Field(default=False, validation_alias="propertyIsEInvoice")
    tax_rule: str | None = Field(default=None, validation_alias=ref_id("taxRule"))
    delivery_date: Day = None
    delivery_date_until: Day = None
    address_name: str | None = None
    address_street: str | None = None
    address_zip: str | None = None
    address_city: str | None = None
    address_country_id: str | None = Field(default=None, validation_alias=ref_id("addressCountry"))


class InvoicePosition(Record):
    """A position of an invoice. `price` is per unit, net if the invoice shows net prices; `tax_rate` is in percent."""

    invoice_id: str | None = Field(default=None, validation_alias=ref_id("invoice"))
    position_number: Whole
    name: str | None = None
    quantity: Amount
    price: Amount
    tax_rate: Amount
    unity_id: str | None = Field(default=None, validation_alias=ref_id("unity"))


class CreditNote(InOneCurrency):
    """A credit note: status 100 draft, 200 open, 750 or 1000 partly paid, 1000 paid (official). Sums are positive.

    `origin` names the invoice only if sevDesk itself made the credit note of it (measured by one peer).
    """

    credit_note_number: str | None = None
    status: Whole
    contact_id: str | None = Field(default=None, validation_alias=ref_id("contact"))
    credit_note_date: Day = None
    currency: str | None = None
    tax_rule: str | None = Field(default=None, validation_alias=ref_id("taxRule"))
    send_type: Annotated[str | None, BeforeValidator(none_if_zero)] = None
    send_date: Moment = None
    sum_net: Amount | None = None
    sum_tax: Amount | None = None
    sum_gross: Amount | None = None
    create: Moment = None
    update: Moment = None
    customer_internal_note: str | None = None
    origin: OptionalRef = None  # not in the spec's model, only as a filter


class Sequence(Record):
    """A number sequence: `format` with the placeholders %NUMBER, %YYYY and %MM, which the client fills (official)."""

    format: str
    next_sequence: Whole

    def number(self, day: date, ahead: int = 0) -> str:
        """The next number of a document of this day, or one that is `ahead` of it."""
        counted = self.format.replace("%NUMBER", str(self.next_sequence + ahead))
        return counted.replace("%YYYY", f"{day:%Y}").replace("%MM", f"{day:%m}")


class Contact(Record):
    """An organisation (`name`) or a person (`surename`, which is the given name, and `familyname`)."""

    customer_number: str | None = None
    name: str | None = None
    surename: str | None = None
    familyname: str | None = None
    category_id: str | None = Field(default=None, validation_alias=ref_id("category"))
    vat_number: str | None = None
    buyer_reference: str | None = None


class ContactAddress(Record):
    """A postal address of a contact. `category_id` 47 is the invoice address (live, two peers)."""

    contact_id: str | None = Field(default=None, validation_alias=ref_id("contact"))
    street: str | None = None
    zip: str | None = None
    city: str | None = None
    country_id: str | None = Field(default=None, validation_alias=ref_id("country"))
    category_id: str | None = Field(default=None, validation_alias=ref_id("category"))
    name: str | None = None


class CommunicationWay(Record):
    """An e-mail address, telephone number or web address of a contact."""

    contact_id: str | None = Field(default=None, validation_alias=ref_id("contact"))
    type: str
    value: str
    key_id: str | None = Field(default=None, validation_alias=ref_id("key"))
    main: Flag = False


class Country(Record):
    """A country; ids 1 DE, 2 AT, 3 CH (live, two peers)."""

    code: str | None = None
    name: str | None = None


class Template(Record):
    """A document template. `name` is often a translation key, not a readable name (official example)."""

    name: str | None = None
    translation_code: str | None = None
    type: str | None = None
    default: Flag = False


class Unit(Record):
    """A unit of positions: a stock one (`translation_code` UNITY_PIECE, ...; capture) or the account's own."""

    name: str | None = None
    translation_code: str | None = None


class TaxRule(Record):
    """A tax rule. `country_contact_type`: for whose customers, DE, EU or NOT_EU; others have none (capture)."""

    code: str | None = None
    country_contact_type: str | None = None


class PaymentMethod(Record):
    """A payment method; ids are per account, `electronic_invoice_id` is not (58 transfer, 59 direct debit; capture)."""

    name: str | None = None
    electronic_invoice_id: str | None = None


class Email(Record):
    """The mail that sevDesk reports as sent. `object` is the invoice (official; no capture)."""

    object: OptionalRef = None
    to: str | None = None
    subject: str | None = None
    arrived: Moment = None


class PdfAnswer(Model):
    """getPdf's JSON, with the captured spelling of a key first and the spec's second. The content is in base64."""

    filename: FileName = ""
    mimetype: str = Field(default="application/pdf", validation_alias=AliasChoices("mimetype", "mimeType"))
    content: str


class Progress(Model):
    """Progress of an export: `current` of `total`, usually of 100 (official); 0 of 0 if the answer is empty."""

    current: Whole = 0
    total: Whole = 0


class DownloadInfo(Model):
    """Link to an export's archive; it works without the token until `expires`, seven days (official example)."""

    filename: FileName = ""
    link: str = Field(min_length=1, repr=False)  # secret: the link alone gives access
    expires: Moment = Field(default=None, validation_alias="linkExpireDate")


@dataclass(frozen=True, slots=True)
class Document:
    """A rendered file. `filename` is ".pdf" for a draft (live), and "" if the answer has no name."""

    filename: str
    mimetype: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactDraft:
    """A contact to create or change: an organisation (`name`) or a person (`surename` and `familyname`), never both."""

    customer_number: str
    name: str | None = None
    surename: str | None = None
    familyname: str | None = None
    category_id: int = 3  # customer (official)
    vat_number: str | None = None
    buyer_reference: str | None = None

    def __post_init__(self) -> None:
        if bool(self.name) == bool(self.surename or self.familyname):
            raise ValueError("a contact is either an organisation (name) or a person (surename, familyname)")


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressDraft:
    """A contact's postal address."""

    street: str | None
    zip: str | None
    city: str | None
    country_id: str
    category_id: int = 47  # invoice address (live, two peers)


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionDraft:
    """One position of an invoice. `price` is net per unit, up to four decimals (live); `tax_rate` is in percent."""

    name: str
    quantity: Decimal
    price: Decimal
    tax_rate: Decimal
    position_number: Whole
    text: str | None = None
    unity_id: int = 1  # piece; 9 is hour (live, three peers)


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceDraft:
    """A new invoice. `time_to_pay` is in days; `tax_rule` is sevDesk's rule id; dates are Berlin days.

    `discount` is Skonto in percent, if paid within `discount_time` days; none without both (official).
    """

    contact_id: str
    contact_person_id: str
    invoice_date: date
    header: str
    tax_rule: int
    tax_text: str
    currency: str
    customer_internal_note: str
    positions: tuple[PositionDraft, ...]
    invoice_type: str = "RE"
    time_to_pay: int | None = None
    delivery_date: date | None = None
    delivery_date_until: date | None = None
    head_text: str | None = None
    foot_text: str | None = None
    discount: Decimal = Decimal(0)
    discount_time: int | None = None
    address_name: str | None = None
    address_street: str | None = None
    address_zip: str | None = None
    address_city: str | None = None
    address_country_id: str | None = None
    address_country: str | None = None  # its name, which is printed in the address block; None for a domestic one
    payment_method_id: str | None = None
    is_e_invoice: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MailDraft:
    """A mail with the invoice's PDF, or with an e-invoice's XML instead (`send_xml`; both official, of invoices only).

    `cc`, `bcc`: addresses separated by commas; `text` may hold HTML (official).
    """

    to: str
    subject: str
    text: str
    copy: bool = False
    cc: str | None = None
    bcc: str | None = None
    send_xml: bool = False
