"""What the report says about the archive and its files, before anything is compared. Pure data: code -> sentences."""

# Kind of finding -> code -> German and English.
TEXTS: dict[str, dict[str, tuple[str, str]]] = {
    "archive": {
        "archive_too_large": (
            "Das Archiv ist mit {size} Byte größer als erlaubt.",
            "The archive of {size} bytes is larger than allowed.",
        ),
        "archive_damaged": (
            "Das Archiv ist beschädigt oder kein ZIP.",
            "The archive is damaged or no ZIP file.",
        ),
        "archive_entries": (
            "Das Archiv hat {count} Einträge; erlaubt sind {limit}.",
            "The archive has {count} entries; {limit} are allowed.",
        ),
        "archive_overlapping": (
            "Die Einträge des Archivs überlappen sich.",
            "The archive's entries overlap.",
        ),
        "archive_unpacks_large": (
            "Das Archiv entpackt sich auf mehr als {limit} Byte.",
            "Unpacked, the archive has more than {limit} bytes.",
        ),
        "entry_bomb": (
            "Der Eintrag {name} ist verdächtig stark gepackt (ZIP-Bombe).",
            "The entry {name} is packed suspiciously well (ZIP bomb).",
        ),
        "entry_damaged": (
            "Der Eintrag {name} ist beschädigt.",
            "The entry {name} is damaged.",
        ),
        "entry_doubled": (
            "Der Name {name} kommt doppelt vor.",
            "The name {name} occurs twice.",
        ),
        "entry_nested": (
            "Der Eintrag {name} ist selbst ein Archiv.",
            "The entry {name} is itself an archive.",
        ),
        "entry_backslash": (
            "Der Eintrag {name} hat einen Rückwärtsschrägstrich im Namen.",
            "The entry {name} has a backslash in its name.",
        ),
        "entry_absolute": (
            "Der Eintrag {name} hat einen absoluten Pfad.",
            "The entry {name} has an absolute path.",
        ),
        "entry_outside": (
            "Der Eintrag {name} führt aus dem Archiv hinaus (..).",
            "The entry {name} leads out of the archive (..).",
        ),
        "entry_name": (
            "Der Eintrag {name} hat einen ungültigen Namen.",
            "The entry {name} has an invalid name.",
        ),
        "entry_link": (
            "Der Eintrag {name} ist eine Verknüpfung (Symlink).",
            "The entry {name} is a symbolic link.",
        ),
        "entry_encrypted": (
            "Der Eintrag {name} ist verschlüsselt.",
            "The entry {name} is encrypted.",
        ),
        "entry_packing": (
            "Der Eintrag {name} ist mit einem unüblichen Verfahren gepackt.",
            "The entry {name} is packed by an unusual method.",
        ),
    },
    "file": {
        "file_suffix": (
            "Der Inhalt von {name} passt nicht zu seiner Endung.",
            "The content of {name} does not fit its suffix.",
        ),
        "file_index": (
            "Das Belegverzeichnis {name} ist nicht lesbar.",
            "The index of the document images {name} cannot be read.",
        ),
        "file_unknown": (
            "Unbekannte Datei im Archiv: {name}.",
            "Unknown file in the archive: {name}.",
        ),
        "file_not_extf": (
            "Keine Datei im DATEV-Format: Zeile 1 beginnt nicht mit EXTF.",
            "No file in DATEV's format: line 1 does not begin with EXTF.",
        ),
        "file_version": (
            "Nur Hauptversion 700 wird gelesen; die Datei nennt Version {version!r}, Kategorie {category!r}.",
            "Only main version 700 is read; the file names version {version!r}, category {category!r}.",
        ),
        "file_titles": (
            "Zeile 2 nennt nicht alle nötigen Spalten; es fehlen: {titles}.",
            "Line 2 does not name all columns that are needed; missing: {titles}.",
        ),
        "file_no_batch": (
            "Das Archiv enthält keinen lesbaren Buchungsstapel.",
            "The archive has no Buchungsstapel that can be read.",
        ),
    },
    "header": {
        "header_day": (
            "{name} (Feld {field}) ist kein Tag der Form JJJJMMTT.",
            "Field {field} is no day YYYYMMDD.",
        ),
        "header_dtvf": (
            "Das Kennzeichen DTVF ist DATEV vorbehalten; fremde Programme schreiben EXTF.",
            "The mark DTVF is reserved for DATEV; other programs write EXTF.",
        ),
        "header_fields": (
            "Der Kopf hat {count} statt {expected} Felder.",
            "The header has {count} fields instead of {expected}.",
        ),
        "header_version_unknown": (
            "Die Formatversion (Feld 5) ist keine Zahl.",
            "The format's version (field 5) is no number.",
        ),
        "header_version": (
            "Formatversion {version}; DATEV nennt 12 als Mindestversion, 13 als neueste.",
            "Format version {version}; DATEV names 12 as the least, 13 as the newest.",
        ),
        "header_consultant": (
            "Die Beraternummer (Feld 11) fehlt oder ist ungültig.",
            "The adviser's number (field 11) is missing or invalid.",
        ),
        "header_client": (
            "Die Mandantennummer (Feld 12) fehlt oder ist ungültig.",
            "The client's number (field 12) is missing or invalid.",
        ),
        "header_clients": (
            "Die Stapel nennen verschiedene Berater oder Mandanten.",
            "The files name different advisers or clients.",
        ),
        "header_account_length": (
            "Die Sachkontenlänge (Feld 14) ist keine Zahl von 4 bis 8.",
            "The length of account numbers (field 14) is no number from 4 to 8.",
        ),
        "header_period_reversed": (
            "Der Zeitraum des Stapels endet vor seinem Anfang.",
            "The file's period ends before it begins.",
        ),
        "header_fiscal_year": (
            "Der Zeitraum des Stapels liegt nicht in seinem Wirtschaftsjahr.",
            "The file's period is not in its fiscal year.",
        ),
        "header_locked": (
            "Der Stapel ist als festgeschrieben gekennzeichnet, ohne dass es angefordert war.",
            "The file is marked as locked (Festschreibung), which was not asked for.",
        ),
        "header_not_locked": (
            "Festschreibung war angefordert; der Stapel ist nicht als festgeschrieben gekennzeichnet.",
            "Enshrining was asked for; the file is not marked as locked (Festschreibung).",
        ),
    },
    "period": {
        "period_other": (
            "Der Stapel gilt für {first} bis {last}.",
            "The file is for {first} to {last}.",
        ),
        "period_wider": (
            "Der Stapel reicht über den Zeitraum hinaus: {first}-{last}.",
            "The file reaches beyond the period: {first} to {last}.",
        ),
    },
    "chart": {
        "chart_unnamed": (
            "Der Stapel nennt keinen Kontenrahmen (Feld 27).",
            "The file names no chart of accounts (field 27).",
        ),
        "chart_differs": (
            "Der Stapel nennt den Kontenrahmen {named}, eingestellt ist {chart}.",
            "The file names the chart of accounts {named}, {chart} is configured.",
        ),
    },
    "encoding": {
        "encoding_titles": (
            "Die Umlaute der Titelzeile sind nicht in Windows-1252 geschrieben.",
            "The umlauts of the titles are not written in Windows-1252.",
        ),
        "encoding_bom": (
            "Die Datei ist UTF-8 (mit BOM) statt Windows-1252.",
            "The file is UTF-8 (with BOM) instead of Windows-1252.",
        ),
        "encoding_utf8": (
            "Die Datei enthält UTF-8 statt Windows-1252.",
            "The file contains UTF-8 instead of Windows-1252.",
        ),
        "encoding_unknown": (
            "Die Datei enthält Zeichen, die es in Windows-1252 nicht gibt.",
            "The file contains characters that Windows-1252 does not have.",
        ),
    },
    "line_ends": {
        "line_ends_lf": (
            "Zeilen enden mit LF statt CR LF.",
            "Lines end with LF instead of CR LF.",
        ),
        "line_end_missing": (
            "Der letzten Zeile fehlt ihr Zeilenende.",
            "The last line has no line end.",
        ),
        "line_breaks": (
            "Texte enthalten Zeilenumbrüche.",
            "Texts contain line breaks.",
        ),
    },
    "truncated": {
        "truncated_line": (
            "Die Datei bricht mitten in der letzten Zeile ab.",
            "The file breaks off in its last line.",
        ),
        "truncated_quotes": (
            "Die Anführungszeichen der letzten Zeile gehen nicht auf.",
            "The last line has a quotation mark that is not closed.",
        ),
    },
    "line": {
        "line_too_long": (
            "Die Zeile ist länger, als das Format erlaubt.",
            "The line is longer than the format allows.",
        ),
        "line_quotes": (
            "Die Anführungszeichen der Zeile gehen nicht auf.",
            "The line has a quotation mark that is not closed.",
        ),
        "line_short": (
            "Die Zeile hat nur {count} von {expected} Feldern.",
            "The line has only {count} of {expected} fields.",
        ),
        "line_long": (
            "Die Zeile hat {count} Felder statt {expected}.",
            "The line has {count} fields instead of {expected}.",
        ),
        "line_amount": (
            "{title} {written!r} ist kein Betrag mit Dezimalkomma.",
            "{title} {written!r} is no amount with a decimal comma.",
        ),
        "line_account": (
            "{title} {written!r} ist keine Kontonummer.",
            "{title} {written!r} is no account number.",
        ),
        "line_side": (
            "Das Soll/Haben-Kennzeichen {written!r} ist weder S noch H.",
            "The side (Soll/Haben) {written!r} is neither S nor H.",
        ),
        "line_key": (
            "Der BU-Schlüssel {written!r} hat nicht ein bis vier Ziffern.",
            "The tax key (BU-Schlüssel) {written!r} has not one to four digits.",
        ),
        "line_day": (
            "Das Belegdatum {written!r} hat nicht die Form TTMM.",
            "The day (Belegdatum) {written!r} has not the form DDMM.",
        ),
        "line_year": (
            "Das Belegdatum {written} ist kein Tag dieses Wirtschaftsjahres.",
            "The day (Belegdatum) {written} is no day of this fiscal year.",
        ),
    },
    "fields": {
        "fields_fewer": (
            "Einzelne Zeilen haben weniger Felder als die Titelzeile.",
            "Some lines have fewer fields than the titles.",
        ),
        "fields_by_position": (
            "Die Titelzeile nennt die Spalten anders als DATEV; gelesen wird nach ihrer Reihenfolge.",
            "The titles are not DATEV's; the columns are read by their order.",
        ),
    },
    "negative": {
        "negative_amounts": (
            "Es gibt negative Umsätze; DATEV erwartet positive mit Soll/Haben.",
            "There are negative amounts; DATEV expects positive ones with a side.",
        ),
    },
    "number": {
        "number_long": (
            "Belegfeld 1 ist länger als 36 Zeichen.",
            "Belegfeld 1 has more than 36 characters.",
        ),
    },
    "day": {
        "day_without_zero": (
            "Belegdaten haben ihre führende Null verloren (TMM statt TTMM).",
            "Days have lost their leading zero (DMM instead of DDMM).",
        ),
    },
}
