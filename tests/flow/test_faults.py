"""Each write of a publication fails in each way, and the invoice is in sevDesk once."""

import time
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

import pytest
from flow.billing import Billing
from flow.books import control, state
from flow.conftest import RunWorker
from flow.waiting import wait_for

from sevdesk_client.sandbox.http.server import Running

QUARANTINE = 2.4  # seconds; a late commit after 0.7 s lies well inside, and long after the answer was lost
LATE_MS = 700

WRITES = {
    "create_contact": ("POST", "/Contact"),
    "create_contact_address": ("POST", "/ContactAddress"),
    "create_communication_way": ("POST", "/CommunicationWay"),
    "save_invoice": ("POST", "/Invoice/Factory/saveInvoice"),
    "change_parameter": ("PUT", "/Invoice/*/changeParameter"),
    "send_by": ("PUT", "/Invoice/*/sendBy"),
}
SERVER_ERROR = {"error": {"message": "Internal error", "code": None}, "objects": None}
TOOK_EFFECT: dict[str, dict[str, Any]] = {
    "lost answer": {"kind": "lose_answer"},
    "late commit": {"kind": "late_commit", "after_ms": LATE_MS},
    "500 after the commit": {"kind": "status", "status": 500, "commit": True, "body": SERVER_ERROR},
    "cut-off answer": {"kind": "body", "body": '{"objects":{"id":"'},
}
NO_EFFECT: dict[str, dict[str, Any]] = {
    "dropped request": {"kind": "drop_before"},
    "plain 500": {"kind": "status", "status": 500, "body": SERVER_ERROR},
    "HTML 502": {"kind": "status", "status": 502, "body": "<html><title>502 Bad Gateway</title></html>"},
}


@pytest.fixture(autouse=True)
def no_slowing_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeated 5xx make the worker slow down, which test_gate tests; here it would only take time."""
    monkeypatch.setattr("worker.gate.gate.REPEATED_5XX_SECONDS", 0.0)


class TimedLog(deque[dict[str, Any]]):
    """sevDesk's request log with the time of each arrival."""

    def append(self, entry: dict[str, Any]) -> None:
        entry["at"] = time.time()
        super().append(entry)


@pytest.fixture
async def timed_log(sevdesk: Running) -> AsyncIterator[TimedLog]:
    """The log of the running sandbox, with times."""
    log = TimedLog()
    sevdesk.sandbox.requests = log
    yield log


async def fail_next(sevdesk: Running, action: str, fault: dict[str, Any]) -> None:
    """Make sevDesk fail at the next such write."""
    method, path = WRITES[action]
    await control(sevdesk, "POST", "faults", {"method": method, "path": path, **fault})


async def until_failed(sevdesk: Running) -> None:
    """Wait until every fault ordered so far has happened."""
    await wait_for(lambda: not any(fault.times for fault in sevdesk.sandbox.faults))


async def publish_with_fault(billing: Billing, sevdesk: Running, fault: dict[str, Any]) -> dict[str, str]:
    """One job per write, which fails at that write; their quarantines run at the same time."""
    asked = {}
    for action in WRITES:
        await fail_next(sevdesk, action, fault)
        invoice = await billing.usual_invoice()
        asked[action] = await billing.enqueue("publish_invoice", invoice_id=invoice, correlation_id=action)
        await until_failed(sevdesk)
    return asked


def failed_jobs(timed_log: TimedLog, asked: dict[str, str]) -> dict[str, str]:
    """Write -> the job whose write failed. On a slow machine that may be an earlier job, which has come back."""
    faults = [entry for entry in timed_log if entry.get("fault")]
    assert len(faults) == len(WRITES)
    return {action: asked[fault["correlation_id"]] for action, fault in zip(WRITES, faults, strict=True)}


async def intents(billing: Billing, job_id: str, action: str) -> list[tuple[str, str]]:
    """What became of the intents of the step that makes this write, in order."""
    rows = await billing.db.fetch(
        """SELECT action, coalesce(outcome, 'open') AS outcome FROM sevdesk_intents WHERE job_id = $1 AND step =
           (SELECT min(step) FROM sevdesk_intents WHERE job_id = $1 AND action = $2) ORDER BY id""",
        job_id,
        action,
    )
    return [(row["action"], row["outcome"]) for row in rows]


async def assert_published_once(billing: Billing, sevdesk: Running, jobs: int) -> None:
    """Per job exactly one contact, address, e-mail address and invoice, and no number twice."""
    await wait_for(lambda: sevdesk.sandbox.late_commits == 0)
    stored = await state(sevdesk)
    assert {part: len(stored[part]) for part in ("contacts", "addresses", "communication_ways", "invoices")} == {
        "contacts": jobs, "addresses": jobs, "communication_ways": jobs, "invoices": jobs,
    }  # fmt: skip
    assert {invoice["status"] for invoice in stored["invoices"]} == {"200"}
    numbers = {invoice["invoiceNumber"] for invoice in stored["invoices"]}
    handed_back = await billing.db.fetch("SELECT external_invoice_number FROM billing_invoices")
    assert {row["external_invoice_number"] for row in handed_back} == numbers
    assert len(numbers) == jobs and None not in numbers
    assert stored["sequences"]["RE"] == 1000 + jobs


async def assert_quarantine_kept(billing: Billing, timed_log: TimedLog, asked: dict[str, str]) -> None:
    """No call of a job between its failed write and the end of the quarantine."""
    log = list(timed_log)
    faults = [place for place, entry in enumerate(log) if entry.get("fault")]
    for action, place in zip(WRITES, faults, strict=True):
        job = log[place]["correlation_id"]
        later = [entry for entry in log[place + 1 :] if entry["correlation_id"] == job]
        statement = """SELECT extract(epoch FROM max(intent_at)) FROM sevdesk_intents
                       WHERE job_id = $1 AND action = $2 AND intent_at < to_timestamp($3)"""
        opened = await billing.db.fetchval(statement, asked[job], action, log[place]["at"])
        assert later, f"{action} was never looked at again"
        assert later[0]["at"] >= float(opened) + QUARANTINE, f"{action}: asked {later[0]} too early"


@pytest.mark.parametrize("trouble", TOOK_EFFECT)
async def test_write_that_happened_is_found(
    trouble: str, billing: Billing, run_worker: RunWorker, sevdesk: Running, timed_log: TimedLog
) -> None:
    """Its answer was lost, but not its effect: the next attempt reads it back and goes on from there."""
    async with run_worker(write_quarantine=QUARANTINE):
        asked = await publish_with_fault(billing, sevdesk, TOOK_EFFECT[trouble])
        for action, job_id in asked.items():
            job = await billing.ended(job_id)
            assert (job["state"], job["error"]) == ("done", None), action
    await assert_published_once(billing, sevdesk, len(WRITES))
    await assert_quarantine_kept(billing, timed_log, asked)
    again = {"create_contact": "update_contact", "change_parameter": "change_parameter"}
    for action, job_id in failed_jobs(timed_log, asked).items():
        # A layout cannot be read back, so it is set once more; a contact found by its number gets our data.
        first = "moot" if action == "change_parameter" else "found_done"
        more = [(again[action], "done")] if action in again else []
        assert await intents(billing, job_id, action) == [(action, first), *more], action


@pytest.mark.parametrize("trouble", NO_EFFECT)
async def test_write_that_vanished_is_repeated(
    trouble: str, billing: Billing, run_worker: RunWorker, sevdesk: Running, timed_log: TimedLog
) -> None:
    """It never took effect: the next attempt sees that and makes it."""
    async with run_worker(write_quarantine=QUARANTINE):
        asked = await publish_with_fault(billing, sevdesk, NO_EFFECT[trouble])
        for action, job_id in asked.items():
            job = await billing.ended(job_id)
            assert (job["state"], job["error"]) == ("done", None), action
    await assert_published_once(billing, sevdesk, len(WRITES))
    await assert_quarantine_kept(billing, timed_log, asked)
    for action, job_id in failed_jobs(timed_log, asked).items():
        first = "moot" if action == "change_parameter" else "found_not_done"
        assert await intents(billing, job_id, action) == [(action, first), (action, "done")], action


async def test_silent_server_is_read_back(billing: Billing, run_worker: RunWorker, sevdesk: Running) -> None:
    """The draft is saved but the connection stays silent: our time-out ends the wait, the quarantine the doubt."""
    async with run_worker(write_quarantine=QUARANTINE):
        await fail_next(sevdesk, "save_invoice", {"kind": "lose_answer", "hang": True})
        job = await billing.do("publish_invoice", invoice_id=await billing.usual_invoice())
    assert (job["state"], job["retries"]) == ("done", 1)
    assert await intents(billing, job["job_id"], "save_invoice") == [("save_invoice", "found_done")]
    await assert_published_once(billing, sevdesk, 1)


async def test_shared_contact_waits_for_its_writer(
    billing: Billing, run_worker: RunWorker, sevdesk: Running, timed_log: TimedLog
) -> None:
    """Two invoices to one new customer, the contact commits late: the second job does not create another one."""
    deal = await billing.deal(await billing.company())
    async with run_worker(write_quarantine=QUARANTINE):
        await fail_next(sevdesk, "create_contact", TOOK_EFFECT["late commit"])
        names = ["first", "second"]
        invoices = [await billing.invoice(deal) for _ in names]
        jobs = [
            await billing.enqueue("publish_invoice", invoice_id=invoice, correlation_id=name)
            for invoice, name in zip(invoices, names, strict=True)
        ]
        assert [(await billing.ended(job_id))["state"] for job_id in jobs] == ["done", "done"]
    stored = await state(sevdesk)
    assert [len(stored[part]) for part in ("contacts", "addresses", "communication_ways", "invoices")] == [1, 1, 1, 2]
    opened = await billing.db.fetchval("SELECT extract(epoch FROM min(intent_at)) FROM sevdesk_intents")
    hit = next(n for n, entry in enumerate(timed_log) if entry.get("fault"))
    early = [entry for entry in list(timed_log)[hit + 1 :] if entry["at"] < float(opened) + QUARANTINE]
    assert [entry["path"] for entry in early if "Contact" in entry["path"] and entry["method"] != "GET"] == []


async def test_retry_after_is_honoured(billing: Billing, worker: object, sevdesk: Running, timed_log: TimedLog) -> None:
    """A 429 with a short Retry-After: the same write comes again, not before."""
    await fail_next(sevdesk, "save_invoice", {"kind": "status", "status": 429, "headers": {"Retry-After": "1"}})
    job = await billing.do("publish_invoice", invoice_id=await billing.usual_invoice())
    assert job["state"] == "done"
    first, second = (entry for entry in timed_log if entry["path"].endswith("/saveInvoice"))
    assert (first["status"], second["status"]) == (429, 201)
    assert second["at"] - first["at"] >= 1.0
    await assert_published_once(billing, sevdesk, 1)


async def test_long_retry_after_defers_the_job(billing: Billing, worker: object, sevdesk: Running) -> None:
    """A 429 with more patience than a call has: nothing happened, so the intent is closed and the job waits."""
    await fail_next(sevdesk, "save_invoice", {"kind": "status", "status": 429, "headers": {"Retry-After": "90"}})
    job_id = await billing.enqueue("publish_invoice", invoice_id=await billing.usual_invoice())
    job = await billing.until_state(job_id, "waiting")
    assert 80 < (job["not_before"] - job["updated_at"]).total_seconds() <= 90
    assert await intents(billing, job_id, "save_invoice") == [("save_invoice", "not_sent")]
    assert (await state(sevdesk))["invoices"] == []


async def test_throttled_write_gets_a_whole_quarantine(
    billing: Billing, run_worker: RunWorker, sevdesk: Running
) -> None:
    """The write that follows a 429 has its answer lost and commits late: it is still given the full time to show."""
    async with run_worker(write_quarantine=QUARANTINE):
        await fail_next(sevdesk, "save_invoice", {"kind": "status", "status": 429, "headers": {"Retry-After": "1"}})
        await fail_next(sevdesk, "save_invoice", TOOK_EFFECT["late commit"])
        job = await billing.do("publish_invoice", invoice_id=await billing.usual_invoice())
    assert job["state"] == "done"
    await assert_published_once(billing, sevdesk, 1)
