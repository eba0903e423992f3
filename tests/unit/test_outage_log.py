"""How often the worker logs an outage, or an error that every try meets again."""

import asyncio

from structlog.testing import capture_logs

from worker.observability.outage import Outage
from worker.queue.loop import run_every


async def test_repeated_error_is_logged_once() -> None:
    """A loop that fails at every try logs each kind of error once a minute; the tries go on."""
    tries = 0

    async def fail() -> None:
        nonlocal tries
        tries += 1
        raise (ValueError if tries % 2 else KeyError)("refused")

    with capture_logs() as lines:
        loop = asyncio.create_task(run_every(0, fail, Outage("postgres")))
        async with asyncio.timeout(30):
            while tries < 4:  # noqa: ASYNC110 - another task counts
                await asyncio.sleep(0.01)
        loop.cancel()
    assert [line["event"] for line in lines] == ["maintenance.unexpected_error"] * 2


def test_kinds_of_lines_are_told_apart() -> None:
    """The same error in another loop, another error in the same loop, and the outage itself are news each."""
    outage = Outage("postgres")
    kinds: list[tuple[object, ...]] = [(), ("inbox", ValueError), ("inbox", KeyError), ("claims", ValueError)]
    assert [outage.is_news(*kind) for kind in kinds * 2] == [True] * 4 + [False] * 4
