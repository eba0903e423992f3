"""Control endpoints under /_sandbox: act as people and banks do, set switches, faults and latency. JSON, no token."""

import math
import re
from collections import Counter
from collections.abc import Callable, MutableSequence
from dataclasses import asdict
from datetime import date
from typing import Any, get_args

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sevdesk_client.sandbox.account.export_records import ExportConfig
from sevdesk_client.sandbox.account.formats import Object, parse_decimal, parse_id
from sevdesk_client.sandbox.account.records import Invoice
from sevdesk_client.sandbox.account.seed import seed
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.endpoints import cancelling, paying, sending
from sevdesk_client.sandbox.endpoints.contact_details import address_json, way_json
from sevdesk_client.sandbox.endpoints.contacts import contact_json
from sevdesk_client.sandbox.endpoints.credit_notes import credit_note_json
from sevdesk_client.sandbox.endpoints.datev_export import export_job_json
from sevdesk_client.sandbox.endpoints.errors import Refusal, not_found
from sevdesk_client.sandbox.endpoints.invoice_json import invoice_json
from sevdesk_client.sandbox.endpoints.position_json import position_json
from sevdesk_client.sandbox.endpoints.transactions import transaction_json
from sevdesk_client.sandbox.http.faults import Fault, Kind
from sevdesk_client.sandbox.http.pipeline import Sandbox

Endpoint = Callable[[Sandbox, Object], Any]


def control_routes(sandbox: Sandbox) -> list[Route]:
    """Routes below /_sandbox; each endpoint is a function of the sandbox and the request's JSON and query."""

    def route(path: str, method: str, endpoint: Endpoint) -> Route:
        async def serve(request: Request) -> Response:
            try:
                body = await request.json() if await request.body() else {}
                return JSONResponse(endpoint(sandbox, {**request.query_params, **body}))
            except Refusal as refusal:
                return JSONResponse(refusal.envelope(), refusal.status if refusal.status >= 400 else 422)
            except ValidationError as problem:
                reasons = [": ".join([*map(str, each["loc"]), each["msg"]]) for each in problem.errors()]
                return JSONResponse({"error": "; ".join(reasons)}, 400)
            except (ValueError, TypeError, KeyError, re.error) as problem:
                return JSONResponse({"error": f"{type(problem).__name__}: {problem}"}, 400)

        return Route(path, serve, methods=[method])

    return [route(path, method, endpoint) for (method, path), endpoint in ENDPOINTS.items()]


def state(sandbox: Sandbox, body: Object) -> Object:
    """The whole account; `?only=counts,mails` for some parts (100,000 invoices are a large answer)."""
    account = sandbox.account
    parts: dict[str, Callable[[], Any]] = {
        "counts": lambda: _counts(sandbox),
        "switches": lambda: asdict(account.switches),
        "latency": lambda: {"read_ms": sandbox.read_ms, "write_ms": sandbox.write_ms},
        "faults": lambda: [asdict(fault) for fault in sandbox.faults],
        "sequences": lambda: {"RE": account.next_number, "customer": account.next_customer},
        "contacts": lambda: [contact_json(each) for each in account.contacts.values()],
        "addresses": lambda: [address_json(each) for each in account.addresses.values()],
        "communication_ways": lambda: [way_json(each) for each in account.communication_ways.values()],
        "invoices": lambda: [_full_invoice(each) for each in account.invoices.values()],
        "credit_notes": lambda: [credit_note_json(each) for each in account.credit_notes.values()],
        "transactions": lambda: [transaction_json(each) for each in account.transactions.values()],
        "mails": lambda: account.mails,
        "exports": lambda: [export_job_json(account, each) for each in account.exports.values()],
    }
    wanted = str(body["only"]).split(",") if "only" in body else list(parts)
    return {name: parts[name]() for name in wanted}


def _counts(sandbox: Sandbox) -> Object:
    account = sandbox.account
    return {
        "invoices": len(account.invoices),
        "contacts": len(account.contacts),
        "mails": len(account.mails),
        "requests": len(sandbox.requests),
        "late_commits": sandbox.late_commits,
        "by_status": Counter(str(each.status) for each in account.invoices.values()),
    }


def _full_invoice(invoice: Invoice) -> Object:
    """The read answer plus positions, layout and the ids of cancellation and credit note."""
    return {
        **invoice_json(invoice),
        "positions": [position_json(invoice, each) for each in invoice.fields.positions],
        "layout": invoice.layout,
        "eInvoice": invoice.fields.is_e_invoice,
        "cancelledBy": None if invoice.cancelled_by is None else str(invoice.cancelled_by),
        "creditNote": None if invoice.credit_note_id is None else str(invoice.credit_note_id),
    }


def payments(sandbox: Sandbox, body: Object) -> Object:
    """Book a payment as in the UI; `kind` "skonto" or "other" closes with less, a negative amount is a refund."""
    invoice = _invoice_of(sandbox.account, body)
    amount = parse_decimal(body["amount"]) if "amount" in body else invoice.fields.sums.gross - invoice.paid
    if amount is None:
        raise ValueError("amount must be a number")
    day = date.fromisoformat(body["date"]) if "date" in body else sandbox.account.today()
    kind = body.get("kind", "payment")
    if kind not in ("payment", "skonto", "other", "overpaid"):
        raise ValueError("kind must be payment, skonto, other or overpaid")
    paying.pay(sandbox.account, invoice, amount, day, closes=kind in ("skonto", "other"))
    return _full_invoice(invoice)


def unlink(sandbox: Sandbox, body: Object) -> Object:
    """Unlink all payments as in the UI: status 200, nothing paid."""
    invoice = _invoice_of(sandbox.account, body)
    if invoice.cancelled_by is not None or invoice.type == "SR" or invoice.status == 100:
        raise ValueError("only invoices that were finalised and not cancelled have payments")
    paying.unlink(sandbox.account, invoice)
    return _full_invoice(invoice)


def send(sandbox: Sandbox, body: Object) -> Object:
    """Mail, print or download as in the UI: sets `send_type` (VM, VPR, VP, VPDF) and sendDate; a draft is finalised."""
    invoice, send_type = _invoice_of(sandbox.account, body), body.get("send_type", "VPR")
    if send_type not in sending.SEND_TYPES:
        raise ValueError(f"send_type must be one of {', '.join(sending.SEND_TYPES)}")
    sending.mark_sent(sandbox.account, invoice, send_type)
    return _full_invoice(invoice)


def delete(sandbox: Sandbox, body: Object) -> Object:
    """Delete with any status; reads then answer 404/151."""
    invoice = _invoice_of(sandbox.account, body)
    sandbox.account.remove(invoice)
    return {"deleted": str(invoice.id)}


def _invoice_of(account: Account, body: Object) -> Invoice:
    ident = parse_id(body["invoice_id"])
    if ident is None or ident not in account.invoices:
        raise not_found("Invoice", body["invoice_id"])
    return account.invoices[ident]


def change_switches(sandbox: Sandbox, body: Object) -> Object:
    """Set the given switches; answers all switches."""
    sandbox.account.switches.change(body)
    return asdict(sandbox.account.switches)


def add_fault(sandbox: Sandbox, body: Object) -> Object:
    """Add a fault behind the existing ones; the first that matches a request applies."""
    sandbox.faults.append(Fault(**body))
    return {"kinds": get_args(Kind), "faults": [asdict(each) for each in sandbox.faults]}


def _clear(entries: MutableSequence[Any]) -> Object:
    count = len(entries)
    entries.clear()
    return {"cleared": count}


def change_latency(sandbox: Sandbox, body: Object) -> Object:
    """Set how many milliseconds a read (GET) and a write take."""
    read, write = (float(body.get(key, getattr(sandbox, key))) for key in ("read_ms", "write_ms"))
    if not (0 <= read < math.inf and 0 <= write < math.inf):
        raise ValueError("read_ms and write_ms must be numbers from 0 on")
    sandbox.read_ms, sandbox.write_ms = read, write
    return {"read_ms": read, "write_ms": write}


def change_export_config(sandbox: Sandbox, body: Object) -> Object:
    """Change the export settings as in the UI; with `accounting_year_begin` null no export starts."""
    account = sandbox.account
    account.export_config = ExportConfig(**{**asdict(account.export_config), **body})
    begin = account.export_config.accounting_year_begin
    return {**asdict(account.export_config), "accounting_year_begin": begin and begin.isoformat()}


def expire_links(sandbox: Sandbox, body: Object) -> Object:
    """Expire all download links given so far."""
    now, jobs = sandbox.account.now(), sandbox.account.exports.values()
    for job in jobs:
        job.links = dict.fromkeys(job.links, now)
    return {"expired": sum(len(job.links) for job in jobs)}


ENDPOINTS: dict[tuple[str, str], Endpoint] = {
    ("GET", "/state"): state,
    ("GET", "/requests"): lambda sandbox, body: list(sandbox.requests),
    ("DELETE", "/requests"): lambda sandbox, body: _clear(sandbox.requests),
    ("POST", "/payments"): payments,
    ("POST", "/unlink"): unlink,
    ("POST", "/cancel"): lambda sandbox, body: cancelling.cancel(sandbox.account, _invoice_of(sandbox.account, body)),
    ("POST", "/send"): send,
    ("POST", "/delete"): delete,
    ("PUT", "/switches"): change_switches,
    ("POST", "/faults"): add_fault,
    ("DELETE", "/faults"): lambda sandbox, body: _clear(sandbox.faults),
    ("PUT", "/latency"): change_latency,
    ("PUT", "/export_config"): change_export_config,
    ("POST", "/expire_links"): expire_links,
    ("POST", "/seed"): lambda sandbox, body: seed(sandbox.account, **body),
}
