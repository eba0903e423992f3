"""One record by id, or one page of a list: limit, offset and countAll, the same for every list."""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Protocol, TypeVar

from sevdesk_client.sandbox.account.formats import Object, is_true
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.endpoints.calls import Answer, Call, json_answer
from sevdesk_client.sandbox.endpoints.errors import Refusal, not_found

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
DEFAULT_LIMIT = 100  # official
LARGEST_LIMIT = 1000  # official; what happens above it is not established: switch over_limit


class _ById(Protocol[T_co]):
    def __contains__(self, ident: object, /) -> bool: ...
    def __getitem__(self, ident: int, /) -> T_co: ...


def find(account: Account, records: _ById[T], ident: int, model: str) -> T:
    """The record with this id, or 404/151."""
    if ident not in records:
        raise not_found(model, ident, account.switches.not_found)
    return records[ident]


def page(account: Account, items: Iterable[T], call: Call, render: Callable[[T], Object] | None = None) -> Answer:
    """One page of `items`; with countAll=true also `total`, a string. There is no "has more" flag (official)."""
    limit = _whole(call.query.get("limit"), DEFAULT_LIMIT)
    offset = _whole(call.query.get("offset"), 0)
    if not 1 <= limit <= LARGEST_LIMIT:
        if account.switches.over_limit == "refuse":
            raise Refusal(400, "limit must be between 1 and 1000")  # wording inferred
        limit = max(1, min(limit, LARGEST_LIMIT))
    if not is_true(call.query.get("countAll")):
        return json_answer({"objects": _shown(items, offset, limit, render)})
    items = items if isinstance(items, Sequence) else list(items)
    return json_answer({"total": str(len(items)), "objects": _shown(items, offset, limit, render)})


def _shown(items: Iterable[T], offset: int, limit: int, render: Callable[[T], Object] | None) -> list[Object | T]:
    return [render(each) if render else each for each in islice(items, offset, offset + limit)]


def _whole(text: str | None, default: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 12 else default
