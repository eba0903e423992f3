"""Why a job waits although nothing is wrong with it: seen while it waits."""

import asyncio
from typing import Any

from flow.books import control, order_fault, until
from flow.provocations.exporting import NOVEMBER, OCTOBER, START, held
from flow.provocations.publishing import FINALIZE, SAVE
from flow.provocations.sevdesk import WRONG_TOKEN
from flow.provocations.table import provokes, refusal
from flow.stage import Stage

from worker.maintenance.leader import LEAD_SECONDS
from worker.settings import JobLimit

NEW_CONTACT = "POST /Contact"
STALLED = 0.2  # seconds: a tenth of the quarantine
PATIENT = {"write_quarantine": 600.0, "shutdown_grace": 0.0}  # a held write is not given up


async def enqueue(stage: Stage, deal: Any = None) -> str:
    """A publication, for a customer of its own unless the deal is given."""
    billing = stage.billing
    invoice = await (billing.usual_invoice() if deal is None else billing.invoice(deal))
    return await billing.enqueue("publish_invoice", invoice_id=invoice)


async def same_customer(stage: Stage) -> Any:
    """A deal whose company sevDesk does not know yet."""
    return await stage.billing.deal(await stage.billing.company())


@provokes("handed_back", worker=None)
async def stopped_in_the_middle(stage: Stage) -> Any:
    async with stage.sevdesk.held("GET /Contact") as hold, stage.run_worker(shutdown_grace=0.0):
        job_id = await enqueue(stage)
        await hold.reached()
    return await stage.billing.job(job_id)


@provokes("quarantine", worker={"write_quarantine": 60.0}, action="create_contact")
async def contact_that_may_still_be_made(stage: Stage) -> Any:
    await order_fault(stage.sevdesk, "lose_answer", NEW_CONTACT)
    deal = await same_customer(stage)
    await stage.seen(await enqueue(stage, deal), "outcome_unknown")
    return await stage.seen(await enqueue(stage, deal), "quarantine")


@provokes("contact_busy", worker=PATIENT)
async def contact_that_is_being_made(stage: Stage) -> Any:
    deal = await same_customer(stage)
    async with stage.sevdesk.held(NEW_CONTACT) as hold:
        await enqueue(stage, deal)
        await hold.reached()
        return await stage.seen(await enqueue(stage, deal), "contact_busy")


@provokes("invoice_changed", worker=PATIENT)
async def changed_during_a_write(stage: Stage) -> Any:
    async with stage.sevdesk.held(SAVE) as hold:
        job_id = await enqueue(stage)
        await hold.reached()
        await stage.billing.db.execute("UPDATE billing_invoices SET paid_amount = 1")
    return await stage.seen(job_id, "invoice_changed")


@provokes("deal_invoice_under_way", worker=PATIENT)
async def advance_that_is_being_published(stage: Stage) -> Any:
    deal = await same_customer(stage)
    async with stage.sevdesk.held(SAVE) as hold:
        await enqueue(stage, deal)
        await hold.reached()
        final = await stage.billing.invoice(deal, document_kind="SR")
        return await stage.seen(
            await stage.billing.enqueue("publish_invoice", invoice_id=final), "deal_invoice_under_way"
        )


@provokes("earlier_invoice_under_way", worker=PATIENT | {"publish_in_order": True}, other="INV-9", number="INV-10")
async def earlier_invoice_without_a_number(stage: Stage) -> Any:
    earlier, later = [await stage.billing.usual_invoice(invoice_number=number) for number in ("INV-9", "INV-10")]
    async with stage.sevdesk.held(FINALIZE) as hold:
        await stage.billing.enqueue("publish_invoice", invoice_id=earlier)
        await hold.reached()
        job_id = await stage.billing.enqueue("publish_invoice", invoice_id=later)
        return await stage.seen(job_id, "earlier_invoice_under_way")


@provokes("worker_stalled", worker={"write_quarantine": STALLED * 10})
async def slow_before_the_call(stage: Stage) -> Any:
    """Postgres takes longer over the intent than a tenth of the quarantine."""
    waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    async with stage.billing.db.acquire() as connection, connection.transaction():
        await connection.execute("LOCK TABLE sevdesk_intents IN SHARE MODE")
        job_id = await enqueue(stage)
        await until(lambda: connection.fetchval(waits))
        await asyncio.sleep(STALLED * 1.2)
    return await stage.seen(job_id, "worker_stalled")


@provokes("person_limit", worker={"person_job_limit": JobLimit(1, 60)}, jobs="1", seconds="60")
async def more_than_a_person_may(stage: Stage) -> Any:
    await stage.billing.ended(await enqueue(stage))
    return await stage.seen(await enqueue(stage), "person_limit")


@provokes("export_starting", worker=PATIENT)
async def two_exports_at_once(stage: Stage) -> Any:
    async with stage.sevdesk.held(START) as hold:
        await stage.billing.enqueue("export_datev", **OCTOBER)
        await hold.reached()
        return await stage.seen(await stage.billing.enqueue("export_datev", **NOVEMBER), "export_starting")


@provokes("export_in_progress")
async def export_that_takes_its_time(stage: Stage) -> Any:
    return await held(stage)


@provokes("sevdesk_pause")
async def second_in_a_pause(stage: Stage) -> Any:
    await order_fault(stage.sevdesk, "status", "GET /Contact", status=429, headers={"Retry-After": "90"})
    await stage.seen(await enqueue(stage), "sevdesk_throttled")
    return await stage.seen(await enqueue(stage), "sevdesk_pause")


@provokes("sevdesk_slowed", worker={"shutdown_grace": 0.1})
async def long_line_after_trouble(stage: Stage) -> Any:
    """After a 429 one call leaves in some seconds: of many jobs the last ones are not kept in their slots."""
    await order_fault(stage.sevdesk, "status", "GET /Contact", status=429, headers={"Retry-After": "1"})
    await stage.seen(await enqueue(stage), "sevdesk_throttled")
    await asyncio.sleep(1.1)
    jobs = [await enqueue(stage) for _ in range(12)]
    slowed = "SELECT * FROM sevdesk_jobs WHERE problem = 'sevdesk_slowed' AND job_id = ANY ($1) LIMIT 1"
    return await until(lambda: stage.billing.db.fetchrow(slowed, jobs))


@provokes("error_budget_used", worker={"error_budget": 20})
async def bulk_after_many_errors(stage: Stage) -> Any:
    """Sixteen refused jobs of people, with twenty errors an hour; then a publication that nobody asked for waits."""
    await order_fault(stage.sevdesk, "status", "GET /Contact", status=400, body=refusal(), times=None)
    for _ in range(16):
        await stage.billing.ended(await enqueue(stage))
    invoice = await stage.billing.usual_invoice()
    return await stage.seen(await stage.billing.request("publish_invoice", invoice_id=invoice), "error_budget_used")


@provokes("token_refused_waiting", worker=WRONG_TOKEN)
async def behind_a_refused_token(stage: Stage) -> Any:
    await stage.billing.ended(await enqueue(stage))
    return await stage.seen(await enqueue(stage), "token_refused_waiting")


@provokes("database_slow", worker=PATIENT, seconds="25")
async def statement_that_is_cancelled(stage: Stage) -> Any:
    """Postgres ends a statement that waits for a lock; here not after its time-out, but at once."""
    cancel = """SELECT pg_cancel_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND wait_event_type = 'Lock'"""
    invoice = await stage.billing.usual_invoice()
    async with stage.billing.db.acquire() as connection, connection.transaction():
        await connection.execute("LOCK TABLE billing_invoices")
        job_id = await stage.billing.enqueue("publish_invoice", invoice_id=invoice)

        async def cancelled() -> bool:
            await connection.execute(cancel)
            row = await stage.billing.job(job_id)
            return row is not None and row["problem"] == "database_slow"

        await until(cancelled)
    return await stage.seen(job_id, "database_slow")


@provokes("database_conflict", worker=PATIENT)
async def transaction_in_the_way(stage: Stage) -> Any:
    """A trigger of the billing system's finds that somebody else changed the same rows."""
    await stage.billing.db.execute("""
        CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE serialization_failure; END $$;
        CREATE TRIGGER conflict BEFORE UPDATE ON billing_invoices FOR EACH ROW EXECUTE FUNCTION conflict();""")
    return await stage.seen(await enqueue(stage), "database_conflict")


@provokes("no_room", worker=PATIENT, where="postgres", error="DiskFullError")
async def full_disk(stage: Stage) -> Any:
    """There is no room for the intent."""
    await stage.billing.db.execute("""
        CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE disk_full; END $$;
        CREATE TRIGGER full_disk BEFORE INSERT ON sevdesk_intents FOR EACH ROW EXECUTE FUNCTION full_disk();""")
    return await stage.seen(await enqueue(stage), "no_room")


@provokes("missing_in_sevdesk", worker={"gone_after": 600.0, "shutdown_grace": 0.0})
async def first_look_finds_nothing(stage: Stage) -> Any:
    invoice = await stage.published()
    await control(stage.sevdesk, "POST", "delete", {"invoice_id": await stage.there(invoice)})
    job_id = await stage.billing.enqueue("cancel_invoice", invoice_id=invoice, reason="Irrtum")
    return await stage.seen(job_id, "missing_in_sevdesk")


@provokes("database_restored", worker=PATIENT)
async def written_after_a_restore(stage: Stage) -> Any:
    await stage.billing.db.execute("UPDATE sevdesk_restores SET noticed_at = now()")
    await asyncio.sleep(2 * LEAD_SECONDS)  # workers read that so often
    return await stage.seen(await enqueue(stage), "database_restored")


@provokes("account_differs", worker=PATIENT, account="another")
async def token_of_another_account(stage: Stage) -> Any:
    await stage.billing.db.execute("UPDATE sevdesk_config SET account_id = 'another'")
    return await stage.seen(await enqueue(stage), "account_differs")
