"""A person lets go of parked jobs, or takes several up again: by name or by condition, with who and why on record."""

import asyncio
import json
from pathlib import Path
from uuid import uuid4

import pytest
from flow.billing import Billing
from flow.mending import commands
from flow.operators import Operator
from flow.provocations.publishing import bounce_after_a_letter, unclear_mail
from flow.stage import Stage

from worker.cli.following import Ended
from worker.settings import Settings


@pytest.fixture
def operator(settings: Settings, billing: Billing, tmp_path: Path) -> Operator:
    """At the same database as the worker."""
    return Operator(settings, tmp_path)


async def parked(billing: Billing, **columns: object) -> tuple[str, object]:
    """A publication whose sums differ, and its invoice."""
    invoice = await billing.usual_invoice(gross_amount="120.00", **columns)
    job = await billing.do("publish_invoice", invoice_id=invoice)
    assert job["state"] == "parked"
    return job["job_id"], invoice


async def test_dismissed_job_is_over(billing: Billing, worker: object, operator: Operator) -> None:
    """State, who and why are on record, the event log says it, the queue forgets it, and a new job may follow."""
    job_id, invoice = await parked(billing, invoice_number="0042")
    code, said, _ = await operator.run("dismiss", "0042", "--reason", "Sent on paper.", "--by", "Anna")
    assert (code, said) == (0, f"Job {job_id} is dismissed.\n")
    row = await billing.job(job_id)
    assert (row["state"], row["dismissed_by"], row["dismissed_reason"]) == ("dismissed", "Anna", "Sent on paper.")
    why, following = Ended(row, []).text()[1:3]  # as --wait tells whoever still waits for it
    assert (why, following) == ("  why   Sent on paper.", "  next  -")
    assert await billing.event(invoice, "dismissed") == {  # type: ignore[arg-type]
        "job_id": job_id, "kind": "publish_invoice", "by": "Anna", "reason": "Sent on paper.",
    }  # fmt: skip
    assert await billing.db.fetchval("SELECT count(*) FROM sevdesk_queue") == 0
    code, _, said = await operator.run("dismiss", job_id, "--reason", "Again.")
    assert code == 1 and "is dismissed; ask again with a new job." in said
    await billing.db.execute("UPDATE billing_invoices SET gross_amount = 119")
    assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"


async def test_rejected_job_is_told_until_somebody_acts(stage: Stage, operator: Operator) -> None:
    """`why` and `status` exit 3 alike, and name the command that ends it; so does asking again for the same invoice."""
    async with stage.working():
        unknown = await stage.billing.do("publish_invoice", invoice_id=uuid4())
        draft = await stage.billing.usual_invoice(invoice_number="0042")
        refused = await stage.billing.do("publish_invoice", invoice_id=draft, contact_person_id="nobody", made_up=1)
        assert unknown["state"] == refused["state"] == "rejected"
        assert [row["job_id"] for row in (await operator.json("status", code=3))["rejected"]] == [
            refused["job_id"], unknown["job_id"],
        ]  # fmt: skip
        assert "rejected (2), newest first" in (await operator.run("status"))[1]
        assert (await operator.run("why", "0042"))[0] == (await operator.run("why", unknown["job_id"]))[0] == 3

        assert (await stage.billing.do("publish_invoice", invoice_id=draft))["state"] == "done"
        assert (await operator.run("why", refused["job_id"]))[0] == (await operator.run("why", "0042"))[0] == 0

        advice = (await stage.why(unknown["job_id"])).next_step
        [end] = commands(advice)
        assert end[:2] == ["dismiss", unknown["job_id"]] and (await operator.run(*end))[0] == 0
        assert [(await operator.run(*each))[0] for each in (("status",), ("why", unknown["job_id"]))] == [0, 0]


async def test_what_came_too_late_wants_nobody(stage: Stage, operator: Operator) -> None:
    """A report of a mail that was sent afresh since; its advice is to do nothing."""
    async with stage.working():
        late = await bounce_after_a_letter(stage)
        assert (late["state"], late["problem"]) == ("rejected", "bounce_superseded")
        assert [(await operator.run(*each))[0] for each in (("status",), ("why", late["job_id"]))] == [0, 0]


async def test_rejected_jobs_are_dismissed_together(stage: Stage, operator: Operator) -> None:
    """Of a producer that has written nonsense for a while."""
    async with stage.working():
        for _ in range(3):
            assert (await stage.billing.do("publish_invoice", invoice_id=uuid4()))["state"] == "rejected"
        dismiss = ("dismiss", "--code", "invoice_not_found", "--reason", "A test of theirs.")
        assert len((await operator.json(*dismiss))["dismissed"]) == 3
        assert (await operator.run("status"))[0] == 0


async def test_dismissed_report_forgets_the_address(billing: Billing, worker: object, operator: Operator) -> None:
    """A report of a bounce that was parked and dismissed keeps no personal data, like one that is done."""
    invoice = await billing.usual_invoice()
    job = await billing.do("mail_bounced", invoice_id=invoice, email="anna@example.com", reason="Anna has left.")
    assert job["state"] == "parked"
    assert (await operator.run("dismiss", job["job_id"], "--reason", "A mistake."))[0] == 0
    assert json.loads((await billing.job(job["job_id"]))["payload"]) == {"invoice_id": str(invoice)}


async def test_reason_is_needed(operator: Operator) -> None:
    """Without one, or without saying which jobs, nothing is ended."""
    assert (await operator.run("dismiss", "0042"))[0] == 2
    assert (await operator.run("dismiss", "--reason", "Because."))[0] == 2
    assert (await operator.run("dismiss", "0042", "--code", "sums_differ", "--reason", "Because."))[0] == 2
    assert (await operator.run("dismiss", "--code", "made_up", "--reason", "Because."))[0] == 2
    assert (await operator.run("dismiss", "--older", "soon", "--reason", "Because."))[0] == 2


async def test_open_write_is_not_dismissed(stage: Stage, operator: Operator) -> None:
    """Nobody knows whether the mail went out: the job stays parked, with the command that settles it."""
    async with stage.working(write_quarantine=2.0):
        _, job = await unclear_mail(stage)
        code, said, _ = await operator.run("dismiss", job["job_id"], "--reason", "Enough.")
        assert code == 3 and said.count(f"sevdesk-worker retry {job['job_id']}") == 1
        assert (await stage.billing.job(job["job_id"]))["state"] == "parked"
        assert (await operator.run("retry", job["job_id"], "--as", "done"))[0] == 0
        assert (await stage.billing.ended(job["job_id"]))["state"] == "done"


async def test_conditions_choose_jobs(billing: Billing, worker: object, operator: Operator) -> None:
    """By code, kind and age, for retry and dismiss alike; `jobs` lists by code and time."""
    differing = [(await parked(billing))[0] for _ in range(2)]
    too_early = (await billing.do("send_invoice", invoice_id=await billing.usual_invoice()))["job_id"]
    code = (await billing.job(differing[0]))["problem"]
    assert {row["job_id"] for row in await operator.json("jobs", "--code", code)} == set(differing)
    assert await operator.json("jobs", "--until", "2020-01-01") == []
    assert len(await operator.json("jobs", "--since", "2020-01-01", "--kind", "send_invoice")) == 1
    assert await operator.json("dismiss", "--code", code, "--older", "1h", "--reason", "Old.") == {
        "dismissed": [], "asking": [], "drafts_left": {},
    }  # fmt: skip
    assert await operator.json("retry", "--kind", "send_invoice") == {"retried": [too_early]}
    await asyncio.gather(*(billing.until_state(job_id, "parked") for job_id in (*differing, too_early)))
    assert (await operator.json("dismiss", "--code", code, "--reason", "Written off."))["dismissed"] == differing
    assert await billing.db.fetchval("SELECT count(*) FROM sevdesk_jobs WHERE state = 'parked'") == 1


async def test_dismissed_report_keeps_no_address(billing: Billing, worker: object, operator: Operator) -> None:
    """A bounced mail's address and reason are personal, and leave the payload however the job ends."""
    invoice = await billing.usual_invoice()
    job = await billing.do("mail_bounced", invoice_id=invoice, email="anna@example.com", reason="550 Anna is gone")
    assert (job["state"], job["problem"]) == ("parked", "invoice_not_published")
    assert (await operator.run("dismiss", job["job_id"], "--reason", "Wrong invoice."))[0] == 0
    assert json.loads((await billing.job(job["job_id"]))["payload"]) == {"invoice_id": str(invoice)}
