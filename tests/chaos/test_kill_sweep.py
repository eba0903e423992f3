"""A worker dies at every await of a job, and the next one finishes it: each effect once, nothing lost."""

import pytest
from chaos.children import Nursery
from chaos.scenarios import SCENARIOS
from chaos.sweep import Report, sweep

from worker.local.services import Services

# Read by a job only if the document's `update`, in whole seconds, has moved since: not if it was mailed at once.
BY_THE_CLOCK = "getPositions"
# So many points apart: a dozen deaths besides one at every write, within 15 seconds on two cores.
SAMPLE = 80


async def test_deaths_at_some_boundaries_are_survived(services: Services, template: str, home: Nursery) -> None:
    """Every k-th point of each kind of job, and a late commit of each write."""
    assert_all_is_well(await sweep(services, template, home, every=SAMPLE, lanes=5))


@pytest.mark.long
async def test_death_at_every_boundary_is_survived(services: Services, template: str, home: Nursery) -> None:
    """All points of publish, send, resend, cancel, refund, credit, payment sync and DATEV export."""
    report = await sweep(services, template, home)
    assert report.boundaries.total() > 400
    assert_all_is_well(report)


def assert_all_is_well(report: Report) -> None:
    """Nothing twice, nothing lost, and no point of a job was not there when its turn came."""
    print(f"\n{report}", *report.findings, *report.missed, sep="\n")
    assert set(report.boundaries) == set(SCENARIOS)
    assert report.findings == []
    # The job's own points are always the same; what goes on beside it keeps time by the clock: on a loaded machine a
    # point such as a loop's 15th read may not come.
    assert len(report.missed) <= 0.25 * (report.kills + len(report.missed))
    own = [case for case in report.missed if case.point.startswith("Runner.run")]
    assert [case for case in own if BY_THE_CLOCK not in case.point] == []
    assert report.late_commits > 0 and report.taken_up_before > 0.5 * report.late_commits
