"""What must hold between sevDesk's books, the billing row, the event log and the intents, written as plain rules."""

from collections import Counter
from decimal import Decimal
from typing import Any

from flow.model_office import Office

from sevdesk_client.sandbox.account.records import Invoice as Document

PAYMENTS = {
    "partially_paid": "partially_paid",
    "paid": "paid",
    "overpaid": "paid",
    "discounted": "paid",
    "settled_by_credit": "paid",
    "payment_reversed": "open",
}

# The word that `Wire.done` counts a write by -> our words for it.
WRITES = {
    "saveInvoice": ("save_invoice",),
    "DELETE": ("delete_draft", "delete_credit_note"),
    "changeParameter": ("change_parameter",),
    "sendBy": ("send_by", "finalize_credit_note"),
    "sendViaEmail": ("send_via_email",),
    "cancelInvoice": ("cancel_invoice",),
    "createFromInvoice": ("create_credit_note",),
    "saveCreditNote": ("save_credit_note",),
}
MADE = ("done", "found_done")
CREDITED = "SELECT coalesce(sum(gross_amount), 0) FROM sevdesk_credit_notes WHERE status = 'finalized'"
# Documents that are mailed, as `Office.mails` names them -> `sevdesk_mails.document`, and the event.
MAILS = (
    ("RE", "invoice", "mailed"),
    ("SR", "cancellation", "cancellation_mailed"),
    ("CN", "credit_note", "credit_mailed"),
)


async def check_job(office: Office, job_id: str) -> None:
    """A job that has just ended says the truth about the invoice."""
    job, row = await office.billing.job(job_id), await office.billing.row(office.invoice)
    assert job["problem"] not in ("unexpected_error", "transition_not_allowed"), job["error"]
    if job["state"] != "done":
        return
    match job["kind"]:
        case "publish_invoice":
            assert row["accounting_sync_status"] == "synced"
        case "send_invoice":
            assert row["document_status"] in ("sent", "cancelled")  # a sync may have been faster
        case "cancel_invoice":
            assert row["accounting_sync_status"] == "cancelled"
        case "sync_payments" if row["accounting_sync_status"] == "synced":
            credited = await office.billing.db.fetchval(CREDITED)
            for document in office.documents():
                assert row["claim_status"] == owed(document, credited), "sevDesk says something else"
        case "credit_invoice":
            own = "SELECT status FROM sevdesk_credit_notes WHERE job_id = $1"
            assert await office.billing.db.fetchval(own, job_id) == "finalized"


def owed(document: Document, credited: Decimal) -> str:
    """What remains of an invoice over 119.00 EUR that is not cancelled."""
    if document.status == 1000 or (credited and document.paid + credited >= document.fields.sums.gross):
        return "paid"
    return "partially_paid" if document.paid > 0 else "open"


async def check_books(office: Office) -> None:
    """Everything, once no job is under way."""
    row, events = await office.billing.row(office.invoice), await office.billing.events(office.invoice)
    opened = await office.billing.db.fetch("""
        SELECT i.step, i.action, j.job_id, j.kind, j.state, j.error
        FROM sevdesk_intents i JOIN sevdesk_jobs j USING (job_id)
        WHERE i.closed_at IS NULL""")
    await _check_documents(office, row)
    await _check_credit_notes(office)
    await _check_counterpart(office, row)
    await _check_mails(office, events, opened)
    _check_log(row, events)
    await _check_intents(office)
    for intent in opened:
        assert intent["state"] == "parked", f"open, and nobody will close it: {dict(intent)}"


def _last(events: list[str], event: str) -> int:
    return max((place for place, each in enumerate(events) if each == event), default=0)


async def _check_documents(office: Office, row: Any) -> None:
    """One invoice at most; a cancelled one is cancelled on both sides."""
    invoices, stornos = office.documents(), office.documents("SR")
    assert len(invoices) <= 1, "two invoices for one"
    for storno in stornos:
        origin = office.account.invoices[storno.origin_id]
        assert (
            storno.fields.sums.gross == -origin.fields.sums.gross and storno.fields.sums.net == -origin.fields.sums.net
        )
    assert Counter(s.origin_id for s in stornos) == Counter(i.id for i in invoices if i.cancelled_by is not None)
    if row["accounting_sync_status"] == "cancelled":
        credited = {str(each.source_id) for each in office.account.credit_notes.values() if each.status > 100}
        ended = [each.cancelled_by is not None or str(each.id) in credited for each in invoices]
        assert all(ended), "cancelled here, alive in sevDesk"


async def _check_credit_notes(office: Office) -> None:
    """One for each job that asked for a part; all together are never more than the invoice."""
    rows = await office.billing.db.fetch("SELECT * FROM sevdesk_credit_notes")
    ours = {each.note: each for each in office.parts()}
    assert len(ours) == len(office.parts()), "two credit notes of one job"
    for row in rows:
        if row["status"] == "finalized" and not office.touched:
            note = ours[row["marker"]]
            assert (str(note.id), note.number, note.fields.sums.gross, note.status > 100) == (
                row["external_id"], row["credit_note_number"], row["gross_amount"], True
            )  # fmt: skip
    whole = [each for each in office.account.credit_notes.values() if each.origin_id == each.source_id]
    invoiced = await office.billing.db.fetchval("SELECT max(gross_amount) FROM billing_invoices")
    assert sum(each.fields.sums.gross for each in (*whole, *office.parts())) <= invoiced


async def _check_counterpart(office: Office, row: Any) -> None:
    """What we know to stand against the invoice stands there."""
    made = await office.billing.db.fetchrow("SELECT * FROM sevdesk_cancellations WHERE invoice_id = $1", office.invoice)
    stornos = {str(each.id): each for each in office.documents("SR")}
    if made is not None and made["kind"] == "cancellation_invoice":
        assert made["gross_amount"] == -row["gross_amount"] and made["cancellation_external_id"] in stornos
    if row["accounting_sync_status"] == "cancelled" and stornos:
        assert made is not None and made["cancellation_external_id"] in stornos


async def _check_mails(office: Office, events: list[str], opened: list[Any]) -> None:
    """A mail is on record, or asked about; and no job has sent two."""
    for kind, document, event in MAILS:
        known = await office.billing.db.fetchval("SELECT count(*) FROM sevdesk_mails WHERE document = $1", document)
        unknown = sum(each["action"] == "send_via_email" for each in opened)
        assert events.count(event) == known
        assert known <= len(office.mails(kind)) <= known + unknown, f"mails of {document}"


async def _check_intents(office: Office) -> None:
    """What is recorded of a write is what became of it, unless people did the same by hand."""
    if office.touched:
        return
    rows = await office.billing.db.fetch("SELECT action, outcome FROM sevdesk_intents")
    for word, actions in WRITES.items():
        said = [row["outcome"] for row in rows if row["action"] in actions]
        made, untold = sum(each in MADE for each in said), sum(each in (None, "moot") for each in said)
        assert made <= office.wire.done[word] <= made + untold, f"{word}: {said}, {office.wire.done[word]} in sevDesk"
    noted = await office.billing.db.fetchval("SELECT count(*) FROM sevdesk_cancellations WHERE kind = 'credit_note'")
    whole = [each for each in office.account.credit_notes.values() if each.origin_id is not None]
    opened = {row["action"] for row in rows if row["outcome"] is None}
    assert bool(whole) <= bool(noted) or opened & {"cancel_invoice", "create_credit_note"}


def _check_log(row: Any, events: list[str]) -> None:
    """The row is where its log has brought it."""
    cancelled = sum(each in ("cancelled", "cancelled_in_sevdesk") for each in events)
    assert cancelled == (row["accounting_sync_status"] == "cancelled")
    if row["accounting_sync_status"] == "cancelled":
        assert (row["document_status"], row["claim_status"], row["paid_amount"]) == ("cancelled", "cancelled", 0)
        return
    present = events[_last(events, "drafted") :]  # of the present document; what was sent before it is gone
    sendings = [each for each in present if each in ("mailed", "marked_sent", "sent_by_hand", "mail_bounced")]
    assert (row["document_status"] == "sent") == (bool(sendings) and sendings[-1] != "mail_bounced")
    if row["accounting_sync_status"] == "synced":
        assert "finalized" in events and row["external_invoice_number"]
    payments = [PAYMENTS[each] for each in events if each in PAYMENTS]
    assert row["claim_status"] == (payments[-1] if payments else "open")
