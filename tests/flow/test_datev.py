"""A DATEV export is started once, downloaded, checked against our documents, and stored."""

import asyncio
import hashlib
import io
import json
import zipfile
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from flow.billing import Billing, parameters, time_to_day
from flow.books import control, order_fault, pay, state, until
from flow.conftest import RunWorker

from sevdesk_client.sandbox.http.server import Running
from worker.handlers.datev_export import Export
from worker.store.connection import QUERIES

pytestmark = pytest.mark.usefixtures("quick_exports")

MONTH = {"start_date": "2026-10-01", "end_date": "2026-10-31"}


async def october(billing: Billing, sevdesk: Running) -> list[UUID]:
    """Publishes three invoices of October: one tax rate, two tax rates, and reverse charge."""
    invoices = [
        await billing.usual_invoice(issue_date=date(2026, 10, 1)),
        await billing.usual_invoice(
            issue_date=date(2026, 10, 31),
            items=(("3", "0.333", "19"), ("2", "10.50", "7")),
            net_amount="22.00",
            tax_amount="1.66",
            gross_amount="23.66",
        ),
        await billing.usual_invoice(
            issue_date=date(2026, 10, 15),
            tax_rule=5,
            items=(("1", "500", "0"),),
            net_amount="500.00",
            tax_amount="0.00",
            gross_amount="500.00",
        ),
    ]
    for invoice in invoices:
        job = await billing.do("publish_invoice", invoice_id=invoice)
        assert (job["state"], job["error"]) == ("done", None)
    return invoices


async def export(billing: Billing, **payload: Any) -> Any:
    """Runs an export to its end; returns its row."""
    job = await billing.do("export_datev", **(payload or MONTH))
    assert (job["state"], job["error"]) == ("done", None)
    return await billing.db.fetchrow("SELECT * FROM sevdesk_datev_exports WHERE job_id = $1", job["job_id"])


async def stored(billing: Billing, row: Any, which: str = "original") -> bytes:
    """An export's archive or package, read as docs/integrating.md says."""
    query = f"SELECT content FROM sevdesk_datev_parts WHERE export_id = $1 AND ({which}) ORDER BY part"  # noqa: S608
    return b"".join([part["content"] for part in await billing.db.fetch(query, row["export_id"])])


async def test_month_is_accepted(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Every posting has its document and every document its postings, to the cent."""
    await october(billing, sevdesk)
    row = await export(billing)
    assert (row["status"], json.loads(row["report"])["counts"]) == ("accepted", {})
    assert (row["progress"], row["error"]) == (100, None)
    archive, package = await stored(billing, row), await stored(billing, row, "original OR NOT original")
    assert (hashlib.sha256(archive).hexdigest(), len(archive)) == (row["archive_sha256"], row["archive_bytes"])
    assert (hashlib.sha256(package).hexdigest(), len(package)) == (row["package_sha256"], row["package_bytes"])
    with zipfile.ZipFile(io.BytesIO(package)) as both:
        assert both.testzip() is None and both.read("original.zip") == archive
        assert "DATEV" in both.read("Pruefbericht.txt").decode("utf-8-sig")


async def test_nothing_is_enshrined_unasked(billing: Billing, worker: object, sevdesk: Running) -> None:
    """The parameter is `false` unless the job asks for enshrining."""
    await october(billing, sevdesk)
    await export(billing)
    await export(billing, **MONTH, enshrine=True)
    first, second = (await state(sevdesk))["exports"]
    assert first["parameters"]["enshrineDocuments"] == "false"
    assert second["parameters"]["enshrineDocuments"] == "true"


async def test_cancellations_and_payments_agree(billing: Billing, worker: object, sevdesk: Running) -> None:
    """A Storno and a payment of today are in the export of today, and everything in it is matched."""
    today = time_to_day()
    cancelled = await billing.usual_invoice()
    paid = await billing.usual_invoice()
    for invoice in (cancelled, paid):
        await billing.do("publish_invoice", invoice_id=invoice)
    await billing.do("cancel_invoice", invoice_id=cancelled, reason="test")
    await pay(sevdesk, (await billing.row(paid))["external_id"], "119.00")
    await billing.do("sync_payments")
    row = await export(billing, start_date=today.isoformat(), end_date=today.isoformat(), scope="ET")
    assert (row["status"], json.loads(row["report"])["counts"]) == ("accepted", {})


async def test_documents_carry_their_customer(billing: Billing, worker: object) -> None:
    """A Storno has the customer of its invoice, so that both are expected on one debtor."""
    invoice = await billing.usual_invoice()
    await billing.do("publish_invoice", invoice_id=invoice)
    await billing.do("cancel_invoice", invoice_id=invoice, reason="test")
    today = time_to_day()
    async with billing.db.acquire() as connection:
        found = QUERIES.documents_of_period(connection, first=today, last=today, by_pay_date=False)
        documents = [(each["kind"], each["party"], each["document_kind"]) async for each in found]
    drafted = "SELECT payload ->> 'recipient_id' FROM billing_invoice_event_log WHERE event_type = 'drafted'"
    party = await billing.db.fetchval(drafted)
    assert party and sorted(documents) == [("cancellation", party, "AR"), ("invoice", party, "AR")]


async def test_stalled_worker_orders_nothing(billing: Billing, run_worker: RunWorker, sevdesk: Running) -> None:
    """If storing the intent takes longer than a tenth of the quarantine, no export is started and nobody is asked."""
    async with run_worker(write_quarantine=2.0), billing.db.acquire() as connection:
        async with connection.transaction():
            await connection.execute("LOCK TABLE sevdesk_intents IN SHARE MODE")
            job_id = await billing.enqueue("export_datev", **MONTH)
            await until(lambda: connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))
            await asyncio.sleep(0.25)
        await until(lambda: connection.fetchval("SELECT true FROM sevdesk_jobs WHERE problem = 'worker_stalled'"))
        assert (await state(sevdesk))["exports"] == []
        assert await connection.fetchval("SELECT outcome FROM sevdesk_intents") == "not_sent"
        await billing.make_due(job_id)
        assert (await billing.ended(job_id))["state"] == "done"


async def test_order_waits_before_its_intent(billing: Billing, worker: object, sevdesk: Running) -> None:
    """While sevDesk has asked for a pause, the export's start is put off and no intent is open meanwhile."""
    await order_fault(sevdesk, "status", "GET /Contact", status=429, headers={"Retry-After": "90"})
    first = await billing.enqueue("publish_invoice", invoice_id=await billing.usual_invoice())
    await billing.until_state(first, "waiting")
    second = await billing.enqueue("export_datev", **MONTH)
    assert (await billing.until_state(second, "waiting"))["problem"] == "sevdesk_pause"
    assert await billing.db.fetchval("SELECT count(*) FROM sevdesk_intents") == 0


FAULTS = [
    "posting_missing", "posting_doubled", "posting_unknown", "wrong_amount", "wrong_account", "wrong_side",
    "wrong_date", "wrong_number", "wrong_period", "wrong_encoding", "cut_csv", "extra_file",
]  # fmt: skip


@pytest.mark.parametrize(
    ("layout", "accounts", "faults"),
    [("official", "automatic", FAULTS), ("observed", "automatic", FAULTS[:6]), ("observed", "keyed", FAULTS[4:5])],
)
async def test_planted_faults_are_findings(
    billing: Billing, worker: object, sevdesk: Running, layout: str, accounts: str, faults: list[str]
) -> None:
    """A correct export is accepted; one with a fault is stored, too, and its report has findings."""
    await october(billing, sevdesk)
    await control(sevdesk, "PUT", "switches", {"datev_layout": layout, "datev_accounts": accounts})
    assert (await export(billing))["status"] == "accepted"
    missed = []
    for fault in faults:
        await control(sevdesk, "PUT", "switches", {"datev_faults": [fault]})
        row = await export(billing)
        assert await stored(billing, row)
        if row["status"] != "accepted_with_findings" or not json.loads(row["report"])["counts"]:
            missed.append((fault, row["status"]))
    assert missed == []


async def test_wrong_chart_is_a_finding(billing: Billing, worker: object, sevdesk: Running) -> None:
    """An export in SKR04 has findings while SKR03 is configured."""
    await october(billing, sevdesk)
    await control(sevdesk, "PUT", "switches", {"datev_chart": "SKR04"})
    assert (await export(billing))["status"] == "accepted_with_findings"
    await billing.do("update_config", datev_chart_of_accounts="SKR04")
    assert (await export(billing))["status"] == "accepted"


async def test_missing_year_tells_the_admin(billing: Billing, worker: object, sevdesk: Running) -> None:
    """The next step names what has to be set in sevDesk."""
    await control(sevdesk, "PUT", "switches", {"datev_conflict": "always"})
    job = await billing.do("export_datev", **MONTH)
    assert (job["state"], job["problem"]) == ("parked", "export_not_configured")
    assert "accounting year" in job["next_step"]


async def test_inserted_row_is_taken_up(billing: Billing, worker: object, sevdesk: Running) -> None:
    """The billing system inserts the row and enqueues its id; a second job starts no second export."""
    await october(billing, sevdesk)
    export_id = await billing.db.fetchval(
        "INSERT INTO sevdesk_datev_exports (start_date, end_date) "
        "VALUES ('2026-10-01', '2026-10-31') RETURNING export_id"
    )
    assert (await export(billing, export_id=export_id))["export_id"] == export_id
    again = await billing.do("export_datev", export_id=export_id)
    assert (again["state"], len((await state(sevdesk))["exports"])) == ("done", 1)


async def test_overlapping_export_is_refused(billing: Billing, worker: object, sevdesk: Running) -> None:
    """The refusal names the running export; another period can be exported meanwhile."""
    await control(sevdesk, "PUT", "switches", {"datev_job": "hold"})
    first = await billing.enqueue("export_datev", **MONTH)
    started = "SELECT export_id FROM sevdesk_datev_exports WHERE job_id = $1 AND status = 'running'"
    running = await until(lambda: billing.db.fetchval(started, first))
    second = await billing.do("export_datev", start_date="2026-10-31", end_date="2026-11-30")
    assert (second["state"], second["problem"]) == ("rejected", "export_overlaps")
    assert parameters(second) == {"other_export": str(running)}
    third = await billing.enqueue("export_datev", start_date="2026-11-01", end_date="2026-11-30")
    await control(sevdesk, "PUT", "switches", {"datev_job": "run"})
    for job_id in (first, third):
        assert (await billing.ended(job_id))["state"] == "done"


async def test_restart_fetches_the_same_export(billing: Billing, run_worker: RunWorker, sevdesk: Running) -> None:
    """A worker stops while the export runs; the next worker continues with the stored job id."""
    await control(sevdesk, "PUT", "switches", {"datev_job": "hold"})
    async with run_worker():
        job_id = await billing.enqueue("export_datev", **MONTH)
        await until(lambda: billing.db.fetchval("SELECT sevdesk_job_id FROM sevdesk_datev_exports"))
    await control(sevdesk, "PUT", "switches", {"datev_job": "run"})
    async with run_worker():
        assert (await billing.ended(job_id))["state"] == "done"
    assert len((await state(sevdesk))["exports"]) == 1


async def test_lost_start_is_a_question(billing: Billing, hasty_worker: object, sevdesk: Running) -> None:
    """If the answer to the start is lost, the job is parked with a question, and nothing is started twice."""
    await order_fault(sevdesk, "lose_answer", "GET /Export/createDatevCsvZipExportJob", times=1)
    job = await billing.do("export_datev", **MONTH)
    assert (job["state"], job["problem"]) == ("parked", "export_start_unknown")
    assert len((await state(sevdesk))["exports"]) == 1
    await billing.retry(job["job_id"], answer="not-done")
    assert (await billing.ended(job["job_id"]))["state"] == "done"


async def test_lost_export_that_runs_is_left(billing: Billing, hasty_worker: object, sevdesk: Running) -> None:
    """If a person finds it in sevDesk, the job ends without it, and exports that waited for the answer go on."""
    await order_fault(sevdesk, "lose_answer", "GET /Export/createDatevCsvZipExportJob", times=1)
    lost = await billing.do("export_datev", **MONTH)
    other = await billing.do("export_datev", start_date="2026-11-01", end_date="2026-11-30")
    assert (other["state"], other["problem"], other["asks_about"]) == ("parked", "other_write_open", None)
    assert parameters(other)["other_job"] == lost["job_id"]
    await billing.retry(lost["job_id"], answer="done")
    lost = await billing.ended(lost["job_id"])
    assert (lost["state"], lost["problem"]) == ("rejected", "export_job_id_lost")
    assert "Download it in sevDesk" in lost["next_step"]
    status = "SELECT status FROM sevdesk_datev_exports WHERE job_id = $1"
    assert await billing.db.fetchval(status, lost["job_id"]) == "failed"
    await billing.retry(other["job_id"])
    assert (await billing.ended(other["job_id"]))["state"] == "done"
    assert len((await state(sevdesk))["exports"]) == 2


async def test_lost_export_is_not_started_after_a_break(
    billing: Billing, hasty_worker: object, sevdesk: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection breaks after the intent of a found export was closed: the next attempt starts no second one."""
    failed, breaks = Export._failed, [OSError("gone")]

    async def failing(export: Export, row: Any, outcome: Any) -> Any:
        if breaks:
            raise breaks.pop()
        return await failed(export, row, outcome)

    await order_fault(sevdesk, "lose_answer", "GET /Export/createDatevCsvZipExportJob", times=1)
    lost = await billing.do("export_datev", **MONTH)
    monkeypatch.setattr(Export, "_failed", failing)
    await billing.retry(lost["job_id"], answer="done")
    lost = await billing.ended(lost["job_id"])
    assert (lost["state"], lost["problem"], breaks) == ("rejected", "export_job_id_lost", [])
    assert len((await state(sevdesk))["exports"]) == 1


async def test_failed_link_is_requested_again(billing: Billing, worker: object, sevdesk: Running) -> None:
    """If the download link cannot be had, it is requested again, and no second export is started."""
    await order_fault(sevdesk, "status", "GET /ExportJob/jobDownloadInfo", status=503, times=1)
    row = await export(billing)
    assert row["status"] == "accepted"
    assert len((await state(sevdesk))["exports"]) == 1
