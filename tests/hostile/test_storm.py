"""A hundred producers ask for the same fifty invoices, while workers are killed and Redis is emptied."""

import sys

import pytest
from chaos.children import Nursery
from chaos.lane import lane
from hostile.producers import rush

from worker.local.services import Services


@pytest.mark.parametrize(
    ("producers", "invoices", "kills", "flushes"),
    [
        pytest.param(20, 8, 8, 1, id="8 kills"),
        pytest.param(100, 50, 300, 10, marks=pytest.mark.long, id="300 kills"),
    ],
)
async def test_crowd_leaves_one_of_each(
    producers: int, invoices: int, kills: int, flushes: int, services: Services, template: str, home: Nursery
) -> None:
    """Each invoice is published, mailed and cancelled at most once, and as often as a job says that it was."""
    async with lane(services, template, home, 1) as place:
        storm, crowd = await rush(
            place, producers=producers, invoices=invoices, kills=kills, flushes=flushes, workers=4, seed=kills
        )
    print(f"\n{producers} producers, {crowd.asked_again} jobs asked for again; {storm}", file=sys.stderr)
    print(*storm.findings, sep="\n", file=sys.stderr)
    assert storm.flushes == flushes
    assert kills < 100 or storm.at_work > kills / 20, "the kills met nobody at work"
    assert storm.findings == []
