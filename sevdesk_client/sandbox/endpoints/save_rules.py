"""What saveInvoice takes and refuses. Reads a body into a Letter, or raises the Refusal sevDesk would answer."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from sevdesk_client.sandbox.account import master_data
from sevdesk_client.sandbox.account.formats import Object, ident_of, instant, stamp, truthy
from sevdesk_client.sandbox.account.records import Invoice, Letter
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.account.sums import ZERO, Sums
from sevdesk_client.sandbox.endpoints.body_fields import amount, day, known, mapped, reference, required, text, whole
from sevdesk_client.sandbox.endpoints.errors import invalid, null_column
from sevdesk_client.sandbox.endpoints.invoice_json import render_invoice
from sevdesk_client.sandbox.endpoints.save_positions import with_positions

GERMAN_RATES = frozenset({ZERO, Decimal(7), Decimal(19)})
# Rates a position may have (official). None: by country (One Stop Shop), not checked here.
RATES: dict[int, frozenset[Decimal] | None] = {
    **dict.fromkeys((1, 3), GERMAN_RATES),
    **dict.fromkeys((2, 4, 5, 11, 17, 21), frozenset({ZERO})),
    **dict.fromkeys((18, 19, 20), None),
}
OLD_TAX_TYPES = {"default": 1, "eu": 3, "noteu": 17, "ss": 11}  # official; "ss" also one report
TYPES = frozenset({"RE", "AR", "TR", "ER"})  # WKR, MA and SR have ways of their own
TRAILING_KEYS = ("invoicePosDelete", "discountSave", "discountDelete", "takeDefaultAddress")


@dataclass(frozen=True, slots=True)
class Saved:
    """A body that was accepted."""

    letter: Letter
    type: str
    note: str | None
    number: str | None


def read_save(account: Account, body: Object, old: Invoice | None) -> Saved:
    """The whole saveInvoice body; `old` is the draft it changes, if any: what is not sent stays (one report)."""
    data = mapped(body.get("invoice"), "invoice", "Invoice")
    if account.switches.trailing_keys_required and any(key not in body for key in TRAILING_KEYS):
        raise invalid("invoicePosDelete, discountSave, discountDelete and takeDefaultAddress are required")  # inferred
    data = {**_kept(old), **data} if old else data
    if ident_of(data.get("status")) != 100:
        raise invalid("New invoices must be created with status 100")
    letter = with_positions(account, _letter(account, data), body, old)
    if truthy(body.get("takeDefaultAddress")):
        letter = _default_address(account, letter)
    _check_delivery(letter, account.switches.delivery_dates)
    saved = Saved(letter, text(data, "invoiceType") or "", text(data, "customerInternalNote"), _number(data))
    _check_type(saved)
    if account.switches.tax_rule_check == "save":
        check_tax(account, letter)
    return saved


def _check_delivery(letter: Letter, rule: str) -> None:
    """Delivery not after the invoice date was refused once (live), after it officially is; most saw neither."""
    if letter.delivery_date is None or rule == "any":
        return
    later = instant(letter.delivery_date) > instant(letter.invoice_date)
    dates = (stamp(letter.invoice_date), stamp(letter.delivery_date))
    if rule == "later" and not later:
        raise invalid("The invoiceDate ({}) must be before the deliveryDate ({})".format(*dates))
    if rule == "not_later" and later:
        raise invalid(
            "The deliveryDate ({1}) must not be after the invoiceDate ({0})".format(*dates)
        )  # wording inferred


def check_tax(account: Account, letter: Letter) -> None:
    """Rule against rates, 422/7100 when the draft is finalised (measured, two peers; wording inferred)."""
    allowed = RATES[letter.tax_rule]
    if any(allowed is not None and each.tax_rate not in allowed for each in letter.positions):
        raise invalid(f"The tax rate is not allowed for tax rule {letter.tax_rule}", 7100)
    if (letter.tax_rule == 11) != account.switches.small_business:
        raise invalid(f"Tax rule {letter.tax_rule} is not allowed for this account", 7100)


def _kept(old: Invoice) -> Object:
    """The draft as a body, for what an update leaves out."""
    letter = old.letter
    days = {"invoiceDate": letter.invoice_date, "deliveryDate": letter.delivery_date}
    flags = {"propertyIsEInvoice": letter.is_e_invoice}
    return {**render_invoice(old), **days, **flags, "deliveryDateUntil": letter.delivery_date_until}


def _letter(account: Account, data: Object) -> Letter:
    """Head data, without positions and their sums."""
    return Letter(
        contact_id=required(account, data, "contact", "Contact", account.contacts),
        contact_person_id=_person(data),
        invoice_date=_needed_day(data),
        header=text(data, "header"),
        head_text=text(data, "headText"),
        foot_text=text(data, "footText"),
        time_to_pay=whole(data, "timeToPay"),
        discount=amount(data, "discount", ZERO),
        discount_time=whole(data, "discountTime"),
        address_name=text(data, "addressName"),
        address_street=text(data, "addressStreet"),
        address_zip=text(data, "addressZip"),
        address_city=text(data, "addressCity"),
        address_country_id=known(account, data, "addressCountry", "StaticCountry", master_data.COUNTRIES) or 1,
        address=text(data, "address"),
        delivery_date=day(data, "deliveryDate", zoned=True),
        delivery_date_until=day(data, "deliveryDateUntil"),
        tax_rule=_tax_rule(data),
        tax_rate=amount(data, "taxRate"),
        tax_text=_needed_text(data),
        currency=_currency(data),
        small_settlement=truthy(data.get("smallSettlement")),
        show_net=truthy(data.get("showNet", True)),  # omitted means net (live, two peers)
        payment_method_id=known(account, data, "paymentMethod", "PaymentMethod", master_data.PAYMENT_METHODS),
        is_e_invoice=truthy(data.get("propertyIsEInvoice")),
        positions=(),
        discounts=(),
        rates=(),
        sums=Sums(),
    )


def _person(data: Object) -> int:
    ident = reference(data, "contactPerson", "SevUser")
    if ident is None or ident not in master_data.USERS:
        raise invalid("contactPerson is missing or invalid")  # the refusal: one report; its wording is inferred
    return ident


def _needed_day(data: Object) -> datetime | date:
    moment = day(data, "invoiceDate")
    if moment is None:
        raise null_column("invoice_date")  # inferred from tax_rate
    return moment


def _needed_text(data: Object) -> str:
    tax_text = text(data, "taxText")
    if tax_text is None:
        raise null_column("tax_text")  # inferred from tax_rate
    return tax_text


def _tax_rule(data: Object) -> int:
    """taxRule, or the old taxType it replaced (official)."""
    rule = reference(data, "taxRule", "TaxRule")
    if rule is None:
        rule = OLD_TAX_TYPES.get(str(data.get("taxType")))
    if rule is None:
        raise invalid("Could not find taxType")
    if rule not in RATES:
        raise invalid("Could not find taxRule")  # inferred
    return rule


def _currency(data: Object) -> str:
    currency = data.get("currency")
    if not isinstance(currency, str) or not currency:
        raise invalid("Currency is required.")
    if not (len(currency) == 3 and currency.isalpha() and currency.isupper()):
        raise invalid(f"Unknown currency {currency[:10]}")  # inferred
    return currency


def _number(data: Object) -> str | None:
    return text(data, "invoiceNumber") or None


def _check_type(saved: Saved) -> None:
    """RE always; AR, TR and ER only where the rule and currency allow it (official for 17-21; wording inferred)."""
    if saved.type not in TYPES:
        raise invalid(f"invoiceType {saved.type[:10]!r} can not be created here")
    if saved.type != "RE" and (saved.letter.tax_rule not in (1, 11) or saved.letter.currency != "EUR"):
        raise invalid(f"invoiceType {saved.type} is not supported with this tax rule or currency")
    if saved.letter.is_e_invoice and saved.letter.tax_rule in (18, 19, 20):
        raise invalid("One Stop Shop tax rules are not supported for e-invoices")


def _default_address(account: Account, letter: Letter) -> Letter:
    """The contact's first address (official); without one nothing is filled in (live, two peers)."""
    first = next(iter(account.addresses.having(letter.contact_id)), None)
    if first is None:
        return letter
    name = first.fields.get("name") or account.contacts[letter.contact_id].fields.get("name")
    street, code, city = (first.fields.get(key) for key in ("street", "zip", "city"))
    lines = [name, street, f"{code or ''} {city or ''}".strip()]
    return replace(
        letter,
        address="\n".join(each for each in lines if each),
        address_name=name,
        address_street=street,
        address_zip=code,
        address_city=city,
        address_country_id=first.country_id,
    )
