"""Tables of which value of ours fills which key of sevDesk's. The steps build their requests from them, and
`sevdesk-worker mapping` prints them.

A field is computed from the attributes named in `ours` only. tests/unit/test_field_map.py proves that
`sevdesk_client.bodies` sends it under the keys named in `keys`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple

from worker.domain.dates import delivery_date, delivery_date_until
from worker.domain.e_invoice import is_leitweg_id
from worker.domain.emails import addressees
from worker.domain.eu_vat import GERMANY, vat_id_text
from worker.domain.invoice import Party
from worker.domain.mail_texts import INVOICE_SUBJECT, INVOICE_TEXT
from worker.domain.payloads import SendInvoice
from worker.domain.recipients import customer_number
from worker.domain.skonto import skonto_days, skonto_percent, with_skonto
from worker.domain.tax_rules import tax_text
from worker.steps.sevdesk_account import PIECE, SevdeskAccount

KINDS = {"AR": "Abschlagsrechnung", "SR": "Schlussrechnung"}
CREDIT_TRANSFER = "58"  # electronicInvoiceId (UNTDID 4461): our invoices are paid by bank transfer


def _unchanged(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a draft. `ours` and `keys` may list several, separated by blanks."""

    name: str  # a field of the draft dataclass in `sevdesk_client.models`
    ours: str  # attributes of the source
    keys: str  # of the request's JSON body
    compute: Callable[..., Any] = _unchanged  # gets the attributes in this order

    def arguments(self, source: object) -> list[Any]:
        """The attributes' values. Raises AttributeError if an object on the path is None."""
        return [get(source) for get in _getters(self.ours)]

    def value(self, source: object) -> Any:
        return self.compute(*self.arguments(source))


@cache
def _getters(ours: str) -> tuple[Callable[[object], Any], ...]:
    return tuple(attrgetter(path) for path in ours.split())


def filled(fields: Iterable[Field], source: object) -> dict[str, Any]:
    """The keyword arguments of a draft."""
    return {field.name: field.value(source) for field in fields}


async def looked_up(fields: Iterable[Field], source: object, account: SevdeskAccount) -> dict[str, Any]:
    """Like `filled`, for ids that sevDesk must be asked for: `compute` gets the account first and is awaited."""
    return {field.name: await field.compute(account, *field.arguments(source)) for field in fields}


# -- ids that sevDesk must be asked for --------------------------------------------------------------------------------


async def _contact_person(account: SevdeskAccount, configured: str | None) -> str:
    return configured or await account.contact_person_id()


async def _country_id(account: SevdeskAccount, code: str | None) -> str:
    return (await account.country(code)).id


async def _country_name(account: SevdeskAccount, code: str | None) -> str | None:
    """A letter from abroad has the country as its last line, and one within Germany has none."""
    return None if code == GERMANY else (await account.country(code)).name or code


async def _unit_id(account: SevdeskAccount, written: str | None) -> int:
    """An unknown unit becomes piece: `check` has parked the job unless a setting says that it only warns."""
    return int((await account.unit(written) or PIECE).id)


async def _payment_method(account: SevdeskAccount, is_e_invoice: bool) -> str | None:
    return await account.payment_method_id(CREDIT_TRANSFER) if is_e_invoice else None


# -- POST /Contact, source: ContactSource ------------------------------------------------------------------------------


class ContactSource(NamedTuple):
    """The recipient, and whether the contact must have what e-invoices need."""

    party: Party
    is_e_invoice: bool


def buyer_reference(reference: str | None, is_e_invoice: bool) -> str | None:
    """E-invoices need one; sevDesk accepts "-" for customers without a reference (capture)."""
    return reference or ("-" if is_e_invoice else None)


COMPANY = (
    Field("customer_number", "party", "customerNumber", customer_number),
    Field("name", "party.name", "name"),
    Field("vat_number", "party.vat_id", "vatNumber", lambda vat_id: vat_id and vat_id_text(vat_id)),
    Field("buyer_reference", "party.buyer_reference is_e_invoice", "buyerReference", buyer_reference),
)
PERSON = (
    Field("customer_number", "party", "customerNumber", customer_number),
    Field("surename", "party.first_name", "surename", lambda name: name or ""),
    Field("familyname", "party.name", "familyname"),
    Field("buyer_reference", "party.buyer_reference is_e_invoice", "buyerReference", buyer_reference),
)

# -- everything else about the invoice and its recipient, source: StepContext ------------------------------------------

ADDRESS = (
    Field("street", "addressee.party.street", "street"),
    Field("zip", "addressee.party.zip", "zip"),
    Field("city", "addressee.party.city", "city"),
)
ADDRESS_IDS = (Field("country_id", "addressee.party.country_code", "country.id", _country_id),)
CONTACT_EMAIL = Field("value", "addressee.party.email", "value")
TEMPLATE_ID = Field("value", "template_id", "value")


def _header(template: str, kind: str, number: str) -> str:
    return template.format(kind=KINDS[kind], number=number)


_SERVICE = "invoice.document_kind invoice.issue_date invoice.service_from invoice.service_to"
_SKONTO = "invoice.skonto_percent invoice.skonto_days"
INVOICE = (
    Field("contact_id", "link.contact_id", "invoice.contact.id"),
    Field("invoice_date", "invoice.issue_date", "invoice.invoiceDate"),
    Field("header", "document_header invoice.document_kind invoice.number", "invoice.header", _header),
    Field("tax_rule", "invoice.tax_rule", "invoice.taxRule.id"),
    Field("tax_text", "invoice addressee.party.vat_id", "invoice.taxText", tax_text),
    Field("currency", "invoice.currency", "invoice.currency"),
    Field("invoice_type", "sevdesk_type", "invoice.invoiceType"),
    Field("time_to_pay", "invoice.payment_term_days", "invoice.timeToPay"),
    Field("delivery_date", _SERVICE, "invoice.deliveryDate", delivery_date),
    Field("delivery_date_until", _SERVICE, "invoice.deliveryDateUntil", delivery_date_until),
    Field("head_text", "invoice.head_text", "invoice.headText"),
    Field("foot_text", f"invoice.foot_text {_SKONTO} invoice.issue_date", "invoice.footText", with_skonto),
    Field("discount", _SKONTO, "invoice.discount", skonto_percent),
    Field("discount_time", _SKONTO, "invoice.discountTime", skonto_days),
    Field("customer_internal_note", "invoice.number", "invoice.customerInternalNote"),
    # The address is sent explicitly: sevDesk copies none by itself (measured).
    Field("address_name", "addressee.party.display_name", "invoice.addressName invoice.address"),
    Field("address_street", "addressee.party.street", "invoice.addressStreet invoice.address"),
    Field("address_zip", "addressee.party.zip", "invoice.addressZip invoice.address"),
    Field("address_city", "addressee.party.city", "invoice.addressCity invoice.address"),
    Field("is_e_invoice", "invoice.is_e_invoice", "invoice.propertyIsEInvoice"),
)
INVOICE_IDS = (
    Field("contact_person_id", "contact_person_id", "invoice.contactPerson.id", _contact_person),
    Field("address_country_id", "addressee.party.country_code", "invoice.addressCountry.id", _country_id),
    Field("address_country", "addressee.party.country_code", "invoice.address", _country_name),
    Field("payment_method_id", "invoice.is_e_invoice", "invoice.paymentMethod.id", _payment_method),
)

# -- a position of the invoice, source: Item ---------------------------------------------------------------------------

POSITION = (
    Field("position_number", "position", "invoicePosSave[].positionNumber"),
    Field("name", "name", "invoicePosSave[].name"),
    Field("text", "description", "invoicePosSave[].text"),
    Field("quantity", "quantity", "invoicePosSave[].quantity"),
    Field("price", "unit_price", "invoicePosSave[].price"),
    Field("tax_rate", "tax_rate", "invoicePosSave[].taxRate"),
)
POSITION_IDS = (Field("unity_id", "unit", "invoicePosSave[].unity.id", _unit_id),)

# -- POST /Invoice/{id}/sendViaEmail, source: MailSource ---------------------------------------------------------------


class MailSource(NamedTuple):
    """`number` is sevDesk's number of the invoice; `asked` may contain addresses, a subject and a text."""

    party: Party
    number: str
    asked: SendInvoice
    is_e_invoice: bool


def _send_xml(is_e_invoice: bool, asked: bool | None, reference: str | None) -> bool:
    """Public buyers, who have a Leitweg-ID, take XML (XRechnung); others read the PDF, which holds the same XML."""
    return is_e_invoice and (is_leitweg_id(reference) if asked is None else asked)


_ADDRESSES = "party.email asked.to asked.cc asked.bcc"
MAIL = (
    Field("to", _ADDRESSES, "toEmail", lambda *given: addressees(*given).to),
    Field("cc", _ADDRESSES, "ccEmail", lambda *given: addressees(*given).cc),
    Field("bcc", _ADDRESSES, "bccEmail", lambda *given: addressees(*given).bcc),
    Field("subject", "asked.subject number", "subject", lambda given, n: given or INVOICE_SUBJECT.format(number=n)),
    Field("text", "asked.text number", "text", lambda text, number: text or INVOICE_TEXT.format(number=number)),
    Field("send_xml", "is_e_invoice asked.send_xml party.buyer_reference", "sendXml", _send_xml),
)
