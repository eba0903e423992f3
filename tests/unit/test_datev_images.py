"""Document images that were asked for: judged where postings name them, and never otherwise."""

import io
from datetime import date
from decimal import Decimal
from uuid import UUID

from tests.unit.extf_writer import TITLES, Head, Line, accept, archive
from worker.datev.documents import Document, TaxSubtotal
from worker.datev.order import Order
from worker.datev.report import Period, Report

DAY = date(2026, 10, 5)
GUIDS = {f"RE-{at}": str(UUID(int=at)).upper() for at in (1, 2)}
SPACE = "http://xml.datev.de/bedi/tps/document/v06.0"
PDF = {f"{number}.pdf": b"%PDF-1.7" for number in GUIDS}


def index(files: dict[str, str], before: str = "") -> bytes:
    """document.xml: GUID -> file name."""
    documents = "".join(
        f'<document guid="{guid.lower()}"><extension name="{name}"/></document>' for guid, name in files.items()
    )
    return f'<?xml version="1.0"?>{before}<archive xmlns="{SPACE}"><content>{documents}</content></archive>'.encode()


INDEX = index({guid: f"Belege/{number}.pdf" for number, guid in GUIDS.items()})


def judged(files: dict[str, bytes], *, linked: int = 2, asked: bool = True) -> Report:
    """The report on two invoices, of which so many name their image."""
    rows, documents = [Head().written(), ";".join(TITLES)], []
    for at, (number, guid) in enumerate(GUIDS.items()):
        row = Line(Decimal(119), "S", "10001", "8400", DAY, number).written().split(";")
        if at < linked:
            row[TITLES.index("Beleglink")] = f'"BEDI ""{guid}"""'
        rows.append(";".join(row))
        share = (TaxSubtotal(Decimal(19), Decimal(100), Decimal(19)),)
        documents.append(Document(number, "invoice", DAY, Decimal(119), share, 1))
    content = archive({**files, "EXTF_1.csv": "".join(f"{row}\r\n" for row in rows).encode("cp1252")})
    period, order = Period(date(2026, 10, 1), date(2026, 10, 31)), Order("E", images=asked)
    return accept(io.BytesIO(content), documents, None, period, "SKR03", order)


def state(report: Report) -> tuple[str, str | None]:
    """Whether images were judged, and why not."""
    about = report.as_dict()["judged"]["images"]
    return about["state"], about["code"]


def test_each_image_is_found_by_its_guid() -> None:
    """Every posting's image is there, in whatever folder."""
    files = {**PDF, "document.xml": INDEX}
    for folder in ("", "DATEV_Rechnungsausgang_20261001_bis_20261031/"):
        report = judged({f"{folder}{name}": content for name, content in files.items()})
        assert (report.counts, state(report)) == ({}, ("judged", None))


def test_missing_images_are_findings() -> None:
    """None at all, one that is not there, one that the index lacks, and a posting without a link."""
    assert [f.message.code for f in judged({}).findings.found] == ["images_missing"]
    one = {"RE-1.pdf": b"%PDF-1.7"}
    short = index({GUIDS["RE-1"]: "RE-1.pdf"})
    for report, code in (
        (judged({**one, "document.xml": INDEX}), "image_missing"),
        (judged({**PDF, "document.xml": short}), "image_missing"),
        (judged({**PDF, "document.xml": INDEX}, linked=1), "image_not_linked"),
    ):
        assert [(f.message.code, f.number) for f in report.findings.found] == [(code, "RE-2")]
        assert report.matched == 2


def test_images_without_links_are_not_judged() -> None:
    """No link, no index, or a package of their own: no finding, and the reason is said."""
    assert state(judged({**PDF, "document.xml": INDEX}, linked=0)) == ("not_judged", "images_not_indexed")
    assert state(judged(PDF)) == ("not_judged", "images_not_indexed")
    package = {"DATEV_Rechnungsausgang_20261001_bis_20261031.zip": archive(PDF)}
    report = judged(package)
    assert (report.counts, state(report)) == ({}, ("not_judged", "images_packed"))


def test_hostile_index_is_a_finding() -> None:
    """Entities are never read, and what is no XML is said to be unreadable."""
    bomb = '<!DOCTYPE a [<!ENTITY b "x"><!ENTITY c "&b;&b;">]>'
    for content in (index({}, bomb), INDEX[:-20], b"<a"):
        report = judged({**PDF, "document.xml": content})
        assert [f.message.code for f in report.findings.found] == ["file_index"]
        assert state(report) == ("not_judged", "images_not_indexed")


def test_unasked_images_are_noted() -> None:
    """They do no harm."""
    report = judged(PDF, asked=False)
    assert (report.counts, state(report)) == ({}, ("not_asked", "not_asked"))
    assert "images_unasked" in {f.message.code for f in report.findings.notes}
