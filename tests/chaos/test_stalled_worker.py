"""A worker freezes beyond every time-out while another one does its job: one effect."""

import asyncio

import pytest
from chaos.children import Nursery
from chaos.lane import lane
from chaos.points import AFTER
from chaos.races import frozen
from chaos.scenarios import SCENARIOS
from chaos.sweep import find_points, writes

from worker.local.services import Services

SAVE = "POST /Invoice/Factory/saveInvoice"


async def test_frozen_in_mid_call_is_one_effect(services: Services, template: str, home: Nursery) -> None:
    """SIGSTOP during saveInvoice, Postgres cut, another worker finishes, SIGCONT after the quarantine."""
    async with lane(services, template, home, 1) as place:
        assert await frozen(place, SCENARIOS["publish"], SAVE) == []


@pytest.mark.long
@pytest.mark.parametrize("name", ["publish", "send", "cancel"])
async def test_frozen_at_any_write_is_one_effect(name: str, services: Services, template: str, home: Nursery) -> None:
    """In the middle of each call, and between each intent and its call."""

    async def freeze(number: int, call: str, stop_at: str | None) -> list[str]:
        async with lane(services, template, home, number) as place:
            return [f"{call} {stop_at}: {text}" for text in await frozen(place, SCENARIOS[name], call, stop_at)]

    async with lane(services, template, home, 15) as place:
        points = await find_points(place, name)
    found = []
    for point in writes(points):
        call = point.split(" | ")[1].removeprefix("http ")
        intent = points[points.index(point) - 1]
        assert " | sql open_intent | " in intent and intent.endswith(AFTER)
        found += await asyncio.gather(freeze(1, call, None), freeze(2, call, intent))
    assert [text for texts in found for text in texts] == []
