"""The hands behind the curtain: what people and banks do to the account, and trouble on order. JSON, no token."""

import re
from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sevdesk_client.sandbox.account.formats import Object, amount_of, ident_of
from sevdesk_client.sandbox.account.records import Invoice
from sevdesk_client.sandbox.account.seed import seed
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.endpoints import cancelling, paying
from sevdesk_client.sandbox.endpoints.communication_ways import render_way
from sevdesk_client.sandbox.endpoints.contact_addresses import render_address
from sevdesk_client.sandbox.endpoints.contacts import render_contact
from sevdesk_client.sandbox.endpoints.credit_notes import render_credit_note
from sevdesk_client.sandbox.endpoints.datev_export import render_job
from sevdesk_client.sandbox.endpoints.errors import Refusal, not_found
from sevdesk_client.sandbox.endpoints.invoice_json import render_invoice
from sevdesk_client.sandbox.endpoints.position_json import render_position
from sevdesk_client.sandbox.endpoints.transactions import render_transaction
from sevdesk_client.sandbox.http.faults import KINDS, Fault
from sevdesk_client.sandbox.http.pipeline import Sandbox

Endpoint = Callable[[Sandbox, Object], Any]


def control_routes(sandbox: Sandbox) -> list[Route]:
    """Routes below /_sandbox; each endpoint is a plain function of the sandbox and the request's JSON."""

    def route(path: str, method: str, endpoint: Endpoint) -> Route:
        async def serve(request: Request) -> Response:
            try:
                body = await request.json() if await request.body() else {}
                return JSONResponse(endpoint(sandbox, {**request.query_params, **body}))
            except Refusal as refusal:
                return JSONResponse(refusal.envelope(), refusal.status if refusal.status >= 400 else 422)
            except (ValueError, TypeError, KeyError, re.error) as problem:
                return JSONResponse({"error": f"{type(problem).__name__}: {problem}"}, 400)

        return Route(path, serve, methods=[method])

    return [route(path, method, endpoint) for (method, path), endpoint in ENDPOINTS.items()]


def state(sandbox: Sandbox, order: Object) -> Object:
    """Everything remembered; `?only=counts,mails` for some of it (100,000 invoices are a large answer)."""
    account = sandbox.account
    parts: dict[str, Callable[[], Any]] = {
        "counts": lambda: _counts(sandbox),
        "switches": account.switches.as_json,
        "latency": lambda: {"read_ms": sandbox.read_ms, "write_ms": sandbox.write_ms},
        "faults": lambda: [fault.as_json() for fault in sandbox.faults],
        "sequences": lambda: {"RE": account.next_number, "customer": account.next_customer},
        "contacts": lambda: [render_contact(each) for each in account.contacts],
        "addresses": lambda: [render_address(account, each) for each in account.addresses],
        "communication_ways": lambda: [render_way(each) for each in account.ways],
        "invoices": lambda: [_invoice(each) for each in account.invoices.values()],
        "credit_notes": lambda: [render_credit_note(each) for each in account.credit_notes.values()],
        "transactions": lambda: [render_transaction(each) for each in account.transactions.values()],
        "mails": lambda: account.mails,
        "exports": lambda: [render_job(account, each) for each in account.exports.values()],
    }
    wanted = str(order["only"]).split(",") if "only" in order else list(parts)
    return {name: parts[name]() for name in wanted}


def _counts(sandbox: Sandbox) -> Object:
    account = sandbox.account
    counts: Object = {"invoices": len(account.invoices), "contacts": len(account.contacts), "mails": len(account.mails)}
    by_status: dict[str, int] = {}
    for each in account.invoices.values():
        by_status[str(each.status)] = by_status.get(str(each.status), 0) + 1
    return {**counts, "requests": len(sandbox.requests), "late_commits": sandbox.late, "by_status": by_status}


def _invoice(invoice: Invoice) -> Object:
    """A read answer plus what no read shows: positions, layout, what cancelled it."""
    return {
        **render_invoice(invoice),
        "positions": [render_position(invoice, each) for each in invoice.letter.positions],
        "layout": invoice.layout,
        "eInvoice": invoice.letter.is_e_invoice,
        "cancelledBy": None if invoice.cancelled_by is None else str(invoice.cancelled_by),
        "creditNote": None if invoice.credit_note_id is None else str(invoice.credit_note_id),
    }


def requests(sandbox: Sandbox, order: Object) -> list[Object]:
    """Every request to /api/v1 since the last clearing, in order of arrival."""
    return list(sandbox.requests)


def clear_requests(sandbox: Sandbox, order: Object) -> Object:
    """Forget the log; says how long it was."""
    count = len(sandbox.requests)
    sandbox.requests.clear()
    return {"cleared": count}


def payments(sandbox: Sandbox, order: Object) -> Object:
    """Money for an invoice, as booked in the UI: `kind` "skonto" closes it with less; below zero it goes back."""
    invoice = _wanted(sandbox.account, order)
    open_amount = invoice.letter.sums.gross - invoice.paid
    amount = amount_of(order["amount"]) if "amount" in order else open_amount
    if amount is None:
        raise ValueError("amount must be a number")
    day = date.fromisoformat(order["date"]) if "date" in order else sandbox.account.today()
    kind = order.get("kind", "payment")
    if kind not in ("payment", "skonto", "other", "overpaid"):
        raise ValueError("kind must be payment, skonto, other or overpaid")
    paying.pay(sandbox.account, invoice, amount, day, closes=kind in ("skonto", "other"))
    paying.remember_transaction(sandbox.account, invoice, amount, day)
    return _invoice(invoice)


def unlink(sandbox: Sandbox, order: Object) -> Object:
    """Payments unlinked in the UI: open again, nothing paid."""
    invoice = _wanted(sandbox.account, order)
    if invoice.cancelled_by is not None or invoice.type == "SR" or invoice.status == 100:
        raise ValueError("only invoices that were finalised and not cancelled have payments")
    paying.unlink(sandbox.account, invoice)
    return _invoice(invoice)


def cancel(sandbox: Sandbox, order: Object) -> Object:
    """Cancelled by hand in the UI: the same as cancelInvoice."""
    return cancelling.cancel(sandbox.account, _wanted(sandbox.account, order))


def delete(sandbox: Sandbox, order: Object) -> Object:
    """Deleted by hand, whatever its status: a read answers 404/151 from now on."""
    invoice = _wanted(sandbox.account, order)
    sandbox.account.remove(invoice)
    return {"deleted": str(invoice.id)}


def _wanted(account: Account, order: Object) -> Invoice:
    ident = ident_of(order["invoice_id"])
    if ident not in account.invoices:
        raise not_found("Invoice", order["invoice_id"])
    return account.invoices[ident]


def change_switches(sandbox: Sandbox, order: Object) -> Object:
    """Set some switches; answers all of them."""
    sandbox.account.switches.change(order)
    return sandbox.account.switches.as_json()


def order_fault(sandbox: Sandbox, order: Object) -> Object:
    """Order one fault; it joins those ordered before, and the first that matches strikes."""
    fault = Fault.read(order)
    sandbox.faults.append(fault)
    return {"kinds": KINDS, "faults": [each.as_json() for each in sandbox.faults]}


def clear_faults(sandbox: Sandbox, order: Object) -> Object:
    """Take back every order; late commits already on their way still come."""
    count = len(sandbox.faults)
    sandbox.faults.clear()
    return {"cleared": count}


def change_latency(sandbox: Sandbox, order: Object) -> Object:
    """Milliseconds a read (GET) and a write take from now on."""
    read, write = (
        amount_of(order.get(key, now)) for key, now in (("read_ms", sandbox.read_ms), ("write_ms", sandbox.write_ms))
    )
    if read is None or write is None or min(read, write) < Decimal(0):
        raise ValueError("read_ms and write_ms must be numbers from 0 on")
    sandbox.read_ms, sandbox.write_ms = float(read), float(write)
    return {"read_ms": sandbox.read_ms, "write_ms": sandbox.write_ms}


def change_export_config(sandbox: Sandbox, order: Object) -> Object:
    """What a person sets in the UI; `accounting_year_begin` null, and no export is started any more."""
    config = sandbox.account.export_config
    if "accounting_year_begin" in order:
        begin = order["accounting_year_begin"]
        config.accounting_year_begin = None if begin is None else date.fromisoformat(begin)
    config.accountant_number = int(order.get("accountant_number", config.accountant_number))
    config.accountant_client_number = int(order.get("accountant_client_number", config.accountant_client_number))
    begin = config.accounting_year_begin
    return {**asdict(config), "accounting_year_begin": begin and begin.isoformat()}


def expire_links(sandbox: Sandbox, order: Object) -> Object:
    """Every link given so far is too old from now on."""
    now, jobs = sandbox.account.now(), sandbox.account.exports.values()
    for job in jobs:
        job.links = dict.fromkeys(job.links, now)
    return {"expired": sum(len(job.links) for job in jobs)}


def seed_invoices(sandbox: Sandbox, order: Object) -> Object:
    """Many invoices at once; see seed.seed for the keys."""
    return seed(sandbox.account, **order)


ENDPOINTS: dict[tuple[str, str], Endpoint] = {
    ("GET", "/state"): state,
    ("GET", "/requests"): requests,
    ("DELETE", "/requests"): clear_requests,
    ("POST", "/payments"): payments,
    ("POST", "/unlink"): unlink,
    ("POST", "/cancel"): cancel,
    ("POST", "/delete"): delete,
    ("PUT", "/switches"): change_switches,
    ("POST", "/faults"): order_fault,
    ("DELETE", "/faults"): clear_faults,
    ("PUT", "/latency"): change_latency,
    ("PUT", "/export_config"): change_export_config,
    ("POST", "/expire_links"): expire_links,
    ("POST", "/seed"): seed_invoices,
}
