"""Single odd rows that `test_odd_rows` and a reading of the code have found, each with what must become of it."""

from pathlib import Path
from uuid import UUID

import pytest
from flow.billing import Billing, parameters, time_to_day
from flow.books import pay
from flow.operators import Operator
from flow.stage import Stage

from worker.handlers import datev_export
from worker.settings import Settings
from worker.store import Store

UNKNOWN_LAYOUT = "UPDATE sevdesk_config SET template_eb_ar = 'aaaaaaaaaaaaaaaaaaaaaaaa'"
KNOWN_LAYOUT = "UPDATE sevdesk_config SET template_eb_ar = '57986aee6bd2d53306068da1'"
EVENT = "INSERT INTO billing_invoice_event_log (invoice_id, event_type, payload) VALUES ($1, $2, $3::jsonb)"


async def unjudged(billing: Billing) -> tuple[UUID, UUID]:
    """An e-invoice that has its number, and is not judged yet because its layout was refused; and its company."""
    company = await billing.company()
    invoice = await billing.invoice(await billing.deal(company), is_e_invoice=True)
    await billing.db.execute(UNKNOWN_LAYOUT)
    assert (await billing.do("publish_invoice", invoice_id=invoice))["problem"] == "template_refused"
    await billing.db.execute(KNOWN_LAYOUT)
    return invoice, company


async def published(billing: Billing, **columns: object) -> UUID:
    invoice = await billing.usual_invoice(**columns)
    assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
    return invoice


async def change(billing: Billing, table: str, change: str, id: UUID) -> None:
    key = "invoice_id" if table == "billing_invoice_items" else "id"
    await billing.db.execute(f"UPDATE {table} SET {change} WHERE {key} = $1", id)  # noqa: S608 - ours


async def test_event_of_another_program(billing: Billing, worker: object, settings: Settings, tmp_path: Path) -> None:
    """The log of events is the billing system's: an event may be named as ours and hold anything."""
    invoice = await published(billing)
    await billing.db.execute(EVENT, invoice, "marked_sent", '"by messenger"')
    job = await billing.do("fetch_invoice_pdf", invoice_id=invoice)
    assert (job["state"], job["error"]) == ("done", None)
    code, said, _ = await Operator(settings, tmp_path).run("show", str(invoice))
    assert code == 0 and "by messenger" in said


async def test_e_invoice_whose_recipient_is_gone(billing: Billing, worker: object) -> None:
    """Nobody can say whether its XML names the buyer: the job asks for the row, and goes on once that is back."""
    invoice, company = await unjudged(billing)
    kept = await billing.db.fetchrow("DELETE FROM companies WHERE id = $1 RETURNING *", company)
    job = await billing.do("publish_invoice", invoice_id=invoice)
    assert (job["state"], job["problem"]) == ("parked", "recipient_row_missing")
    await billing.company(**dict(kept))
    await billing.retry(job["job_id"])
    assert (await billing.ended(job["job_id"]))["state"] == "done"


async def test_sent_e_invoice_whose_recipient_is_gone(billing: Billing, worker: object) -> None:
    """It was mailed, so a second job has nothing to send and nothing to judge."""
    company = await billing.company()
    invoice = await billing.invoice(await billing.deal(company), is_e_invoice=True)
    for kind in ("publish_invoice", "send_invoice"):
        assert (await billing.do(kind, invoice_id=invoice))["state"] == "done"
    await billing.db.execute("DELETE FROM billing_invoice_event_log WHERE event_type = 'e_invoice_checked'")
    await billing.db.execute("DELETE FROM companies WHERE id = $1", company)
    assert (await billing.do("send_invoice", invoice_id=invoice))["state"] == "done"


@pytest.mark.parametrize(
    ("table", "changed", "named"),
    [
        ("billing_invoices", "payment_term_days = 2147483647", "xml_due_date"),
        ("billing_invoices", "payment_term_days = -2147483648", "xml_due_date"),
        ("billing_invoices", "issue_date = 'infinity'", "xml_date"),
        ("billing_invoice_items", "quantity = 'Infinity'", "xml_line_figures 1"),
        ("billing_invoice_items", "tax_rate = 'NaN'", "xml_line_figures 1"),
        ("billing_invoice_items", "unit_price = 1e300", "xml_line_figures 1"),
    ],
)
async def test_e_invoice_is_compared_with_anything(
    billing: Billing, worker: object, table: str, changed: str, named: str
) -> None:
    """Figures and days that no invoice has are a difference like any other."""
    invoice, _ = await unjudged(billing)
    await change(billing, table, changed, invoice)
    job = await billing.do("send_invoice", invoice_id=invoice, channel="portal")
    assert (job["state"], job["problem"]) == ("parked", "e_invoice_differs")
    assert named in parameters(job)["differences"]


@pytest.mark.parametrize("changed", ["quantity = 'Infinity'", "tax_rate = 'NaN'", "unit_price = 7", "tax_rate = 7"])
async def test_cancellation_says_what_the_document_says(billing: Billing, worker: object, changed: str) -> None:
    """Of an e-invoice whose positions were changed here since, the cancellation is compared with its document."""
    invoice = await published(billing, is_e_invoice=True)
    await change(billing, "billing_invoice_items", changed, invoice)
    job = await billing.do("cancel_invoice", invoice_id=invoice, reason="Doppelt", notify=True)
    assert (job["state"], job["error"]) == ("done", None)


@pytest.mark.parametrize("changed", ["gross_amount = 'NaN'", "gross_amount = 'Infinity'", "gross_amount = 7"])
async def test_credit_is_reckoned_by_the_document(stage: Stage, worker: object, changed: str) -> None:
    """What must be paid back for it follows from what the document says, whatever stands here since."""
    billing = stage.billing
    invoice = await published(billing)
    await pay(stage.sevdesk, await stage.there(invoice), "119")
    await change(billing, "billing_invoices", changed, invoice)
    positions = [{"position": 1, "quantity": "2"}]
    job = await billing.do("credit_invoice", invoice_id=invoice, reason="Mangel", positions=positions)
    assert (job["state"], job["error"]) == ("done", None)
    assert (await billing.event(invoice, "credited"))["refund_due"] == "59.5"


async def test_payments_of_another_program(
    billing: Billing, worker: object, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event called `paid` without our amounts is no payment, and stops neither the export nor the report."""
    monkeypatch.setattr(datev_export, "FIRST_POLL", 0.0)
    invoice = await published(billing)
    for payload in ("{}", '{"paid_now": "viel", "paid_before": "0"}', '{"status": "paid", "paidAmount": 119}'):
        await billing.db.execute(EVENT, invoice, "paid", payload)
    today = time_to_day().isoformat()
    for by_pay_date in (False, True):
        asked = {"start_date": today, "end_date": today, "by_pay_date": by_pay_date, "scope": "EXTCD"}
        job = await billing.do("export_datev", **asked)
        assert (job["state"], job["error"]) == ("done", None)
    assert (await Operator(settings, tmp_path).run("report"))[0] == 0


NULLS = [
    ("billing_invoices", "invoice_number"), ("billing_invoices", "currency"), ("billing_invoices", "net_amount"),
    ("billing_invoices", "gross_amount"), ("billing_invoices", "paid_amount"), ("billing_invoices", "tax_rule"),
    ("billing_invoices", "issue_date"), ("billing_invoices", "document_kind"), ("billing_invoices", "claim_status"),
    ("billing_invoice_items", "name"), ("billing_invoice_items", "quantity"), ("billing_invoice_items", "unit_price"),
    ("billing_invoice_items", "tax_rate"),
]  # fmt: skip


async def test_nulls_of_a_view_stop_nobody(
    stage: Stage, worker: object, subtests: pytest.Subtests, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A view of other tables may show nulls where the reference schema has none: named by the job of the invoice."""
    monkeypatch.setattr(datev_export, "FIRST_POLL", 0.0)
    billing = stage.billing
    good = await published(billing)
    await pay(stage.sevdesk, await stage.there(good), "119")
    for table, column in NULLS:
        await billing.db.execute(f"ALTER TABLE {table} ALTER {column} DROP NOT NULL")
        for invoice in (await billing.usual_invoice(), await published(billing)):
            with subtests.test(msg=f"{table}.{column}"):
                await change(billing, table, f"{column} = NULL", invoice)
                job = await billing.do("publish_invoice", invoice_id=invoice)
                assert (job["state"], job["problem"]) == ("parked", "invoice_value_unknown")
                assert column in parameters(job)["column"]
    today = {"start_date": time_to_day().isoformat(), "end_date": time_to_day().isoformat()}
    for kind, payload in (("sync_payments", {"full": True}), ("adopt", {}), ("export_datev", today)):
        job = await billing.do(kind, **payload)
        assert (job["state"], job["error"]) == ("done", None), kind
    assert (await billing.row(good))["claim_status"] == "paid"


async def test_null_in_an_advance_is_no_sum(billing: Billing, worker: object) -> None:
    """A final invoice whose deal has an advance with such a position: it is asked about, and nothing breaks."""
    await billing.db.execute("ALTER TABLE billing_invoice_items ALTER unit_price DROP NOT NULL")
    deal = await billing.deal(await billing.company())
    advance, final = await billing.invoice(deal), await billing.invoice(deal, document_kind="SR")
    assert (await billing.do("publish_invoice", invoice_id=advance))["state"] == "done"
    await billing.db.execute("DELETE FROM sevdesk_invoices")  # adopted: only the billing system has its positions
    await change(billing, "billing_invoice_items", "unit_price = NULL", advance)
    job = await billing.do("publish_invoice", invoice_id=final)
    assert (job["state"], job["problem"]) == ("parked", "advances_not_deducted")


async def adopted(stage: Stage) -> tuple[UUID, UUID]:
    """An invoice from before this worker, linked by `adopt`, so that nobody knows what was saved; and its company."""
    billing, company = stage.billing, await stage.billing.company()
    invoice = await billing.invoice(await billing.deal(company))
    assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
    for table in ("sevdesk_invoices", "sevdesk_documents", "billing_invoice_event_log"):
        await billing.db.execute(f"DELETE FROM {table} WHERE invoice_id = $1", invoice)  # noqa: S608 - ours
    await change(billing, "billing_invoices", "accounting_sync_status = 'not_synced'", invoice)
    assert (await billing.do("adopt"))["state"] == "done"
    assert (await billing.row(invoice))["accounting_sync_status"] == "synced"
    return invoice, company


@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [("id", "gen_random_uuid()", "recipient_row_missing"), ("country_code", "NULL", "country_unknown")],
)
@pytest.mark.parametrize("kind", ["undelete_invoice", "send_invoice"])
async def test_adopted_invoice_without_its_recipient(
    stage: Stage, worker: object, kind: str, column: str, value: str, problem: str
) -> None:
    """What its document should say, only the recipient's row can tell."""
    billing = stage.billing
    invoice, company = await adopted(stage)
    if kind == "undelete_invoice":
        await change(billing, "billing_invoices", "accounting_sync_status = 'parked'", invoice)
    await change(billing, "companies", f"{column} = {value}", company)
    job = await billing.do(kind, invoice_id=invoice)
    assert (job["state"], job["problem"]) == ("parked", problem)


@pytest.mark.parametrize("number", ["", " ", "\n", " RE-1", "RE-1\t"])
async def test_blank_number_marks_nothing(stage: Stage, worker: object, number: str) -> None:
    """By such a marker the documents that others made without one would be found, and deleted or cancelled.

    Or, if sevDesk trims what it stores, our own would not be found.
    """
    billing = stage.billing
    invoice = await billing.usual_invoice(invoice_number=number)
    for kind, more in (("publish_invoice", {}), ("cancel_invoice", {"reason": "Doppelt"})):
        job = await billing.do(kind, invoice_id=invoice, **more)
        assert (job["state"], job["problem"]) == ("parked", "invoice_value_unknown")
    assert not stage.sevdesk.sandbox.account.invoices


async def test_invoice_without_a_time_of_change(
    billing: Billing, settings: Settings, tmp_path: Path, worker: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A view may have no `updated_at`: the sweep asks for the invoice once, and `reconcile` compares it."""
    await billing.db.execute("ALTER TABLE billing_invoices ALTER updated_at DROP NOT NULL")
    linked, wrong = await published(billing), await billing.usual_invoice(gross_amount="7")
    await billing.db.execute("UPDATE billing_invoices SET updated_at = NULL")
    assert (await Operator(settings, tmp_path).run("reconcile"))[0] == 0
    await billing.db.execute("UPDATE sevdesk_config SET auto_transfer_invoices = true")
    store = Store(billing.db)
    asked = []
    for _ in range(3):
        asked.append(await store.query("request_missing_jobs", grace=0.0, most=10))
        for row in await billing.db.fetch("SELECT job_id FROM sevdesk_jobs WHERE invoice_id = $1", wrong):
            await billing.ended(row["job_id"])
        await change(billing, "billing_invoices", "accounting_sync_status = 'not_synced', updated_at = NULL", wrong)
    assert asked == [1, 0, 0] and linked


async def test_credit_note_without_a_number(stage: Stage, worker: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """sevDesk told none for the credit note over the whole invoice: it cannot be compared, and all others are."""
    monkeypatch.setattr(datev_export, "FIRST_POLL", 0.0)
    billing, today = stage.billing, time_to_day().isoformat()
    invoice = await published(billing)
    await pay(stage.sevdesk, await stage.there(invoice), "119")
    job = await billing.do("cancel_invoice", invoice_id=invoice, reason="Retoure", refund=True)
    assert (job["state"], job["error"]) == ("done", None)
    await billing.db.execute("UPDATE sevdesk_cancellations SET cancellation_number = NULL")
    job = await billing.do("export_datev", start_date=today, end_date=today)
    assert (job["state"], job["error"]) == ("done", None)
