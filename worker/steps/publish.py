"""publish: sevDesk holds one draft of the invoice, with exactly our sums.

Found again by its marker (`customerInternalNote` = our invoice number; survives and filters exactly, measured by four).
What sevDesk computed must equal the billing invoice to the cent; otherwise the draft is deleted and the job parked.
"""

from sevdesk_client.errors import NotFound
from sevdesk_client.models import Invoice as SevInvoice
from sevdesk_client.models import InvoiceDraft, PositionDraft
from worker.domain.events import DraftDeleted, Drafted, Event
from worker.domain.invoice import Invoice, Item, SyncStatus
from worker.domain.money import Sums, tax_text
from worker.domain.outcome import Parked
from worker.steps.account import Desk
from worker.steps.finalize import adopted
from worker.steps.payments import CANCELLATION
from worker.steps.step import DRAFT, DRAFT_WRITES, Answer, Case, Fate, Intent, Step, Told, became, digest

HEADERS = {"AR": "Abschlagsrechnung", "SR": "Schlussrechnung"}
UNITS = {"h": 9, "Std": 9, "Std.": 9, "Stunde": 9, "Stunden": 9}  # Unity ids: 1 piece, 9 hour; official
PIECE = 1
CREDIT_TRANSFER = "58"  # electronicInvoiceId (UNTDID 4461): our invoices are paid by bank transfer


async def look(case: Case, desk: Desk) -> Answer:
    """Ours already; a stale or wrong draft to delete; or nothing there, so save it."""
    there, problem = await _find(case, desk)
    if problem is not None:
        return Told(stop=problem, fate=Fate.UNKNOWN)
    draft, fate = await _draft(case, desk), became(case.open_intent, there)
    if there is None:
        return Intent("save_invoice", draft, case, earlier=fate)
    if there.status != DRAFT:
        return await _adopt_finalized(case, there, desk)
    if _sums(there) != _wanted(case.invoice):
        return Intent("delete_draft", there.id, case, {"cause": _different(case.invoice, there)}, fate)
    if _written(case) not in (None, digest(draft)):
        return Intent("delete_draft", there.id, case, {"cause": "The billing system changed the invoice."}, fate)
    opened = case.open_intent is not None and case.open_intent.step == PUBLISH.name
    known = case.handback.external_id == there.id and not opened
    return Told(() if known else (_drafted(case, there, "found"),), there, heard=True, fate=fate)


def _written(case: Case) -> str | None:
    """Digest of the request that made the draft which is there, if we know it."""
    opened = case.open_intent
    return opened.request_sha256 if opened is not None and opened.action == "save_invoice" else case.draft_sha256


async def leap(intent: Intent, desk: Desk) -> Told:
    """POST saveInvoice, or DELETE of a draft that must not stay."""
    case = intent.case
    if intent.action == "delete_draft":
        return await _delete(intent, desk)
    saved = await desk.client.save_invoice(intent.request)
    right = _sums(saved) == _wanted(case.invoice)
    return Told((_drafted(case, saved, "created"),), saved, heard=True, finished=right)


async def _find(case: Case, desk: Desk) -> tuple[SevInvoice | None, Parked | None]:
    """sevDesk's copy: as just seen, by the id we handed back, else by the marker."""
    if case.seen is not None:
        return case.seen, None
    if case.handback.external_id is not None and case.open_intent is None:
        try:
            return await desk.client.get_invoice(case.handback.external_id), None
        except NotFound:
            pass  # deleted by hand: the marker tells whether another copy exists
    number = case.invoice.number
    hits = [hit for hit in await desk.client.find_invoices(number) if hit.invoice_type != CANCELLATION]
    if len(hits) > 1:
        ids = ", ".join(sorted(hit.id for hit in hits))
        return None, Parked(
            f"sevDesk holds {len(hits)} invoices marked {number}: {ids}.",
            "Delete the wrong ones in sevDesk so that one is left, then retry.",
        )
    return (hits[0] if hits else None), None


async def _draft(case: Case, desk: Desk) -> InvoiceDraft:
    """The request. The address block is sent explicitly: sevDesk copies nothing by itself (measured)."""
    invoice, party, link = case.invoice, case.who.party, case.link
    assert link is not None and party.country_code is not None
    return InvoiceDraft(
        contact_id=link.contact_id,
        contact_person_id=case.contact_person_id or await desk.contact_person_id(),
        invoice_date=invoice.issue_date,
        header=f"{HEADERS[invoice.document_kind]} {invoice.number}",
        tax_rule=invoice.tax_rule,
        tax_text=tax_text(invoice),
        currency=invoice.currency,
        invoice_type=case.sevdesk_type,
        time_to_pay=invoice.payment_term_days,
        delivery_date=invoice.service_from,
        delivery_date_until=invoice.service_to,
        head_text=invoice.head_text,
        foot_text=invoice.foot_text,
        customer_internal_note=invoice.number,
        address_name=party.display_name,
        address_street=party.street,
        address_zip=party.zip,
        address_city=party.city,
        address_country_id=await desk.country_id(party.country_code),
        positions=tuple(_position(item) for item in invoice.items),
        payment_method_id=await desk.payment_method_id(CREDIT_TRANSFER) if invoice.is_e_invoice else None,
        is_e_invoice=invoice.is_e_invoice,
    )


def _position(item: Item) -> PositionDraft:
    return PositionDraft(
        name=item.name,
        text=item.description,
        quantity=item.quantity,
        price=item.unit_price,
        tax_rate=item.tax_rate,
        unity_id=UNITS.get(item.unit or "", PIECE),
        position_number=item.position,
    )


def _sums(there: SevInvoice) -> Sums:
    return Sums(there.sum_net, there.sum_tax, there.sum_gross)


def _wanted(invoice: Invoice) -> Sums:
    return Sums(invoice.net_amount, invoice.tax_amount, invoice.gross_amount)


def _drafted(case: Case, there: SevInvoice, how: str) -> Event:
    who = case.who
    return Drafted(
        external_id=there.id,
        net=there.sum_net,
        tax=there.sum_tax,
        gross=there.sum_gross,
        recipient_kind=who.party.kind,
        recipient_id=who.party.id,
        recipient_reason=who.reason,
        how=how,
    )


def _different(invoice: Invoice, there: SevInvoice) -> str:
    return (
        f"sevDesk computes net {there.sum_net}, tax {there.sum_tax}, gross {there.sum_gross} {invoice.currency}; "
        f"the invoice says net {invoice.net_amount}, tax {invoice.tax_amount}, gross {invoice.gross_amount}."
    )


async def _delete(intent: Intent, desk: Desk) -> Told:
    """Away with the draft: for wrong sums the job stops here, for a changed invoice it saves afresh."""
    case, cause = intent.case, str(intent.summary["cause"])
    await desk.client.delete_draft(intent.request)
    event = DraftDeleted(external_id=intent.request, cause=cause)
    if case.seen is None or _sums(case.seen) == _wanted(case.invoice):
        return Told((event,), None, heard=True, finished=False)
    parked = Parked(f"{cause} The draft was deleted again.", "Correct the sums in the billing system, then retry.")
    return Told((event,), None, heard=True, stop=parked)


async def _adopt_finalized(case: Case, there: SevInvoice, desk: Desk) -> Told:
    """Somebody, or an earlier attempt, has finalized it already. Ours only if the sums are."""
    if _sums(there) == _wanted(case.invoice):
        return await adopted(case, there, desk)
    return Told(
        stop=Parked(
            f"sevDesk invoice {there.id} is marked {case.invoice.number} and finalized, with other sums: "
            + _different(case.invoice, there),
            "Cancel it in sevDesk or correct the billing invoice, then retry.",
        ),
        fate=became(case.open_intent, there),
    )


def _settled(case: Case) -> bool:
    return case.handback.sync_status is SyncStatus.SYNCED


PUBLISH = Step("publish", look, leap, settled=_settled, resolves=DRAFT_WRITES, fresh=True)
