"""Whether an invoice's tax rule fits its recipient: what the VAT law (UStG) says about what we know of both. Pure.

sevDesk refuses rates that a rule does not allow (`wrong_rate`), but does not look at who the recipient is;
only the rates of One Stop Shop depend on the country (official). What the law decides parks; what depends on facts that
we do not know, such as where a service was done, warns (`check_levels`).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from worker.domain import eu_vat
from worker.domain.eu_vat import GERMANY
from worker.domain.invoice import Invoice, Item, Party, PartyKind
from worker.domain.problems import Problem, problem

INTRA_EU_SUPPLY, SMALL_BUSINESS, REVERSE_CHARGE_EU = 3, 11, 21

_ZERO = frozenset({Decimal(0)})
_GERMAN = frozenset({Decimal(0), Decimal(7), Decimal(19)})

# Tax rule -> rates its positions may carry (official, "sevdesk-Update 2.0 / Tax Rules").
_RATES = {1: _GERMAN, 2: _ZERO, 3: _GERMAN, 4: _ZERO, 5: _ZERO, 11: _ZERO, 17: _ZERO, 21: _ZERO}

# One Stop Shop: the rate is the one of the customer's country (official), which `oss_rate_wrong` compares.
_ONE_STOP_SHOP = frozenset({18, 19, 20})

# What the law wants on an invoice where no German tax is shown (sections 14, 14a UStG; 34a UStDV for small businesses).
_NOTICES = {
    2: "Steuerfreie Ausfuhrlieferung (§ 4 Nr. 1a UStG)",
    3: "Steuerfreie innergemeinschaftliche Lieferung (§ 4 Nr. 1b UStG)",
    4: "Steuerfreier Umsatz (§ 4 UStG)",
    5: "Steuerschuldnerschaft des Leistungsempfängers (§ 13b UStG)",
    11: "Steuerbefreiung für Kleinunternehmer (§ 19 UStG)",
    17: "Nicht im Inland steuerbare Leistung",
    21: "Steuerschuldnerschaft des Leistungsempfängers (§ 18b UStG)",
}
# Rules under which the customer's VAT id must stand on the invoice -> where the law says so.
NEEDS_VAT_ID = {
    3: "§ 6a Abs. 1 Satz 1 Nr. 4, § 14a Abs. 3 UStG",
    21: "§ 3a Abs. 2, § 14a Abs. 1 UStG",
}


class TaxRuleFinding(NamedTuple):
    """The code of a problem, and those of its parameters that are not columns of invoice and recipient."""

    code: str
    about: Mapping[str, object] = {}


class _Case(NamedTuple):
    """An invoice and its recipient. `state`: the member state of the recipient's address, None outside the Union."""

    invoice: Invoice
    party: Party
    state: str | None

    @property
    def is_company(self) -> bool:
        return self.party.kind is PartyKind.COMPANY

    @property
    def taxed(self) -> list[Item]:
        return [item for item in self.invoice.items if item.tax_rate > 0]


def findings(invoice: Invoice, party: Party) -> list[TaxRuleFinding]:
    """Everything that speaks against the tax rule, each code once."""
    outside = eu_vat.territory_outside(party.country_code, party.zip)
    case = _Case(invoice, party, None if outside else eu_vat.member_state(party.country_code))
    return [finding for check in _CHECKS.get(invoice.tax_rule, ()) for finding in check(case)]


def shown_tax(invoice: Invoice) -> Problem | None:
    """§ 19 Abs. 1, § 14c UStG: a small business shows no tax, and owes what it shows."""
    taxed = [item for item in invoice.items if invoice.tax_rule == SMALL_BUSINESS and item.tax_rate > 0]
    return problem("small_business_shows_tax", **_position(taxed[0])) if taxed else None


def wrong_rule(invoice: Invoice) -> Problem | None:
    """Official: the list of revenue rules; One Stop Shop rules cannot be e-invoices."""
    rule = invoice.tax_rule
    if rule not in _RATES and rule not in _ONE_STOP_SHOP:
        known = ", ".join(str(rule) for rule in sorted({*_RATES, *_ONE_STOP_SHOP}))
        return problem("tax_rule_unknown", tax_rule=rule, known=known)
    if rule in _ONE_STOP_SHOP and invoice.is_e_invoice:
        return problem("oss_not_e_invoice", tax_rule=rule)
    return None


def wrong_rate(invoice: Invoice) -> Problem | None:
    """Official: 422 on a rate that the rule does not allow; measured too as code 7100 at `sendBy` (two reports)."""
    allowed, highest = _RATES.get(invoice.tax_rule), eu_vat.highest_rate(invoice.issue_date)
    for item in invoice.items:
        fits = 0 <= item.tax_rate <= highest if allowed is None else item.tax_rate in allowed
        if not fits:
            return problem(
                "tax_rate_not_allowed",
                position=item.position,
                rate=percent(item.tax_rate),
                tax_rule=invoice.tax_rule,
                allowed=f"0% - {percent(highest)}" if allowed is None else " / ".join(map(percent, sorted(allowed))),
            )
    return None


def tax_text(invoice: Invoice, vat_id: str | None = None) -> str:
    """sevDesk's `taxText`, in German: the tax rates, or the notice that the law requires where no tax is shown.

    Both, if the rule allows rates with and without tax (intra-EU delivery) and both occur. The customer's VAT id
    follows the notice where the law wants it on the invoice.
    """
    rates = sorted({item.tax_rate for item in invoice.items})
    notice = _NOTICES.get(invoice.tax_rule)
    if notice is None:
        scheme = " (One-Stop-Shop)" if invoice.tax_rule in _ONE_STOP_SHOP else ""
        return f"Umsatzsteuer {_listed(rates)}{scheme}"
    if vat_id and invoice.tax_rule in NEEDS_VAT_ID:
        notice += f"; USt-IdNr. des Kunden: {eu_vat.vat_id_text(vat_id)}"
    taxed = [rate for rate in rates if rate]
    if not taxed:
        return notice
    exempt = f"; 0%: {notice}" if len(taxed) < len(rates) else ""
    return f"Umsatzsteuer {_listed(taxed)}{exempt}"


def percent(rate: Decimal) -> str:
    """As problems have it: 25.5%, of which their German sentences make 25,5%."""
    return f"{rate.normalize():f}%"


def german_percent(rate: Decimal) -> str:
    """For a document: 25,5%."""
    return percent(rate).replace(".", ",")


def _listed(rates: list[Decimal]) -> str:
    *most, final = [german_percent(rate) for rate in rates] or ["0%"]
    return f"{', '.join(most)} und {final}" if most else final


def supply_day(invoice: Invoice) -> date:
    """The day whose rates hold (§ 27 Abs. 1 UStG): the end of the service, else its day, else the invoice's."""
    return invoice.service_to or invoice.service_from or invoice.issue_date


def _position(item: Item) -> dict[str, object]:
    return {"position": item.position, "rate": percent(item.tax_rate)}


def _zero_rate(case: _Case) -> Iterator[TaxRuleFinding]:
    """§ 14 Abs. 4 Satz 1 Nr. 8 UStG: the invoice names an exemption. § 12 Abs. 3 UStG is a rate of zero."""
    texts = (case.invoice.head_text, case.invoice.foot_text)
    for item in case.invoice.items:
        if item.tax_rate == 0 and not _name_a_paragraph(item.name, item.description, *texts):
            yield TaxRuleFinding("zero_rate_without_reason", _position(item))
            return


def _name_a_paragraph(*texts: str | None) -> bool:
    return any(re.search(r"§\s*\d", text or "") for text in texts)


def _german_tax_abroad(case: _Case) -> Iterator[TaxRuleFinding]:
    """§ 3a Abs. 2 UStG: services to businesses are taxed where these are; § 4 Nr. 1 UStG: goods sent abroad are exempt.

    Work on land and goods that the customer collects are exceptions.
    """
    if case.taxed and case.is_company and case.state != GERMANY:
        yield TaxRuleFinding("german_tax_abroad")


def _export(case: _Case) -> Iterator[TaxRuleFinding]:
    """§ 6 Abs. 1 UStG: an export leaves the Union. Its goods may go elsewhere than the invoice."""
    if case.state is not None:
        yield TaxRuleFinding("export_within_eu")


def _vat_id(case: _Case) -> Iterator[TaxRuleFinding]:
    """§ 6a Abs. 1 Satz 1 Nr. 4, § 14a Abs. 1 and 3 UStG: a valid VAT id of another member state."""
    written, goods = (case.party.vat_id or "").strip(), case.invoice.tax_rule == INTRA_EU_SUPPLY
    prefix = eu_vat.vat_id_prefix(written)
    about = {"paragraph": NEEDS_VAT_ID[case.invoice.tax_rule], "prefix": prefix}
    if not written:
        yield TaxRuleFinding("vat_id_missing", about)
    elif prefix == GERMANY or (prefix and not eu_vat.gives_vat_ids(prefix, for_goods=goods)):
        yield TaxRuleFinding("vat_id_of_wrong_country", about)
    elif not eu_vat.is_valid_vat_id(written):
        yield TaxRuleFinding("vat_id_invalid", about)
    elif prefix not in (case.state, eu_vat.NORTHERN_IRELAND):
        # No paragraph compares it with the address: a company may be registered where it does not sit.
        yield TaxRuleFinding("vat_id_elsewhere", about)


def _tax_on_exempt_supply(case: _Case) -> Iterator[TaxRuleFinding]:
    """§ 4 Nr. 1 Buchst. b, § 14c Abs. 1 UStG: the delivery is exempt, and tax that is shown all the same is owed.

    sevDesk allows German rates under the rule (official), so that one invoice may also hold a taxed service.
    """
    if case.taxed:
        yield TaxRuleFinding("tax_on_exempt_supply", _position(case.taxed[0]))


def _reverse_charge_to_person(case: _Case) -> Iterator[TaxRuleFinding]:
    """§ 13b Abs. 5 UStG: only a business owes the tax, and a person may be one."""
    if not case.is_company:
        yield TaxRuleFinding("reverse_charge_to_person")


def _not_taxable(case: _Case) -> Iterator[TaxRuleFinding]:
    """§ 3a Abs. 1 and 2 UStG say where a service is taxed; Abs. 3 to 8 have exceptions, such as land abroad."""
    if case.state is not None:
        yield TaxRuleFinding("untaxed_to_germany" if case.state == GERMANY else "untaxed_within_eu")


def _one_stop_shop(case: _Case) -> Iterator[TaxRuleFinding]:
    """§ 3a Abs. 5, § 3c, § 18j UStG: to consumers in another member state, at its rate on the day of the supply."""
    if case.is_company:
        yield TaxRuleFinding("oss_to_company")
    if case.state in (None, GERMANY):
        yield TaxRuleFinding("oss_outside_eu")
    else:
        yield from _wrong_rates(case, case.state)


def _wrong_rates(case: _Case, state: str) -> Iterator[TaxRuleFinding]:
    day = supply_day(case.invoice)
    standard, reduced = eu_vat.standard_rate(state, day), eu_vat.reduced_rates(state)
    about = {"day": day, "standard": percent(standard), "as_of": eu_vat.RATES_AS_OF}
    first: dict[str, Item] = {}
    for item in case.invoice.items:
        if item.tax_rate != standard:
            first.setdefault("oss_rate_reduced" if item.tax_rate in reduced else "oss_rate_wrong", item)
    for code, item in first.items():
        yield TaxRuleFinding(code, {**about, **_position(item)})


_CHECKS: Mapping[int, tuple[Callable[[_Case], Iterator[TaxRuleFinding]], ...]] = {
    1: (_zero_rate, _german_tax_abroad),
    2: (_export,),
    INTRA_EU_SUPPLY: (_vat_id, _tax_on_exempt_supply),
    5: (_reverse_charge_to_person,),
    17: (_not_taxable,),
    **dict.fromkeys((18, 19, 20), (_one_stop_shop,)),
    REVERSE_CHARGE_EU: (_vat_id,),
}
