"""In each situation `why`, `status`, `preview`, `reconcile` and the alerts' metrics say the same."""

from typing import Any
from uuid import UUID

import pytest
from flow.operators import Operator
from flow.situations import SITUATIONS, Situation
from flow.stage import Stage

from worker.cli.status import read_status
from worker.cli.status_view import needs_person
from worker.domain.notices import next_step_of
from worker.observability.metrics import Metrics
from worker.operator.connections import open_account
from worker.operator.preview import preview_of
from worker.reconcile.read import reconcile, store_result
from worker.store import Store


@pytest.fixture
async def store(stage: Stage) -> Any:
    """A connection for the commands."""
    made = await Store.connect(stage.settings.database_url, size=1)
    yield made
    await made.close()


@pytest.mark.parametrize("name", SITUATIONS)
async def test_everything_says_the_same(name: str, stage: Stage, store: Store) -> None:
    """Cause, exit codes, open notices, parked jobs and differences; what a reconcile finds, `why` says from then on."""
    told = SITUATIONS[name]
    for key, value in told.worker.items():
        setattr(stage.settings, key, value)
    async with stage.working(**told.worker):
        invoice = await told.provoke(stage)
        await assert_why_and_status_agree(stage, store, invoice, told)
        await assert_preview_agrees(stage, store, invoice, told)
        drift = await assert_reconcile_agrees(stage, store, invoice, told)
    after = {*told.notices, *({"drift"} if drift else set())}
    assert set((await read_status(store, stage.settings))["notices"]) == after


async def assert_why_and_status_agree(stage: Stage, store: Store, invoice: UUID, told: Situation) -> None:
    """Both from the same rows, and the metrics, too, from which the alerts come."""
    answer, status = await stage.why(invoice), await read_status(store, stage.settings)
    assert told.why in answer.cause
    assert (answer.needs_person, needs_person(status)) == (told.person, told.person), answer
    assert set(status["notices"]) == told.notices and status["jobs"].get("parked", 0) == told.parked
    assert (answer.next_step.startswith("Nothing to do")) <= (not told.person)
    for row in status["newest_notices"] if not told.parked else []:
        assert next_step_of(row["code"], row["parameters"], row["invoice_number"]) in answer.next_step
    assert await alerting(store) == (told.notices, told.parked)


async def alerting(store: Store) -> tuple[frozenset[str], int]:
    """The codes of open notices and the number of parked jobs that the gauges show, which alert above 0."""
    metrics = Metrics()
    metrics.queue_measured(await store.query("count_jobs"), 0.0, None)
    metrics.notices_measured(await store.query("count_notices"))
    families = {family.name: family.samples for family in metrics.registry.collect()}
    codes = {sample.labels["code"] for sample in families["sevdesk_worker_open_notices"] if sample.value > 0}
    return frozenset(codes), int(sum(sample.value for sample in families["sevdesk_worker_parked_jobs"]))


async def assert_preview_agrees(stage: Stage, store: Store, invoice: UUID, told: Situation) -> None:
    """Of an unpublished invoice it names the problem with which a publication stops."""
    if (await stage.billing.row(invoice))["external_id"] is not None:
        return
    async with open_account(stage.settings) as account:
        found = (await preview_of(store, invoice, stage.settings, account)).problem
    assert (found and found.code) == told.preview


async def assert_reconcile_agrees(stage: Stage, store: Store, invoice: UUID, told: Situation) -> bool:
    """What differs, and the same next step in `why`; after it has been repaired, no difference."""
    async with open_account(stage.settings) as account:
        found = await reconcile(store, account.client)
    await store_result(store, found)
    assert {each.drift.value for each in found.findings} == told.drift
    if found.findings:
        answer = await stage.why(invoice)
        assert answer.needs_person and found.findings[0].next_step in answer.next_step
    return bool(found.findings)


def test_there_are_enough_situations() -> None:
    """Fifty at least."""
    assert len(SITUATIONS) >= 50


async def test_commands_exit_alike(stage: Stage, tmp_path: Any) -> None:
    """As processes: 3 while something is open, 0 after `acknowledge`; a second acknowledgement finds nothing."""
    operator = Operator(stage.settings, tmp_path)
    async with stage.working():
        invoice = await SITUATIONS["overpaid"].provoke(stage)
        number = (await stage.billing.row(invoice))["invoice_number"]
        code, said, _ = await operator.run("status")
        assert code == 3 and "1 overpaid" in said and "31.00 EUR" in said
        code, said, _ = await operator.run("why", number)
        assert code == 3 and f"sevdesk-worker acknowledge {number} --reason TEXT." in said
        assert (await operator.run("acknowledge", number))[0] == 2
        assert await operator.json("acknowledge", number, "--reason", "TEXT") == {"acknowledged": ["overpaid"]}
        assert await operator.json("acknowledge", number, "--reason", "TEXT") == {"acknowledged": []}
        assert [(await operator.run(*command))[0] for command in (("why", number), ("status",))] == [0, 0]
        assert (await operator.run("acknowledge", "none", "--reason", "TEXT"))[0] == 1


async def test_export_is_acknowledged(stage: Stage, tmp_path: Any) -> None:
    """`status` names the export until a person has dealt with it; what it said of single invoices ends with it."""
    operator = Operator(stage.settings, tmp_path)
    async with stage.working():
        invoice = await SITUATIONS["export_with_findings"].provoke(stage)
        noticed = await stage.billing.db.fetchval("SELECT parameters ->> 'findings' FROM sevdesk_notices")
        assert "Wrong amount: " in noticed and "Betrag" not in noticed  # inside an English sentence
        export_id = str((await operator.json("status", code=3))["export"]["export_id"])
        short = export_id[:8]  # as the table of exports shows it
        assert (await operator.run("exports"))[1].count(short) == 1
        assert (await operator.json("acknowledge", short, "--reason", "TEXT"))["acknowledged"]
        assert (await operator.json("status"))["export"] is None
        assert (await operator.run("acknowledge", export_id, "--reason", "TEXT"))[0] == 1
    assert (await stage.billing.event(invoice, "acknowledged"))["codes"] == ["export_finding"]
