"""The words for what parameters of problems name by codes, so that a German sentence has no English in it. Pure."""

import re
from collections.abc import Mapping

from worker.domain.problems.problem_type import Lang

# Parameters of one or several (joined by ", ") of: a code of WORDS, then perhaps an id or number.
CODED = frozenset({"addressee", "differences", "document", "measure", "named", "parties", "party", "way", "what"})

# Parameters that hold percentages, each with its sign, or one without; not what sevDesk wrote.
PERCENTAGES = frozenset({"allowed", "kept_percent", "percent", "rate", "rates", "standard", "taxes"})

# Code -> words in English and German; {} is the id or number behind the code.
_WORDS = {
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


def in_words(coded: str, lang: Lang) -> str:
    """The words for the value of a CODED parameter; what is no code stays as it is."""
    return ", ".join(_item(item, lang) for item in coded.split(", "))


def with_commas(percentages: str) -> str:
    """The value of a PERCENTAGES parameter for a German sentence; amounts stay as they are."""
    return re.sub(r"(?<=\d)\.(?=\d+(%|$))", ",", percentages)


def _item(item: str, lang: Lang) -> str:
    code = next((code for code in WORDS if item == code or item.startswith(f"{code} ")), None)
    return item if code is None else WORDS[code][lang].format(item[len(code) + 1 :]).strip()
