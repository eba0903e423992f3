"""Invoices that publishing stops for what their own rows say: one for each problem that can be had so."""

from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from flow.billing import time_to_day
from flow.provocations.e_invoices import WRONG_LEITWEG_ID
from flow.provocations.tax_rules import AT_ID, BAD_ID, FR_ID
from flow.to_publish import Scene

from worker.domain.check_levels import DEFAULTS, Level
from worker.domain.e_invoice_duty import DutyMode

Plant = Callable[[Scene], Awaitable[UUID]]
# With these settings every check parks, and invoices over more than 250 EUR must be e-invoices.
STRICT: dict[str, Any] = {
    "check_levels": dict.fromkeys(DEFAULTS, Level.PARK),
    "e_invoice_from": date(2026, 1, 1),
    "e_invoice_mode": DutyMode.PARK,
    "issue_date_max_age": 90,
}
TODAY = time_to_day()
UNTAXED = {"items": (("4", "25", "0"),), "tax_amount": "0.00"} | {"gross_amount": "100.00"}
LARGE = {"items": (("4", "250", "19"),), "net_amount": "1000.00", "tax_amount": "190.00", "gross_amount": "1190.00"}
TINY = {"items": (("1", "0.03", "19"),) * 250, "net_amount": "7.50", "tax_amount": "2.50", "gross_amount": "10.00"}
NEGATIVE = {"items": (("-4", "25", "19"),), "net_amount": "-100.00", "tax_amount": "-19.00", "gross_amount": "-119.00"}
NOTHING = {"items": (), "net_amount": "0.00", "tax_amount": "0.00", "gross_amount": "0.00"}
# Final invoices over 200 EUR of work, and what they take off an advance of 100 EUR.
ALL = {"items": (("1", "200", "19"),), "net_amount": "200.00", "tax_amount": "38.00", "gross_amount": "238.00"}
LESS = {
    "items": (("1", "200", "19"), ("-1", "99", "19")),
    "net_amount": "101.00",
    "tax_amount": "19.19",
    "gross_amount": "120.19",
}
EXACT = {"items": (("1", "200", "19"), ("-1", "100", "19"))}


def plain(**columns: Any) -> Plant:
    """An invoice to a German company of its own."""
    return lambda scene: scene.billing.usual_invoice(**columns)


def to(company: dict[str, Any], **columns: Any) -> Plant:
    """An invoice to a company with these columns."""

    async def plant(scene: Scene) -> UUID:
        return await scene.billing.invoice(await scene.billing.deal(await scene.billing.company(**company)), **columns)

    return plant


def law(rule: int, land: str, rate: int = 0, *, person: bool = False, vat_id: str | None = None) -> Plant:
    """100 EUR under a tax rule, to somebody in a country."""
    figures = {"tax_amount": f"{rate}.00", "gross_amount": f"{100 + rate}.00"}
    columns = {"items": (("4", "25", str(rate)),), "tax_rule": rule} | figures
    if not person:
        return to({"country_code": land, "vat_id": vat_id}, **columns)

    async def plant(scene: Scene) -> UUID:
        party = await scene.billing.person(country_code=land)
        return await scene.billing.invoice(await scene.billing.deal(), contact_id=party, **columns)

    return plant


def spoilt(column: str, value: str) -> Plant:
    """An invoice with what no constraint of the reference tables lets pass."""

    async def plant(scene: Scene) -> UUID:
        return await scene.spoilt(await scene.billing.usual_invoice(), column, value)

    return plant


def final(**columns: Any) -> Plant:
    """A final invoice whose deal has an advance over 100 EUR, approved with it."""

    async def plant(scene: Scene) -> UUID:
        deal = await scene.billing.deal(await scene.billing.company())
        await scene.billing.invoice(deal)
        return await scene.billing.invoice(deal, document_kind="SR", **columns)

    return plant


async def nobody(scene: Scene) -> UUID:
    return await scene.billing.invoice(await scene.billing.deal())


async def neither_deal_nor_contact(scene: Scene) -> UUID:
    return await scene.billing.invoice()


async def company_that_is_gone(scene: Scene) -> UUID:
    return await scene.billing.invoice(await scene.billing.deal(uuid4()))


async def two_of_the_deal(scene: Scene) -> UUID:
    deal = await scene.billing.deal(await scene.billing.company())
    await scene.billing.associate(deal, "company", await scene.billing.company(), "primary")
    return await scene.billing.invoice(deal)


async def two_of_the_invoice(scene: Scene) -> UUID:
    invoice = await scene.billing.usual_invoice()
    for _ in range(2):
        company = await scene.billing.company()
        await scene.billing.associate(invoice, "company", company, "invoice_recipient", of="invoice")
    return invoice


async def nameless_position(scene: Scene) -> UUID:
    invoice = await scene.billing.usual_invoice()
    await scene.billing.db.execute("UPDATE billing_invoice_items SET name = ' ' WHERE invoice_id = $1", invoice)
    return invoice


async def strange_kind(scene: Scene) -> UUID:
    await scene.billing.db.execute(
        "ALTER TABLE billing_invoices DROP CONSTRAINT IF EXISTS billing_invoices_document_kind_check"
    )
    return await scene.spoilt(await scene.billing.usual_invoice(), "document_kind", "'XX'")


async def contact_person_who_left(scene: Scene) -> UUID:
    """The one of all deals of this type."""
    await scene.billing.db.execute("UPDATE sevdesk_config SET contact_person_kop = '77'")
    deal = await scene.billing.deal(await scene.billing.company(), deal_type="KOP")
    return await scene.billing.invoice(deal)


async def layout_that_is_gone(scene: Scene) -> UUID:
    row = {"name": f"Layout {uuid4().hex[:6]}", "sevdesk_template_id": "aaaaaaaaaaaaaaaaaaaaaaaa"}
    layout = await scene.billing._insert("billing_document_templates", row)
    return await scene.billing.usual_invoice(document_template_id=layout)


async def advance_after_final(scene: Scene) -> UUID:
    """Needs a worker, for the final invoice is published."""
    deal = await scene.billing.deal(await scene.billing.company())
    published = await scene.billing.invoice(deal, document_kind="SR")
    assert (await scene.billing.do("publish_invoice", invoice_id=published))["state"] == "done"
    return await scene.billing.invoice(deal)


# Each with the code of the problem that it must have.
PLANTED: tuple[tuple[str, Plant], ...] = (
    # recipients
    ("recipient_none", neither_deal_nor_contact),
    ("recipient_not_named", nobody),
    ("recipient_row_missing", company_that_is_gone),
    ("recipient_ambiguous", two_of_the_deal),
    ("recipient_ambiguous", two_of_the_invoice),
    ("recipient_address_incomplete", to({"street": None, "city": " "})),
    ("recipient_email_invalid", to({"email": "nicht eine adresse"})),
    ("e_invoice_missing_email", to({"email": None}, is_e_invoice=True)),
    ("country_unknown", law(17, "QQ")),
    # units
    ("unit_unknown", plain(unit="Fass")),
    # cents
    ("sums_differ", plain(gross_amount="120.00")),
    ("sums_differ", plain(net_amount="99.99")),
    ("positions_missing", plain(**NOTHING)),
    ("currency_invalid", plain(currency="Euro")),
    ("position_figure_invalid", plain(items=(("1", "NaN", "19"),))),
    ("position_name_missing", nameless_position),
    ("position_quantity_zero", plain(items=(("4", "25", "19"), ("0", "25", "19")))),
    ("position_price_decimals", plain(items=(("4", "25.00001", "19"),))),
    ("position_quantity_decimals", plain(items=(("0.00001", "25", "19"),))),
    ("totals_invalid", plain(net_amount="NaN", gross_amount="Infinity")),
    ("e_invoice_rounding", plain(is_e_invoice=True, **TINY)),
    ("total_negative", plain(**NEGATIVE)),
    # law
    ("tax_rule_unknown", plain(tax_rule=99)),
    ("tax_rate_not_allowed", plain(tax_rule=5)),
    ("oss_not_e_invoice", plain(tax_rule=19, is_e_invoice=True)),
    ("vat_id_missing", law(21, "AT")),
    ("vat_id_of_wrong_country", law(3, "AT", vat_id="DE136695976")),
    ("vat_id_invalid", law(3, "AT", vat_id=BAD_ID)),
    ("vat_id_elsewhere", law(3, "AT", vat_id=FR_ID)),
    ("reverse_charge_to_person", law(5, "DE", person=True)),
    ("export_within_eu", law(2, "AT")),
    ("untaxed_to_germany", law(17, "DE")),
    ("untaxed_within_eu", law(17, "AT")),
    ("german_tax_abroad", law(1, "CH", 19)),
    ("tax_on_exempt_supply", law(3, "AT", 19, vat_id=AT_ID)),
    ("zero_rate_without_reason", law(1, "DE")),
    ("small_business_shows_tax", law(11, "DE", 19)),
    ("oss_to_company", law(18, "AT", 20)),
    ("oss_outside_eu", law(19, "CH", 8, person=True)),
    ("oss_rate_wrong", law(18, "AT", 19, person=True)),
    ("oss_rate_reduced", law(20, "AT", 10, person=True)),
    # dates and terms
    ("date_out_of_range", spoilt("issue_date", "'infinity'")),
    ("service_date_missing", plain(document_kind="SR", service_from=None)),
    ("service_dates_reversed", plain(service_from=TODAY, service_to=TODAY - timedelta(days=1))),
    ("issue_date_in_future", plain(issue_date=TODAY + timedelta(days=2))),
    ("issue_date_too_old", plain(issue_date=TODAY - timedelta(days=92))),
    ("payment_term_invalid", plain(payment_term_days=366)),
    ("skonto_invalid", plain(skonto_percent=Decimal(2), skonto_days=15)),
    ("contact_person_not_listed", contact_person_who_left),
    # e-invoices
    ("e_invoice_required", plain(**LARGE)),
    ("e_invoice_rule_broken", to({}, is_e_invoice=True, tax_rule=5, **UNTAXED)),
    ("leitweg_id_invalid", to({"buyer_reference": WRONG_LEITWEG_ID}, is_e_invoice=True)),
    ("buyer_reference_missing", to({"name": "Stadt Musterhausen"}, is_e_invoice=True)),
    # templates
    ("template_refused", layout_that_is_gone),
    # advances
    ("advances_not_deducted", final(**ALL)),
    ("advances_differ", final(**LESS)),
    ("e_invoice_deducts_advances", final(is_e_invoice=True, **EXACT)),
    ("advance_after_final", advance_after_final),
    # what the columns say of the invoice as a whole
    ("invoice_value_unknown", strange_kind),
    ("invoice_not_approved", spoilt("claim_status", "'cancelled'")),
)
