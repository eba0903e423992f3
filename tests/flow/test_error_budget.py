"""Calls that end in errors draw on one budget of all workers: bulk work stops before people's jobs, and says so."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flow.billing import Billing
from flow.books import control, order_fault
from flow.conftest import RunWorker
from flow.operators import Operator
from flow.waiting import wait_for
from structlog.testing import capture_logs

from sevdesk_client.sandbox.http.server import Running
from worker.gate.gate import BUDGET_STAGES, SevdeskGate
from worker.settings import Settings

# One error more than three quarters, because a part of an error is given back meanwhile.
BUDGET, STOPS_BULK = 20, 16
REFUSAL = {"error": {"message": "no", "code": None}, "objects": None}


@pytest.fixture
def logs() -> Iterator[list[dict[str, Any]]]:
    """Every log line."""
    with capture_logs() as lines:
        yield lines


async def refused(billing: Billing, sevdesk: Running, count: int) -> None:
    """So many people's publications whose first call is refused; then sevDesk is well again."""
    await order_fault(sevdesk, "status", "GET /Contact", status=400, body=REFUSAL, times=None)
    for _ in range(count):
        job = await billing.do("publish_invoice", invoice_id=await billing.usual_invoice())
        assert job["problem"] == "sevdesk_refused"
    await control(sevdesk, "DELETE", "faults")


async def by_nobody(billing: Billing) -> str:
    """A publication through the outbox that no person asked for."""
    return await billing.request("publish_invoice", invoice_id=await billing.usual_invoice())


async def test_people_go_on_when_bulk_stops(
    billing: Billing, run_worker: RunWorker, sevdesk: Running, logs: list[dict[str, Any]]
) -> None:
    """Bulk work and the sync wait without losing a retry, a person's job is done; one line for each stage."""
    async with run_worker(error_budget=BUDGET):
        await refused(billing, sevdesk, STOPS_BULK)
        waiting = [await billing.until_state(await by_nobody(billing), "waiting")]
        waiting.append(await billing.until_state(await billing.enqueue("sync_payments"), "waiting"))
        assert {(job["problem"], job["retries"]) for job in waiting} == {("error_budget_used", 0)}
        assert (await billing.do("publish_invoice", invoice_id=await billing.usual_invoice()))["state"] == "done"
    told = [line for line in logs if line["event"] == "gate.many_errors"]
    assert [line["stage"] for line in told] == list(BUDGET_STAGES[1:3])


async def test_used_up_budget_refills(
    billing: Billing, run_worker: RunWorker, sevdesk: Running, gates: list[SevdeskGate]
) -> None:
    """People's jobs wait when nothing is left; test_connection does not; given back, all jobs are done."""
    async with run_worker(error_budget=BUDGET):
        await refused(billing, sevdesk, BUDGET)
        jobs = [await billing.enqueue("publish_invoice", invoice_id=await billing.usual_invoice())]
        jobs.append(await by_nobody(billing))
        for job_id in jobs:
            assert (await billing.until_state(job_id, "waiting"))["problem"] == "error_budget_used"
        assert (await billing.do("test_connection"))["state"] == "done"
        gates[0].budget._at -= 3600  # an hour goes by
        for job_id in jobs:
            await billing.make_due(job_id)
            assert (await billing.ended(job_id))["state"] == "done"


async def test_budget_is_shared_and_shown(
    billing: Billing, run_worker: RunWorker, sevdesk: Running, gates: list[SevdeskGate], settings: Settings,
    tmp_path: Path,
) -> None:  # fmt: skip
    """Another worker knows of the errors, one that starts later as well, and so do `status` and `health`."""
    operator = Operator(settings, tmp_path)
    async with run_worker(error_budget=BUDGET), run_worker(error_budget=BUDGET):
        await refused(billing, sevdesk, STOPS_BULK)
        await wait_for(lambda: all(gate.budget.used(time.monotonic()) > STOPS_BULK - 1 for gate in gates))
        async with run_worker(error_budget=BUDGET):
            await wait_for(lambda: len(gates) == 3 and gates[2].budget.used(time.monotonic()) > STOPS_BULK - 1)
        found = await operator.json("status", code=3, ERROR_BUDGET=BUDGET)
        assert 0.15 < found["redis"]["error_budget_left"] < 0.3
        code, said, _ = await operator.run("status", ERROR_BUDGET=BUDGET)
        assert code == 3 and "% of ERROR_BUDGET left, jobs are slowed" in " ".join(said.split())
        health = await operator.json("health", "--sync-within", "0", ERROR_BUDGET=BUDGET)
        [check] = [check for check in health["checks"] if check["name"] == "errors"]
        assert check["level"] == "warn" and "many calls end in errors" in check["detail"]
