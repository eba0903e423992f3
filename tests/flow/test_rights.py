"""Who may ask for what, and how often: people by their rights, systems without a person, everybody in turn."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from flow.billing import Billing, parameters
from flow.books import calls
from flow.conftest import RunWorker
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from sevdesk_client.sandbox.http.server import Running
from worker.settings import JobLimit

Logs = list[Any]
OF_AN_INVOICE = ("publish_invoice", "send_invoice", "fetch_invoice_pdf")


@pytest.fixture
async def logs() -> AsyncIterator[Logs]:
    """Every log line of the test, with what is bound around it."""
    with capture_logs(processors=[merge_contextvars]) as lines:
        yield lines


async def member(billing: Billing, *, internal: bool = True, admin: bool = False) -> UUID:
    return await billing.person(is_internal=internal, is_admin=admin)


async def actors(billing: Billing, invoice: UUID) -> set[UUID | None]:
    """In whose name the invoice's events are logged."""
    statement = "SELECT DISTINCT actor_contact_id FROM billing_invoice_event_log WHERE invoice_id = $1"
    return {row["actor_contact_id"] for row in await billing.db.fetch(statement, invoice)}


async def test_internal_user_handles_invoices(billing: Billing, worker: object) -> None:
    """Publishing, sending and fetching need no admin, and the log names the person."""
    person = await member(billing)
    invoice = await billing.usual_invoice()
    for kind in OF_AN_INVOICE:
        job = await billing.do(kind, by=person, invoice_id=invoice)
        assert (job["kind"], job["state"], job["error"]) == (kind, "done", None)
        assert job["requested_by"] == person
    assert (await billing.row(invoice))["document_status"] == "sent"
    assert await actors(billing, invoice) == {person}


async def test_only_an_admin_syncs(billing: Billing, worker: object) -> None:
    """The internal user is told what is missing; the admin's run is done, also without the internal mark."""
    person = await member(billing)
    refused = await billing.do("sync_payments", by=person)
    assert (refused["state"], refused["problem"]) == ("rejected", "requester_not_admin")
    assert parameters(refused) == {"kind": "sync_payments", "requested_by": str(person)}
    assert refused["error"] == f"sync_payments may only be asked for by an admin; {person} is not one."
    for internal in (True, False):
        admin = await member(billing, internal=internal, admin=True)
        assert (await billing.do("sync_payments", by=admin))["state"] == "done"


async def test_admin_handles_invoices_too(billing: Billing, worker: object) -> None:
    """An admin may do what any internal user may."""
    admin = await member(billing, internal=False, admin=True)
    invoice = await billing.usual_invoice()
    for kind in OF_AN_INVOICE:
        assert (await billing.do(kind, by=admin, invoice_id=invoice))["state"] == "done"


async def test_external_contact_gets_nothing(billing: Billing, worker: object, sevdesk: Running) -> None:
    """A customer is in `contacts` too: each job is rejected, sevDesk is not asked, the invoice stays as it is."""
    customer = await member(billing, internal=False)
    invoice = await billing.usual_invoice()
    before = dict(await billing.row(invoice))
    for kind in OF_AN_INVOICE:
        job = await billing.do(kind, by=customer, invoice_id=invoice)
        assert (job["state"], job["problem"]) == ("rejected", "requester_not_internal")
        assert parameters(job) == {"kind": kind, "requested_by": str(customer)}
    sync = await billing.do("sync_payments", by=customer)
    assert (sync["state"], sync["problem"]) == ("rejected", "requester_not_admin")
    assert dict(await billing.row(invoice)) == before
    assert await billing.events(invoice) == ["rejected"] * 3
    assert await calls(sevdesk) == []


async def test_unknown_person_is_rejected(billing: Billing, worker: object) -> None:
    """A person nobody knows asks for an invoice nobody knows, and for the payments."""
    stranger = uuid4()
    for kind, payload in (("sync_payments", {}), ("publish_invoice", {"invoice_id": uuid4()})):
        job = await billing.do(kind, by=stranger, **payload)
        assert (job["state"], job["problem"]) == ("rejected", "requester_unknown")
        assert parameters(job) == {"requested_by": str(stranger)}


async def test_unknown_person_reaches_no_invoice(billing: Billing, worker: object, logs: Logs) -> None:
    """A person nobody knows asks for an invoice that is there: rejected, and logged at the invoice in nobody's name."""
    invoice = await billing.usual_invoice()
    before = dict(await billing.row(invoice))
    job = await billing.ended(await billing.enqueue("publish_invoice", by=uuid4(), invoice_id=invoice))
    assert job["state"] == "rejected"
    assert dict(await billing.row(invoice)) == before
    assert await billing.events(invoice) == ["rejected"]
    assert await actors(billing, invoice) == {None}
    assert "job.crashed" not in [line["event"] for line in logs]


async def test_nobody_may_not_ask(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Through Redis anything can be claimed, so a job without a person is not taken for the system's."""
    invoice = await billing.usual_invoice()
    asked: list[tuple[str, dict[str, UUID]]] = [("publish_invoice", {"invoice_id": invoice}), ("sync_payments", {})]
    for kind, payload in asked:
        job = await billing.ended(await billing.enqueue_for_nobody(kind, **payload))
        assert (job["state"], job["requested_by"], job["problem"]) == ("rejected", None, "requester_missing")
        assert "Enqueue it with requested_by, the id of the contact who asks" in job["next_step"]
    assert await billing.events(invoice) == ["rejected"]
    assert await calls(sevdesk) == []


async def test_request_without_person_is_the_systems(billing: Billing, worker: object) -> None:
    """What the billing system writes into the database by itself needs no person, also for an admin's job."""
    invoice = await billing.usual_invoice()
    asked: list[tuple[str, dict[str, Any]]] = [("publish_invoice", {"invoice_id": invoice}), ("sync_payments", {})]
    for kind, payload in asked:
        job = await billing.ended(await billing.request(kind, **payload))
        assert (job["origin"], job["requested_by"], job["state"]) == ("outbox", None, "done")
    assert await actors(billing, invoice) == {None}


async def test_request_with_person_has_their_rights(billing: Billing, worker: object) -> None:
    """A person named in the outbox may no more than through Redis."""
    person, customer = await member(billing), await member(billing, internal=False)
    invoice = await billing.usual_invoice()
    publish = {"invoice_id": invoice}
    asked: list[tuple[str, UUID, dict[str, Any], str]] = [
        ("sync_payments", person, {}, "rejected"),
        ("publish_invoice", customer, publish, "rejected"),
        ("publish_invoice", person, publish, "done"),
    ]
    for kind, by, payload, expected in asked:
        job = await billing.ended(await billing.request(kind, by=by, **payload))
        assert (job["requested_by"], job["state"]) == (by, expected)


async def test_person_in_payload_is_no_person(billing: Billing, worker: object) -> None:
    """In the outbox the person is an argument; a name smuggled into the payload is an unknown field."""
    job = await billing.ended(await billing.request("sync_payments", requested_by=billing.admin))
    assert (job["state"], job["requested_by"]) == ("rejected", None)
    assert job["problem"] == "payload_invalid"
    assert parameters(job)["faults"].startswith("requested_by: Extra inputs are not permitted; known are full, ")


# -- how often ---------------------------------------------------------------------------------------------------------

LIMIT = JobLimit(3, 0.5)
JOBS = 9  # three windows


async def eager(billing: Billing, person: UUID, jobs: int = JOBS) -> list[str]:
    """Job ids in the order asked; each of another invoice, so that only the limit holds them up."""
    deal = await billing.deal(await billing.company())
    invoices = [await billing.invoice(deal) for _ in range(jobs)]
    job_ids = []
    for invoice in invoices:
        job_ids.append(await billing.enqueue("publish_invoice", by=person, invoice_id=invoice))
        await asyncio.sleep(0.002)  # Redis sorts what was enqueued within one millisecond by job id
    return job_ids


async def test_limit_defers_and_never_drops(billing: Billing, run_worker: RunWorker) -> None:
    """However the window is laid, no more than three jobs of a person start in it; all are done in the end."""
    async with run_worker(person_job_limit=LIMIT):
        job_ids = await eager(billing, await member(billing))
        rows = [await billing.ended(job_id) for job_id in job_ids]
    assert [(row["state"], row["retries"]) for row in rows] == [("done", 0)] * JOBS
    starts = sorted(row["started_at"] for row in rows)
    gaps = [(later - start).total_seconds() for start, later in zip(starts, starts[LIMIT.jobs :], strict=False)]
    assert len(gaps) == JOBS - LIMIT.jobs
    assert min(gaps) >= LIMIT.seconds


async def test_limit_keeps_the_order(billing: Billing, run_worker: RunWorker) -> None:
    """Who asked first is served in an earlier window; within one, a job put off twice may come a moment later."""
    async with run_worker(person_job_limit=JobLimit(3, 2.0)):
        job_ids = await eager(billing, await member(billing))
        rows = [await billing.ended(job_id) for job_id in job_ids]
    assert [row["job_id"] for row in sorted(rows, key=lambda row: row["seq"])] == job_ids
    starts = [row["started_at"] for row in rows]
    assert max(starts[:3]) < min(starts[3:6]) and max(starts[3:6]) < min(starts[6:])


async def test_limit_is_each_persons_own(billing: Billing, run_worker: RunWorker) -> None:
    """An eager person holds up neither a colleague nor the system."""
    async with run_worker(person_job_limit=JobLimit(1, 600.0)):
        first, second = await eager(billing, await member(billing), 2)
        await billing.ended(first)
        [others] = await eager(billing, await member(billing), 1)
        invoice = await billing.usual_invoice()
        system = await billing.request("publish_invoice", invoice_id=invoice)
        assert [(await billing.ended(job_id))["state"] for job_id in (others, system)] == ["done", "done"]
        assert (await billing.job(second))["state"] not in ("done", "parked", "rejected")


async def test_deferred_job_says_why(billing: Billing, run_worker: RunWorker, logs: Logs) -> None:
    """The ledger and the log answer "why does this job not start?" while it waits."""
    async with run_worker(person_job_limit=JobLimit(1, 600.0)):
        person = await member(billing)
        first, second = await eager(billing, person, 2)
        await billing.ended(first)
        waiting = await billing.until_state(second, "waiting")
        assert (waiting["problem"], parameters(waiting)) == ("person_limit", {"jobs": "1", "seconds": "600"})
        lines = [line for line in logs if line.get("job_id") == second]
        assert lines and lines[0]["reason"] == waiting["error"]
