"""What an e-invoice needs beyond an ordinary invoice, checked before sevDesk is asked for one. Pure.

Without this, the official rules would refuse the XML after its number is drawn.
"""

import re
from collections.abc import Iterator

from stdnum import iban
from stdnum.de import leitweg

from worker.domain.invoice import Invoice, Party, PartyKind
from worker.domain.problems import Problem, problem

# Tax rules under which the XML needs the buyer's VAT id -> the rule of EN 16931, and what it is about.
_AE = ("BR-AE-02", "vat_id_reverse_charge")
NEED_BUYER_VAT_ID = {3: ("BR-IC-02", "vat_id_intra_eu"), 5: _AE, 21: _AE}
# A coarse address of 2 to 12 digits, of which the first two are the state or 99 (federal), perhaps a fine address, and
# two check digits (format specification 2.0.2). Order numbers of other buyers may look the same.
_LOOKS_LIKE_LEITWEG = re.compile(r"(0[1-9]|1[0-6]|99)\d{0,10}(-[0-9A-Za-z]{1,30})?-\d{2}")
# Words that start the names of public bodies. A name proves nothing, so the check only warns.
_PUBLIC = re.compile(
    r"(Bundes(amt|anstalt|ministerium|agentur|republik)|Landes(amt|hauptstadt)|Landkreis|Landratsamt|Stadt(verwaltung)?"
    r"|Gemeinde|Markt|Kreisverwaltung|Bezirksamt|Ministerium|Finanzamt|Universität|Freistaat|Freie und Hansestadt)\b"
)


def broken_rules(invoice: Invoice, party: Party) -> Problem | None:
    """The first rule of EN 16931 that the XML would break whatever sevDesk writes; None for an ordinary invoice."""
    if not invoice.is_e_invoice:
        return None
    found = next(_broken(invoice, party), None)
    return problem("e_invoice_rule_broken", number=invoice.number, rule=found[0], what=found[1]) if found else None


def _broken(invoice: Invoice, party: Party) -> Iterator[tuple[str, str]]:
    start, end, rule = invoice.service_from, invoice.service_to, invoice.tax_rule
    if start is not None and end is not None and start > end:
        yield "BR-29", "period_reversed"
    if rule in NEED_BUYER_VAT_ID and not (party.vat_id or "").strip():
        yield NEED_BUYER_VAT_ID[rule]


def doubtful_reference(invoice: Invoice, party: Party) -> list[Problem]:
    """A Leitweg-ID with wrong check digits, or none where the buyer seems to be public.

    § 4a Abs. 3 E-RechV: federal buyers take e-invoices by their Leitweg-ID only; the states have the like.
    """
    if not invoice.is_e_invoice or party.kind is not PartyKind.COMPANY:
        return []
    about = f"{party.kind.value} {party.id}"
    fault = reference_fault(party)
    return [problem(fault, party=about)] if fault else []


def reference_fault(party: Party) -> str | None:
    """What is wrong with a company's buyer reference, as a problem's code; None if nothing is."""
    reference = (party.buyer_reference or "").strip()
    if _LOOKS_LIKE_LEITWEG.fullmatch(reference) and not leitweg.is_valid(reference):
        return "leitweg_id_invalid"
    return "buyer_reference_missing" if not reference and _PUBLIC.match(party.name.strip()) else None


def is_leitweg_id(reference: str | None) -> bool:
    """Whether it has the form of a Leitweg-ID and its check digits are right."""
    text = (reference or "").strip()
    return bool(_LOOKS_LIKE_LEITWEG.fullmatch(text)) and leitweg.is_valid(text)


def is_iban(text: str) -> bool:
    """Whether it has the form of its country's IBANs and its check digits are right."""
    return iban.is_valid(text)
