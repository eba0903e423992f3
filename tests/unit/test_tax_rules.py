"""The tax rule against the recipient: each row of the matrix names the paragraph of the UStG that it comes from."""

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import duty27_eu_vat
import eu_vat_rates_data
import pytest

from worker.domain import eu_vat
from worker.domain.check_levels import DEFAULTS, Level
from worker.domain.invoice import Invoice, Item, Party, PartyKind
from worker.domain.money import first_problem
from worker.domain.problems import CATALOGUE, tax_rules
from worker.domain.tax_rules import findings, shown_tax, supply_day, tax_text

COMPANY, PERSON = PartyKind.COMPANY, PartyKind.CONTACT
AT_ID, DE_ID, FR_ID, EL_ID, XI_ID = "ATU12345675", "DE136695976", "FR40303265045", "EL123456783", "XI980780684"
BAD_ID = "ATU12345678"  # wrong check digit
FINE: tuple[str, ...] = ()
DAY = date(2026, 10, 15)


@dataclass(frozen=True)
class Row:
    """An invoice over one position at `rate` per cent, to a recipient; and the codes of what is `found`."""

    rule: int
    country: str
    kind: PartyKind
    vat_id: str | None
    rate: str
    found: tuple[str, ...]
    paragraph: str


MATRIX = [
    # Rule 1: German tax.
    Row(1, "DE", COMPANY, None, "19", FINE, "§ 1 Abs. 1 Nr. 1, § 12 Abs. 1"),
    Row(1, "DE", COMPANY, DE_ID, "7", FINE, "§ 12 Abs. 2"),
    Row(1, "DE", PERSON, None, "19", FINE, "§ 12 Abs. 1"),
    Row(1, "DE", PERSON, None, "0", ("zero_rate_without_reason",), "§ 14 Abs. 4 Satz 1 Nr. 8, § 12 Abs. 3"),
    Row(1, "AT", PERSON, None, "19", FINE, "§ 3a Abs. 1, Abs. 5 Satz 3, § 3c Abs. 4"),
    Row(1, "CH", PERSON, None, "19", FINE, "§ 3a Abs. 1"),
    Row(1, "AT", COMPANY, AT_ID, "19", ("german_tax_abroad",), "§ 3a Abs. 2, § 14c Abs. 1"),
    Row(1, "AT", COMPANY, None, "19", ("german_tax_abroad",), "§ 3a Abs. 2, § 14c Abs. 1"),
    Row(1, "CH", COMPANY, None, "19", ("german_tax_abroad",), "§ 3a Abs. 2, § 4 Nr. 1 Buchst. a"),
    Row(1, "AT", COMPANY, AT_ID, "0", ("zero_rate_without_reason",), "§ 14 Abs. 4 Satz 1 Nr. 8"),
    # Rule 2: export.
    Row(2, "CH", COMPANY, None, "0", FINE, "§ 6 Abs. 1"),
    Row(2, "US", PERSON, None, "0", FINE, "§ 6 Abs. 1"),
    Row(2, "GB", COMPANY, None, "0", FINE, "§ 6 Abs. 1, § 1 Abs. 2a"),
    Row(2, "AT", COMPANY, AT_ID, "0", ("export_within_eu",), "§ 6 Abs. 1, § 1 Abs. 2a"),
    Row(2, "AT", PERSON, None, "0", ("export_within_eu",), "§ 6 Abs. 1, § 1 Abs. 2a"),
    Row(2, "DE", COMPANY, None, "0", ("export_within_eu",), "§ 6 Abs. 1"),
    Row(2, "MC", COMPANY, None, "0", ("export_within_eu",), "§ 1 Abs. 2a (Monaco)"),
    # Rule 3: intra-EU supply.
    Row(3, "AT", COMPANY, AT_ID, "0", FINE, "§ 6a Abs. 1 Satz 1 Nr. 4, § 14a Abs. 3"),
    Row(3, "AT", COMPANY, "atu 1234 5675", "0", FINE, "§ 14a Abs. 3"),
    Row(3, "GR", COMPANY, EL_ID, "0", FINE, "§ 6a Abs. 1 Satz 1 Nr. 4"),
    Row(3, "MC", COMPANY, FR_ID, "0", FINE, "§ 1 Abs. 2a (Monaco)"),
    Row(3, "GB", COMPANY, XI_ID, "0", FINE, "§ 6a Abs. 1 Satz 1 Nr. 4 (Northern Ireland)"),
    Row(3, "AT", COMPANY, None, "0", ("vat_id_missing",), "§ 6a Abs. 1 Satz 1 Nr. 4"),
    Row(3, "AT", COMPANY, "  ", "0", ("vat_id_missing",), "§ 6a Abs. 1 Satz 1 Nr. 4"),
    Row(3, "AT", PERSON, None, "0", ("vat_id_missing",), "§ 6a Abs. 1 Satz 1 Nr. 2 and 4"),
    Row(3, "DE", COMPANY, None, "0", ("vat_id_missing",), "§ 6a Abs. 1 Satz 1 Nr. 4"),
    Row(3, "DE", COMPANY, DE_ID, "0", ("vat_id_of_wrong_country",), "§ 6a Abs. 1 Satz 1 Nr. 4"),
    Row(3, "AT", COMPANY, DE_ID, "0", ("vat_id_of_wrong_country",), "§ 6a Abs. 1 Satz 1 Nr. 4"),
    Row(3, "CH", COMPANY, "CHE116281710MWST", "0", ("vat_id_of_wrong_country",), "§ 6a Abs. 1 Satz 1 Nr. 4"),
    Row(3, "GR", COMPANY, "GR123456783", "0", ("vat_id_of_wrong_country",), "§ 6a Abs. 1 Satz 1 Nr. 4"),
    Row(3, "AT", COMPANY, "EU826010755", "0", ("vat_id_of_wrong_country",), "§ 6a Abs. 1 Satz 1 Nr. 4, § 18i"),
    Row(3, "AT", COMPANY, BAD_ID, "0", ("vat_id_invalid",), "§ 6a Abs. 1 Satz 1 Nr. 4, § 18e"),
    Row(3, "AT", COMPANY, "U12345675", "0", ("vat_id_invalid",), "§ 18e"),
    Row(3, "AT", COMPANY, "12345675", "0", ("vat_id_invalid",), "§ 18e"),
    Row(3, "AT", COMPANY, FR_ID, "0", ("vat_id_elsewhere",), "§ 6a Abs. 1 Satz 1 Nr. 4"),
    Row(3, "CH", COMPANY, AT_ID, "0", ("vat_id_elsewhere",), "§ 6a Abs. 1 Satz 1 Nr. 4"),
    Row(3, "DE", COMPANY, AT_ID, "0", ("vat_id_elsewhere",), "§ 6a Abs. 1 Satz 1 Nr. 4"),
    Row(3, "AT", COMPANY, AT_ID, "19", ("tax_on_exempt_supply",), "§ 4 Nr. 1 Buchst. b, § 14c Abs. 1"),
    Row(3, "AT", COMPANY, None, "7", ("vat_id_missing", "tax_on_exempt_supply"), "§ 6a Abs. 1 Satz 1 Nr. 4, § 14c"),
    # Rule 4: exempt for other reasons. No paragraph asks for the recipient's country or kind.
    Row(4, "DE", COMPANY, None, "0", FINE, "§ 4 Nr. 8 to 29"),
    Row(4, "AT", PERSON, None, "0", FINE, "§ 4 Nr. 8 to 29"),
    # Rule 5: the recipient owes the tax, inland as well.
    Row(5, "DE", COMPANY, None, "0", FINE, "§ 13b Abs. 2 Nr. 4, Abs. 5"),
    Row(5, "AT", COMPANY, AT_ID, "0", FINE, "§ 13b Abs. 5 Satz 1"),
    Row(5, "DE", PERSON, None, "0", ("reverse_charge_to_person",), "§ 13b Abs. 5"),
    Row(5, "AT", PERSON, None, "0", ("reverse_charge_to_person",), "§ 13b Abs. 5"),
    # Rule 11: small business. Shown tax is stopped by `shown_tax`, see below.
    Row(11, "DE", COMPANY, None, "0", FINE, "§ 19 Abs. 1"),
    Row(11, "DE", PERSON, None, "0", FINE, "§ 19 Abs. 1"),
    # Rule 17: not taxable in Germany.
    Row(17, "CH", COMPANY, None, "0", FINE, "§ 3a Abs. 2"),
    Row(17, "US", PERSON, None, "0", FINE, "§ 3a Abs. 4"),
    Row(17, "DE", COMPANY, None, "0", ("untaxed_to_germany",), "§ 3a Abs. 2"),
    Row(17, "DE", PERSON, None, "0", ("untaxed_to_germany",), "§ 3a Abs. 1"),
    Row(17, "AT", COMPANY, AT_ID, "0", ("untaxed_within_eu",), "§ 3a Abs. 2, § 14a Abs. 1"),
    Row(17, "AT", PERSON, None, "0", ("untaxed_within_eu",), "§ 3a Abs. 1 and 5"),
    # Rules 18 to 20: One Stop Shop.
    *[Row(rule, "AT", PERSON, None, "20", FINE, "§ 3a Abs. 5, § 3c Abs. 1, § 18j") for rule in (18, 19, 20)],
    Row(18, "FI", PERSON, None, "25.5", FINE, "§ 3c Abs. 1"),
    Row(18, "GR", PERSON, None, "24", FINE, "§ 3c Abs. 1"),
    Row(18, "MC", PERSON, None, "20", FINE, "§ 1 Abs. 2a (Monaco), § 3c Abs. 1"),
    Row(18, "AT", PERSON, None, "19", ("oss_rate_wrong",), "§ 3c Abs. 1"),
    Row(18, "AT", PERSON, None, "7", ("oss_rate_wrong",), "§ 3c Abs. 1"),
    Row(18, "FR", PERSON, None, "19", ("oss_rate_wrong",), "§ 3c Abs. 1"),
    Row(18, "DK", PERSON, None, "0", ("oss_rate_wrong",), "§ 3c Abs. 1"),
    Row(18, "AT", PERSON, None, "10", ("oss_rate_reduced",), "§ 3c Abs. 1"),
    Row(18, "DE", PERSON, None, "19", ("oss_outside_eu",), "§ 18j Abs. 1"),
    Row(19, "CH", PERSON, None, "8.1", ("oss_outside_eu",), "§ 3a Abs. 5 Satz 1, § 18j"),
    Row(19, "GB", PERSON, None, "20", ("oss_outside_eu",), "§ 3a Abs. 5 Satz 1, § 18j"),
    Row(18, "AT", COMPANY, None, "20", ("oss_to_company",), "§ 3a Abs. 5 Satz 1 Nr. 1, § 3c Abs. 1"),
    Row(20, "AT", COMPANY, AT_ID, "20", ("oss_to_company",), "§ 3a Abs. 2"),
    Row(20, "CH", COMPANY, None, "20", ("oss_to_company", "oss_outside_eu"), "§ 18j"),
    Row(20, "FR", COMPANY, FR_ID, "19", ("oss_to_company", "oss_rate_wrong"), "§ 3a Abs. 2"),
    # Rule 21: services to businesses in other member states.
    Row(21, "AT", COMPANY, AT_ID, "0", FINE, "§ 3a Abs. 2, § 14a Abs. 1"),
    Row(21, "AT", COMPANY, None, "0", ("vat_id_missing",), "§ 14a Abs. 1 Satz 3"),
    Row(21, "AT", PERSON, None, "0", ("vat_id_missing",), "§ 3a Abs. 2, § 14a Abs. 1 Satz 3"),
    Row(21, "DE", COMPANY, DE_ID, "0", ("vat_id_of_wrong_country",), "§ 3a Abs. 2"),
    Row(21, "CH", COMPANY, None, "0", ("vat_id_missing",), "§ 14a Abs. 1 Satz 3"),
    Row(21, "AT", COMPANY, BAD_ID, "0", ("vat_id_invalid",), "§ 14a Abs. 1 Satz 3, § 18e"),
    Row(21, "GB", COMPANY, XI_ID, "0", ("vat_id_of_wrong_country",), "§ 3a Abs. 2 (Northern Ireland: goods only)"),
    Row(21, "FR", COMPANY, AT_ID, "0", ("vat_id_elsewhere",), "§ 3a Abs. 2"),
]

# Where the law leaves no choice the job is parked; all others only warn.
CODES = {entry.code for entry in tax_rules.ENTRIES} & DEFAULTS.keys()
PARKED = {
    "vat_id_missing", "vat_id_of_wrong_country", "vat_id_invalid", "oss_to_company", "oss_outside_eu", "oss_rate_wrong",
}  # fmt: skip


def invoice(rule: int, *rates: str, **columns: Any) -> Invoice:
    """With one position per rate, over 100 net each."""
    items = tuple(
        Item(n, "Leistung", None, Decimal(1), None, Decimal(100), Decimal(rate)) for n, rate in enumerate(rates, 1)
    )
    tax = sum((item.tax_rate for item in items), Decimal(0))
    net = Decimal(100 * len(items))
    given: dict[str, Any] = {
        "id": UUID(int=1), "number": "R-1", "document_kind": "SR", "deal_id": None, "deal_type": "EB",
        "contact_id": None, "currency": "EUR", "net_amount": net, "tax_amount": tax, "gross_amount": net + tax,
        "tax_rule": rule, "issue_date": DAY, "service_from": None, "service_to": None, "payment_term_days": 14,
        "head_text": None, "foot_text": None, "is_e_invoice": False, "items": items,
    }  # fmt: skip
    return Invoice(**given | columns)


def party(kind: PartyKind = COMPANY, country: str = "AT", vat_id: str | None = None) -> Party:
    return Party(kind, UUID(int=2), "Käufer", None, None, "Gasse 1", "1010", "Wien", country, vat_id)


def codes(document: Invoice, recipient: Party) -> tuple[str, ...]:
    return tuple(finding.code for finding in findings(document, recipient))


@pytest.mark.parametrize("row", MATRIX, ids=lambda row: f"{row.rule}-{row.country}-{row.kind}-{row.vat_id}-{row.rate}")
def test_verdict_is_the_laws(row: Row) -> None:
    """Rule, country, kind of party, VAT id and rate give the verdict of the paragraph; sevDesk itself lets all pass."""
    document = invoice(row.rule, row.rate)
    assert codes(document, party(row.kind, row.country, row.vat_id)) == row.found, row.paragraph
    assert row.paragraph.startswith("§")
    assert first_problem(document, "RE") is None and shown_tax(document) is None


def test_matrix_knows_every_check() -> None:
    """Every rule that sevDesk has for revenue, and every code of these checks, is in the matrix."""
    assert {row.rule for row in MATRIX} == {1, 2, 3, 4, 5, 11, 17, 18, 19, 20, 21}
    assert {code for row in MATRIX for code in row.found} == CODES


def test_law_without_choice_parks() -> None:
    """By default; what depends on facts that only people know is a warning."""
    levels = {code: DEFAULTS[code] for row in MATRIX for code in row.found}
    assert {code for code, level in levels.items() if level is Level.PARK} == PARKED
    assert {level for code, level in levels.items() if code not in PARKED} == {Level.WARN}


@pytest.mark.parametrize("rate", ["7", "19"])
def test_small_business_shows_no_tax(rate: str) -> None:
    """§ 19 Abs. 1, § 14c UStG: stopped, whatever the check levels are; the position at fault is named."""
    found = shown_tax(invoice(11, "0", rate))
    assert found is not None and found.code == "small_business_shows_tax"
    assert found.parameters == {"position": "2", "rate": f"{rate}%"}
    assert shown_tax(invoice(1, rate)) is None


@pytest.mark.parametrize(
    "named",
    [{"head_text": "Nullsteuersatz nach § 12 Abs. 3 UStG."}, {"foot_text": "Steuerfrei, §4 Nr. 21 UStG"}],
)
def test_named_paragraph_is_a_reason(named: dict[str, str]) -> None:
    """§ 14 Abs. 4 Satz 1 Nr. 8 UStG: the text may stand above, below, or at the position."""
    assert codes(invoice(1, "0", **named), party(country="DE")) == ()
    assert codes(invoice(1, "19", "0"), party(country="DE")) == ("zero_rate_without_reason",)


def test_position_may_give_the_reason() -> None:
    """Each position without tax needs its own, where the invoice's texts give none."""
    first, second = invoice(1, "0", "0").items
    explained = replace(first, description="Nullsteuersatz (§ 12 Abs. 3 UStG)")
    assert codes(invoice(1, items=(explained,)), party(country="DE")) == ()
    [finding] = findings(invoice(1, items=(explained, second)), party(country="DE"))
    assert finding.about["position"] == 2


@pytest.mark.parametrize(
    ("country", "day", "rate", "other"),
    [
        # The last day of a rate, and the first one of the next.
        ("EE", date(2025, 6, 30), "22", "24"), ("EE", date(2025, 7, 1), "24", "22"),
        ("RO", date(2025, 7, 31), "19", "21"), ("RO", date(2025, 8, 1), "21", "19"),
        ("SK", date(2024, 12, 31), "20", "23"), ("SK", date(2025, 1, 1), "23", "20"),
        ("FI", date(2024, 8, 31), "24", "25.5"), ("FI", date(2024, 9, 1), "25.5", "24"),
    ],
)  # fmt: skip
def test_rate_is_that_of_the_day(country: str, day: date, rate: str, other: str) -> None:
    """§ 27 Abs. 1 UStG: the day of the supply decides, not that of the invoice."""
    assert codes(invoice(18, rate, service_to=day), party(PERSON, country)) == ()
    [finding] = findings(invoice(18, other, service_to=day), party(PERSON, country))
    assert finding.code == "oss_rate_wrong"
    assert (finding.about["standard"], finding.about["day"]) == (f"{rate}%", day)


def test_supply_day_has_its_order() -> None:
    """The end of the service, else its day, else the invoice's."""
    one, two = date(2026, 9, 1), date(2026, 9, 30)
    assert supply_day(invoice(18, "20", service_from=one, service_to=two)) == two
    assert supply_day(invoice(18, "20", service_from=one)) == one
    assert supply_day(invoice(18, "20")) == DAY


@pytest.mark.parametrize(
    ("rule", "vat_id", "text"),
    [
        (3, "atu 1234-5675", "Steuerfreie innergemeinschaftliche Lieferung (§ 4 Nr. 1b UStG); USt-IdNr. des Kunden: "
            "ATU12345675"),
        (21, AT_ID, "Steuerschuldnerschaft des Leistungsempfängers (§ 18b UStG); USt-IdNr. des Kunden: ATU12345675"),
        # § 14a Abs. 5 UStG wants the notice alone.
        (5, AT_ID, "Steuerschuldnerschaft des Leistungsempfängers (§ 13b UStG)"),
        (2, AT_ID, "Steuerfreie Ausfuhrlieferung (§ 4 Nr. 1a UStG)"),
    ],
)  # fmt: skip
def test_vat_id_stands_on_the_document(rule: int, vat_id: str, text: str) -> None:
    """§ 14a Abs. 1 Satz 3 and Abs. 3 Satz 2 UStG: under rules 3 and 21, behind the notice, which stays German."""
    assert tax_text(invoice(rule, "0"), vat_id) == text


def test_both_sources_of_rates_agree() -> None:
    """The two packages have the same standard rates today: one that is no longer kept would be noticed here."""
    known = date.fromisoformat(eu_vat_rates_data.data_version)
    for country in duty27_eu_vat.list_countries():
        today = eu_vat_rates_data.get_standard_rate({"EL": "GR"}.get(country.code, country.code))
        assert eu_vat.standard_rate(country.code, known) == Decimal(str(today)), country.code


@pytest.mark.parametrize("code", sorted(CODES))
def test_message_names_its_paragraph(code: str) -> None:
    """In both languages; the paragraph of VAT ids comes with the rule."""
    for sentence in CATALOGUE[code].cause.values():
        assert "§" in sentence or "{paragraph}" in sentence


@pytest.mark.parametrize(
    ("country", "zip_code"),
    [
        ("DE", "27498"), ("DE", "78266"), ("ES", "35001"), ("ES", "38 400"), ("ES", "51001"), ("ES", "52001"),
        ("FI", "22100"), ("FR", "97110"), ("FR", "97200"), ("FR", "97300"), ("FR", "97400"), ("FR", "97600"),
        ("GR", "630 86"), ("IT", "22061"), ("IT", "23041"), ("FI", "AX-22 100"), ("DE", "D-78266"),
    ],
)  # fmt: skip
def test_some_territories_lie_outside(country: str, zip_code: str) -> None:
    """Article 6 of Directive 2006/112/EC, § 1 Abs. 2 UStG: no One Stop Shop goes there, and an export does."""
    there, near = (replace(party(PERSON, country), zip=each) for each in (zip_code, "10115"))
    assert codes(invoice(18, "20"), there) == ("oss_outside_eu",) and codes(invoice(2, "0"), there) == ()
    assert ("oss_outside_eu" in codes(invoice(18, "20"), near)) is (country == "DE")
    assert codes(invoice(2, "0"), near) == ("export_within_eu",)
