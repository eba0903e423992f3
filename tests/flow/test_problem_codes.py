"""Each problem of the catalogue can happen: a real job meets it, and ledger, event log and `why` say the same of it."""

import re
from functools import partial
from typing import Any

import pytest
from flow.billing import parameters
from flow.provocations.table import PROVOCATIONS
from flow.stage import Stage

from sevdesk_client.client import SevDeskClient
from worker.domain import jobs
from worker.domain.problems import CATALOGUE, NO_MISTAKE, TRIED_AGAIN, Problem
from worker.domain.problems.delays import ENTRIES
from worker.runner import runner

# Whoever the invoices are made out to (`Billing.company`, `Billing.person`).
PERSONAL = r"Müller|Söhne|rechnung@|Hauptstra|\b10115\b|Berlin|Jörg|Weiß|joerg@|Gasse|München"
# Words that our own parameters must not bring into a German sentence; the other parameters quote what others say.
ENGLISH = r"\b(company|contact|invoice|cancellation|document|position|address|name(?!@)|the|of|to|and|instead|more)\b"
QUOTED = {"answer", "faults", "operation", "error", "known", "event"}
STATES = {"parked", "rejected"}
WAITING = {entry.code for entry in ENTRIES}


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads are repeated at once, a sync is tried once, and nobody waits for a contact."""
    monkeypatch.setattr(runner, "CONTACT_PATIENCE", 0.3)
    monkeypatch.setattr("worker.app.SevDeskClient", partial(SevDeskClient, max_wait=0))
    kind = jobs.KINDS["sync_payments"]
    once = jobs.Kind(kind.name, kind.payload, kind.role, retry_delays=())
    monkeypatch.setattr(jobs, "KINDS", {**jobs.KINDS, kind.name: once})


@pytest.mark.parametrize("code", CATALOGUE)
async def test_problem_is_told_everywhere(code: str, stage: Stage) -> None:
    """The row has code, parameters and both sentences; so have the invoice's event log and `why`; nobody is named."""
    provocation = PROVOCATIONS[code]
    async with provocation.working(stage):
        job = await provocation.provoke(stage)
    found = Problem(job["problem"], parameters(job))
    assert found.code == code
    assert found.parameters.keys() - {"tries"} == CATALOGUE[code].parameters
    assert {name: found.parameters[name] for name in provocation.named} == provocation.named
    assert not re.search(PERSONAL, "".join(found.parameters.values())), found
    own = {name: "" if name in QUOTED else value for name, value in found.parameters.items()}
    assert not re.search(ENGLISH, Problem(code, own).cause("de")), found
    assert_row_says_it(job, found)
    if job["state"] in STATES:
        await assert_event_says_it(stage, job, found)
        await assert_why_says_it(stage, job, found)


def assert_row_says_it(job: Any, found: Problem) -> None:
    """In English; what goes on by itself waits, and what is rejected cannot be retried."""
    assert job["error"] == found.cause()
    retried = job["state"] == "waiting" and job["retries"] > 0
    assert job["next_step"] == (TRIED_AGAIN["en"] if retried else found.next_step(job=job["job_id"]))
    assert job["state"] in (STATES if found.code not in WAITING and not retried else {"waiting", "queued"})
    if job["state"] == "parked":  # else it would lie there for ever
        assert re.search("sevdesk-worker (retry|dismiss|enqueue) ", job["next_step"])
    if job["state"] == "rejected":
        assert f"retry {job['job_id']}" not in job["next_step"]


async def assert_event_says_it(stage: Stage, job: Any, found: Problem) -> None:
    """In the event log of the invoice, if it is about one that is there."""
    if job["invoice_id"] is None or await stage.billing.row(job["invoice_id"]) is None:
        return
    assert await stage.billing.event(job["invoice_id"], job["state"]) == {
        "job_id": job["job_id"],
        "kind": job["kind"],
        "problem": found.code,
        "parameters": found.parameters,
        "reason": job["error"],
        "next_step": job["next_step"],
    }


async def assert_why_says_it(stage: Stage, job: Any, found: Problem) -> None:
    """A person must act, if it is any mistake; several parked jobs of an invoice are taken up again by its number."""
    answer = await stage.why(job["job_id"])
    assert (answer.needs_person, answer.state) == (found.code not in NO_MISTAKE, job["state"])
    assert answer.cause.startswith(found.cause())
    invoice = job["invoice_id"] and await stage.billing.row(job["invoice_id"])
    names = [job["job_id"], *([invoice["invoice_number"]] if invoice else [])]
    assert answer.next_step.startswith(tuple(found.next_step(job=name) for name in names))  # notices may follow


def test_every_provocation_has_a_code() -> None:
    """None is left of a problem that is no longer in the catalogue."""
    assert PROVOCATIONS.keys() <= CATALOGUE.keys()
