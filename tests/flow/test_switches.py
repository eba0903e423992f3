"""Publish, send, pay, cancel and fetch in every sevDesk that the reports allow for."""

import logging
import time
from collections.abc import AsyncIterator
from dataclasses import fields

import pytest
import structlog
from flow.model_office import Office
from flow.switch_books import check
from flow.switch_story import CONFLICTS, ELSEWHERE, OPEN_QUESTIONS, Setting, Story, every_setting, pairs

from sevdesk_client.sandbox.account.switches import Switches

PARTS = 8  # of the full product, so that several processes can share it


@pytest.fixture
async def office(database_url: str) -> AsyncIterator[Office]:
    """One office for many stories; thousands of them need no log."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    opened = await Office.open(database_url)
    yield opened
    await opened.close()


async def live(office: Office, settings: list[Setting]) -> None:
    """Each story, and what came of it; a failure names the setting."""
    for setting in settings:
        story = Story(office, setting)
        try:
            await story.live()
            await check(story, setting)
        except AssertionError as failure:
            failure.add_note(f"in this sevDesk: {setting}")
            raise


def test_every_switch_has_its_place() -> None:
    """A new switch is turned in these stories, or it is said where it is."""
    places = [*CONFLICTS, *OPEN_QUESTIONS, *ELSEWHERE]
    assert sorted(places) == sorted(each.name for each in fields(Switches))


def test_sample_holds_every_pair() -> None:
    """Any two conflicting reports are met in each of their combinations, in a few settings."""
    choices = {**CONFLICTS, **OPEN_QUESTIONS}
    chosen = pairs(choices)
    assert len(chosen) < 25
    for one, other in ((a, b) for a in choices for b in choices if a < b):
        met = {(setting[one], setting[other]) for setting in chosen}
        assert len(met) == len(choices[one]) * len(choices[other]), (one, other)


async def test_flow_suits_a_sample(office: Office) -> None:
    """As delivered, and with all conflicts turned the other way."""
    await live(office, [{}, {name: values[-1] for name, values in {**CONFLICTS, **OPEN_QUESTIONS}.items()}])


@pytest.mark.long
async def test_flow_suits_every_pair(office: Office) -> None:
    """Any two of the conflicts and open questions together."""
    await live(office, pairs({**CONFLICTS, **OPEN_QUESTIONS}))


@pytest.mark.long
@pytest.mark.parametrize("part", range(PARTS))
async def test_flow_suits_every_combination(office: Office, part: int) -> None:
    """The full product of the conflicts; minutes long."""
    settings = list(every_setting())[part::PARTS]
    assert len(settings) > 100
    started = time.perf_counter()
    await live(office, settings)
    print(f"{len(settings)} settings in {time.perf_counter() - started:.0f} s")
