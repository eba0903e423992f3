"""DATEV exports: what is posted, and how an archive looks inside."""

import re
from decimal import Decimal
from xml.etree import ElementTree

import pytest

from tests.sandbox.datev_archive import Line, fetch, files_of, lines_of, link_of, order, read_lines, unpack
from tests.sandbox.sandbox_client import Json, SandboxClient, line, ref, save_body

STACK = "EXTF_Buchungsstapel.csv"
MIXED = [line("100.05", rate=19), line("50", rate=7), line("0.333", 3, rate=19), line(10, rate=0)]


def short(lines: list[Line]) -> list[tuple[str, int, int, str, str]]:
    """What a bookkeeper looks at."""
    return [(str(each.amount), each.account, each.contra, each.day, each.number) for each in lines]


async def test_invoices_are_posted_gross(sandbox: SandboxClient) -> None:
    """One line per rate, debtor against automatic revenue account; together exactly the invoice's sum."""
    ident = await sandbox.open_id(lines=MIXED, timeToPay=14)
    lines = await lines_of(sandbox)
    assert short(lines) == [
        ("120.25", 10001, 8400, "0110", "RE-1000"),
        ("53.50", 10001, 8300, "0110", "RE-1000"),
        ("10.00", 10001, 8290, "0110", "RE-1000"),
    ]
    assert sum(each.amount for each in lines) == Decimal((await sandbox.invoice(ident))["sumGross"])
    assert {each.key for each in lines} == {""}
    assert [lines[0].row[column - 1] for column in (3, 14, 114, 117)] == ["EUR", "Muster GmbH", "0", "15102026"]


@pytest.mark.parametrize(
    "invoice",
    [
        {"lines": [line("0.333", rate=19)] * 7},
        {"lines": MIXED, "showNet": "0"},
        {"lines": [line(100, discount=10), line("-30", rate=7), line("9.99", rate=7)]},
    ],
)
@pytest.mark.parametrize("switches", [{}, {"rounding": "total"}, {"cent_off": True}])
async def test_postings_equal_every_invoice(sandbox: SandboxClient, invoice: Json, switches: Json) -> None:
    """However odd its sums."""
    await sandbox.switch(**switches)
    ident = await sandbox.open_id(**invoice)
    total = sum(each.amount for each in await lines_of(sandbox))
    assert total == Decimal((await sandbox.invoice(ident))["sumGross"])


async def test_discounted_invoices_are_posted(sandbox: SandboxClient) -> None:
    """A discount on the document is shared between the rates; its cancellation takes the same back from each."""
    off = {"objectName": "Discounts", "mapAll": True, "discount": True, "percentage": False, "value": "10"}
    body = save_body(MIXED, contact=ref(await sandbox.contact(), "Contact"))
    saved = await sandbox.objects("POST", "/Invoice/Factory/saveInvoice", 201, json={**body, "discountSave": [off]})
    ident = saved["invoice"]["id"]
    await sandbox.send_by(ident)
    before = await lines_of(sandbox)
    assert sum(each.amount for each in before) == Decimal(saved["invoice"]["sumGross"])
    await sandbox.objects("POST", f"/Invoice/{ident}/cancelInvoice", 201)
    after = await lines_of(sandbox, startDate=0)
    assert sum(each.amount for each in after) == 0
    assert [-each.amount for each in after if each.number == "RE-1001"] == [each.amount for each in before]


@pytest.mark.parametrize(
    ("rule", "rate", "skr03", "skr04"),
    [(1, 19, 8400, 4400), (2, 0, 8120, 4120), (3, 0, 8125, 4125), (5, 0, 8337, 4337), (17, 0, 8338, 4338)],
)
async def test_rules_choose_accounts(sandbox: SandboxClient, rule: int, rate: int, skr03: int, skr04: int) -> None:
    """The tax rule and the chart decide where revenue goes."""
    await sandbox.open_id(lines=[line(rate=rate)], taxRule=ref(rule, "TaxRule"))
    assert [each.contra for each in await lines_of(sandbox)] == [skr03]
    await sandbox.switch(datev_chart="SKR04")
    assert [each.contra for each in await lines_of(sandbox)] == [skr04]


async def test_small_business_has_its_account(sandbox: SandboxClient) -> None:
    """Kleinunternehmer in both charts."""
    await sandbox.switch(small_business=True)
    await sandbox.open_id(lines=[line(rate=0)], taxRule=ref(11, "TaxRule"))
    assert [each.contra for each in await lines_of(sandbox)] == [8195]


async def test_keyed_accounts_say_their_tax(sandbox: SandboxClient) -> None:
    """By switch, on accounts that compute nothing, with the BU-Schlüssel."""
    await sandbox.switch(datev_accounts="keyed")
    await sandbox.open_id(lines=MIXED)
    lines = await lines_of(sandbox)
    assert [(each.contra, each.key) for each in lines] == [(8200, "0003"), (8200, "0002"), (8290, "")]


async def test_cancellations_are_turned_round(sandbox: SandboxClient) -> None:
    """The invoice stays, the Storno takes it back on its own day, under its own number."""
    ident = await sandbox.open_id()
    await sandbox.objects("POST", f"/Invoice/{ident}/cancelInvoice", 201)
    first, second = await lines_of(sandbox, startDate=0, endDate=4000000000)
    assert (first.amount, second.amount) == (Decimal(119), Decimal(-119))
    assert second.row[1] == "H" and (second.account, second.contra) == (first.account, first.contra)
    assert second.number == "RE-1001" and "Stornorechnung Nr. RE-1001" in second.row[13]


async def test_drafts_are_not_posted(sandbox: SandboxClient) -> None:
    """Nor what lies outside the period, to the second."""
    await sandbox.draft_id()
    await sandbox.open_id(invoiceDate="2026-08-31")
    await sandbox.open_id(invoiceDate="2026-12-01")
    await sandbox.open_id(invoiceDate="2026-11-30")
    assert [each.day for each in await lines_of(sandbox)] == ["3011"]
    # An end at midnight leaves the last day out; a start an hour late, as in UTC, the first.
    assert await lines_of(sandbox, startDate=1795993200 + 3600) == []


async def test_payments_hit_the_bank(sandbox: SandboxClient) -> None:
    """With T in scope: bank against debtor, money back turned round, Skonto beside the last payment."""
    ident = await sandbox.open_id()
    await sandbox.pay(ident, "50", date="2026-10-05")
    await sandbox.pay(ident, "-20", date="2026-10-06")
    await sandbox.pay(ident, "86.62", date="2026-10-07", kind="skonto")
    await sandbox.pay(await sandbox.open_id(), "119", date="2026-12-24")
    lines = await lines_of(sandbox, "T")
    assert short(lines) == [
        ("50.00", 1200, 10001, "0510", "RE-1000"),
        ("-20.00", 1200, 10001, "0610", "RE-1000"),
        ("86.62", 1200, 10001, "0710", "RE-1000"),
    ]
    assert [each.row[12] for each in lines] == ["", "", "2,38"]
    await sandbox.switch(datev_chart="SKR04")
    assert {each.account for each in await lines_of(sandbox, "T")} == {1800}


async def test_unlinked_payments_are_gone(sandbox: SandboxClient) -> None:
    """What is not booked any more is not exported."""
    ident = await sandbox.open_id()
    await sandbox.pay(ident, "119", date="2026-10-05")
    await sandbox.control("POST", "/unlink", json={"invoice_id": ident})
    assert await lines_of(sandbox, "T") == []


async def test_pay_date_exports_only_paid(sandbox: SandboxClient) -> None:
    """Only paid documents, by the day of payment, which is their day in the file."""
    early = await sandbox.open_id(invoiceDate="2025-12-30")
    await sandbox.open_id()
    await sandbox.pay(await sandbox.open_id(), "10", date="2026-10-05")
    await sandbox.pay(early, "119", date="2026-10-05")
    lines = await lines_of(sandbox, "E", exportByPaydate="true")
    assert short(lines) == [("119.00", 10001, 8400, "0510", "RE-1000")]


@pytest.mark.parametrize(("scope", "count"), [("E", 1), ("T", 1), ("ET", 2), ("EXTCD", 2), ("XCD", 0)])
async def test_scope_chooses_models(sandbox: SandboxClient, scope: str, count: int) -> None:
    """E invoices, T payments; the rest is empty here."""
    await sandbox.pay(await sandbox.open_id(), "119", date="2026-10-05")
    assert len(await lines_of(sandbox, scope)) == count


async def test_enshrined_can_stay_out(sandbox: SandboxClient) -> None:
    """includeEnshrined=false."""
    await sandbox.open_id()
    await sandbox.switch(send_by_enshrines=False)
    await sandbox.open_id()
    assert [each.number for each in await lines_of(sandbox, includeEnshrined="false")] == ["RE-1001"]


async def test_exporting_can_enshrine(sandbox: SandboxClient) -> None:
    """For good, at once, exactly what is exported; otherwise nothing."""
    await sandbox.switch(send_by_enshrines=False)
    inside, outside = await sandbox.open_id(), await sandbox.open_id(invoiceDate="2026-01-01")
    await order(sandbox)
    assert (await sandbox.invoice(inside))["enshrined"] is None
    await order(sandbox, enshrineDocuments="true")
    assert (await sandbox.invoice(inside))["enshrined"] is not None
    assert (await sandbox.invoice(outside))["enshrined"] is None
    jobs = (await sandbox.control("GET", "/state?only=exports"))["exports"]
    assert [each["enshrined"] for each in jobs] == [[], [inside]]


async def test_files_follow_the_format(sandbox: SandboxClient) -> None:
    """Header, titles, cp1252, CRLF, semicolons, decimal comma, texts in quotation marks."""
    await sandbox.open_id(addressName='Käß; "Söhne" – €', invoiceNumber="Ä 1.2/3")
    files = await files_of(sandbox, await order(sandbox))
    content = files[STACK]
    assert content.endswith(b"\r\n") and content.count(b"\n") == content.count(b"\r\n") == 3
    assert content.startswith(b'"EXTF";700;21;"Buchungsstapel";13;20')
    head, titles, [posting] = read_lines(content)
    assert (len(head), len(titles), len(posting.row)) == (31, 125, 125)
    assert head[10:16] == ["1001", "1", "20260101", "4", "20260901", "20261130"]
    assert (head[20], head[21], head[26]) == ("0", "EUR", "03")
    expected = ["Umsatz (ohne Soll/Haben-Kz)", "Belegdatum", "Belegfeld 1", "Beleglink", "Festschreibung"]
    assert [titles[column - 1] for column in (1, 10, 11, 20, 114)] == expected
    assert titles[20] == "Beleginfo - Art 1" and titles[86] == "Zusatzinformation - Inhalt 20"
    assert posting.row[13] == 'Käß; "Söhne" – €'
    assert posting.number == "12/3"  # Belegfeld 1 admits no umlauts, blanks and dots
    assert content.split(b"\r\n")[2].startswith(b'119,00;"S";"EUR";;;"";10001;8400;"";0110;"12/3";"";;')


async def test_debtors_come_with_it(sandbox: SandboxClient) -> None:
    """Category 16: everybody who is posted to, organisations and persons apart."""
    person = await sandbox.contact(name=None, surename="Jörg", familyname="Weiß", vatNumber="ATU12345678")
    address = {"street": "Weg 1", "zip": "1010", "city": "Wien", "country": ref(2, "StaticCountry")}
    link = {"contact": ref(person, "Contact"), "category": ref(47, "Category")}
    await sandbox.objects("POST", "/ContactAddress", 201, json={**address, **link})
    await sandbox.open_id()
    await sandbox.open_id(contact=ref(person, "Contact"))
    files = await files_of(sandbox, await order(sandbox))
    head, titles, *rows = [
        re.split(";", each) for each in files["EXTF_DebKred_Stamm.csv"].decode("cp1252").splitlines()
    ]
    assert head[2:5] == ["16", '"Debitoren/Kreditoren"', "5"] and {len(each) for each in [titles, *rows]} == {40}
    assert rows[0][:2] == ["10001", '"Muster GmbH"'] and rows[0][6] == '"2"'
    assert [rows[1][at] for at in (0, 1, 3, 4, 6, 8, 9)] == [
        *("10002", '""', '"Weiß"', '"Jörg"', '"1"', '"AT"', '"U12345678"'),
    ]
    assert [rows[1][at] for at in (15, 17, 18, 19)] == ['"Weg 1"', '"1010"', '"Wien"', '"AT"']


async def test_debtors_keep_their_accounts(sandbox: SandboxClient) -> None:
    """From export to export, whoever comes in between."""
    late = ref(await sandbox.contact(name="Spät GmbH"), "Contact")
    await sandbox.open_id()
    await lines_of(sandbox)
    await sandbox.open_id(contact=late, invoiceDate="2026-09-01")
    assert [(each.account, each.number) for each in await lines_of(sandbox)] == [
        (10002, "RE-1001"),
        (10001, "RE-1000"),
    ]


async def test_images_are_indexed(sandbox: SandboxClient) -> None:
    """With includeDocumentImages each posting names a GUID, document.xml its file, and the file is the PDF."""
    await sandbox.open_id(lines=MIXED)
    files = await files_of(sandbox, await order(sandbox, includeDocumentImages="true"))
    links = {each.row[19] for each in read_lines(files[STACK])[2]}
    root = ElementTree.fromstring(files["document.xml"])  # noqa: S314 - the sandbox wrote it
    [document] = root.findall(".//{*}document")
    assert links == {f'BEDI "{document.attrib["guid"]}"'}
    assert files[document[0].attrib["name"]].startswith(b"%PDF") and document[0].attrib["name"] == "RE-1000.pdf"
    plain = await files_of(sandbox, await order(sandbox))
    assert sorted(plain) == [STACK, "EXTF_DebKred_Stamm.csv"]
    assert read_lines(plain[STACK])[2][0].row[19] == ""


async def test_archives_show_the_start(sandbox: SandboxClient) -> None:
    """An archive is the account as it was when the export was ordered."""
    ident = await sandbox.open_id()
    job = await order(sandbox)
    await sandbox.open_id()
    await sandbox.control("POST", "/delete", json={"invoice_id": ident})
    files = await files_of(sandbox, job)
    assert [each.number for each in read_lines(files[STACK])[2]] == ["RE-1000"]


async def test_years_have_their_own_files(sandbox: SandboxClient) -> None:
    """A posting's year stands only in the header, so a period over New Year makes two files."""
    await sandbox.open_id(invoiceDate="2025-12-31")
    await sandbox.open_id(invoiceDate="2026-01-01")
    files = await files_of(sandbox, await order(sandbox, startDate=1764543600))
    stacks = {name: read_lines(content) for name, content in files.items() if "Buchungsstapel" in name}
    assert sorted(stacks) == [
        "EXTF_Buchungsstapel_20251201_bis_20251231.csv",
        "EXTF_Buchungsstapel_20260101_bis_20261130.csv",
    ]
    assert [(head[12], [each.day for each in lines]) for head, _, lines in stacks.values()] == [
        ("20250101", ["3112"]),
        ("20260101", ["0101"]),
    ]


async def test_odd_years_begin_in_july(sandbox: SandboxClient) -> None:
    """The accounting year is the one that the UI says."""
    await sandbox.control("PUT", "/export_config", json={"accounting_year_begin": "2020-07-01"})
    await sandbox.open_id()
    files = await files_of(sandbox, await order(sandbox))
    assert read_lines(files[STACK])[0][12] == "20260701"


async def test_observed_layout_differs(sandbox: SandboxClient) -> None:
    """Version 12, no chart, sides turned, bare line ends, period in the names, images packed once more."""
    await sandbox.switch(datev_layout="observed")
    await sandbox.open_id()
    files = await files_of(sandbox, await order(sandbox, includeDocumentImages="true"))
    name, images = "EXTF_Buchungsstapel_20260901_bis_20261130.csv", "DATEV_Rechnungsausgang_20260901_bis_20261130.zip"
    assert sorted(files) == [images, name]
    head, titles, [posting] = read_lines(files[name])
    assert (head[4], head[26], len(titles), b"\r" in files[name]) == ("12", "", 124, False)
    assert (posting.account, posting.contra, posting.amount) == (8400, 10001, Decimal(-119))
    assert any(each.startswith("2026-10-01_Einnahmebeleg_RE-1000") for each in unpack(files[images]))


async def test_images_may_lie_in_a_folder(sandbox: SandboxClient) -> None:
    """Of the period's name, with their index; the Buchungsstapel is beside it."""
    await sandbox.switch(datev_layout="folder")
    await sandbox.open_id()
    files = await files_of(sandbox, await order(sandbox, includeDocumentImages="true"))
    folder = "DATEV_Rechnungsausgang_20260901_bis_20261130"
    assert sorted(files) == [f"{folder}/RE-1000.pdf", f"{folder}/document.xml", STACK, "EXTF_DebKred_Stamm.csv"]


async def test_storage_refuses_like_s3(sandbox: SandboxClient) -> None:
    """A token beside the signature, a wrong signature, another's path, a link too old, another method."""
    link = await link_of(sandbox, await order(sandbox))
    bad = await fetch(link, Authorization="0" * 32)
    assert bad.status_code == 400 and "Only one auth mechanism allowed" in bad.text
    assert (await fetch(link.replace("Signature=", "Signature=0"))).status_code == 403
    assert (await fetch(link.replace("/zip/", "/zap/"))).status_code == 403
    assert (await sandbox.http.post(link)).status_code == 405
    assert (await fetch(link)).headers["content-type"] == "application/zip"
    await sandbox.switch(datev_link_seconds=-1)
    expired = await fetch(await link_of(sandbox, await order(sandbox)))
    assert expired.status_code == 403 and "Request has expired" in expired.text
    log = [each for each in await sandbox.control("GET", "/requests") if each["path"].startswith("/storage")]
    assert [(each["status"], each["authorization"]) for each in log][:2] == [(400, True), (403, False)]


async def test_api_has_no_storage(sandbox: SandboxClient) -> None:
    """Files lie beside the API, not in it, and the API not beside itself."""
    await sandbox.error("GET", "/storage/1000001/x", 500)
    answer = await sandbox.http.get(f"{sandbox.running.url}/storage/Invoice")
    assert answer.status_code == 400
