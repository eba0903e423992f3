"""The filters of GET /Invoice; unknown ones are silently ignored (live, two peers)."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial
from itertools import takewhile

from sevdesk_client.sandbox.account.formats import as_datetime, is_true, parse_unix
from sevdesk_client.sandbox.account.records import Invoice
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.endpoints.calls import Call

Test = Callable[[Invoice], bool]

# Filters by their key in the query; those that nobody measured follow the documentation.
_FILTERS: dict[str, Callable[[str, Invoice], bool]] = {
    "invoiceNumber": lambda wanted, each: each.number == wanted,
    "headerStartsWith": lambda wanted, each: (each.fields.header or "").startswith(wanted),
    "invoiceType": lambda wanted, each: each.type == wanted,
    "sendType": lambda wanted, each: each.send_type == wanted,
    "partiallyPaid": lambda wanted, each: not is_true(wanted) or (each.status < 1000 and each.paid > 0),
}
# Filters x[id] with the objectName that they need (live, three peers).
_REFERENCES: dict[tuple[str, str], Callable[[Invoice], int | None]] = {
    ("contact", "Contact"): lambda each: each.fields.contact_id,
    ("origin", "Invoice"): lambda each: each.origin_id,
    ("paymentMethod", "PaymentMethod"): lambda each: each.fields.payment_method_id,
}
# Unix seconds; an ISO date matches nothing (one report).
_DATES: dict[str, Callable[[datetime, Invoice], bool]] = {
    "startDate": lambda at, each: as_datetime(each.fields.invoice_date) >= at,
    "endDate": lambda at, each: as_datetime(each.fields.invoice_date) <= at,
    "createAfter": lambda at, each: _whole_second(each.create) > at,
    "createBefore": lambda at, each: _whole_second(each.create) < at,
    "updateAfter": lambda at, each: _whole_second(each.update) > at,
    "updateBefore": lambda at, each: _whole_second(each.update) < at,
}


def matching_invoices(account: Account, call: Call) -> Iterable[Invoice]:
    """The invoices that match all known filters of the query, newest first unless ordered otherwise."""
    query = call.query
    tests = list(_tests(account, call))
    chosen = _candidates(account, query)
    if tests:
        chosen = [each for each in chosen if all(test(each) for test in tests)]
    order = query.get("orderByInvoiceNumber", "").upper()
    if order in ("ASC", "DESC"):
        chosen = sorted(chosen, key=lambda each: each.number or "", reverse=order == "DESC")
    return chosen


def _candidates(account: Account, query: dict[str, str]) -> Iterable[Invoice]:
    """Candidates by note, number or update from one index; the documented customerIntenalNote is ignored (measured)."""
    if "customerInternalNote" in query:
        found: Iterable[Invoice] = account.with_note(query["customerInternalNote"])
    elif "invoiceNumber" in query:
        found = account.with_number(query["invoiceNumber"])
    elif since := parse_unix(query.get("updateAfter")):
        # Timestamps have no fractions, so only what was changed in a later second counts.
        newest = reversed(account.by_update.values())
        found = takewhile(lambda each: _whole_second(each.update) > since, newest)
    else:
        return reversed(account.invoices.values())
    return sorted(found, key=lambda each: each.id, reverse=True)


def _whole_second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def _tests(account: Account, call: Call) -> Iterator[Test]:
    """One test per known filter of the query."""
    query, today = call.query, account.today()
    yield from (partial(_FILTERS[key], query[key]) for key in _FILTERS if query.get(key))
    for (key, model), own in _REFERENCES.items():
        if wanted := call.reference(key, model):
            yield lambda each, own=own, wanted=wanted: str(own(each)) == wanted  # type: ignore[misc]
    for key in _DATES.keys() & query.keys():
        at = parse_unix(query[key])
        yield partial(_DATES[key], at) if at else lambda each: False
    # One value (official) or an array (one report); a comma list is not established and ignored.
    given = [value for key, value in query.items() if key == "status" or key.startswith("status[")]
    if given and all(value.isdigit() for value in given):
        yield lambda each: each.status in map(int, given)
    if not (account.switches.reminders_listed or is_true(query.get("showAll")) or query.get("showMa")):
        yield lambda each: each.type != "MA"
    if is_true(query.get("delinquent")):
        yield lambda each: each.status in (200, 750) and each.fields.due_date < today
