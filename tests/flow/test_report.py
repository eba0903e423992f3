"""The report of a month: its figures, its file, and how it looks in a real browser."""

import json
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from flow.billing import Billing, time_to_day
from flow.browser import open_in_browser
from flow.operators import Operator

from worker.settings import Settings

NASTY = "<script>alert(1)</script>\x1b[2J\u202e"
FIRST = date(2026, 3, 1)  # of the month that is reported


@pytest.fixture
def operator(settings: Settings, tmp_path: Path) -> Operator:
    return Operator(settings, tmp_path)


async def invoice(billing: Billing, number: str, gross: str, **columns: Any) -> Any:
    """An invoice of the month, approved unless `columns` say otherwise."""
    given = {"invoice_number": number, "gross_amount": gross, "net_amount": gross, "tax_amount": "0.00"}
    return await billing.invoice(None, **{"issue_date": FIRST, "payment_term_days": 14} | given | columns)


async def published(billing: Billing, number: str, gross: str, **columns: Any) -> Any:
    """The same, published and sent."""
    return await invoice(billing, number, gross, **{"document_status": "sent", "accounting_sync_status": "synced"}
                         | {"external_id": number, "external_invoice_number": f"RE-{number}"} | columns)  # fmt: skip


async def paid(billing: Billing, invoice: Any, amount: str, day: date | None) -> None:
    told = {"paid_before": 0, "paid_now": amount, "paid_on": day and str(day)}
    await billing.db.execute(
        "INSERT INTO billing_invoice_event_log (invoice_id, event_type, payload) VALUES ($1, 'paid', $2)",
        invoice, json.dumps(told),
    )  # fmt: skip


async def parked(billing: Billing, invoice: Any, problem: str, kind: str = "publish_invoice") -> None:
    await billing.db.execute(
        """WITH job AS (INSERT INTO sevdesk_jobs (job_id, kind, payload, origin, invoice_id, order_key, state, problem,
                                                  problem_parameters, finished_at)
                        VALUES ($3::text || $1::uuid, $3, '{}', 'system', $1, 'invoice:' || $1::uuid,
                                'parked', $2, '{}', now()) RETURNING *)
           INSERT INTO sevdesk_queue (job_id, seq, kind, order_key, phase, rank)
           SELECT job_id, seq, kind, order_key, 'parked', 0 FROM job""",
        invoice, problem, kind,
    )  # fmt: skip


async def notice(billing: Billing, invoice: Any, code: str, **parameters: str) -> None:
    await billing.db.execute(
        "INSERT INTO sevdesk_notices (invoice_id, code, parameters) VALUES ($1, $2, $3)", invoice, code,
        json.dumps(parameters),
    )  # fmt: skip


async def a_month(billing: Billing) -> None:
    """Invoices at every stage, two currencies, and something in each section."""
    await invoice(billing, "APPROVED", "100.00")
    stuck = await invoice(billing, NASTY, "200.00")
    for kind in ("publish_invoice", "send_invoice"):
        await parked(billing, stuck, "sums_differ", kind)
    await invoice(billing, "DRAFT", "7.00", document_status="draft")
    await invoice(billing, "NAN", "NaN")
    await published(billing, "OLD", "50.00", issue_date=FIRST - timedelta(days=1))
    await published(billing, "DUE", "1190.00", issue_date=time_to_day())
    half = await published(billing, "HALF", "1000.00", claim_status="partially_paid", paid_amount="400.00")
    await paid(billing, half, "400.00", FIRST + timedelta(days=9))
    full = await published(billing, "FULL", "2000.00", claim_status="paid", paid_amount="2010.00")
    await paid(billing, full, "2010.00", FIRST + timedelta(days=9))
    await paid(billing, full, "2010.00", FIRST - timedelta(days=1))
    await notice(billing, full, "overpaid", excess="10.00", paid="2010.00", gross="2000.00")
    await notice(billing, half, "drift", findings=f"gross is 1000.00 {NASTY} here, 1000.01 in sevDesk", step="Look.")
    await published(billing, "CHF", "300.00", currency="CHF", claim_status="paid", paid_amount="300.00")
    await published(billing, "GONE", "9.00", document_status="cancelled", claim_status="cancelled")
    await billing.db.execute(
        """INSERT INTO sevdesk_reconciliations (started_at, invoices, documents, changing, drift)
           VALUES (now(), 6, 6, 0, '{"gross": 1}')""")  # fmt: skip
    await billing.db.execute(
        """INSERT INTO sevdesk_datev_exports (start_date, end_date, status, report)
           VALUES ('2026-03-01', '2026-03-31', 'accepted_with_findings', $1),
                  ('2026-02-01', '2026-02-28', 'accepted', '{}')""",
        json.dumps({"findings": [{"text": f"Gebucht: {NASTY} 1,00.", "text_en": f"Posted: {NASTY} 1.00."}] * 12}),
    )  # fmt: skip


async def test_figures_are_the_months(billing: Billing, operator: Operator) -> None:
    """Only invoices and payments of the month count, by currency; what no sum can hold counts without a sum."""
    await a_month(billing)
    found = await operator.json("report", "2026-03")
    euros, francs = found["pipeline"]
    assert (euros["currency"], francs["currency"], francs["paid"]) == ("EUR", "CHF", 1)
    stages = ("draft", "approved", "published", "sent", "paid", "received", "cancelled")
    assert [euros[stage] for stage in stages] == [1, 5, 2, 2, 1, 2, 1]
    sums = [Decimal(euros[f"{stage}_sum"]) for stage in stages]
    assert sums == [Decimal(n) for n in ("7", "3300", "3000", "3000", "2000", "2410", "9")]
    owed = {row["days"]: (row["claims"], Decimal(row["owed"])) for row in found["open_claims"]}
    assert owed == {-1: (1, Decimal(1190)), 91: (2, Decimal(650))}
    assert [(row["day"], Decimal(row["amount"])) for row in found["payments"]] == [("2026-03-10", Decimal(2410))]
    told = [(row["code"], row["jobs"], Decimal(row["euros"])) for row in found["parked"]]
    assert told == [("sums_differ", 2, Decimal(200))]  # of one invoice
    assert [(row["invoice_number"], Decimal(row["amount"])) for row in found["differences"]] == [("FULL", Decimal(10))]
    assert [row["start_date"] for row in found["exports"]] == ["2026-03-01"]


async def test_page_is_safe_in_both_languages(billing: Billing, operator: Operator, tmp_path: Path) -> None:
    """Money, days and words are of the language; texts from data stay texts; nothing is loaded."""
    await a_month(billing)
    words = {
        "en": ("approved", "3300.00 EUR", "2026-03-10", "overpaid by", "Posted: ", "and 2 more"),
        "de": ("freigegeben", "3.300,00 EUR", "10.03.2026", "überzahlt um", "Gebucht: ", "und 2 weitere"),
    }
    for language, told in words.items():
        file = tmp_path / f"{language}.html"
        assert (await operator.run("report", "2026-03", "--html", str(file), "--language", language))[0] == 0
        page = file.read_text()
        assert [text for text in told if text not in page] == []
        assert f'<html lang="{language}">' in page and "<script" not in page and "\x1b" not in page
        assert "\u202e" not in page and r"&lt;script&gt;alert(1)&lt;/script&gt;\x1b[2J\u202e" in page
        assert "http" not in page.replace("http-equiv", "")
        assert page.index("FULL") < page.index(told[0])  # differences in money come first


async def test_file_is_new_and_private(operator: Operator, tmp_path: Path) -> None:
    """Mode 0600; what is there stays as it is, by exit code 1, and nothing is asked before."""
    file = tmp_path / "report.html"
    assert (await operator.run("report", "--html", str(file)))[0] == 0
    assert file.stat().st_mode & 0o777 == 0o600
    for command in (("report",), ("reconcile",), ("readiness", "--offline"), ("rehearse",), ("adopt",)):
        code, said, error = await operator.run(*command, "--html", str(file))
        assert (code, said) == (1, "") and "is there already" in error


async def test_empty_month_is_said(operator: Operator) -> None:
    """No row is no error; what is no month is wrong usage."""
    code, said, _ = await operator.run("report", "2001-01")
    assert code == 0 and "--html FILE" in said
    for wrong in ("2026-13", "2026-3", "März", "1999-12", "２０２６-03"):
        code, _, error = await operator.run("report", wrong)
        assert code == 2 and "is no month" in error


@pytest.mark.parametrize("language", ["en", "de"])
async def test_browser_shows_the_page(billing: Billing, operator: Operator, tmp_path: Path, language: str) -> None:
    """Chromium complains of nothing, scrolls not sideways on a screen and a telephone, and shows dark on dark ones."""
    await a_month(billing)
    file = tmp_path / "report.html"
    assert (await operator.run("report", "2026-03", "--html", str(file), "--language", language))[0] == 0
    seen = {(width, dark): open_in_browser(file, width, dark=dark, picture=tmp_path / f"{width}-{dark}.png")
            for width, dark in ((1280, False), (1280, True), (390, False))}  # fmt: skip
    for shown in seen.values():
        assert shown.complaints == [] and shown.content <= shown.window and shown.charts >= 10
    assert len({shown.background for shown in seen.values()}) == 2


def test_browser_notices_faults(tmp_path: Path) -> None:
    """What the test above relies on: a page too wide, and one whose policy stops a script, are noticed."""
    file = tmp_path / "bad.html"
    policy = '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'">'
    file.write_text(f"<!doctype html>{policy}<pre>{'wide ' * 300}</pre><script>1</script>")
    shown = open_in_browser(file, 390)
    assert shown.content > shown.window and any("Content Security Policy" in each for each in shown.complaints)
