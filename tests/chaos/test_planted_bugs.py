"""The sweep is not blind: each safeguard that is taken out leaves a duplicate or a loss that it reports."""

import pytest
from chaos.children import Nursery
from chaos.lane import lane
from chaos.points import AFTER, BEFORE
from chaos.races import one_worker_two_jobs, two_workers_one_job
from chaos.sweep import KILL, LATE_COMMIT, Case, find_points, sweep, writes

from worker.local.services import Services

# Where each bug shows: in which job, and how the worker dies at its writes.
SHOWS = [
    ("acknowledge_early", "publish", KILL, "loss"),
    ("skip_look_up", "publish", KILL, "duplicate"),
    # Sent twice within the second of the earlier mail; later sevDesk's sendDate tells of it, but not who mailed.
    pytest.param("write_before_intent", "resend", KILL, "duplicate or loss", marks=pytest.mark.long),
    pytest.param("skip_quarantine", "publish", LATE_COMMIT, "duplicate", marks=pytest.mark.long),
]


@pytest.mark.parametrize(("bug", "job", "how", "kind"), SHOWS)
async def test_bug_is_caught_by_sweep(
    bug: str, job: str, how: str, kind: str, services: Services, template: str, home: Nursery
) -> None:
    """A worker with the bug dies at the writes of a job, and its likes go on."""
    async with lane(services, template, home, 1) as place:
        answers = [before.removesuffix(BEFORE) + AFTER for before in writes(await find_points(place, job))]
    cases = [Case(job, answer, how) for answer in answers]
    report = await sweep(services, template, home, only=cases, lanes=2, bug=bug, until_found=True)
    assert any(report.count(each) for each in kind.split(" or ")), report


@pytest.mark.long
@pytest.mark.parametrize("bug", [None, "drop_claim"])
async def test_dropped_claim_is_caught(bug: str | None, services: Services, template: str, home: Nursery) -> None:
    """A living worker rests between look and leap; without its lock another one takes the job from it."""
    async with lane(services, template, home, 1) as place:
        look = last_look(await find_points(place, "publish"))
        found = await two_workers_one_job(place, bug, look, cut_locks=False)
    assert _duplicates(found) == (bug is not None), found


@pytest.mark.long
@pytest.mark.parametrize("bug", [None, "forget_held"])
async def test_double_claim_is_caught(bug: str | None, services: Services, template: str, home: Nursery) -> None:
    """Session locks are re-entrant: a process that does not know its own takes an invoice twice."""
    async with lane(services, template, home, 1) as place:
        look = last_look(await find_points(place, "publish"))
        found = await one_worker_two_jobs(place, bug, look)
    assert _duplicates(found) == (bug is not None), found


@pytest.mark.long
@pytest.mark.parametrize("bug", [None, "go_on_without_locks"])
async def test_life_without_locks_is_caught(bug: str | None, services: Services, template: str, home: Nursery) -> None:
    """A worker whose lock session is cut must stop; one that goes on writes what another has written."""
    async with lane(services, template, home, 1) as place:
        look = last_look(await find_points(place, "publish"))
        found = await two_workers_one_job(place, bug, look, cut_locks=True)
    assert _duplicates(found) == (bug is not None), found


def last_look(points: list[str]) -> str:
    """After the answer to the last question before the invoice is saved, and before the intent."""
    saved = next(place for place, point in enumerate(points) if "saveInvoice" in point)
    return [point for point in points[:saved] if " | http GET " in point and point.endswith(AFTER)][-1]


def _duplicates(found: list[str]) -> bool:
    assert found == [] or any("duplicate: " in each for each in found), found
    return found != []
