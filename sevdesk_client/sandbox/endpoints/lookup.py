"""One record by id, or one page of a list: limit, offset and countAll, the same for every list."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from itertools import islice
from typing import TypeVar

from sevdesk_client.sandbox.account.formats import Object, is_true, parse_id
from sevdesk_client.sandbox.account.records import Invoice
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.endpoints.calls import Answer, Call, json_answer, objects
from sevdesk_client.sandbox.endpoints.errors import Refusal, not_found

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
Endpoint = Callable[[Account, Call], Answer]
InvoiceEndpoint = Callable[[Account, Invoice, Call], Answer]
DEFAULT_LIMIT = 100  # official
LARGEST_LIMIT = 1000  # "limit must be 1-1000" (official, since 2025-05-30); switch over_limit


def find(account: Account, records: Mapping[K, T], ident: K, model: str) -> T:
    """The record with this id, or 404/151."""
    if ident not in records:
        raise not_found(model, str(ident)[:60], account.switches.not_found)
    return records[ident]


def read_one(model: str, records: Callable[[Account], Mapping[int, T]], render: Callable[[T], Object]) -> Endpoint:
    """The endpoint GET /{model}/{id}: a list of one."""
    return lambda account, call: objects([render(find(account, records(account), call.ident, model))])


def empty_list(account: Account, call: Call) -> Answer:
    """The endpoint GET /{model} of what this account never has: a program that reads a whole account goes on."""
    return page(account, (), call, dict)


def empty_file(account: Account, call: Call) -> Answer:
    """The endpoint of an export or report that is not modelled: a file without content, in the official form."""
    return objects({"filename": "export.csv", "mimetype": "text/csv", "base64encoded": True, "content": ""})


def unknown(model: str) -> Endpoint:
    """The endpoint GET /{model}/{id} of what this account never has: 404/151."""
    return read_one(model, lambda _: {}, dict)


def of_invoice(endpoint: InvoiceEndpoint) -> Endpoint:
    """The endpoint called with the invoice that the path names; 404/151 without one."""
    return lambda account, call: endpoint(account, find(account, account.invoices, call.ident, "Invoice"), call)


def page(account: Account, items: Iterable[T], call: Call, render: Callable[[T], Object]) -> Answer:
    """One page of `items`; with countAll=true also `total`, a string. There is no "has more" flag (official)."""
    limit, offset = parse_id(call.query.get("limit")), parse_id(call.query.get("offset")) or 0
    limit = DEFAULT_LIMIT if limit is None else limit
    if not 1 <= limit <= LARGEST_LIMIT:
        if account.switches.over_limit == "refuse":
            raise Refusal(400, "limit must be between 1 and 1000")  # status and wording inferred
        limit = max(1, min(limit, LARGEST_LIMIT))
    total = {}
    if is_true(call.query.get("countAll")):
        items = items if isinstance(items, Sequence) else list(items)
        total = {"total": str(len(items))}
    return json_answer({**total, "objects": [render(each) for each in islice(items, offset, offset + limit)]})
