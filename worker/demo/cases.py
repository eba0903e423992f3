"""Customers and positions for the demo's billing month. All names, addresses and numbers are invented.

The collected cases are everything that has ever cost somebody a cent or a contact, each with its reason beside it; the
ordinary ones, for benchmarks, are everyday business by the hundred.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from random import Random


class Ending(StrEnum):
    """How an invoice of the month is meant to end."""

    FULL = "full"
    PARTIAL = "partial"
    LATE = "late"  # nothing has come yet
    REFUSED = "refused"  # never published: sevDesk refuses it for the account, and the job is parked


@dataclass(frozen=True, slots=True)
class Customer:
    """A company, or a person when there is a first name."""

    name: str
    address: str  # street, zip, city, country
    way: str  # how the recipient is found: label, label back, primary, primary back, both, contact
    first_name: str | None = None  # persons only
    vat_id: str | None = None
    buyer_reference: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One invoice: for whom, what for, and how it shall end."""

    customer: str
    deal_type: str
    kind: str
    positions: tuple[str, ...]  # "quantity x net price @ rate name"
    ending: Ending
    tax_rule: int = 1


CUSTOMERS = {
    "dach": Customer("Müller & Söhne Dachbau GmbH", "Färberstraße 12|50667|Köln|DE", "label"),
    "brot": Customer("Bäckerei Süß OHG", "Am Mühlbach 3|97070|Würzburg|DE", "label back"),
    "pumpe": Customer("Nordlicht Wärmepumpen GmbH & Co. KG", "Hafendamm 44|24937|Flensburg|DE", "primary"),
    "wohnen": Customer(
        "Wohnbau Öhringen eG", "Schloßplatz 1|74613|Öhringen|DE", "primary back", buyer_reference="Einkauf 7"
    ),
    "strasse": Customer("Straßenbau Weiß GmbH", "Lößweg 9|01067|Dresden|DE", "both", vat_id="DE999999999"),
    "alpen": Customer("Alpenglühn Handels GmbH", "Stephansgasse 5|1010|Wien|AT", "label", vat_id="ATU99999999"),
    "zuerich": Customer("Zürisee Immobilien AG", "Bahnhofstrasse 100|8001|Zürich|CH", "primary"),
    "joerg": Customer("Größer", "Höhenweg 7a|80331|München|DE", "contact", first_name="Jörg"),
    "kaethe": Customer("Lübben", "Deichstraße 2|26121|Oldenburg|DE", "label", first_name="Anne-Käthe"),
    "thomas": Customer("Meier", "Gartenweg 15|30159|Hannover|DE", "label back", first_name="Thomas"),
    "baerbel": Customer("Schön-Çelik", "Ölbergstraße 31|53639|Königswinter|DE", "contact", first_name="Bärbel"),
    "franz": Customer("Huber", "Salzachkai 8|5020|Salzburg|AT", "label", first_name="Franz"),
}

_FULL, _PARTIAL, _LATE = Ending.FULL, Ending.PARTIAL, Ending.LATE

CASES = (
    # Whole euros, to begin with; the customer comes back below.
    Case("dach", "EB", "AR", ("1 x 10000 @ 19 Photovoltaikanlage, Abschlag",), _FULL),
    # A sum that a live account has shown: 55.00, 10.45, 65.45.
    Case("joerg", "EB", "AR", ("3 x 10 @ 19 Beratung", "1 x 25 @ 19 Paket"), _FULL),
    # Three thirds are 0.999 and become 1.00.
    Case("brot", "EB", "SR", ("3 x 0.333 @ 7 Mohnbrötchen",), _FULL),
    # Four decimals at the reduced rate, as seen live: 380.88.
    Case("kaethe", "KOP", "AR", ("1 x 355.9626 @ 7 Fachbücher",), _PARTIAL),
    # Half an hour; half a cent goes up.
    Case("thomas", "KOP", "SR", ("0.5 x 89.99 @ 19 Anfahrt, halbe Stunde",), _LATE),
    # One cent each: every position's tax is rounded to nothing.
    Case("dach", "KOP", "AR", ("1 x 0.01 @ 19 Schraube",) * 3, _FULL),
    # Three cents each: per position the tax is 3 cents, on the total it would be 2.
    Case("dach", "KOP", "SR", ("1 x 0.03 @ 19 Unterlegscheibe",) * 3, _PARTIAL),
    # Two rates on one invoice.
    Case("wohnen", "EB", "AR", ("12 x 49.95 @ 19 Montage", "7 x 3.49 @ 7 Broschüre"), _FULL),
    # All three rates; a photovoltaic system for a home carries none (section 12 (3) UStG).
    Case(
        "joerg",
        "EB",
        "SR",
        ("1 x 8999.99 @ 0 PV-Anlage", "2 x 119.50 @ 19 Wartung", "1 x 19.90 @ 7 Handbuch"),
        _PARTIAL,
    ),
    # Zero only, still under the ordinary rule.
    Case("baerbel", "EB", "SR", ("9.75 x 1234.5678 @ 0 Montage Balkonkraftwerk",), _LATE),
    # A discount as a negative position, with cents of its own.
    Case("pumpe", "EB", "AR", ("1 x 4.15 @ 19 Dichtung", "1 x -2.08 @ 19 Treuerabatt"), _FULL),
    # A discount that is half a cent: away from zero.
    Case("pumpe", "EB", "SR", ("1 x 100 @ 19 Prüfung", "0.5 x -0.01 @ 19 Rundung"), _FULL),
    # A returned part: negative quantity.
    Case("pumpe", "KOP", "AR", ("10 x 17.77 @ 19 Rohrschelle", "-3 x 17.77 @ 19 Rücknahme Rohrschelle"), _PARTIAL),
    # Prices below a cent.
    Case("brot", "KOP", "AR", ("1500 x 0.0049 @ 7 Brötchentüte", "333 x 0.0151 @ 19 Aufkleber"), _LATE),
    # The tax comes from the rounded net: 0.02, not 0.03.
    Case("thomas", "EB", "AR", ("1 x 0.1347 @ 19 Kabelbinder",), _FULL),
    # Eleven positions, each with its own rounding.
    Case("wohnen", "KOP", "SR", tuple(f"{n} x {n}.{n % 9}7 @ 19 Zähler Nr. {n}" for n in range(1, 12)), _FULL),
    # A hundredth of an hour.
    Case("kaethe", "EB", "SR", ("0.01 x 95 @ 19 Telefonat", "1.25 x 95 @ 19 Planung"), _LATE),
    # Large: millions, with cents.
    Case("wohnen", "EB", "SR", ("1 x 1234567.89 @ 19 Solarpark Süd",), _PARTIAL),
    # Letters that the invoice and its PDF must survive.
    Case("strasse", "KOP", "AR", ('2 x 33.33 @ 19 „Größe L“ – Maß: 5′ × 3" <b>&amp; Co.</b> 100 % €',), _FULL),
    # Building work: the customer owes the tax (section 13b).
    Case("strasse", "EB", "AR", ("40 x 62.50 @ 0 Tiefbauarbeiten", "1 x 0.99 @ 0 Kleinteile"), _FULL, 5),
    # A small business: an account that shows tax refuses the rule when it is finalised (measured, code 7100).
    Case("baerbel", "KOP", "AR", ("1 x 250 @ 0 Gutachten",), Ending.REFUSED, 11),
    # To Austria, tax-free within the Union; the address is abroad.
    Case("alpen", "EB", "AR", ("24 x 187.35 @ 0 Wechselrichter",), _FULL, 3),
    # To Switzerland: an export, and a service that is not taxable here.
    Case("zuerich", "EB", "SR", ("6 x 899.90 @ 0 Speichermodul",), _PARTIAL, 2),
    Case("zuerich", "KOP", "AR", ("1.75 x 140 @ 0 Fernwartung",), _LATE, 17),
    # A private customer in Austria: One Stop Shop, at the Austrian rate.
    Case("franz", "KOP", "SR", ("1 x 49.99 @ 20 Regensensor",), _FULL, 18),
    # The shared customers once more.
    Case("joerg", "KOP", "SR", ("3 x 33.335 @ 19 Jahreswartung",), _LATE),
    Case("dach", "EB", "SR", ("1 x 14999.995 @ 19 Photovoltaikanlage", "1 x -10000 @ 19 abzüglich Abschlag"), _FULL),
)

_PER_CUSTOMER = 4  # ordinary invoices that share one customer, so that benchmarks make contacts and find them again


def customer_of(key: str) -> Customer:
    """One of the named customers, or the nth regular one."""
    if key in CUSTOMERS:
        return CUSTOMERS[key]
    n = int(key.removeprefix("stamm"))
    address = f"Gewerbestraße {n % 200 + 1}|{10000 + n % 80000}|Musterstadt|DE"
    if n % 3 == 0:
        return Customer(f"Mustermann {n}", address, "contact", first_name="Erika")
    return Customer(f"Stammkunde {n} GmbH", address, "label" if n % 3 == 1 else "primary back")


def ordinary(seed: str, n: int) -> Case:
    """The nth everyday invoice: same seed and n, same invoice."""
    chance = Random(f"{seed}/{n}")  # noqa: S311  # prices, not secrets
    positions = tuple(
        f"{Decimal(chance.randrange(100, 4000)).scaleb(-2)} x {Decimal(chance.randrange(100, 5_000_000)).scaleb(-4)}"
        f" @ {chance.choice((19, 19, 19, 7, 0))} Leistung {m}"
        for m in range(1, chance.randrange(2, 6))
    )
    deal_type, kind = chance.choice(("EB", "KOP")), chance.choice(("AR", "SR"))
    ending = chance.choice((_FULL, _FULL, _PARTIAL, _LATE))
    return Case(f"stamm{n // _PER_CUSTOMER}", deal_type, kind, positions, ending)
