"""Column titles of the two EXTF formats in an export, in order (developer.datev.de)."""

_BATCH = """
Umsatz (ohne Soll/Haben-Kz);Soll/Haben-Kennzeichen;WKZ Umsatz;Kurs;Basis-Umsatz;WKZ Basis-Umsatz;Konto
Gegenkonto (ohne BU-Schlüssel);BU-Schlüssel;Belegdatum;Belegfeld 1;Belegfeld 2;Skonto;Buchungstext;Postensperre
Diverse Adressnummer;Geschäftspartnerbank;Sachverhalt;Zinssperre;Beleglink;8 Beleginfo
KOST1 - Kostenstelle;KOST2 - Kostenstelle;Kost-Menge;EU-Land u. UStID (Bestimmung);EU-Steuersatz (Bestimmung)
Abw. Versteuerungsart;Sachverhalt L+L;Funktionsergänzung L+L;BU 49 Hauptfunktionstyp;BU 49 Hauptfunktionsnummer
BU 49 Funktionsergänzung;20 Zusatzinformation;Stück;Gewicht;Zahlweise;Forderungsart;Veranlagungsjahr
Zugeordnete Fälligkeit;Skontotyp;Auftragsnummer;Buchungstyp;USt-Schlüssel (Anzahlungen);EU-Land (Anzahlungen)
Sachverhalt L+L (Anzahlungen);EU-Steuersatz (Anzahlungen);Erlöskonto (Anzahlungen);Herkunft-Kz;Buchungs GUID;KOST-Datum
SEPA-Mandatsreferenz;Skontosperre;Gesellschaftername;Beteiligtennummer;Identifikationsnummer;Zeichnernummer
Postensperre bis;Bezeichnung SoBil-Sachverhalt;Kennzeichen SoBil-Buchung;Festschreibung;Leistungsdatum
Datum Zuord. Steuerperiode;Fälligkeit;Generalumkehr (GU);Steuersatz;Land;Abrechnungsreferenz;BVV-Position
EU-Land u. UStID (Ursprung);EU-Steuersatz (Ursprung);Abw. Skontokonto
"""
# The first 40 of Debitoren/Kreditoren's 254 columns; sevDesk has data for no others.
_DEBTOR = """
Konto;Name (Adressattyp Unternehmen);Unternehmensgegenstand;Name (Adressattyp natürl. Person)
Vorname (Adressattyp natürl. Person);Name (Adressattyp keine Angabe);Adressattyp;Kurzbezeichnung;EU-Land;EU-UStID
Anrede;Titel/Akad. Grad;Adelstitel;Namensvorsatz;Adressart;Straße;Postfach;Postleitzahl;Ort;Land;Versandzusatz
Adresszusatz;Abweichende Anrede;Abw. Zustellbezeichnung 1;Abw. Zustellbezeichnung 2;Kennz. Korrespondenzadresse
Adresse Gültig von;Adresse Gültig bis;Telefon;Bemerkung (Telefon);Telefon GL;Bemerkung (Telefon GL);E-Mail
Bemerkung (E-Mail);Internet;Bemerkung (Internet);Fax;Bemerkung (Fax);Sonstige;Bemerkung (Sonstige)
"""


def _titles(text: str) -> list[str]:
    """One title per entry; "8 Beleginfo" means eight pairs of Art and Inhalt."""
    found = []
    for entry in text.strip().replace("\n", ";").split(";"):
        count, _, name = entry.partition(" ")
        pairs = range(1, int(count) + 1) if count.isdigit() else ()
        found += [f"{name} - {kind} {each}" for each in pairs for kind in ("Art", "Inhalt")] or [entry]
    return found


BATCH_TITLES = _titles(_BATCH)  # 125, of version 13
DEBTOR_TITLES = _titles(_DEBTOR)
# Numbers (from 1) of the text columns, which are quoted even when empty (official).
BATCH_TEXTS = frozenset(
    [
        *(2, 3, 6, 9, 11, 12, 14, 16, *range(20, 39), 40, 42, *range(48, 88), 91, 95, 96, 98),
        *(102, 103, 105, 107, 109, 110, 112, 118, 120, 121, 123),
    ]
)
DEBTOR_TEXTS = frozenset(range(1, 41)) - {1, 26, 27, 28}
