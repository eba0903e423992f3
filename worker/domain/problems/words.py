"""The words for what parameters of problems name by codes, so that a German sentence has no English in it. Pure."""

import re
from collections.abc import Mapping

from worker.domain.problems.problem_type import Lang

# Parameters of one or several of: a code of WORDS, then perhaps an id or number. They are joined by ", ", but findings,
# where words of the official rules may follow the code, by "; ".
CODED = frozenset(
    {"addressee", "differences", "document", "findings", "measure", "named", "parties", "party", "way", "what"}
)

# Parameters that hold percentages, each with its sign, or one without; not what sevDesk wrote.
PERCENTAGES = frozenset({"allowed", "kept_percent", "percent", "rate", "rates", "standard", "taxes"})

# What an e-invoice's XML says otherwise (`einvoice/comparison.py`); behind the code " (PDF)" if it is the PDF's XML.
_XML = {
    "xml_number": ("invoice number {}", "Rechnungsnummer {}"),
    "xml_own_number": ("number {}", "Nummer {}"),
    "xml_type": ("type of document {}", "Art des Dokuments {}"),
    "xml_preceding": ("number of the corrected invoice {}", "Nummer der berichtigten Rechnung {}"),
    "xml_date": ("date {}", "Datum {}"),
    "xml_currency": ("currency {}", "Währung {}"),
    "xml_service": ("service dates {}", "Tage der Leistung {}"),
    "xml_delivery_country": ("country of delivery {}", "Land der Lieferung {}"),
    "xml_due_date": ("due date {}", "Fälligkeit {}"),
    "xml_buyer_name": ("buyer's name {}", "Name des Käufers {}"),
    "xml_buyer_street": ("buyer's street {}", "Straße des Käufers {}"),
    "xml_buyer_zip": ("buyer's zip {}", "Postleitzahl des Käufers {}"),
    "xml_buyer_city": ("buyer's city {}", "Ort des Käufers {}"),
    "xml_buyer_country": ("buyer's country {}", "Land des Käufers {}"),
    "xml_buyer_vat_id": ("buyer's VAT id {}", "USt-IdNr. des Käufers {}"),
    "xml_buyer_reference": ("buyer reference {}", "Käuferreferenz {}"),
    "xml_seller": ("seller {}", "Verkäufer {}"),
    "xml_seller_tax_ids": ("seller's tax ids {}", "Steuernummern des Verkäufers {}"),
    "xml_seller_iban": ("seller's IBAN {}", "IBAN des Verkäufers {}"),
    "xml_iban_digits": ("check digits of the seller's IBAN {}", "Prüfziffern der IBAN des Verkäufers {}"),
    "xml_lines": ("number of lines {}", "Zahl der Positionen {}"),
    "xml_line_figures": ("figures of line {}", "Zahlen der Position {}"),
    "xml_line_name": ("name of line {}", "Bezeichnung der Position {}"),
    "xml_line_quantity": ("quantity of line {}", "Menge der Position {}"),
    "xml_line_price": ("price of line {}", "Preis der Position {}"),
    "xml_line_net": ("net amount of line {}", "Nettobetrag der Position {}"),
    "xml_line_tax_rate": ("tax rate of line {}", "Steuersatz der Position {}"),
    "xml_line_unit": ("unit of line {}", "Einheit der Position {}"),
    "xml_tax_category": ("reason for the zero rate (VAT category) {}", "Grund des Nullsatzes (USt-Kategorie) {}"),
    "xml_tax_group": ("net and tax at the rate of {}", "Netto und Steuer zum Satz von {}"),
    "xml_tax_by_rate": ("tax by rate {}", "Steuer je Satz {}"),
    "xml_net": ("net total {}", "Nettosumme {}"),
    "xml_tax": ("tax total {}", "Steuersumme {}"),
    "xml_gross": ("gross total {}", "Bruttosumme {}"),
    "xml_sign": ("sign of the total {}", "Vorzeichen der Summe {}"),
    "xml_payment_method": ("payment method {}", "Zahlungsart {}"),
    "xml_payee": ("payee {}", "Zahlungsempfänger {}"),
    "xml_amount_due": ("amount due {}", "fälliger Betrag {}"),
    "xml_skonto": ("Skonto {}", "Skonto {}"),
    # by the official rules (`einvoice/finding.py`), with the rule and its own words behind the code
    "xml_format": ("format fault, {}", "Formatfehler, {}"),
    "xml_mandatory_field": ("business rule on a mandatory field, {}", "Geschäftsregel zu einer Pflichtangabe, {}"),
    "xml_other_field": ("business rule, {}", "Geschäftsregel, {}"),
}

# Code -> words in English and German; {} is the id or number behind the code.
_WORDS = _XML | {
    "company": ("company {}", "Firma {}"),
    "contact": ("contact {}", "Kontakt {}"),
    # documents
    "invoice": ("invoice {}", "Rechnung {}"),
    "cancellation": ("cancellation {}", "Stornorechnung {}"),
    "credit note": ("credit note {}", "Gutschrift {}"),
    # sums
    "net": ("net", "netto"),
    "tax": ("tax", "Steuer"),
    "gross": ("gross", "brutto"),
    # by what somebody is the recipient (`domain/recipients.py`)
    "named_by_invoice": ("invoice_recipient of invoice {}", "invoice_recipient der Rechnung {}"),
    "named_by_deal": ("invoice_recipient of deal {}", "invoice_recipient des Geschäfts {}"),
    "primary_of_deal": ("primary company of deal {}", "primäre Firma (primary) des Geschäfts {}"),
    "contact_of_invoice": ("contact of the invoice", "der Kontakt der Rechnung"),
    "addressee_in_sevdesk": ("addressee of the document in sevDesk", "der Adressat des Belegs in sevDesk"),
    # what differs between sevDesk's document and ours (`steps/document.py`)
    "name": ("name", "Name"),
    "street": ("street", "Straße"),
    "zip": ("zip", "Postleitzahl"),
    "city": ("city", "Ort"),
    "country": ("country", "Land"),
    "currency": ("currency", "Währung"),
    "tax_rule": ("tax rule", "Steuerregel"),
    "number_in_sevdesk": ("number in sevDesk", "Nummer in sevDesk"),
    "unfinished": ("a draft or derived document", "ein Entwurf oder abgeleiteter Beleg"),
    "invoice_date": ("invoice date", "Rechnungsdatum"),
    "service_date": ("service date", "Leistungsdatum"),
    "service_end": ("end of the service period", "Ende des Leistungszeitraums"),
    "header": ("header", "Überschrift"),
    "skonto_days": ("days of Skonto", "Tage des Skontos"),
    "skonto": ("Skonto", "Skonto"),
    "number_of_positions": ("number of positions", "Zahl der Positionen"),
    "position_name": ("name of position {}", "Bezeichnung der Position {}"),
    "position_quantity": ("quantity of position {}", "Menge der Position {}"),
    "position_price": ("price of position {}", "Preis der Position {}"),
    "position_tax_rate": ("tax rate of position {}", "Steuersatz der Position {}"),
    "position_unit": ("unit of position {}", "Einheit der Position {}"),
    # what an e-invoice lacks (`domain/e_invoice.py`)
    "period_reversed": ("the service period ends before it begins", "der Leistungszeitraum endet vor seinem Beginn"),
    "vat_id_reverse_charge": (
        "under reverse charge the buyer's VAT id is needed",
        "bei Steuerschuldnerschaft des Leistungsempfängers fehlt dessen USt-IdNr.",
    ),
    "vat_id_intra_eu": (
        "for an intra-community supply the buyer's VAT id is needed",
        "für eine innergemeinschaftliche Lieferung fehlt die USt-IdNr. des Käufers",
    ),
}
WORDS: Mapping[str, dict[Lang, str]] = {code: {"en": en, "de": de} for code, (en, de) in _WORDS.items()}


def in_words(coded: str, lang: Lang, *, separator: str = ", ") -> str:
    """The words for the value of a CODED parameter; what is no code stays as it is."""
    return separator.join(_item(item, lang) for item in coded.split(separator))


def with_commas(percentages: str) -> str:
    """The value of a PERCENTAGES parameter for a German sentence; amounts stay as they are."""
    return re.sub(r"(?<=\d)\.(?=\d+(%|$))", ",", percentages)


def _item(item: str, lang: Lang) -> str:
    code = next((code for code in WORDS if item == code or (item.startswith(f"{code} ") and _takes_more(code))), None)
    return item if code is None else WORDS[code][lang].format(item[len(code) + 1 :]).strip()


def _takes_more(code: str) -> bool:
    return "{}" in WORDS[code]["en"]
