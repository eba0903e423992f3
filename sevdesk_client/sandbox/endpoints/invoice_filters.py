"""The filters of GET /Invoice; unknown ones are silently ignored (live, two peers)."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from sevdesk_client.sandbox.account.formats import as_datetime, is_true, parse_unix
from sevdesk_client.sandbox.account.records import Invoice
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.endpoints.calls import Call

Test = Callable[[Invoice], bool]


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
        return _newest(account, account.by_note.get(query["customerInternalNote"], []))
    if "invoiceNumber" in query:
        return _newest(account, account.by_number.get(query["invoiceNumber"], []))
    if since := parse_unix(query.get("updateAfter")):
        return sorted(_updated_after(account, since), key=lambda each: -each.id)
    return reversed(account.invoices.values())


def _newest(account: Account, idents: list[int]) -> list[Invoice]:
    return [account.invoices[ident] for ident in sorted(idents, reverse=True)]


def _updated_after(account: Account, since: datetime) -> Iterator[Invoice]:
    """Invoices changed in a later second than `since`; timestamps have no fractions."""
    for invoice in reversed(account.by_update.values()):
        if not _whole_second(invoice.update) > since:
            return
        yield invoice


def _whole_second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def _tests(account: Account, call: Call) -> Iterator[Test]:
    """One test per known filter of the query. Filters that nobody measured follow the documentation."""
    query = call.query
    yield from _state_tests(query)
    yield from _reference_tests(call)
    yield from _date_tests(account, query)
    if number := query.get("invoiceNumber"):
        yield lambda each: each.number == number
    if prefix := query.get("headerStartsWith"):
        yield lambda each: (each.fields.header or "").startswith(prefix)


def _state_tests(query: dict[str, str]) -> Iterator[Test]:
    """status, one value (official) or as an array (one report); a comma list is not established and ignored."""
    given = [value for key, value in query.items() if key == "status" or key.startswith("status[")]
    if given and all(value.isdigit() for value in given):
        wanted = {int(value) for value in given}
        yield lambda each: each.status in wanted
    if kind := query.get("invoiceType"):
        yield lambda each: each.type == kind
    if send_type := query.get("sendType"):
        yield lambda each: each.send_type == send_type
    if is_true(query.get("partiallyPaid")):
        yield lambda each: each.status < 1000 and each.paid > 0


def _reference_tests(call: Call) -> Iterator[Test]:
    """Filters x[id], ignored without x[objectName] (live, three peers)."""
    if contact := call.reference("contact", "Contact"):
        yield lambda each: str(each.fields.contact_id) == contact
    if origin := call.reference("origin", "Invoice"):
        yield lambda each: str(each.origin_id) == origin
    if method := call.reference("paymentMethod", "PaymentMethod"):
        yield lambda each: str(each.fields.payment_method_id) == method


def _date_tests(account: Account, query: dict[str, str]) -> Iterator[Test]:
    """Date filters in unix seconds; an ISO date matches nothing (one report)."""
    bounds: dict[str, Callable[[Invoice, datetime], bool]] = {
        "startDate": lambda each, at: as_datetime(each.fields.invoice_date) >= at,
        "endDate": lambda each, at: as_datetime(each.fields.invoice_date) <= at,
        "createAfter": lambda each, at: _whole_second(each.create) > at,
        "createBefore": lambda each, at: _whole_second(each.create) < at,
        "updateAfter": lambda each, at: _whole_second(each.update) > at,
        "updateBefore": lambda each, at: _whole_second(each.update) < at,
    }
    for key in bounds.keys() & query.keys():
        yield _bound(bounds[key], parse_unix(query[key]))
    if "delinquent" in query and is_true(query["delinquent"]):
        today = account.today()
        yield lambda each: each.status in (200, 750) and each.fields.due_date < today


def _bound(holds: Callable[[Invoice, datetime], bool], at: datetime | None) -> Test:
    return lambda each: at is not None and holds(each, at)
