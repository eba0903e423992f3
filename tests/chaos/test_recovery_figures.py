"""How long a death goes unnoticed, and what the ledger costs."""

import asyncio
import statistics
import time

import pytest
from chaos.children import Nursery
from chaos.lane import QUARANTINE, Lane, lane
from chaos.points import AFTER, DRIVER
from flow.waiting import asked, wait_for

from worker.local.services import Services

RUNS, LANES = 10, 5
NOTICED, FINISHED = 5.0, QUARANTINE + 10  # seconds from the kill, the median of all runs
WRITE_MS = 500  # the kill comes in the middle of a write
# Beyond what the steps read and record: the insert (one for a whole page), the end; and claims, each of which starts as
# many jobs as there are free slots and frees the keys of those that have ended.
LEDGER = {"take_in_and_claim_jobs", "claim_jobs", "end_attempt"}
# Whether the person may ask for this is read for every job, by whatever way it comes.
BESIDE_THE_LEDGER = {"person"}


async def one_death(place: Lane) -> tuple[float, float]:
    """(seconds to the next claim, to the end of the job), two workers with the intervals of production."""
    subject = await place.subject()
    place.sevdesk.sandbox.write_ms = WRITE_MS
    place.sevdesk.sandbox.requests.clear()
    job_id = await place.billing.enqueue("publish_invoice", invoice_id=subject.invoice)
    workers = [await place.worker(as_shipped=True) for _ in range(2)]
    await asked(place.sevdesk, "/saveInvoice", 30)
    name = (await place.billing.job(job_id))["worker"]
    victim = next(worker for worker in workers if f":{worker.pid}:" in name)
    await victim.kill()
    killed = time.monotonic()
    while (await place.billing.job(job_id))["attempt"] < 2:  # noqa: ASYNC110 - nobody tells us
        await asyncio.sleep(0.01)
    claimed = time.monotonic() - killed
    row = await place.ended(job_id, 60)
    finished = time.monotonic() - killed
    for worker in workers:
        await worker.kill()
    assert row is not None and row["state"] == "done"
    return claimed, finished


@pytest.mark.long
async def test_death_is_noticed_within_seconds(services: Services, template: str, home: Nursery) -> None:
    """The median of ten kills in the middle of saveInvoice."""

    async def some(number: int) -> list[tuple[float, float]]:
        async with lane(services, template, home, number) as place:
            return [await one_death(place) for _ in range(RUNS // LANES)]

    times = [pair for pairs in await asyncio.gather(*(some(n) for n in range(1, LANES + 1))) for pair in pairs]
    claimed, finished = ([pair[part] for pair in times] for part in (0, 1))
    for what, seconds in (("claimed", claimed), ("done", finished)):
        print(f"\n{what} after SIGKILL: median {statistics.median(seconds):.2f} s, at most {max(seconds):.2f} s")
    assert statistics.median(claimed) <= NOTICED
    assert statistics.median(finished) <= FINISHED


async def test_ledger_costs_few_round_trips(services: Services, template: str, home: Nursery) -> None:
    """Statements of a publication that neither read the invoice nor record a step; on connections in use."""
    async with lane(services, template, home, 1) as place:
        worker = await place.worker()
        await _publish(place)
        await wait_for(lambda: worker.reached(SETTLED.format(1)))
        before = len(worker.points())
        await _publish(place)
        await wait_for(lambda: worker.reached(SETTLED.format(2)))
        await wait_for(
            lambda: any(" sql claim_jobs " in each and each.endswith(AFTER) for each in worker.points()[before:])
        )
        points = [point.split(" | ") for point in worker.points()[before:] if point.endswith(AFTER)]
        await worker.kill()
    statements = [operation.removeprefix("sql ") for task, operation, _, _ in points if _of_the_job(task, operation)]
    first = statements.index("load_invoice")
    last = len(statements) - statements[::-1].index("COMMIT;")
    ledger = [name for name in statements[:first] + statements[last:] if name not in BESIDE_THE_LEDGER]
    print(f"\n{len(statements)} SQL round trips per publication, of these for the ledger {len(ledger)}: {ledger}")
    assert set(ledger) == LEDGER
    assert ledger.count("take_in_and_claim_jobs") == ledger.count("end_attempt") == 1


SETTLED = "Runner.run | sql end_attempt | {} | after"


async def _publish(place: Lane) -> None:
    subject = await place.subject()
    job_id = await place.billing.enqueue("publish_invoice", invoice_id=subject.invoice)
    row = await place.ended(job_id, 30)
    assert row is not None and row["state"] == "done"


BESIDE_THE_JOBS = ("Leadership.", "Notifications.", "run_every")


def _of_the_job(task: str, operation: str) -> bool:
    """Not of the loops that go on beside the jobs, whether there are any or not."""
    return operation.startswith("sql ") and not task.startswith((*BESIDE_THE_JOBS, DRIVER))
