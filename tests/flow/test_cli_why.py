"""`why` names cause and next step of what only looks like trouble; test_problem_codes.py has the trouble itself."""

from typing import Any

import pytest
from flow.books import order_fault, pay, until
from flow.operators import Operator
from flow.stage import Stage

from worker.settings import JobLimit


async def test_quarantine_is_explained(stage: Stage) -> None:
    """A write whose answer was lost: how long it waits, for which write, and that nothing is to be done."""
    await order_fault(stage.sevdesk, "lose_answer", "POST /Invoice/Factory/saveInvoice")
    stage.settings.write_quarantine = 30
    async with stage.working(write_quarantine=30):
        job_id = await stage.billing.enqueue("publish_invoice", invoice_id=await stage.billing.usual_invoice())
        await stage.billing.until_state(job_id, "waiting")
        answer = await stage.why(job_id)
    assert not answer.needs_person
    assert "s because the write save_invoice may still take effect" in answer.cause
    assert "then sevDesk is asked what became of it" in answer.next_step


async def test_outage_is_explained(stage: Stage) -> None:
    """sevDesk answers 503: it is tried again, and the number of tries left is named."""
    await order_fault(stage.sevdesk, "status", "GET /*", status=503, body="down", times=None)
    async with stage.working():
        job_id = await stage.billing.enqueue("publish_invoice", invoice_id=await stage.billing.usual_invoice())
        await stage.billing.until_state(job_id, "waiting")
        answer = await stage.why(job_id)
    assert not answer.needs_person
    assert "It is tried again in" in answer.cause and "HTTP 503" in answer.cause
    assert "6 more tries before it is parked" in answer.cause


async def test_turn_is_explained(stage: Stage) -> None:
    """The second job of an invoice names the first, which is running and healthy itself."""
    invoice = await stage.billing.usual_invoice()
    async with stage.working(), stage.sevdesk.held("POST /Contact") as hold:
        first = await stage.billing.enqueue("publish_invoice", invoice_id=invoice)
        await stage.billing.until_state(first, "running")
        second = await stage.billing.enqueue("send_invoice", invoice_id=invoice)
        await until(lambda: stage.billing.job(second))
        behind, ahead = await stage.why(second), await stage.why(invoice)
        hold.release()
        assert (await stage.billing.ended(second))["state"] == "done"
    assert not behind.needs_person and not ahead.needs_person
    assert f"behind publish_invoice (job {first}, running)" in behind.cause
    assert "has been at it for" in ahead.cause and ahead.state == "running"


async def test_limit_is_explained(stage: Stage, tmp_path: Any) -> None:
    """A person who asks too much waits, and is told for how long, by the workers' limit, not the command's own."""
    async with stage.working(person_job_limit=JobLimit(1, 60)):
        first = await stage.billing.usual_invoice()
        await stage.billing.do("publish_invoice", invoice_id=first)
        operator = Operator(stage.settings, tmp_path)
        shown = await operator.json("preview", str(first), "--by", str(stage.billing.admin), code=3)
        assert shown["problem"]["code"] == "person_limit"
        second = await stage.billing.enqueue("publish_invoice", invoice_id=await stage.billing.usual_invoice())
        await until(lambda: stage.billing.job(second))
        answer = await stage.why(second)
    assert not answer.needs_person
    assert "1 jobs within 60 s, as many as PERSON_JOB_LIMIT allows" in answer.cause


async def test_missing_worker_is_noticed(stage: Stage) -> None:
    """A requested job that nobody takes says that nobody is there."""
    job_id = await stage.billing.request("publish_invoice", invoice_id=await stage.billing.usual_invoice())
    answer = await stage.why(job_id)
    assert answer.needs_person
    assert "No worker is running" in answer.cause and "sevdesk-worker run" in answer.next_step


async def test_missing_redis_is_no_excuse(stage: Stage) -> None:
    """Workers are counted in Postgres, where the jobs are: Redis away is no reason why one does not go on."""
    stage.settings.redis_url = "redis://127.0.0.1:9/0"
    job_id = await stage.billing.request("publish_invoice", invoice_id=await stage.billing.usual_invoice())
    answer = await stage.why(job_id)
    assert "No worker is running" in answer.cause and "sevdesk-worker run" in answer.next_step
    async with stage.run_worker():
        await stage.billing.ended(job_id)
        job_id = await stage.billing.request("sync_payments")
        answer = await stage.why(job_id)
        assert "No worker is running" not in answer.cause


async def test_dead_worker_is_noticed(stage: Stage) -> None:
    """Running, but nobody holds its lock: its worker is gone, and somebody else takes it up."""
    job_id = await stage.billing.request("publish_invoice", invoice_id=await stage.billing.usual_invoice())
    await stage.billing.put_into("running", job_id, worker="gone")
    answer = await stage.why(job_id)
    assert answer.needs_person and "Its worker gone is gone" in answer.cause
    assert "Start a worker" in answer.next_step


async def test_first_cause_is_told(stage: Stage) -> None:
    """Of two parked jobs the one the other waits for; the newest try of it; and one command takes both up again."""
    invoice = await stage.billing.usual_invoice(gross_amount="120.00")
    async with stage.working():
        jobs = [await stage.billing.do(kind, invoice_id=invoice) for kind in ("publish_invoice", "send_invoice")]
        jobs.append(await stage.billing.do("publish_invoice", invoice_id=invoice))
    assert {job["state"] for job in jobs} == {"parked"}
    sent, published = await stage.why(jobs[1]["job_id"]), await stage.why(invoice)
    assert "the job that was to publish it is parked" in sent.cause and f"retry {jobs[1]['job_id']}" in sent.next_step
    number = (await stage.billing.row(invoice))["invoice_number"]
    assert published.next_step.endswith(f"sevdesk-worker retry {number}.") and "add up to" in published.cause
    await stage.billing.put_into("done", jobs[2]["job_id"])
    assert (await stage.why(invoice)).subject == sent.subject


@pytest.mark.parametrize(
    ("columns", "config", "cause"),
    [
        ({"document_status": "draft"}, {}, "It is a draft; only approved invoices are published."),
        ({}, {}, "Nobody has asked to publish it."),
        ({}, {"auto_transfer_invoices": True}, "invoices are transferred by themselves, but no job exists yet"),
        ({"accounting_sync_status": "queued"}, {}, "marked as queued, but no job exists yet"),
        ({"accounting_sync_status": "drafted"}, {}, "no job is under way or parked"),
        ({"accounting_sync_status": "cancelled"}, {}, "It is cancelled."),
        ({"document_status": "cancelled"}, {}, "cancelled it before it was published"),
    ],
)
async def test_invoice_without_job_is_explained(
    stage: Stage, columns: dict[str, Any], config: dict[str, Any], cause: str
) -> None:
    """Nothing is under way, and it says what that means."""
    for name, value in config.items():
        await stage.billing.db.execute(f"UPDATE sevdesk_config SET {name} = $1", value)  # noqa: S608 - names are ours
    answer = await stage.why(await stage.billing.usual_invoice(**columns))
    assert cause in answer.cause and answer.next_step


async def test_published_invoices_are_explained(stage: Stage) -> None:
    """Published, mailed, waiting for money, paid, and a sync that does not run: each in its own words."""
    async with stage.working():
        invoice = await stage.published()
        assert "nobody has asked to mail it" in (await stage.why(invoice)).cause
        await stage.billing.do("send_invoice", invoice_id=invoice)
        assert "The payment sync has not run yet" in (await stage.why(invoice)).cause
        await stage.billing.do("sync_payments")
        waiting = await stage.why(invoice)
        assert not waiting.needs_person and "0.00 of 119.00 EUR has come" in waiting.cause
        await pay(stage.sevdesk, (await stage.billing.row(invoice))["external_id"], "119")
        await stage.billing.do("sync_payments")
    assert (await stage.why(invoice)).cause.endswith("sent and paid.")


async def test_command_says_the_same(stage: Stage, tmp_path: Any) -> None:
    """By number, by id and by job: three lines, and exit 3 where a person must act."""
    async with stage.working():
        invoice = await stage.billing.usual_invoice(gross_amount="120.00")
        job = await stage.billing.do("publish_invoice", invoice_id=invoice)
    answer = await stage.why(job["job_id"])
    operator = Operator(stage.settings, tmp_path)
    row = await stage.billing.db.fetchrow("SELECT i.*, j.job_id FROM billing_invoices i JOIN sevdesk_jobs j ON true")
    for subject in (row["invoice_number"], str(row["id"]), row["job_id"]):
        code, said, _ = await operator.run("why", subject)
        assert code == 3
        next_step = answer.next_step.replace(row["job_id"], row["job_id"][:8])  # which every command takes
        assert said.splitlines() == [
            f"{answer.subject}: parked", f"  why   {answer.cause}", f"  next  {next_step}",
        ]  # fmt: skip
    assert (await operator.json("why", row["job_id"], code=3))["needs_person"] is True
    code, said, problem = await operator.run("why", "nothing of the kind")
    assert (code, said) == (1, "")
    assert problem.startswith("No invoice or job has the number or id 'nothing of the kind'.")
