"""The customers and invoices of the demo's billing month. All names, addresses and numbers are invented.

Each invoice is a case in which the cents, the tax or the contact once went wrong, with its reason beside it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal


class ExpectedState(StrEnum):
    """How an invoice of the month is expected to end."""

    PAID = "paid"
    PARTLY_PAID = "partly paid"
    RETURNED = "returned"  # paid, and then the bank returns the payment
    UNPAID = "unpaid"
    NOTHING_OWED = "nothing owed"  # a final invoice over 0: its advances cover everything
    REFUSED = "refused"  # not published: sevDesk refuses it for this account, and the job is parked


@dataclass(frozen=True, slots=True)
class Customer:
    """A company, or a person if `first_name` is given."""

    name: str
    address: str  # street|zip|city|country
    # Of the association that leads from the deal to the recipient; None: the invoice names the recipient.
    label: Literal["invoice_recipient", "primary"] | None = None
    first_name: str | None = None
    vat_id: str | None = None
    buyer_reference: str | None = None
    reversed: bool = False  # the association starts at the customer and ends at the deal
    beside_employee: bool = False  # an employee of ours has the same label; a company comes before a person


@dataclass(frozen=True, slots=True)
class SampleInvoice:
    """One invoice: for whom, what for, and how it is expected to end."""

    customer: str  # key of `CUSTOMERS`
    deal_type: str
    document_kind: str
    positions: tuple[str, ...]  # each "quantity [unit] x net price @ tax rate name"
    expected: ExpectedState
    tax_rule: int = 1
    project: str | None = None  # invoices of one project belong to one deal; without: a deal of its own
    final_form: str | None = None  # the column final_invoice_form
    channel: Literal["email", "post"] = "email"
    # ZUGFeRD: mailed as PDF that holds the XML. XRechnung: mailed as XML, for the recipient has a Leitweg-ID.
    e_invoice: Literal["ZUGFeRD", "XRechnung"] | None = None


_RECIPIENT: Final = "invoice_recipient"

CUSTOMERS = {
    "dach": Customer("Müller & Söhne Dachbau GmbH", "Färberstraße 12|50667|Köln|DE", _RECIPIENT),
    "brot": Customer("Bäckerei Süß OHG", "Am Mühlbach 3|97070|Würzburg|DE", _RECIPIENT, reversed=True),
    "pumpe": Customer("Nordlicht Wärmepumpen GmbH & Co. KG", "Hafendamm 44|24937|Flensburg|DE", "primary"),
    "wohnen": Customer(
        "Wohnbau Öhringen eG", "Schloßplatz 1|74613|Öhringen|DE", "primary", reversed=True, buyer_reference="Einkauf 7"
    ),
    "strasse": Customer(
        "Straßenbau Weiß GmbH", "Lößweg 9|01067|Dresden|DE", _RECIPIENT, vat_id="DE999999999", beside_employee=True
    ),
    "alpen": Customer("Alpenglühn Handels GmbH", "Stephansgasse 5|1010|Wien|AT", _RECIPIENT, vat_id="ATU12345675"),
    "zuerich": Customer("Zürisee Immobilien AG", "Bahnhofstrasse 100|8001|Zürich|CH", "primary"),
    "stadt": Customer(
        "Stadt Musterhausen", "Rathausplatz 1|99999|Musterhausen|DE", _RECIPIENT, buyer_reference="04011000-12345-03"
    ),
    "joerg": Customer("Größer", "Höhenweg 7a|80331|München|DE", first_name="Jörg"),
    "kaethe": Customer("Lübben", "Deichstraße 2|26121|Oldenburg|DE", _RECIPIENT, first_name="Anne-Käthe"),
    "thomas": Customer("Meier", "Gartenweg 15|30159|Hannover|DE", _RECIPIENT, first_name="Thomas", reversed=True),
    "baerbel": Customer("Schön-Çelik", "Ölbergstraße 31|53639|Königswinter|DE", first_name="Bärbel"),
    "franz": Customer("Huber", "Salzachkai 8|5020|Salzburg|AT", _RECIPIENT, first_name="Franz"),
}

EMPLOYEES = {
    "admin": Customer("Prüfer", "Werkstraße 1|10115|Berlin|DE", first_name="Ada"),
    "staff": Customer("Büroheld", "Werkstraße 1|10115|Berlin|DE", first_name="Stefan"),
}

_PAID, _PARTLY_PAID, _UNPAID = ExpectedState.PAID, ExpectedState.PARTLY_PAID, ExpectedState.UNPAID

INVOICES = (
    # Whole euros; other invoices of the same customer follow.
    SampleInvoice(
        "dach",
        "EB",
        "AR",
        ("1 x 10000 @ 19 Photovoltaikanlage, Abschlag",),
        ExpectedState.RETURNED,
        project="Dach",
    ),
    # Measured on a live account: 55.00, 10.45, 65.45.
    SampleInvoice("joerg", "EB", "AR", ("3 x 10 @ 19 Beratung", "1 x 25 @ 19 Paket"), _PAID),
    # 0.999 is rounded to 1.00.
    SampleInvoice("brot", "EB", "SR", ("3 x 0.333 @ 7 Mohnbrötchen",), _PAID),
    # Four decimals at the reduced rate. Measured on a live account: gross 380.88.
    SampleInvoice("kaethe", "KOP", "AR", ("1 x 355.9626 @ 7 Fachbücher",), _PARTLY_PAID),
    # Half an hour; half a cent is rounded up.
    SampleInvoice("thomas", "KOP", "SR", ("0.5 x 89.99 @ 19 Anfahrt, halbe Stunde",), _UNPAID),
    # One cent each: the tax of every position is rounded to zero.
    SampleInvoice("dach", "KOP", "AR", ("1 x 0.01 @ 19 Schraube",) * 3, _PAID),
    # Three cents each: the tax by position is 3 cents, of the total it would be 2.
    SampleInvoice("dach", "KOP", "SR", ("1 x 0.03 @ 19 Unterlegscheibe",) * 3, _PARTLY_PAID),
    # Two rates on one invoice.
    SampleInvoice(
        "wohnen", "EB", "AR", ("12 x 49.95 @ 19 Montage", "7 x 3.49 @ 7 Broschüre"), _PAID, project="Solarpark"
    ),
    # All three rates; a photovoltaic system for a home carries none (section 12 (3) UStG).
    SampleInvoice(
        "joerg",
        "EB",
        "SR",
        ("1 x 8999.99 @ 0 PV-Anlage (§ 12 Abs. 3 UStG)", "2 x 119.50 @ 19 Wartung", "1 x 19.90 @ 7 Handbuch"),
        _PARTLY_PAID,
    ),
    # Only the zero rate, under the tax rule of taxable sales.
    SampleInvoice("baerbel", "EB", "SR", ("9.75 x 1234.5678 @ 0 Montage Balkonkraftwerk (§ 12 Abs. 3 UStG)",), _UNPAID),
    # A discount as a negative position.
    SampleInvoice("pumpe", "EB", "AR", ("1 x 4.15 @ 19 Dichtung", "1 x -2.08 @ 19 Treuerabatt"), _PAID),
    # A discount of half a cent, rounded away from zero.
    SampleInvoice("pumpe", "EB", "SR", ("1 x 100 @ 19 Prüfung", "0.5 x -0.01 @ 19 Rundung"), _PAID),
    # A returned part: negative quantity.
    SampleInvoice(
        "pumpe", "KOP", "AR", ("10 x 17.77 @ 19 Rohrschelle", "-3 x 17.77 @ 19 Rücknahme Rohrschelle"), _PARTLY_PAID
    ),
    # Prices below a cent.
    SampleInvoice("brot", "KOP", "AR", ("1500 x 0.0049 @ 7 Brötchentüte", "333 x 0.0151 @ 19 Aufkleber"), _UNPAID),
    # The tax comes from the rounded net: 0.02, not 0.03.
    SampleInvoice("thomas", "EB", "AR", ("1 x 0.1347 @ 19 Kabelbinder",), _PAID),
    # Eleven positions, each with its own rounding.
    SampleInvoice("wohnen", "KOP", "SR", tuple(f"{n} x {n}.{n % 9}7 @ 19 Zähler Nr. {n}" for n in range(1, 12)), _PAID),
    # A hundredth of an hour.
    SampleInvoice("kaethe", "EB", "SR", ("0.01 x 95 @ 19 Telefonat", "1.25 x 95 @ 19 Planung"), _UNPAID),
    # Millions, with cents; the rest of a project with an advance (Restrechnung, which shows no advances).
    SampleInvoice(
        "wohnen",
        "EB",
        "SR",
        ("1 x 1234567.89 @ 19 Solarpark Süd",),
        _PARTLY_PAID,
        project="Solarpark",
        final_form="remainder",
    ),
    # Characters that bodies, HTML and PDF have to escape.
    SampleInvoice("strasse", "KOP", "AR", ('2 x 33.33 @ 19 „Größe L“ – Maß: 5′ × 3" <b>&amp; Co.</b> 100 % €',), _PAID),
    # Building work: the customer owes the tax (section 13b UStG).
    SampleInvoice("strasse", "EB", "AR", ("40 x 62.50 @ 0 Tiefbauarbeiten", "1 x 0.99 @ 0 Kleinteile"), _PAID, 5),
    # A small business: an account that shows tax refuses the rule when it is finalised (measured, code 7100).
    SampleInvoice("baerbel", "KOP", "AR", ("1 x 250 @ 0 Gutachten",), ExpectedState.REFUSED, 11),
    # A tax-free delivery within the EU, to an address in Austria.
    SampleInvoice("alpen", "EB", "AR", ("24 x 187.35 @ 0 Wechselrichter",), _PAID, 3),
    # To Switzerland: an export, and a service that is not taxable in Germany.
    SampleInvoice("zuerich", "EB", "SR", ("6 x 899.90 @ 0 Speichermodul",), _PARTLY_PAID, 2),
    SampleInvoice("zuerich", "KOP", "AR", ("1.75 x 140 @ 0 Fernwartung",), _UNPAID, 17),
    # A private customer in Austria: One Stop Shop, at the Austrian rate.
    SampleInvoice("franz", "KOP", "SR", ("1 x 49.99 @ 20 Regensensor",), _PAID, 18),
    # Customers who have invoices above.
    SampleInvoice("joerg", "KOP", "SR", ("3 x 33.335 @ 19 Jahreswartung",), _UNPAID),
    # Units beyond hours and pieces; the second advance of a project.
    SampleInvoice(
        "dach",
        "EB",
        "AR",
        ("3.5 Tage x 680 @ 19 Montage", "42 lfm x 12.35 @ 19 Kabelkanal", "1 pauschal x 95 @ 19 Anfahrt"),
        _PAID,
        project="Dach",
    ),
    # The final invoice of both advances, with their VAT deducted to the cent (section 14 (5) UStG).
    SampleInvoice(
        "dach",
        "EB",
        "SR",
        (
            "1 x 14999.995 @ 19 Photovoltaikanlage",
            "96 m² x 18.20 @ 19 Unterspannbahn",
            "1 x -10000 @ 19 abzüglich 1. Abschlag",
            "1 x -2993.70 @ 19 abzüglich 2. Abschlag",
        ),
        _PAID,
        project="Dach",
    ),
    # An advance over everything, and the final invoice over nothing that closes the project.
    SampleInvoice("joerg", "KOP", "AR", ("8 x 60 @ 19 Wartungsvertrag, Abschlag",), _PAID, project="Wartung"),
    SampleInvoice(
        "joerg",
        "KOP",
        "SR",
        ("8 x 60 @ 19 Wartungsvertrag", "-8 x 60 @ 19 abzüglich Abschlag"),
        ExpectedState.NOTHING_OWED,
        project="Wartung",
    ),
    # A letter: sevDesk mails nothing, and the invoice is marked as sent by post.
    SampleInvoice("kaethe", "KOP", "SR", ("1 x 79.90 @ 19 Energieausweis",), _UNPAID, channel="post"),
    # E-invoices: to a public buyer, and to a company that gives a position back.
    SampleInvoice(
        "stadt",
        "EB",
        "SR",
        ("3 x 420.50 @ 19 Energieberatung", "7 x 3.49 @ 7 Broschüre"),
        _UNPAID,
        e_invoice="XRechnung",
    ),
    SampleInvoice(
        "wohnen",
        "KOP",
        "SR",
        ("2.5 Tage x 680.333 @ 19 Wartung", "1 pauschal x 95 @ 19 Anfahrt"),
        _PAID,
        e_invoice="ZUGFeRD",
    ),
)
