"""Lists of sevDesk's that repeat, never end or shrink: each reading ends, and what was read is whole or an error."""

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from client.samples import answer
from hostile.lying_server import http_answer, lied_to

from sevdesk_client.client import SevDeskClient
from sevdesk_client.errors import FilterIgnored
from worker.steps import pages

INVOICE: dict[str, Any] = json.loads(answer("invoice_open_enshrined"))["objects"][0]
Ids = Callable[[int, int], range]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of five records where the limit is kept and of three where it is not."""
    monkeypatch.setattr(pages, "PAGE", 5)
    monkeypatch.setattr(pages, "DEFAULT_PAGE", 3)
    monkeypatch.setattr(pages, "MAX_PAGES", 40)


async def read(ids: Ids) -> tuple[list[str], int]:
    """The ids read from a list that has `ids(offset, calls)` at each offset, and the number of calls."""

    async def answers(head: str, writer: asyncio.StreamWriter) -> None:
        found = re.search(r"offset=(\d+)", head)
        assert found is not None
        made = ids(int(found[1]), len(server.heads))
        writer.write(http_answer(json.dumps({"objects": [INVOICE | {"id": str(each)} for each in made]}).encode()))

    async with lied_to(answers) as (client, server):
        return await _read(client), len(server.heads)


async def _read(client: SevDeskClient) -> list[str]:
    return [invoice.id async for page in pages.read_pages("GET /Invoice", client.list_invoices) for invoice in page]


LIES: dict[str, Ids] = {
    "offset ignored": lambda offset, calls: range(1, 6),
    "offset and limit ignored": lambda offset, calls: range(1, 4),
    "without end": lambda offset, calls: range(offset + 1, offset + 6),
    "never an overlap": lambda offset, calls: range(calls * 10 + 1, calls * 10 + 6),
}


@pytest.mark.parametrize("ids", LIES.values(), ids=LIES)
async def test_lists_without_end_are_left(ids: Ids) -> None:
    """An error that says so, and no more than a bounded number of calls."""
    with pytest.raises(FilterIgnored, match=r"same page for every offset|more than 40 pages"):
        await read(ids)


@pytest.mark.parametrize("length", range(14))
@pytest.mark.parametrize("limit", [5, 3])
async def test_nothing_is_left_out(length: int, limit: int) -> None:
    """Also of a list whose pages are shorter than asked for, because the limit was ignored."""
    found, calls = await read(lambda offset, calls: range(offset + 1, min(offset + limit, length) + 1))
    assert found == [str(each) for each in range(1, length + 1)]
    assert calls <= length // (limit - 1) + 2
