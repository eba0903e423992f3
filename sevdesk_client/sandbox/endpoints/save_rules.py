"""What saveInvoice accepts: reads a body into DocumentFields, or raises sevDesk's refusal."""

from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial

import duty27_eu_vat
import eu_vat_rates_data

from sevdesk_client.sandbox.account import master_data
from sevdesk_client.sandbox.account.formats import Object, as_datetime, berlin_day, is_true, parse_id, timestamp
from sevdesk_client.sandbox.account.records import DOCUMENT_TEXTS, DocumentFields, Invoice
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.account.sums import ZERO
from sevdesk_client.sandbox.endpoints import body_fields as read
from sevdesk_client.sandbox.endpoints.errors import invalid
from sevdesk_client.sandbox.endpoints.invoice_json import invoice_json
from sevdesk_client.sandbox.endpoints.save_positions import with_positions

GERMAN_RATES = frozenset({ZERO, Decimal(7), Decimal(19)})
# Allowed tax rates by tax rule (official). None: One Stop Shop, the rates of the address's country.
RATES: dict[int, frozenset[Decimal] | None] = {
    **dict.fromkeys((1, 3), GERMAN_RATES),
    **dict.fromkeys((2, 4, 5, 11, 17, 21), frozenset({ZERO})),
    **dict.fromkeys((18, 19, 20), None),
}
OLD_TAX_TYPES = {"default": 1, "eu": 3, "noteu": 17, "ss": 11}  # official; "ss" also one report
TYPES = frozenset({"RE", "AR", "TR", "ER"})  # WKR, MA and SR are made by other calls
ACCOUNT_CURRENCY = "EUR"
EXCHANGE_RATE = Decimal("0.871625")  # of every other currency, from the one report: 80 USD were 69.73 EUR
TRAILING_KEYS = ("invoicePosDelete", "discountSave", "discountDelete", "takeDefaultAddress")


@dataclass(frozen=True, slots=True)
class InvoiceBody:
    """An accepted saveInvoice body."""

    fields: DocumentFields
    type: str
    note: str | None
    number: str | None


def read_invoice_body(account: Account, body: Object, old: Invoice | None) -> InvoiceBody:
    """Read a saveInvoice body; `old` is the draft it changes, whose values stay where none is sent (one report)."""
    data = read.model_object(body.get("invoice"), "invoice", "Invoice")
    if account.switches.trailing_keys_required and any(key not in body for key in TRAILING_KEYS):
        raise invalid("invoicePosDelete, discountSave, discountDelete and takeDefaultAddress are required")  # inferred
    data = {**_as_body(old), **data} if old else data
    if parse_id(data.get("status")) != 100:
        raise invalid("New invoices must be created with status 100")
    fields = with_positions(account, _document_fields(account, data), body, old)
    if is_true(body.get("takeDefaultAddress")):
        fields = _default_address(account, fields)
    _check_delivery(fields, account.switches.delivery_dates)
    note, number = read.text(data, "customerInternalNote"), read.text(data, "invoiceNumber") or None
    saved = InvoiceBody(fields, read.text(data, "invoiceType") or "", note, number)
    _check_type(saved)
    if saved.type == "ER" and account.switches.final_dates == "contact":
        _check_final_date(account, fields)
    if account.switches.tax_rule_check == "save":
        check_tax(account, fields)
    return saved


def _check_delivery(fields: DocumentFields, rule: str) -> None:
    """A period needs a beginning (official), and one that is not after its end (inferred).

    Switch delivery_dates refuses dates not after the invoice date (live, once), or after it (official).
    """
    until = fields.delivery_date_until
    if fields.delivery_date is None:
        if until is not None:
            raise invalid("deliveryDateUntil needs a deliveryDate")  # inferred
        return
    if until is not None and as_datetime(until) < as_datetime(fields.delivery_date):
        raise invalid("The deliveryDateUntil must not be before the deliveryDate")  # inferred
    if rule == "any":
        return
    later = as_datetime(fields.delivery_date) > as_datetime(fields.invoice_date)
    dates = (timestamp(fields.invoice_date), timestamp(fields.delivery_date))
    if rule == "later" and not later:
        raise invalid("The invoiceDate ({}) must be before the deliveryDate ({})".format(*dates))
    if rule == "not_later" and later:
        raise invalid("The deliveryDate ({1}) must not be after the invoiceDate ({0})".format(*dates))  # inferred


def check_tax(account: Account, fields: DocumentFields) -> None:
    """422/7100 for a rate that the tax rule does not allow (measured, two peers; wording inferred).

    "If small settlement, the invoice must not contain any vat" (official; that the refusal is this one is inferred).
    """
    allowed = RATES[fields.tax_rule]
    if allowed is None:
        allowed = _rates_of_country(fields)
    if any(each.tax_rate not in allowed for each in fields.positions):
        raise invalid(f"The tax rate is not allowed for tax rule {fields.tax_rule}", 7100)
    if fields.small_settlement and fields.sums.tax != 0:
        raise invalid("An invoice of a small business must not contain any VAT", 7100)
    if (fields.tax_rule == 11) != account.switches.small_business:
        raise invalid(f"Tax rule {fields.tax_rule} is not allowed for this account", 7100)


def _rates_of_country(fields: DocumentFields) -> frozenset[Decimal]:
    """The country's rates (official: they are compared); the standard one on the day of delivery (inferred).

    None outside the Union, and none in Germany, whose customers are no case of One Stop Shop (inferred).
    """
    code, _ = master_data.COUNTRIES[fields.address_country_id]
    country = eu_vat_rates_data.get_rate(code)
    if country is None or not country["eu_member"] or code == "de":
        return frozenset()
    day = berlin_day(fields.delivery_date_until or fields.delivery_date or fields.invoice_date)
    reduced = [*country["reduced"], country["super_reduced"], country["parking"]]
    standard = duty27_eu_vat.get_standard_rate(code, max(day, duty27_eu_vat.DATA_FIRST_DATE))
    return frozenset({standard, *(Decimal(str(rate)) for rate in reduced if rate is not None)})


def _as_body(old: Invoice) -> Object:
    """The draft as a request body: the values for keys that an update omits."""
    fields = old.fields
    days = {"deliveryDate": fields.delivery_date, "deliveryDateUntil": fields.delivery_date_until}
    other = {"invoiceDate": fields.invoice_date, "propertyIsEInvoice": fields.is_e_invoice}
    return {**invoice_json(old), **days, **other}


def _document_fields(account: Account, data: Object) -> DocumentFields:
    """All fields except positions, discounts and sums."""
    known = partial(read.optional_reference, account, data)
    return DocumentFields(
        contact_id=read.required_reference(account, data, "contact", "Contact", account.contacts),
        contact_person_id=_contact_person(data),
        invoice_date=read.not_null(read.day(data, "invoiceDate"), "invoice_date"),  # inferred from tax_rate
        time_to_pay=read.integer(data, "timeToPay"),
        discount=_discount(account, data),
        discount_time=read.integer(data, "discountTime"),
        address_country_id=known("addressCountry", "StaticCountry", master_data.COUNTRIES) or 1,
        **{field: read.text(data, key) for key, field in DOCUMENT_TEXTS.items()},  # type: ignore[arg-type] # texts
        delivery_date=read.day(data, "deliveryDate", zoned=True, delivery=True),
        delivery_date_until=read.day(data, "deliveryDateUntil", delivery=True),
        tax_rule=_tax_rule(data),
        tax_rate=read.amount(data, "taxRate"),
        tax_text=read.not_null(read.text(data, "taxText"), "tax_text"),  # inferred from tax_rate
        **_currency(account, data),
        small_settlement=is_true(data.get("smallSettlement")),
        show_net=is_true(data.get("showNet", True)),  # omitted means net (live, two peers)
        payment_method_id=known("paymentMethod", "PaymentMethod", master_data.PAYMENT_METHODS),
        is_e_invoice=is_true(data.get("propertyIsEInvoice")),
    )


def _discount(account: Account, data: Object) -> Decimal:
    """Skonto in percent, required (official; sent by all peers), by specification an integer.

    What becomes of decimals is a guess (switch skonto_decimals).
    """
    percent = read.amount(data, "discount")
    return Decimal(int(percent)) if account.switches.skonto_decimals == "cut" else percent


def _contact_person(data: Object) -> int:
    ident = read.reference(data, "contactPerson", "SevUser")
    if ident is None or ident not in master_data.USERS:
        raise invalid("contactPerson is missing or invalid")  # the refusal: one report; its wording is inferred
    return ident


def _tax_rule(data: Object) -> int:
    """taxRule, or else the older taxType (official)."""
    rule = read.reference(data, "taxRule", "TaxRule")
    if rule is None:
        rule = OLD_TAX_TYPES.get(str(data.get("taxType")))
    if rule is None:
        raise invalid("Could not find taxType")
    if rule not in RATES:
        raise invalid("Could not find taxRule")  # inferred
    return rule


def _currency(account: Account, data: Object) -> Object:
    """The document's currency, and at which rates its amounts are converted (switches foreign_sums, foreign_paid)."""
    currency, switches = _currency_code(data), account.switches
    converts = currency != ACCOUNT_CURRENCY and switches.foreign_sums == "account"
    return {
        "currency": currency,
        "exchange_rate": EXCHANGE_RATE if converts else None,
        "paid_rate": EXCHANGE_RATE if converts and switches.foreign_paid == "account" else None,
    }


def _currency_code(data: Object) -> str:
    currency = data.get("currency")
    if not isinstance(currency, str) or not currency:
        raise invalid("Currency is required.")
    if not (len(currency) == 3 and currency.isalpha() and currency.isupper()):
        raise invalid(f"Unknown currency {currency[:10]}")  # inferred
    return currency


def _check_type(saved: InvoiceBody) -> None:
    """RE always; AR, TR and ER only with tax rule 1 or 11 and EUR (official for 17 to 21; wording inferred)."""
    if saved.type not in TYPES:
        raise invalid(f"invoiceType {saved.type[:10]!r} can not be created here")
    if saved.type != "RE" and (saved.fields.tax_rule not in (1, 11) or saved.fields.currency != "EUR"):
        raise invalid(f"invoiceType {saved.type} is not supported with this tax rule or currency")
    if saved.fields.is_e_invoice and saved.fields.tax_rule in (18, 19, 20):
        raise invalid("One Stop Shop tax rules are not supported for e-invoices")


def _check_final_date(account: Account, fields: DocumentFields) -> None:
    """Not before its advance and partial invoices (official; wording inferred).

    What relates them is in no specification: those of the contact that are not cancelled count.
    """
    for each in account.invoices.values():
        own = each.type in ("AR", "TR") and each.fields.contact_id == fields.contact_id and each.cancelled_by is None
        if own and berlin_day(each.fields.invoice_date) > berlin_day(fields.invoice_date):
            raise invalid("The invoiceDate of a final invoice must not be before that of its advance invoices")


def _default_address(account: Account, fields: DocumentFields) -> DocumentFields:
    """Fill in the contact's first address (official); without one nothing changes (live, two peers)."""
    first = next(iter(account.addresses.with_key(fields.contact_id)), None)
    if first is None:
        return fields
    name = first.fields.get("name") or account.contacts[fields.contact_id].fields.get("name")
    street, code, city = (first.fields.get(key) for key in ("street", "zip", "city"))
    lines = [name, street, f"{code or ''} {city or ''}".strip()]
    return replace(
        fields,
        address="\n".join(each for each in lines if each),
        address_name=name,
        address_street=street,
        address_zip=code,
        address_city=city,
        address_country_id=first.country_id,
    )
