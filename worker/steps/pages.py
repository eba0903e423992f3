"""Reads a list of sevDesk's page by page. It promises neither an order nor that the list stays as it is meanwhile."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import structlog

from sevdesk_client.errors import FilterIgnored
from sevdesk_client.models import Record
from sevdesk_client.sending import MAX_PAGE, Hits

log = structlog.get_logger()

Hit = TypeVar("Hit", bound=Record)
Fetch = Callable[..., Coroutine[Any, Any, Hits[Hit]]]  # takes `offset` and `limit`, as the client's lists do
PAGE = MAX_PAGE
# Two million documents; without a bound, a list that never ends would keep its job for ever.
MAX_PAGES = 2000
# One page can come again if so many documents are new meanwhile, but not one after the other.
MAX_REPEATED = 10
# sevDesk's own limit (official). So many on a page may mean that it ignored ours, and that there are more.
DEFAULT_PAGE = 100


@dataclass(slots=True)
class Counted(Generic[Hit]):
    """A `fetch` that counts its calls."""

    fetch: Fetch[Hit]
    calls: int = 0

    async def __call__(self, **place: int) -> Hits[Hit]:
        self.calls += 1
        return await self.fetch(**place)


async def read_pages(operation: str, fetch: Fetch[Hit]) -> AsyncGenerator[Hits[Hit]]:
    """Pages of PAGE that overlap by one record, which is yielded once.

    The next page is fetched while the caller handles one. If a document is deleted in sevDesk meanwhile, all later ones
    move up and the next page would skip some. The overlap is missing then, and we go back until a page overlaps the one
    that was read last. Raises FilterIgnored if the same page comes for every offset, or more than MAX_PAGES.
    """

    def ahead() -> asyncio.Task[Hits[Hit]]:
        return asyncio.create_task(fetch(offset=offset, limit=PAGE))

    offset, before, repeated = 0, set[str](), 0
    fetched = ahead()
    try:
        for _ in range(MAX_PAGES):
            page = await fetched
            ids = {record.id for record in page}
            if offset and before.isdisjoint(ids):
                log.info("sevdesk.page_shifted", operation=operation, offset=offset)
                offset = max(0, offset - PAGE)
                fetched = ahead()
                continue
            if more := len(page) in (DEFAULT_PAGE, PAGE):
                repeated = repeated + 1 if ids <= before else 0
                if repeated > MAX_REPEATED:
                    raise FilterIgnored(operation, "the same page for every offset")
                offset += len(page) - 1
                fetched = ahead()
            if new := Hits((record for record in page if record.id not in before), page.at):
                yield new
            if not more:
                return
            before = ids
    finally:
        fetched.cancel()
        await asyncio.gather(fetched, return_exceptions=True)
    raise FilterIgnored(operation, f"more than {MAX_PAGES} pages")
