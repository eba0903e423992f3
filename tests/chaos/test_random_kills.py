"""Five hundred kills at random moments of a busy evening."""

import pytest
from chaos.children import Nursery
from chaos.lane import lane
from chaos.storm import blow

from worker.local.services import Services


@pytest.mark.parametrize(
    ("kills", "invoices", "flush_every"),
    [
        pytest.param(500, 200, None, marks=pytest.mark.long, id="500 kills"),
        pytest.param(500, 200, 50, marks=pytest.mark.long, id="500 kills and FLUSHALL"),
    ],
)
async def test_random_kills_leave_one_of_each(
    kills: int, invoices: int, flush_every: int | None, services: Services, template: str, home: Nursery
) -> None:
    """Four workers publish, send and cancel; whoever lives finishes, and every book is right."""
    async with lane(services, template, home, 1) as place:
        storm = await blow(place, kills=kills, workers=4, invoices=invoices, flush_every=flush_every, seed=kills)
    print(f"\n{storm}")
    assert storm.at_work > kills / 10, "the kills met nobody at work"
    assert storm.findings == []
