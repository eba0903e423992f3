"""DATEV's file format EXTF 700 (developer.datev.de): Buchungsstapel and Debitoren/Kreditoren.

Semicolons, decimal comma, texts in quotation marks, cp1252. Layout "official" follows DATEV's specification; "observed"
is what one public project found in an archive of sevDesk's: version 12, no chart of accounts, a shorter header.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal

from sevdesk_client.sandbox.account.export_records import Debtor, ExportConfig, ExportJob, Posting
from sevdesk_client.sandbox.account.formats import BERLIN
from sevdesk_client.sandbox.documents.extf_columns import BATCH_TEXTS, BATCH_TITLES, DEBTOR_TEXTS, DEBTOR_TITLES

# Characters that Belegfeld 1 allows besides letters and digits (official).
_NUMBER_SIGNS = frozenset("$&%*+-/_")


def year_begin(config: ExportConfig, day: date) -> date:
    """The first day of the accounting year that contains `day`."""
    first = config.accounting_year_begin or date(day.year, 1, 1)
    begin = date(day.year, first.month, min(first.day, 28))
    return begin if begin <= day else date(day.year - 1, begin.month, begin.day)


def batches(job: ExportJob, postings: Iterable[Posting]) -> list[tuple[date, date, list[Posting]]]:
    """First day, last day and postings per accounting year; a posting has no year, only its file has (official)."""
    postings, found, start = list(postings), [], job.start
    while start <= job.end:
        following = year_begin(job.config, year_begin(job.config, start) + timedelta(days=366))
        end = min(job.end, following - timedelta(days=1))
        found.append((start, end, [each for each in postings if start <= each.day <= end]))
        start = following
    full = [each for each in found if each[2]]
    return full or found[-1:]


def batch_file(
    job: ExportJob, start: date, end: date, postings: Iterable[Posting], *, layout: str, faults: Iterable[str] = ()
) -> str:
    """A Buchungsstapel file; `faults` that concern the header or all texts are applied here."""
    observed = layout == "observed"
    head = _header(job, "21", "Buchungsstapel", "12" if observed else "13", start, end, observed)
    if "wrong_chart" in faults:
        head[26] = _text("04" if job.chart == "SKR03" else "03")
    if "wrong_version" in faults:
        head[1] = "510"
    if "wrong_period" in faults:
        head[14:16] = [f"{day - timedelta(days=400):%Y%m%d}" for day in (start, end)]
    titles = BATCH_TITLES[:-1] if observed else BATCH_TITLES
    shown = (each.swapped() if observed else each for each in postings)
    cells = [_posting(each, job.enshrine_documents) for each in shown]
    if "line_breaks" in faults:
        cells = [{**each, 14: f"{each[14][:40]}\r\nzweite Zeile\n"} for each in cells]
    rows = [_row(each, len(titles), BATCH_TEXTS, bare=observed) for each in cells]
    ending = "\n" if observed else "\r\n"
    return "".join(line + ending for line in [";".join(head), ";".join(titles), *rows])


def debtor_file(job: ExportJob) -> str:
    """A Debitoren/Kreditoren file with all debtors of the postings."""
    head = _header(job, "16", "Debitoren/Kreditoren", "5", job.start, job.end, True)
    head[14:16], head[20:22] = ["", ""], ["", '""']
    rows = [_row(_debtor(each), len(DEBTOR_TITLES), DEBTOR_TEXTS) for each in job.debtors]
    return "".join(f"{line}\r\n" for line in [";".join(head), ";".join(DEBTOR_TITLES), *rows])


def _header(job: ExportJob, category: str, name: str, version: str, start: date, end: date, bare: bool) -> list[str]:
    """The 31 fields of line 1; field 27 is the chart of accounts. `bare` leaves optional ones empty."""
    made = job.create.astimezone(BERLIN)
    config = job.config
    return [
        *(_text("EXTF"), "700", category, _text(name), version, "" if bare else f"{made:%Y%m%d%H%M%S}000", ""),
        *(_text("" if bare else "SD"), _text("" if bare else "sevDesk"), _text("")),
        *(str(config.accountant_number), str(config.accountant_client_number)),
        *(f"{year_begin(config, start):%Y%m%d}", "4", f"{start:%Y%m%d}", f"{end:%Y%m%d}"),
        *(_text("" if bare else f"sevDesk {start:%m/%Y}"), _text(""), "" if bare else "1", "" if bare else "0"),
        *("1" if job.enshrine_documents else "0", _text("EUR"), "", _text(""), "", ""),
        *(_text("" if bare else job.chart[-2:]), "", "", _text(""), _text("")),
    ]


def _posting(each: Posting, fixed: bool) -> dict[int, str]:
    return {
        1: _money(each.amount),
        2: each.side,
        3: each.currency,
        7: str(each.account),
        8: str(each.contra_account),
        9: each.tax_key,
        10: f"{each.day:%d%m}",
        11: document_number(each.number),
        13: _money(each.skonto) if each.skonto else "",
        14: _line(each.text, 60),
        20: f'BEDI "{each.image_guid}"' if each.image_guid else "",
        114: "1" if fixed else "0",
        117: f"{each.due:%d%m%Y}" if each.due else "",
    }


def _debtor(each: Debtor) -> dict[int, str]:
    contact, address = each.contact, each.address
    company, vat_number = contact.get("name"), contact.get("vatNumber") or ""
    texts = {
        2: company,
        4: None if company else contact.get("familyname"),
        5: None if company else contact.get("surename"),  # sevDesk's word for the given name
        7: "2" if company else "1",
        9: vat_number[:2],
        10: vat_number[2:],
        15: "STR" if address.get("street") else "",
        16: address.get("street"),
        18: address.get("zip"),
        19: address.get("city"),
        20: each.country,
        33: each.email,
    }
    return {1: str(each.account), **{column: _line(text or "", 60) for column, text in texts.items()}}


def document_number(number: str) -> str:
    """The number without characters that Belegfeld 1 forbids, at most 36 characters (official)."""
    return "".join(char for char in number if (char.isascii() and char.isalnum()) or char in _NUMBER_SIGNS)[:36]


def _row(fields: dict[int, str], length: int, texts: frozenset[int], *, bare: bool = False) -> str:
    def cell(column: int) -> str:
        value = fields.get(column, "")
        quoted = any(char in value for char in ';"\n') if bare else column in texts  # bare: only where needed
        return _text(value) if quoted else value

    return ";".join(cell(column) for column in range(1, length + 1))


def _text(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'


def _line(text: str, length: int) -> str:
    """The text cut to `length`, unprintable characters as spaces, those not in cp1252 as "?"."""
    plain = "".join(char if char.isprintable() else " " for char in text)[:length]
    return plain.encode("cp1252", "replace").decode("cp1252")


def _money(amount: Decimal) -> str:
    return f"{amount:.2f}".replace(".", ",")


def document_list(names: dict[str, str], made: datetime) -> str:
    """document.xml, DATEV's index of document images: GUID and file name of each; type 2 is an outgoing invoice."""
    space = "http://xml.datev.de/bedi/tps/document/v06.0"
    documents = "\n".join(
        f'    <document guid="{guid}" type="2"><extension xsi:type="File" name="{name}"/></document>'
        for guid, name in names.items()
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<archive xmlns="{space}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
    xsi:schemaLocation="{space} Document_v060.xsd" version="6.0" generatingSystem="sevDesk">
  <header><date>{made.astimezone(BERLIN):%Y-%m-%dT%H:%M:%S}</date></header>
  <content>
{documents}
  </content>
</archive>
"""
