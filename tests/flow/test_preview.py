"""What `preview` says before is what publishing does after."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from uuid import UUID

import pytest
from flow.billing import Billing
from flow.books import until
from flow.conftest import RunWorker
from flow.holding import HoldableSevdesk
from flow.operators import Operator
from flow.to_publish import SITUATIONS, Scene
from flow.waits import ERROR_BUDGET, WAITS, Asked, finish

from worker.operator.connections import open_account, open_account_watching
from worker.operator.preview import Preview, preview_of
from worker.runner import runner
from worker.settings import Settings
from worker.store import Store

MANY = 500
STATES = {"done": "publishes", "parked": "parks", "rejected": "rejects", "waiting": "waits"}
# Those that leave the worker and sevDesk as they were.
REPEATABLE = [name for name, each in WAITS.items() if not each.lasts]
Said = tuple[str, str | None]  # a verdict, and the code of its problem


@pytest.fixture
async def scene(billing: Billing, sevdesk: HoldableSevdesk, settings: Settings, worker: object) -> AsyncIterator[Scene]:
    """One worker, and the operator's own connections."""
    async with new_scene(billing, sevdesk, settings) as made:
        yield made


@asynccontextmanager
async def new_scene(billing: Billing, sevdesk: HoldableSevdesk, settings: Settings) -> AsyncIterator[Scene]:
    store = await Store.connect(settings.database_url, size=2)
    try:
        async with open_account(settings) as account:
            yield Scene(billing, sevdesk, store, account, settings, Random(7))
    finally:
        await store.close()


async def previewed(scene: Scene, asked: Asked) -> Preview:
    """What the command would print."""
    async with open_account_watching(scene.settings, scene.store) as account:
        return await preview_of(scene.store, asked.invoice, scene.settings, account, asked.by)


async def outcome_of(billing: Billing, job_id: str) -> Said:
    """How the job stands once it has ended, or waits for its time or behind another one."""

    async def outcome() -> Said | None:
        row = await billing.job(job_id)
        phase = await billing.db.fetchval("SELECT phase FROM sevdesk_queue WHERE job_id = $1", job_id)
        if phase == "blocked":
            return "waits", None
        return (STATES[row["state"]], row["problem"]) if row is not None and row["state"] in STATES else None

    found: Said = await until(outcome)
    return found


async def assert_foreseen(scene: Scene, name: str, seed: int) -> None:
    """One situation: its verdict and problem before, and what the job came to; then it is over."""
    scene.random.seed(seed)
    scene.sevdesk.sandbox.account.switches.change({"e_invoice_missing": []})
    async with made(scene, name) as asked:
        said = await previewed(scene, asked)
        job_id = await scene.billing.enqueue("publish_invoice", invoice_id=asked.invoice, by=asked.by)
        verdict, problem = await outcome_of(scene.billing, job_id)
    # A published one publishes as well: its job does nothing.
    assert said.verdict.replace("published", "publishes") == verdict, (seed, name)
    assert (said.problem and said.problem.code) == problem, (seed, name)
    if verdict == "publishes":
        assert list(said.writes) == await writes_of(scene.billing, job_id), (seed, name)
    if verdict == "waits" and name in REPEATABLE:
        await finish(scene.billing)
        assert (await scene.billing.job(job_id))["state"] == "done", (seed, name)


async def writes_of(billing: Billing, job_id: str) -> list[str]:
    rows = await billing.db.fetch("SELECT action FROM sevdesk_intents WHERE job_id = $1 ORDER BY id", job_id)
    return [row["action"] for row in rows]


@asynccontextmanager
async def made(scene: Scene, name: str) -> AsyncIterator[Asked]:
    if name in SITUATIONS:
        yield Asked(await SITUATIONS[name](scene))
        return
    async with WAITS[name].make(scene) as asked:
        yield asked


async def test_preview_says_what_publishing_does(scene: Scene) -> None:
    """One of each kind of situation, with the same verdict and the same problem."""
    for seed, name in enumerate(SITUATIONS):
        await assert_foreseen(scene, name, seed)


@pytest.mark.parametrize("name", WAITS)
async def test_preview_waits_as_publishing_does(
    billing: Billing, sevdesk: HoldableSevdesk, settings: Settings, run_worker: RunWorker, name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Locks, other jobs, quarantines, limits, and whatever keeps all workers from sevDesk; with the same problem."""
    monkeypatch.setattr(runner, "CONTACT_PATIENCE", 0.3)
    changed = settings.model_copy(update={"error_budget": ERROR_BUDGET})
    async with run_worker(error_budget=ERROR_BUDGET), new_scene(billing, sevdesk, changed) as scene:
        await assert_foreseen(scene, name, 0)


@pytest.mark.long
async def test_preview_foresees_many_publications(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """As above, with what chance adds to the situations."""
    monkeypatch.setattr(runner, "CONTACT_PATIENCE", 0.3)
    names = [*SITUATIONS, *REPEATABLE]
    for seed in range(len(names), len(names) + MANY):
        await assert_foreseen(scene, names[seed % len(names)], seed)


async def test_preview_knows_who_asks(scene: Scene, settings: Settings, tmp_path: Path) -> None:
    """With --by, the rights and the limit of the person count as they do for their job."""
    operator = Operator(settings, tmp_path)
    invoice = await scene.usual(is_e_invoice=False)

    async def foreseen(person: UUID, invoice: UUID, code: int) -> Said:
        shown = await operator.json("preview", str(invoice), "--by", str(person), code=code)
        return shown["verdict"], shown["problem"] and shown["problem"]["code"]

    customer = await scene.billing.person()
    assert await foreseen(customer, invoice, 3) == ("rejects", "requester_not_internal")
    assert await foreseen(await scene.billing.person(is_internal=True), invoice, 0) == ("publishes", None)
    async with WAITS["person_at_the_limit"].make(scene) as asked:
        assert asked.by is not None
        assert await foreseen(asked.by, asked.invoice, 3) == ("waits", "person_limit")
        assert await foreseen(scene.billing.admin, asked.invoice, 0) == ("publishes", None)


async def test_preview_names_the_job_ahead(scene: Scene, settings: Settings, tmp_path: Path) -> None:
    """Which job of the invoice a new one would wait for; Redis is not needed for that."""
    async with WAITS["job_of_the_invoice_runs"].make(scene) as asked:
        operator = Operator(settings, tmp_path)
        code, said, _ = await operator.run("preview", str(asked.invoice), REDIS_URL="redis://127.0.0.1:1/0")
        [job_id] = await scene.billing.db.fetchrow("SELECT job_id FROM sevdesk_jobs")
    assert code == 3 and "would wait" in said and f"publish_invoice {job_id}, running" in said


async def test_preview_of_published_says_so(scene: Scene, settings: Settings, tmp_path: Path) -> None:
    """What it is in sevDesk, and that publishing again would change nothing; a change since is named."""
    invoice = await scene.published(is_e_invoice=False)
    operator, row = Operator(settings, tmp_path), await scene.billing.row(invoice)
    shown = await operator.json("preview", str(invoice))
    assert (shown["verdict"], shown["problem"], shown["writes"], shown["body"]) == ("published", None, [], None)
    assert row["external_invoice_number"] in shown["standing"] and row["external_id"] in shown["standing"]
    await scene.spoilt(invoice, "payment_term_days", "99")
    changed = await operator.json("preview", str(invoice), "--offline", code=3)
    assert (changed["verdict"], changed["problem"]["code"]) == ("parks", "changed_after_publication")


@pytest.mark.parametrize("column", ["accounting_sync_status", "claim_status", "document_kind", "final_invoice_form"])
async def test_preview_names_unknown_words(scene: Scene, settings: Settings, tmp_path: Path, column: str) -> None:
    """A status or kind that is none of ours: the problem, and no traceback."""
    invoice = await scene.usual(document_kind="AR")
    await scene.billing.db.execute(
        f"ALTER TABLE billing_invoices DROP CONSTRAINT IF EXISTS billing_invoices_{column}_check"
    )
    await scene.spoilt(invoice, column, "'seltsam'")
    shown = await Operator(settings, tmp_path).json("preview", str(invoice), code=3)
    assert (shown["verdict"], shown["problem"]["code"]) == ("parks", "invoice_value_unknown")
    assert shown["problem"]["parameters"]["column"] == column and shown["recipient"] is None
    rehearsed = await Operator(settings, tmp_path).json("rehearse", code=3)
    assert [group["code"] for group in rehearsed["groups"]] == ["invoice_value_unknown"]


@pytest.mark.parametrize("seed", range(4))
async def test_preview_remembers_the_refusal(scene: Scene, settings: Settings, tmp_path: Path, seed: int) -> None:
    """What sevDesk refused is refused again, and said before the invoice is asked for again; not after a change."""
    scene.random.seed(seed)
    invoice = await SITUATIONS["refused before"](scene)
    operator = Operator(settings, tmp_path)
    code, said, _ = await operator.run("preview", str(invoice))
    assert code == 3 and "client_iban" in said and "would park" in said
    assert (await scene.billing.do("publish_invoice", invoice_id=invoice))["problem"] == "e_invoice_data_missing"
    scene.sevdesk.sandbox.account.switches.change({"e_invoice_missing": []})
    await scene.spoilt(invoice, "head_text", "'Anders'")
    shown = await operator.json("preview", str(invoice))
    assert shown["verdict"] == "publishes" and shown["stopped_before"]["code"] == "e_invoice_data_missing"
    job = await scene.billing.do("publish_invoice", invoice_id=invoice)
    assert job["state"] == "done" and await writes_of(scene.billing, job["job_id"]) == shown["writes"]


async def test_preview_names_unknown_country(scene: Scene, settings: Settings, tmp_path: Path) -> None:
    """Its id is in no list of sevDesk's, so that there is a problem and no request."""
    invoice = await scene.to(country_code="XX")
    shown = await Operator(settings, tmp_path).json("preview", str(invoice), code=3)
    assert (shown["verdict"], shown["problem"]["code"], shown["body"]) == ("parks", "country_unknown", None)


async def test_preview_notices_another_account(scene: Scene, settings: Settings, tmp_path: Path) -> None:
    """The workers with this token would wait."""
    invoice = await scene.usual()
    await scene.billing.db.execute("UPDATE sevdesk_config SET account_id = '1'")
    shown = await Operator(settings, tmp_path).json("preview", str(invoice), code=3)
    assert (shown["verdict"], shown["problem"]["code"]) == ("waits", "account_differs")
