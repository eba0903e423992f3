"""The advice of each problem code leads to its end: what it asks for is done, its commands are run as they stand."""

import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flow.mending import MENDS, commands, corrected_in_billing, corrected_in_sevdesk
from flow.operators import Operator
from flow.provocations.table import PROVOCATIONS
from flow.stage import Stage

from sevdesk_client.client import SevDeskClient
from worker.domain import jobs
from worker.domain.problems import CATALOGUE

# Codes whose advice offers ways to choose from, and which one is taken here: words of its command.
CHOICES = {
    "foreign_payment_unclear": "dismiss",
    "mass_change": "--as confirmed",
    "not_our_document": "--as confirmed",
    "recipient_changed": "--as confirmed",
    "status_forbids_sending": "enqueue cancel_invoice",
    "e_invoice_differs": "--as confirmed",
    "export_start_unknown": "--as not-done",
    "credit_note_draft": "enqueue cancel_invoice",
    "partly_paid": "enqueue cancel_invoice",
    "credit_note_needs_payment": "enqueue cancel_invoice",
}
# Of what the advice ends in another question: its code.
NEXT_QUESTIONS = {"other_publishes": "not_our_document"}
ENDING = re.compile("sevdesk-worker (retry|enqueue|dismiss) ")
WITH_COMMAND = [code for code, entry in CATALOGUE.items() if ENDING.search(entry.next_step["en"])]


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads are repeated at once, and a sync is tried once."""
    monkeypatch.setattr("worker.app.SevDeskClient", partial(SevDeskClient, max_wait=0))
    kind = jobs.KINDS["sync_payments"]
    once = jobs.Kind(kind.name, kind.payload, kind.role, retry_delays=())
    monkeypatch.setattr(jobs, "KINDS", {**jobs.KINDS, kind.name: once})


@pytest.mark.parametrize("code", WITH_COMMAND)
async def test_advice_ends_the_problem(code: str, stage: Stage, tmp_path: Path) -> None:
    """Provoked, read, done: the job has ended well, and the problem is gone."""
    provocation = PROVOCATIONS[code]
    async with provocation.working(stage):
        job = await provocation.provoke(stage)
        advice = (await stage.why(job["job_id"])).next_step
    if job["state"] == "waiting" and not list(commands(advice)):  # tries are left
        assert advice.startswith("Nothing to do")
        return
    operator = Operator(stage.settings, tmp_path)
    async with stage.run_worker(**({} if code.startswith("token") else provocation.worker or {})):
        await stage.billing.db.execute("UPDATE sevdesk_intents SET settles_at = now()")
        await corrected_in_sevdesk(stage, job)
        if code in MENDS:
            await MENDS[code](stage, job)
        if job["kind"] in ("publish_invoice", "send_invoice") and job["invoice_id"] is not None:
            await corrected_in_billing(stage, job)
        last = await follow(stage, operator, code, advice, job)
        if code in NEXT_QUESTIONS:
            asked = (await stage.why(last["job_id"])).next_step
            last = await follow(stage, operator, NEXT_QUESTIONS[code], asked, last)
    assert last["state"] in ("done", "dismissed"), (advice, last["error"])


async def follow(stage: Stage, operator: Operator, code: str, advice: str, job: Any) -> Any:
    """Run the commands of the advice; the row of the last job."""
    last = job
    for command in chosen(code, advice):
        if command[0] == "why":  # another job's own advice comes first
            other = next(commands((await stage.why(command[1])).next_step))
            assert (await operator.run(*other))[0] == 0
            await over(stage, command[1])
            continue
        ended, said, problem = await operator.run(*command)
        assert ended == 0, (command, said, problem)
        last = await over(stage, said.split()[1] if said.startswith("Job ") else said.strip())
    return last


async def test_deleted_invoice_ends_as_advised(stage: Stage, tmp_path: Path) -> None:
    """The other way that the advice names: the deletion is noticed, and the job that stumbled over it dismissed."""
    provocation = PROVOCATIONS["sevdesk_object_gone"]
    operator = Operator(stage.settings, tmp_path)
    async with provocation.working(stage):
        job = await provocation.provoke(stage)
        [_, sync, dismiss] = commands((await stage.why(job["job_id"])).next_step)
        ended, said, _ = await operator.run(*sync)
        assert ended == 0 and (await stage.billing.ended(said.strip()))["state"] == "done"
        assert (await operator.run(*dismiss))[0] == 0
    assert (await over(stage, job["job_id"]))["state"] == "dismissed"
    assert (await stage.billing.row(job["invoice_id"]))["accounting_sync_status"] == "parked"
    assert await stage.billing.event(job["invoice_id"], "deleted_in_sevdesk")


async def over(stage: Stage, job_id: str) -> Any:
    """The job's row when nothing more happens to it."""
    if (job := await stage.billing.job(job_id))["state"] == "dismissed":
        return job
    return await stage.billing.ended(job_id)


def chosen(code: str, advice: str) -> list[list[str]]:
    """The commands up to the last that takes a job up again without an answer, if there is one; else the first."""
    found = list(commands(advice))
    if code in CHOICES:
        return [command for command in found if CHOICES[code] in " ".join(command)][:1]
    plain = [command for command in found if "--as" not in command]
    retries = [place for place, command in enumerate(plain) if command[0] == "retry"]
    return plain[: retries[-1] + 1] if retries else found[:1]
