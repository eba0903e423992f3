"""Whatever odd thing stands in the rows, in whatever state of an invoice: every job ends, and every command answers.

A job ends done, or parked or rejected with a problem of the catalogue; nothing is mailed to anybody but the recipient
of the document; sevDesk has one document of an invoice at most; and what `preview` said is what publishing does.
"""

import asyncio
import traceback
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

import pytest
from flow.billing import parameters
from flow.books import state
from flow.odd_lives import COMMANDS, LIVES, asked, live
from flow.odd_rows import COLUMNS, FOREIGN_KEYS, ODDITIES, Subject
from flow.operators import Operator
from flow.stage import Stage

from worker.domain.problems import CATALOGUE, Problem
from worker.handlers import datev_export
from worker.operator.connections import open_account_watching
from worker.operator.preview import preview_of
from worker.runner.runner import Runner
from worker.steps.payments import DERIVED
from worker.store import Store

SECONDS = 25.0  # a job that has not ended by then is tried for ever, or waits for nothing
VERDICTS = {"done": "publishes", "parked": "parks", "rejected": "rejects"}
# Preview asks before the job runs; these come from what only the write or the document shows.
UNFORESEEN = frozenset({"e_invoice_differs", "e_invoice_invalid", "pdf_differs"})


@dataclass
class Watch:
    """What went wrong while nobody looked."""

    tracebacks: list[str] = field(default_factory=list)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """Remembers every exception that the runner did not expect."""
    seen, told = Watch(), Runner._unexpected

    def remember(runner: Runner, error: Exception) -> Any:
        seen.tracebacks.append("".join(traceback.format_exception(error)))
        return told(runner, error)

    monkeypatch.setattr(Runner, "_unexpected", remember)
    monkeypatch.setattr(datev_export, "FIRST_POLL", 0.0)
    yield seen


@pytest.fixture
async def odd_stage(stage: Stage) -> AsyncIterator[Stage]:
    """A worker at work on tables without foreign keys and NOT NULL, as views over other tables are."""
    for table, column in FOREIGN_KEYS:
        await stage.billing.db.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_{column}_fkey")
    for table, columns in COLUMNS.items():
        for column in columns:
            await stage.billing.db.execute(f"ALTER TABLE {table} ALTER {column} DROP NOT NULL")
    async with stage.working():
        yield stage


async def one_case(seed: int, stage: Stage, watch: Watch, folder: Path) -> str:
    """An invoice in some state, odd things, and what is asked about it. Answers with what was done."""
    random = Random(seed)
    life = list(LIVES)[seed % len(LIVES)]
    await stage.billing.db.execute(
        "UPDATE sevdesk_config SET publish_only = NULL, template_eb_ar = $1, template_eb_sr = NULL",
        "57986aee6bd2d53306068da1",
    )
    it = await live(stage, random, life)
    try:
        for _ in range(random.choice((1, 1, 2))):
            for make in random.choices(ODDITIES, k=random.choice((1, 1, 2, 3))):
                await make(it)
            await ask(it, watch)
            await command(it, folder / f"{seed}")
        assert not watch.tracebacks, watch.tracebacks[-1]
    except BaseException:
        print(f"seed {seed}:", *it.done, sep="\n  ")
        raise
    return life


async def ask(it: Subject, watch: Watch) -> None:
    """One job from begin to end, and what must be true of it."""
    stage, (kind, payload) = it.stage, asked(it)
    it.done.append(f"{kind} {payload}")
    mails = len((await state(stage.sevdesk))["mails"])
    plain = (kind, len(payload)) == ("publish_invoice", 1) and await it.value("id") is not None
    said = await foreseen(it) if plain else None
    job_id = await stage.billing.enqueue(kind, **payload)
    job = await ended(it, job_id, watch)
    if said is not None and job["problem"] not in UNFORESEEN:
        assert said == (VERDICTS[job["state"]], job["problem"])
    if job["state"] == "parked" and it.random.random() < 0.4:
        await it.random.choice(ODDITIES)(it)
        await stage.billing.retry(job_id)
        await ended(it, job_id, watch)
    await assert_right_addressee(it, mails, payload)
    await assert_one_document(it)


async def ended(it: Subject, job_id: str, watch: Watch) -> Any:
    """The job's row at its end, which must be one that a person understands."""
    job = await settled(it, job_id)
    it.done.append(f"... {job['state']} {job['problem']} {job['error']}")
    assert_tells(job)
    assert job["problem"] != "unexpected_error" and not watch.tracebacks, watch.tracebacks
    return job


async def settled(it: Subject, job_id: str) -> Any:
    """The job's row at its end; what waits for its time need not wait."""
    job, waited, began = None, 0, monotonic()
    while True:
        assert monotonic() - began < SECONDS, dict(job or {})
        job = await it.stage.billing.job(job_id)
        if job is not None and job["state"] in VERDICTS:
            return job
        if job is not None and job["state"] == "waiting":
            assert job["problem"] != "unexpected_error"
            waited += 1
            assert waited < 8, f"it is tried again and again: {job['problem']} {job['error']}"
            await it.stage.billing.make_due(job_id)
        await asyncio.sleep(0.05)


def assert_tells(job: Any) -> None:
    """What stopped it stands in the catalogue, and every place in its sentences is filled."""
    if job["state"] == "done":
        return
    assert job["problem"] in CATALOGUE
    for lang in ("en", "de"):
        found = Problem(job["problem"], parameters(job))
        assert found.cause(lang) and found.next_step(lang, job=job["job_id"])


async def foreseen(it: Subject) -> tuple[str, str | None]:
    """What `preview` says."""
    store = await Store.connect(it.stage.settings.database_url, size=1)
    try:
        async with open_account_watching(it.stage.settings, store) as account:
            said = await preview_of(store, it.invoice, it.stage.settings, account)
    finally:
        await store.close()
    it.done.append(f"preview: {said.verdict} {said.problem and said.problem.code}")
    return said.verdict.replace("published", "publishes"), said.problem and said.problem.code


async def assert_right_addressee(it: Subject, before: int, payload: dict[str, Any]) -> None:
    """The mails since went to the recipient of the invoice's document, or to whom the job named."""
    sent = (await state(it.stage.sevdesk))["mails"][before:]
    if not sent:
        return
    assert len(sent) == 1
    document = it.stage.sevdesk.sandbox.account.invoices[int(await it.external_id())]
    address = await it.stage.billing.db.fetchval(  # where we did not make the document, its contact tells
        """SELECT coalesce(c.email, p.email)
           FROM (SELECT party_kind, party_id, 1 AS place FROM sevdesk_invoices WHERE invoice_id = $1
                 UNION ALL SELECT party_kind, party_id, 2 FROM sevdesk_contacts WHERE contact_id = $2) n
           LEFT JOIN companies c ON n.party_kind = 'company' AND c.id = n.party_id
           LEFT JOIN contacts p ON n.party_kind = 'contact' AND p.id = n.party_id ORDER BY n.place LIMIT 1""",
        it.invoice, str(document.fields.contact_id),
    )  # fmt: skip
    assert sent[0]["to"] == payload.get("to", address)


async def assert_one_document(it: Subject) -> None:
    """Of our number there is one document at most that is none of sevDesk's own making."""
    number = await it.value("invoice_number")
    marked = it.stage.sevdesk.sandbox.account.with_note(number)
    assert len([each for each in marked if each.type not in DERIVED]) <= 1


async def command(it: Subject, folder: Path) -> None:
    """Two commands, each of which answers without a traceback."""
    operator = Operator(it.stage.settings, folder.parent)
    for _ in range(2):
        given = it.random.choice(COMMANDS)
        filled = [word.format(id=it.invoice, new=f"{folder}{it.random.random()}") for word in given]
        it.done.append(" ".join(filled))
        code, out, err = await operator.run(*filled)
        assert code in (0, 1, 3) and "unexpected_error" not in out, (code, out, err)
        assert code != 1 or err.strip() or out.strip(), filled


@pytest.mark.parametrize("start", [0])
async def test_odd_rows_quickly(odd_stage: Stage, watch: Watch, tmp_path: Path, start: int) -> None:
    """One of each state."""
    for seed in range(start, start + len(LIVES)):
        await one_case(seed, odd_stage, watch, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("start", range(100, 700, 25))
async def test_odd_rows(odd_stage: Stage, watch: Watch, tmp_path: Path, start: int) -> None:
    """Whatever chance makes of them."""
    for seed in range(start, start + 25):
        await one_case(seed, odd_stage, watch, tmp_path)
