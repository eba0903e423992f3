"""Payment state comes back: what is booked in sevDesk is what the billing system believes, and nothing is missed."""

import json
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from flow.billing import Billing, parameters
from flow.books import calls, control, forget_calls, order_fault, pay, state, until
from flow.conftest import RunWorker
from flow.holding import HoldableSevdesk

from sevdesk_client.client import SevDeskClient
from sevdesk_client.sandbox.http.server import Running
from worker.domain import jobs

BERLIN = ZoneInfo("Europe/Berlin")
LIST = "GET /Invoice"


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits before it is tried again, and a sync is tried once."""
    monkeypatch.setattr("worker.app.SevDeskClient", partial(SevDeskClient, max_wait=0))
    kind = jobs.KINDS["sync_payments"]
    hasty = jobs.Kind(kind.name, kind.payload, kind.role, retry_delays=())
    monkeypatch.setattr(jobs, "KINDS", {**jobs.KINDS, kind.name: hasty})


async def published(billing: Billing, **columns: Any) -> tuple[UUID, str]:
    """An invoice over 119.00 EUR that is open in sevDesk, and its id there."""
    invoice = await billing.usual_invoice(**columns)
    await billing.do("publish_invoice", invoice_id=invoice)
    return invoice, (await billing.row(invoice))["external_id"]


async def sync(billing: Billing, **payload: Any) -> dict[str, Any]:
    """One run that succeeds; what it has counted."""
    job = await billing.do("sync_payments", **payload)
    assert (job["state"], job["error"]) == ("done", None)
    return json.loads(job["result"])


async def claim(billing: Billing, invoice: UUID) -> tuple[str, Decimal, datetime | None]:
    """What the billing system believes about the money."""
    row = await billing.row(invoice)
    return row["claim_status"], row["paid_amount"], row["paid_at"]


async def payment_events(billing: Billing, invoice: UUID) -> list[str]:
    """What a sync has logged for the invoice since it was published."""
    logged = await billing.events(invoice)
    return logged[logged.index("pdf_stored") + 1 :]


async def watermark(billing: Billing) -> datetime | None:
    return await billing.db.fetchval("SELECT watermark FROM sevdesk_sync_state")


def day(text: str) -> datetime:
    """Noon in Berlin."""
    return datetime.fromisoformat(text).replace(hour=12, tzinfo=BERLIN)


@pytest.mark.parametrize(
    "amount, on, kind, event, expected",
    [
        # a part: sevDesk's 750, and no day yet
        ("40", "2026-07-01", "payment", "partially_paid", ("partially_paid", Decimal("40"), None)),
        # all of it, in summer
        ("119", "2026-07-01", "payment", "paid", ("paid", Decimal("119"), day("2026-07-01"))),
        # all of it, in winter
        ("119", "2026-01-15", "payment", "paid", ("paid", Decimal("119"), day("2026-01-15"))),
        # more than was asked for
        ("120.50", "2026-07-01", "payment", "overpaid", ("paid", Decimal("120.50"), day("2026-07-01"))),
        # Skonto: closed with 2 % less
        ("116.62", "2026-07-01", "skonto", "discounted", ("paid", Decimal("116.62"), day("2026-07-01"))),
    ],
)
async def test_booked_money_reaches_claim(
    billing: Billing, worker: object, sevdesk: Running, amount: str, on: str, kind: str, event: str, expected: Any
) -> None:
    """Status, amount and Berlin day are handed back; the specific event stands before the general one."""
    invoice, there = await published(billing)
    await pay(sevdesk, there, amount, on, kind)
    await sync(billing)
    assert await claim(billing, invoice) == expected
    assert await payment_events(billing, invoice) == [event, "payment_synced"]
    logged = await billing.event(invoice, "payment_synced")
    assert (logged["status"], Decimal(logged["paid_amount"])) == expected[:2]


async def test_unlinked_payment_reopens_claim(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Paid, taken back, and paid again on another day: the claim follows each time."""
    invoice, there = await published(billing)
    await pay(sevdesk, there, "119", "2026-07-01")
    await sync(billing)
    await control(sevdesk, "POST", "unlink", {"invoice_id": there})
    await sync(billing)
    assert await claim(billing, invoice) == ("open", Decimal("0"), None)
    await pay(sevdesk, there, "119", "2026-07-02")
    await sync(billing)
    assert await claim(billing, invoice) == ("paid", Decimal("119"), day("2026-07-02"))
    specific = [event for event in await payment_events(billing, invoice) if event != "payment_synced"]
    assert specific == ["paid", "payment_reversed", "paid"]


async def test_cancelled_by_hand_not_paid(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Cancelled in sevDesk both documents show 1000; the claim is cancelled and was never paid."""
    invoice, there = await published(billing)
    await control(sevdesk, "POST", "cancel", {"invoice_id": there})
    assert {each["status"] for each in (await state(sevdesk))["invoices"]} == {"1000"}
    await sync(billing)
    row = await billing.row(invoice)
    assert (row["claim_status"], row["document_status"], row["accounting_sync_status"]) == ("cancelled",) * 3
    assert row["cancelled_at"] is not None and row["paid_at"] is None
    assert await payment_events(billing, invoice) == ["cancelled_in_sevdesk"]


async def test_cancellation_is_asked_for(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Synced by its id, a closed invoice is no payment: the cancellation is found by its marker."""
    invoice, there = await published(billing)
    await control(sevdesk, "POST", "cancel", {"invoice_id": there})
    await forget_calls(sevdesk)
    await sync(billing, invoice_id=invoice)
    assert (await billing.row(invoice))["claim_status"] == "cancelled"
    assert await calls(sevdesk) == ["GET /Invoice/{id}", LIST]


async def test_closed_without_reason_waits(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Closed with neither money nor cancellation: never paid, the run goes on, and by its id a person is asked."""
    invoice, there = await published(billing)
    await control(sevdesk, "POST", "cancel", {"invoice_id": there})
    storno = next(each for each in (await state(sevdesk))["invoices"] if each["invoiceType"] == "SR")
    await control(sevdesk, "POST", "delete", {"invoice_id": storno["id"]})
    assert (await sync(billing))["unresolved"] == 1
    job = await billing.do("sync_payments", invoice_id=invoice)
    assert job["state"] == "parked" and job["problem"] == "closed_without_payment"
    assert await claim(billing, invoice) == ("open", Decimal("0"), None)


async def test_one_conflict_holds_nobody_up(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Money for a claim the billing system gave up is told and left alone; the other claims are synced."""
    given_up, there = await published(billing)
    other, other_there = await published(billing)
    await billing.db.execute("UPDATE billing_invoices SET claim_status = 'cancelled' WHERE id = $1", given_up)
    await pay(sevdesk, there, "119")
    await pay(sevdesk, other_there, "119")
    assert (await sync(billing))["unresolved"] == 1
    assert (await claim(billing, other))[0] == "paid"
    assert await claim(billing, given_up) == ("cancelled", Decimal("0"), None)
    job = await billing.do("sync_payments", invoice_id=given_up)
    assert (job["state"], job["problem"]) == ("parked", "payment_state_conflict")
    assert "paid is not allowed while the invoice is cancelled" in job["error"]


async def test_every_page_is_read(billing: Billing, worker: object, sevdesk: Running) -> None:
    """More than a thousand foreign invoices between ours: both are found, and each is counted once."""
    old, old_there = await published(billing)
    await control(sevdesk, "POST", "seed", {"invoices": 1001})
    new, new_there = await published(billing)
    await pay(sevdesk, old_there, "119")
    await pay(sevdesk, new_there, "40")
    totals = await sync(billing)
    assert ((await claim(billing, old))[0], (await claim(billing, new))[0]) == ("paid", "partially_paid")
    run = await billing.db.fetchrow("SELECT * FROM sevdesk_sync_runs")
    assert (run["scope"], run["pages"], run["seen"], run["changed"]) == ("feed", 2, 1003, 2)
    assert run["finished_at"] >= run["started_at"]
    assert {key: run[key] for key in ("pages", "seen", "changed")}.items() <= totals.items()


async def test_deletion_while_reading_skips_none(billing: Billing, worker: object, sevdesk: HoldableSevdesk) -> None:
    """A document deleted between two pages moves the others up: the page is read again, and ours is found."""
    invoice, there = await published(billing)
    newest = (await control(sevdesk, "POST", "seed", {"invoices": 1000}))["ids"][1]
    await pay(sevdesk, there, "119")
    async with sevdesk.held(LIST, skip=1) as hold:
        job_id = await billing.enqueue("sync_payments")
        await hold.reached()
        await control(sevdesk, "POST", "delete", {"invoice_id": newest})
    assert (await billing.ended(job_id))["state"] == "done"
    assert (await claim(billing, invoice))[0] == "paid"


async def test_failed_page_keeps_watermark(billing: Billing, hasty: None, worker: object, sevdesk: Running) -> None:
    """What stands before the failure is stored, the watermark stays, and the next run finds the rest."""
    old, old_there = await published(billing)
    await control(sevdesk, "POST", "seed", {"invoices": 1000})
    new, new_there = await published(billing)
    await pay(sevdesk, old_there, "119")
    await pay(sevdesk, new_there, "119")
    await order_fault(sevdesk, "status", LIST, skip=1, times=3, status=500)
    job = await billing.do("sync_payments")
    assert (job["state"], job["problem"]) == ("parked", "sevdesk_unavailable")
    assert parameters(job)["operation"] == "GET /Invoice"
    assert await watermark(billing) is None
    assert ((await claim(billing, new))[0], (await claim(billing, old))[0]) == ("paid", "open")
    await sync(billing)
    assert (await claim(billing, old))[0] == "paid"
    assert await payment_events(billing, new) == ["paid", "payment_synced"]
    assert await watermark(billing) is not None


async def test_stopped_worker_loses_nothing(billing: Billing, run_worker: RunWorker, sevdesk: HoldableSevdesk) -> None:
    """Stopped in the middle of a page, the run is taken up by the next worker and finds everything."""
    async with AsyncExitStack() as stack, run_worker(shutdown_grace=0.0):
        invoice, there = await published(billing)
        await pay(sevdesk, there, "119")
        hold = await stack.enter_async_context(sevdesk.held(LIST))
        job_id = await billing.enqueue("sync_payments")
        await hold.reached()
    assert (await billing.job(job_id))["state"] == "queued" and await watermark(billing) is None
    async with run_worker():
        assert (await billing.ended(job_id))["state"] == "done"
    assert (await claim(billing, invoice))[0] == "paid"


async def test_ignored_filter_changes_nothing(billing: Billing, hasty: None, worker: object, sevdesk: Running) -> None:
    """When sevDesk answers with everything, the run says so and touches neither claims nor watermark."""
    invoice, there = await published(billing)
    await sync(billing)
    await billing.db.execute("UPDATE sevdesk_sync_state SET watermark = now() + interval '1 hour'")
    before = await watermark(billing)
    await pay(sevdesk, there, "119")
    await control(sevdesk, "PUT", "switches", {"ignored_filters": ["updateAfter"]})
    job = await billing.do("sync_payments")
    assert (job["state"], job["problem"]) == ("parked", "filter_ignored")
    assert "hits do not match" in parameters(job)["answer"]
    assert await claim(billing, invoice) == ("open", Decimal("0"), None)
    assert await watermark(billing) == before


async def test_ignored_filter_is_retried(billing: Billing, worker: object, sevdesk: Running) -> None:
    """The first time the job waits for its next try instead of asking for a person."""
    await published(billing)
    await billing.db.execute("UPDATE sevdesk_sync_state SET watermark = now() + interval '1 hour'")
    await control(sevdesk, "PUT", "switches", {"ignored_filters": ["updateAfter"]})
    job_id = await billing.enqueue("sync_payments")
    waiting = "SELECT retries, problem FROM sevdesk_jobs WHERE job_id = $1 AND state = 'waiting'"
    job = await until(lambda: billing.db.fetchrow(waiting, job_id))
    assert (job["retries"], job["problem"]) == (1, "filter_ignored")


async def test_watermark_only_moves_forward(billing: Billing, worker: object, sevdesk: Running) -> None:
    """It follows sevDesk's newest change, and a run that sees only older ones leaves it where it is."""
    _, there = await published(billing)
    await sync(billing)
    first = await watermark(billing)
    newest = max(datetime.fromisoformat(each["update"]) for each in (await state(sevdesk))["invoices"])
    assert first == newest
    await billing.db.execute("UPDATE sevdesk_sync_state SET watermark = watermark + interval '1 minute'")
    later = await watermark(billing)
    await pay(sevdesk, there, "40")
    assert (await sync(billing))["changed"] == 1
    assert await watermark(billing) == later


async def test_feed_passes_many_equal_stamps(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Documents of one `update` are read twice at most, though nothing on the page is newer."""
    await control(sevdesk, "POST", "seed", {"invoices": 30, "age_seconds": 1000})
    await published(billing)
    for each in sevdesk.sandbox.account.invoices.values():
        each.update = each.update.replace(microsecond=0) - timedelta(minutes=20)
    seen = [(await sync(billing))["seen"] for _ in range(2)]
    assert seen == [31, 0]
    now = await billing.db.fetchval("SELECT now()")
    moved = await watermark(billing)
    assert moved is not None and timedelta(minutes=1) < now - moved < timedelta(minutes=4)


async def test_watermark_never_passes_start(billing: Billing, worker: object, sevdesk: Running) -> None:
    """A change dated later than the run itself (another clock, or a page behind us) is for the next run as well."""
    await published(billing)
    for each in sevdesk.sandbox.account.invoices.values():
        each.update = each.update.replace(year=each.update.year + 1)
    await sync(billing)
    assert await watermark(billing) == await billing.db.fetchval("SELECT started_at FROM sevdesk_sync_runs")


async def test_second_run_costs_one_call(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Without changes: one question to sevDesk, and no row or event of an invoice is written."""
    for amount in ("40", "119"):
        _, there = await published(billing)
        await pay(sevdesk, there, amount)
    await sync(billing)
    untouched = """SELECT i.id, i.xmin, i.updated_at, i.accounting_synced_at, count(e.id)
                   FROM billing_invoices i JOIN billing_invoice_event_log e ON e.invoice_id = i.id
                   GROUP BY i.id, i.xmin ORDER BY i.id"""
    before = await billing.db.fetch(untouched)
    await forget_calls(sevdesk)
    totals = await sync(billing)
    assert await calls(sevdesk) == [LIST]
    assert (totals["pages"], totals["seen"], totals["changed"], totals["unresolved"]) == (1, 2, 0, 0)
    assert len(before) == 2 and await billing.db.fetch(untouched) == before


async def test_old_changes_are_not_read(billing: Billing, worker: object, sevdesk: Running) -> None:
    """After the first run only what changed since is asked for: the foreign books cost nothing any more."""
    await control(sevdesk, "POST", "seed", {"invoices": 50, "age_seconds": 3600})
    _, there = await published(billing)
    assert (await sync(billing))["seen"] == 51
    await pay(sevdesk, there, "40")
    assert (await sync(billing))["seen"] == 1
    assert [run["scope"] for run in await billing.db.fetch("SELECT scope FROM sevdesk_sync_runs ORDER BY id")] == [
        "feed",
        "feed",
    ]


async def test_one_invoice_is_synced(billing: Billing, worker: object, sevdesk: Running) -> None:
    """By its id: one call, that claim and no other, and the feed's watermark stays."""
    asked, there = await published(billing)
    other, other_there = await published(billing)
    await pay(sevdesk, there, "119")
    await pay(sevdesk, other_there, "119")
    await forget_calls(sevdesk)
    await sync(billing, invoice_id=asked)
    assert await calls(sevdesk) == ["GET /Invoice/{id}"]
    assert ((await claim(billing, asked))[0], (await claim(billing, other))[0]) == ("paid", "open")
    assert await watermark(billing) is None


@pytest.mark.parametrize(
    "columns",
    [
        # never tried
        {},
        # a draft: sevDesk can hold no money for it
        {"accounting_provider": "sevdesk", "accounting_sync_status": "drafted", "external_id": "135000001"},
        # the id of another accounting system
        {"accounting_provider": "datev", "accounting_sync_status": "synced", "external_id": "135000001"},
    ],
)
async def test_unpublished_invoice_is_rejected(
    billing: Billing, worker: object, sevdesk: Running, columns: dict[str, str]
) -> None:
    """What is not published has no payment state; the reason says what to do, and sevDesk is not asked."""
    invoice = await billing.usual_invoice(**columns)
    job = await billing.do("sync_payments", invoice_id=invoice)
    assert (job["state"], job["problem"]) == ("rejected", "payment_state_missing")
    assert f"enqueue publish_invoice invoice_id={invoice}" in job["next_step"]
    assert await calls(sevdesk) == []


async def test_vanished_invoice_is_told(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Deleted in sevDesk by hand: the job says so, and the claim stays as it is."""
    invoice, there = await published(billing)
    await control(sevdesk, "POST", "delete", {"invoice_id": there})
    job = await billing.do("sync_payments", invoice_id=invoice)
    assert job["state"] == "done"
    assert (await billing.row(invoice))["accounting_sync_status"] == "parked"
    assert (await billing.events(invoice))[-1] == "deleted_in_sevdesk"
    assert await claim(billing, invoice) == ("open", Decimal("0"), None)


async def test_last_sync_is_noted(billing: Billing, worker: object) -> None:
    """The time of the last run is set; the settings' own time of change is not."""
    before = await billing.db.fetchrow("SELECT now() AS now, last_sync_at, updated_at FROM sevdesk_config")
    assert before["last_sync_at"] is None
    await sync(billing)
    after = await billing.db.fetchrow("SELECT last_sync_at, updated_at FROM sevdesk_config")
    assert after["last_sync_at"] > before["now"] and after["updated_at"] == before["updated_at"]


async def test_overtaken_invoice_is_compared_again(billing: Billing, worker: object, sevdesk: Running) -> None:
    """The invoice changes between our reading and our writing: its payment is stored all the same."""
    invoice, there = await published(billing)
    await pay(sevdesk, there, "119")
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    async with billing.db.acquire() as other, other.transaction():
        await other.execute("UPDATE billing_invoices SET document_status = 'sent' WHERE id = $1", invoice)
        job_id = await billing.enqueue("sync_payments")
        await until(lambda: billing.db.fetchval(waits))
    assert (await billing.ended(job_id))["state"] == "done"
    row = await billing.row(invoice)
    assert (row["document_status"], row["claim_status"]) == ("sent", "paid")
    assert await payment_events(billing, invoice) == ["paid", "payment_synced"]
