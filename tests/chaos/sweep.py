"""The kill sweep: find the points of a job by running it once, then run it again for each point and die there."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from chaos.children import Nursery
from chaos.lane import LATE, LATE_QUARANTINE, QUARANTINE, Lane, Subject, lane
from chaos.ledgers import count_of, counted, examine
from chaos.points import AFTER, BEFORE, Act
from chaos.scenarios import SCENARIOS, make_ready

from worker.local.services import Services

# Beside the plain kill: sevDesk did it but its answer is lost, or does it when the worker is long dead.
KILL, LOST_ANSWER, LATE_COMMIT = "kill", "lose_answer", "late_commit"
MISS_SECONDS = 1.0  # a point that has not come this long after the job's end will not come
PATIENCE = 45.0  # seconds a new worker may take; the longest wait of its own is one quarantine
CANNOT_TELL = ("mail_outcome_unknown", "export_start_unknown")


@dataclass(frozen=True, slots=True)
class Case:
    """One run: where the worker dies, and what sevDesk makes of the write it dies at."""

    scenario: str
    point: str
    how: str = KILL


@dataclass
class Report:
    """What a sweep found."""

    boundaries: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    missed: list[Case] = field(default_factory=list)
    asked: list[Case] = field(default_factory=list)
    late_commits: int = 0
    taken_up_before: int = 0  # late commits that a new worker was already waiting for
    findings: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def count(self, kind: str) -> int:
        """Findings of one kind: duplicate, loss, odd."""
        return count_of(self.findings, kind)

    def __str__(self) -> str:
        found = ", ".join(f"{name} {count}" for name, count in self.boundaries.items())
        return (
            f"boundaries {self.boundaries.total()} ({found}); kills {self.kills}, not reached {len(self.missed)}; "
            f"late commits {self.late_commits}, with a new worker already waiting {self.taken_up_before}; "
            f"{counted(self.findings)}, asked a person {len(self.asked)}; {self.seconds:.0f} s"
        )


async def find_points(lane: Lane, name: str) -> list[str]:
    """A dry run's points, in order, up to the moment when nothing of the job is left anywhere."""
    scenario = SCENARIOS[name]
    await lane.afresh()
    subject = await make_ready(lane, scenario.ready)
    job_id = await scenario.ask(lane, subject)
    worker = await lane.worker()
    row = await lane.ended(job_id, PATIENCE)
    assert row is not None and row["state"] == "done", f"{name} does not even work undisturbed: {row and row['error']}"
    while await lane.billing.redis.exists(f"arq:job:{job_id}"):  # noqa: ASYNC110 - Redis tells nobody
        await asyncio.sleep(0.01)
    points = worker.points()
    await worker.kill()
    assert await examine(lane, subject, scenario.wanted) == []
    return points


def cases_of(name: str, points: Sequence[str], every: int = 1) -> list[Case]:
    """Every k-th point; and each write to sevDesk twice more, its answer lost or its effect late."""
    answers = [before.removesuffix(BEFORE) + AFTER for before in writes(points)]
    faults = [Case(name, answer, how) for answer in answers for how in (LOST_ANSWER, LATE_COMMIT)]
    return [*(Case(name, point) for point in points[::every]), *(faults if every == 1 else faults[1::4])]


def writes(points: Sequence[str]) -> list[str]:
    """The calls that an intent was committed for just before, in the same task."""
    found, last = [], dict[str, str]()
    for point in points:
        task, operation, _, side = point.split(" | ")
        if side == BEFORE and operation.startswith("http ") and " | sql open_intent | " in last.get(task, ""):
            found.append(point)
        last[task] = point
    return found


async def run_case(lane: Lane, case: Case, report: Report, *, bug: str | None = None) -> None:
    """One worker dies at the point, another one finishes; then the books are checked."""
    scenario = SCENARIOS[case.scenario]
    await lane.afresh()
    subject = await make_ready(lane, scenario.ready)
    if case.how != KILL:
        _, operation, nth, _ = case.point.split(" | ")
        _, method, path = operation.split(" ")
        lane.fail(method, path, case.how, skip=int(nth) - 1, after=LATE if case.how == LATE_COMMIT else 0)
    job_id = await scenario.ask(lane, subject)
    quarantine = LATE_QUARANTINE if case.how == LATE_COMMIT else QUARANTINE
    victim = await lane.worker(Act(case.point), bug=bug, WRITE_QUARANTINE=quarantine)
    await _until_dead(lane, victim.ended, job_id)
    if victim.ended.done():
        report.kills += 1
    else:
        report.missed.append(case)
        await victim.kill()
    before = await lane.billing.job(job_id)
    successor = await lane.worker(bug=bug, WRITE_QUARANTINE=quarantine)
    try:
        if lane.sevdesk.sandbox.late_commits:
            await lane.settled()
            report.late_commits += 1
            report.taken_up_before += (await lane.billing.job(job_id))["attempt"] > before["attempt"]
        found = await _finish(lane, case, report, job_id, subject)
        found += await examine(lane, subject, scenario.wanted)
    finally:
        await successor.kill()
    report.findings += [f"{case.scenario} | {case.how} at {case.point} | {finding}" for finding in found]


async def _until_dead(lane: Lane, ended: asyncio.Future[int], job_id: str) -> None:
    """Until the victim is gone, or its job is over and the point has not come."""
    over = asyncio.create_task(lane.ended(job_id, PATIENCE))
    await asyncio.wait({over, ended}, return_when=asyncio.FIRST_COMPLETED)
    if not ended.done():
        await asyncio.wait({ended}, timeout=MISS_SECONDS)
    over.cancel()
    await asyncio.gather(over, return_exceptions=True)


async def _finish(lane: Lane, case: Case, report: Report, job_id: str, subject: Subject) -> list[str]:
    """Wait for the end of the job, answering its question if it may have one."""
    scenario = SCENARIOS[case.scenario]
    row = await lane.ended(job_id, PATIENCE)
    if row is not None and row["state"] == "parked" and row["problem"] in CANNOT_TELL:
        report.asked.append(case)
        if scenario.answer is None:
            return ["odd: a person was asked what sevDesk could have told"]
        await lane.billing.retry(job_id, scenario.answer(lane, subject, scenario.wanted))
        row = await lane.ended(job_id, PATIENCE)
    if row is None:
        return [f"loss: the job has not ended within {PATIENCE:.0f} s"]
    return [] if row["state"] == "done" else [f"loss: the job is {row['state']}: {row['error']}"]


async def sweep(
    services: Services,
    template: str,
    nursery: Nursery,
    *,
    scenarios: Sequence[str] = tuple(SCENARIOS),
    every: int = 1,
    lanes: int = 6,
    bug: str | None = None,
    only: Sequence[Case] | None = None,
    until_found: bool = False,
) -> Report:
    """Run all cases, or every k-th point of each scenario, on several lanes."""
    report, started = Report(), time.monotonic()
    async with AsyncExitStack() as stack:
        places = [await stack.enter_async_context(lane(services, template, nursery, n)) for n in range(1, lanes + 1)]
        todo = list(only) if only is not None else await _plan(places, scenarios, every, report)

        async def work(place: Lane) -> None:
            while todo and not (until_found and report.findings):
                case = todo.pop(0)
                await run_case(place, case, report, bug=bug)

        async with asyncio.TaskGroup() as group:
            for place in places:
                group.create_task(work(place))
    report.seconds = time.monotonic() - started
    return report


async def _plan(places: Sequence[Lane], scenarios: Sequence[str], every: int, report: Report) -> list[Case]:
    """All cases of all scenarios, their dry runs side by side."""
    free = list(places)

    async def plan(name: str) -> list[Case]:
        while not free:  # noqa: ASYNC110 - one turn of the loop
            await asyncio.sleep(0.01)
        place = free.pop()
        # Not the first run of its database: what is done only once is no point of every run.
        await make_ready(place, "published")
        points = await find_points(place, name)
        report.boundaries[name] = len(points)
        free.append(place)
        return cases_of(name, points, every)

    return [case for cases in await asyncio.gather(*map(plan, scenarios)) for case in cases]
