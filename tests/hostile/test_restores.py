"""Backups of a busy run, taken at random moments and restored at others."""

import random
import sys

import pytest
from chaos.children import Nursery
from chaos.lane import lane
from hostile.backups import backups_of
from hostile.restores import World

from worker.local.services import Services

WAYS = ("database", "redis", "both", "database, redis emptied")


@pytest.mark.parametrize(
    ("ways", "each"),
    [
        pytest.param(("database",), 1, id="one restore"),
        pytest.param(WAYS * 5, 2, marks=pytest.mark.long, id="twenty restores"),
    ],
)
async def test_restores_double_nothing(
    ways: tuple[str, ...], each: int, services: Services, template: str, home: Nursery
) -> None:
    """After each restore everything that was asked for is in sevDesk once, by the sandbox's books."""
    findings = []
    async with lane(services, template, home, 1) as place:
        with backups_of(services, place.environment["DATABASE_URL"]) as backups:
            world = World(place, backups, random.Random(len(ways)))
            for way in ways:
                report = await world.round(way, each)
                print(f"\n{report}", file=sys.stderr)
                findings += report.findings
    assert findings == []
