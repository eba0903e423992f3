"""GET /Invoice: which filters exist, and that all others silently match everything (live, two peers)."""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta

from sevdesk_client.sandbox.account.formats import berlin_day, instant, truthy, unix_of
from sevdesk_client.sandbox.account.records import Invoice
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.endpoints.calls import Call

Test = Callable[[Invoice], bool]


def select(account: Account, call: Call) -> Iterable[Invoice]:
    """The invoices a list request means, newest first."""
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
    """A first narrowing through an index; the documented customerIntenalNote is ignored (measured)."""
    if "customerInternalNote" in query:
        return _newest(account, account.by_note.get(query["customerInternalNote"], []))
    if "invoiceNumber" in query:
        return _newest(account, account.by_number.get(query["invoiceNumber"], []))
    if since := unix_of(query.get("updateAfter")):
        return sorted(_updated_after(account, since), key=lambda each: -each.id)
    return reversed(account.invoices.values())


def _newest(account: Account, idents: list[int]) -> list[Invoice]:
    return [account.invoices[ident] for ident in sorted(idents, reverse=True)]


def _updated_after(account: Account, since: datetime) -> Iterator[Invoice]:
    """Changed in a later second than `since`: stamps have no fractions."""
    for invoice in reversed(account.by_update.values()):
        if not _second(invoice.update) > since:
            return
        yield invoice


def _second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def _tests(account: Account, call: Call) -> Iterator[Test]:
    """One test per known filter. Documented but unmeasured ones follow the documentation's words."""
    query = call.query
    yield from _state_tests(query)
    yield from _reference_tests(call)
    yield from _date_tests(account, query)
    if number := query.get("invoiceNumber"):
        yield lambda each: each.number == number
    if prefix := query.get("headerStartsWith"):
        yield lambda each: (each.letter.header or "").startswith(prefix)


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
    if truthy(query.get("partiallyPaid")):
        yield lambda each: each.status < 1000 and each.paid > 0


def _reference_tests(call: Call) -> Iterator[Test]:
    """x[id] counts only beside x[objectName] (live, three peers)."""
    if contact := call.reference("contact", "Contact"):
        yield lambda each: str(each.letter.contact_id) == contact
    if origin := call.reference("origin", "Invoice"):
        yield lambda each: str(each.origin_id) == origin
    if method := call.reference("paymentMethod", "PaymentMethod"):
        yield lambda each: str(each.letter.payment_method_id) == method


def _date_tests(account: Account, query: dict[str, str]) -> Iterator[Test]:
    """Unix seconds; an ISO date gives an empty list (one report)."""
    bounds: dict[str, Callable[[Invoice, datetime], bool]] = {
        "startDate": lambda each, at: instant(each.letter.invoice_date) >= at,
        "endDate": lambda each, at: instant(each.letter.invoice_date) <= at,
        "createAfter": lambda each, at: _second(each.create) > at,
        "createBefore": lambda each, at: _second(each.create) < at,
        "updateAfter": lambda each, at: _second(each.update) > at,
        "updateBefore": lambda each, at: _second(each.update) < at,
    }
    for key in bounds.keys() & query.keys():
        yield _bound(bounds[key], unix_of(query[key]))
    if "delinquent" in query and truthy(query["delinquent"]):
        today = account.today()
        yield lambda each: each.status in (200, 750) and _due(each) < today


def _bound(holds: Callable[[Invoice, datetime], bool], at: datetime | None) -> Test:
    return lambda each: at is not None and holds(each, at)


def _due(invoice: Invoice) -> date:
    return berlin_day(invoice.letter.invoice_date) + timedelta(days=invoice.letter.time_to_pay or 0)
