"""Voucher: only what its two recorded refusals and a list need; a voucher is stored as id and status."""

from sevdesk_client.sandbox.account.formats import Object, parse_id, timestamp
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.endpoints.body_fields import integer, model_object
from sevdesk_client.sandbox.endpoints.calls import Answer, Call, objects
from sevdesk_client.sandbox.endpoints.errors import Refusal, invalid, not_found
from sevdesk_client.sandbox.endpoints.lookup import find, page

READABLE = frozenset(("application/pdf", "image/jpeg", "image/png", "text/xml", "application/xml"))


def save_voucher(account: Account, call: Call) -> Answer:
    """POST /Voucher/Factory/saveVoucher: status 50 draft or 100 open (official); 400/90400 unless a draft."""
    data = model_object(call.body.get("voucher"), "voucher", "Voucher")
    ident = parse_id(data.get("id"))
    if ident is not None and ident not in account.vouchers:
        raise not_found("Voucher", ident, account.switches.not_found)
    if ident is not None and account.vouchers[ident] != 50:
        raise Refusal(400, "Only drafts can be changed", 90400)  # code measured, wording inferred
    status = integer(data, "status")
    if status not in (50, 100):
        raise invalid("status must be 50 or 100")  # wording inferred
    ident = ident or account.new_id()
    account.vouchers[ident] = status
    now = timestamp(account.now())
    shown = {"create": now, "update": now, **_shown(account, ident)}
    return objects({"voucher": shown, "voucherPos": [], "filename": None}, 201)


def list_vouchers(account: Account, call: Call) -> Answer:
    """GET /Voucher: newest first, no filters (order and fields inferred from invoices)."""
    return page(account, sorted(account.vouchers, reverse=True), call, lambda ident: _shown(account, ident))


def get_voucher(account: Account, call: Call) -> Answer:
    """GET /Voucher/{id}: a list of one."""
    find(account, account.vouchers, call.ident, "Voucher")
    return objects([_shown(account, call.ident)])


def _shown(account: Account, ident: int) -> Object:
    return {"id": str(ident), "objectName": "Voucher", "status": str(account.vouchers[ident])}


def upload_temp_file(account: Account, call: Call) -> Answer:
    """POST /Voucher/Factory/uploadTempFile: multipart, the file is not stored; 500 for unreadable types (live)."""
    file = call.body.get("file")
    if not isinstance(file, dict) or file.get("type") not in READABLE:
        raise Refusal(500, "Error while trying to read the file")
    return objects({"pages": 1, "mimeType": "image/jpg", "originMimeType": file["type"], "filename": "0" * 32}, 201)
