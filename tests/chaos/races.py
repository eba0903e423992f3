"""Two that act at once: two workers on one job, one worker on two jobs of one invoice, one frozen and one awake."""

import asyncio
import signal

from chaos.children import Child
from chaos.lane import QUARANTINE, Lane, Subject
from chaos.ledgers import examine
from chaos.points import Act
from chaos.scenarios import PUBLISHED, Scenario, make_ready
from flow.waiting import wait_for

PATIENCE = 45.0
# A worker sleeps between look and leap, long enough for another one to do the whole job. Its time-outs are longer.
REST, PATIENT = 4.0, 9.0


async def findings(lane: Lane, subjects: list[Subject]) -> list[str]:
    """What is wrong with the books of all of them, once nobody works any more."""
    return [f"{each.number} | {text}" for each in subjects for text in await examine(lane, each, PUBLISHED)]


async def all_ended(lane: Lane, jobs: list[str]) -> list[str]:
    """Wait for the jobs; answers with what did not end well."""
    rows = [await lane.ended(job, PATIENCE) for job in jobs]
    return [f"loss: a job is {row and row['state']}: {row and row['error']}" for row in rows if not _well(row)]


def _well(row: object) -> bool:
    return row is not None and row["state"] == "done"  # type: ignore[index]


async def one_worker_two_jobs(lane: Lane, bug: str | None, look: str) -> list[str]:
    """A parked job is taken up again while a later one for the same invoice rests in the same process."""
    subject = await lane.subject()
    first, second = f"{subject.invoice} first", f"{subject.invoice} second"
    await lane.billing.request("publish_invoice", key=first, invoice_id=subject.invoice)
    statement = """WITH parked AS (UPDATE sevdesk_queue SET phase = 'parked' WHERE job_id = $1)
                   UPDATE sevdesk_jobs SET state = 'parked', problem = 'unexpected_error', problem_parameters = '{}'
                   WHERE job_id = $1"""
    await lane.billing.db.execute(statement, first)
    await lane.billing.request("publish_invoice", key=second, invoice_id=subject.invoice)
    worker = await lane.worker(Act(look, "pause", REST), bug=bug, WRITE_QUARANTINE=PATIENT)
    await wait_for(lambda: worker.reached(look), PATIENCE)
    await lane.billing.retry(first)
    await asyncio.sleep(REST + 1)
    lost = await all_ended(lane, [first, second])
    await worker.kill()
    return lost + await findings(lane, [subject])


async def two_workers_one_job(lane: Lane, bug: str | None, look: str, *, cut_locks: bool) -> list[str]:
    """The first worker sleeps between look and leap, perhaps without its lock session; a second one is there.

    Nobody may take the job from a worker that lives and has its lock. The fence of attempts would keep the books right
    even then, so this is counted by itself.
    """
    subject = await lane.subject()
    job = await lane.billing.enqueue("publish_invoice", invoice_id=subject.invoice)
    sleeper = await lane.worker(Act(look, "pause", REST), bug=bug, WRITE_QUARANTINE=PATIENT)
    await wait_for(lambda: sleeper.reached(look), PATIENCE)
    if cut_locks:
        assert await cut(lane, "sevdesk-worker locks %") == 1
    second = await lane.worker(bug=bug, WRITE_QUARANTINE=PATIENT)
    await asyncio.sleep(REST + 1)  # the sleeper is awake again, and has done what it does
    attempts = 1 if cut_locks else (await lane.billing.job(job))["attempt"]
    lost = [f"duplicate: attempt: {attempts} instead of 1"] if attempts > 1 else await all_ended(lane, [job])
    for worker in (sleeper, second):
        await worker.kill()
    return lost + await findings(lane, [subject])


async def cut(lane: Lane, application: str) -> int:
    """End the connections of this name, as a failing network would; answers with how many there were."""
    statement = """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                   WHERE datname = current_database() AND application_name LIKE $1"""
    return int(await lane.billing.db.fetchval(statement, application))


async def frozen(lane: Lane, scenario: Scenario, call: str, stop_at: str | None = None) -> list[str]:
    """A worker freezes in the middle of a call, or at a point, and loses all its connections to Postgres.

    Another one takes over and finishes; only after the quarantine and all time-outs does the first one go on.
    """
    subject = await make_ready(lane, scenario.ready)
    await lane.afresh()
    method, path = call.split(" ")
    lane.fail(method, path, "delay", after=0.5)
    job = await scenario.ask(lane, subject)
    sleeper = await lane.worker(Act(stop_at, "stop") if stop_at else None)
    await wait_for(lambda: sleeper.reached(stop_at) if stop_at else _struck(lane), PATIENCE)
    sleeper.signal(signal.SIGSTOP)
    assert await cut(lane, "sevdesk-worker%") >= 2
    second = await lane.worker()
    try:
        lost = await all_ended(lane, [job])
        await asyncio.sleep(QUARANTINE)
        sleeper.signal(signal.SIGCONT)
        await _awake(sleeper)
        more = [await lane.subject() for _ in range(6)]
        lost += await all_ended(
            lane, [await lane.billing.enqueue("publish_invoice", invoice_id=each.invoice) for each in more]
        )
        lost += await findings(lane, more)
        return lost + await examine(lane, subject, scenario.wanted)
    finally:
        for worker in (sleeper, second):
            await worker.kill()


def _struck(lane: Lane) -> bool:
    return not any(fault.times for fault in lane.sevdesk.sandbox.faults)


async def _awake(worker: Child) -> None:
    """It has noticed what happened, and stays."""
    await wait_for(lambda: '"locks.lost"' in worker.log.read_text(), PATIENCE)
    await asyncio.sleep(1.0)
    assert not worker.ended.done()
