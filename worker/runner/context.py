"""Builds the `StepContext` that a step works on from the rows of the database."""

from dataclasses import fields, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from worker.domain.advances import ADVANCE, COMPARED, DealInvoice
from worker.domain.check_levels import DEFAULTS, Level
from worker.domain.credit import amounts_of, net_and_gross
from worker.domain.dates import FINAL
from worker.domain.e_invoice_duty import DutyMode, duty_since
from worker.domain.emails import mailbox, several
from worker.domain.invoice import (
    Association,
    Cancellation,
    CreditNote,
    FinalInvoiceForm,
    Handback,
    Invoice,
    Item,
    Party,
    PartyKind,
    SevdeskDocument,
    SyncStatus,
)
from worker.domain.ledger import Job
from worker.domain.payloads import CancelInvoice, CreditInvoice, Payload, PublishInvoice
from worker.domain.recipients import PartyKey, Recipient, addressed_to, resolve
from worker.settings import Settings
from worker.steps.missing import gone_before
from worker.steps.step import Ahead, LedgerMail, Sending, StepContext
from worker.store import Store
from worker.store.rows import MissingId, Row, UnknownValue, from_row, handback_of

# What the check `e_invoice_required` does; with AUTO there is nothing left for it to find.
DUTY_LEVELS = {DutyMode.WARN: Level.WARN, DutyMode.PARK: Level.PARK, DutyMode.AUTO: Level.OFF}


async def load_context(
    store: Store, job: Job, payload: Payload, invoice_id: UUID, settings: Settings
) -> StepContext | None:
    """Everything the steps need, read in at most six round trips; None if there is no such invoice.

    Raises what any method of `Store` may raise, and `UnknownValue` for a status or document kind that it does not know.
    """
    row: Row | None = await store.query("load_invoice", invoice_id=invoice_id, job_id=job.job_id)
    if row is None:
        return None
    invoice = from_row(Invoice, row, items=tuple(_item(columns, row) for columns in row["items"]))
    contact_person_id = row["contact_person_id"]
    if isinstance(payload, PublishInvoice):
        invoice, contact_person_id = _as_asked(invoice, payload), payload.contact_person_id or contact_person_id
    associations = tuple(Association(*columns) for columns in row["associations"])
    document = _document(row["document"])
    parties = await _parties(store, *_candidates(invoice, associations, document))
    handback = _handback(row)
    recipient = recipient_now = resolve(invoice, associations, parties)
    if document is not None and handback.sync_status in (SyncStatus.SYNCED, SyncStatus.CANCELLED):
        recipient = addressed_to((document.party_kind, document.party_id), parties)
    link = await store.load_contact_link(recipient.party) if isinstance(recipient, Recipient) else None
    publishing = isinstance(payload, PublishInvoice) and handback.sync_status is not SyncStatus.SYNCED
    sevdesk_type, form = _sevdesk_type(row, settings), _final_invoice_form(payload, row, settings)  # may raise
    deal_invoices = await _deal_invoices(store, job, invoice) if publishing or _takes_back(payload, invoice) else ()
    since, by_duty = None, bool(document and document.content.get("e_invoice_by_duty"))
    if publishing and isinstance(recipient, Recipient):
        deducts = form is FinalInvoiceForm.DEDUCT and bool(deal_invoices)
        since, by_duty = _duty(invoice, recipient.party, row["today"], settings, deducts=deducts)
    return from_row(
        StepContext,
        row,
        job_id=job.job_id,
        **_second_looks(job, settings),
        payload=payload,
        invoice=replace(invoice, is_e_invoice=True) if by_duty else invoice,
        contact_person_id=contact_person_id,
        document_header=settings.document_header,
        handback=handback,
        recipient=recipient,
        recipient_now=recipient_now,
        document=document,
        confirmed=job.confirmed,
        levels={**DEFAULTS, **settings.check_levels, "e_invoice_required": DUTY_LEVELS[settings.e_invoice_mode]},
        duty_since=since,
        by_duty=by_duty,
        issue_date_max_age=settings.issue_date_max_age,
        final_invoice_form=form,
        deal_invoices=deal_invoices,
        ahead=await _ahead(store, invoice_id) if publishing and settings.publish_in_order else None,
        warned=frozenset(row["warned"]),
        changes_told=frozenset(row["changes_told"]),
        mail_ledger=tuple(_ledger_mail(*columns) for columns in row["mail_ledger"]),
        sent=_sending(row["sending"]),
        link=link,
        sevdesk_type=sevdesk_type,
        cancellation=_cancellation(row["cancellation"]),
        credit_notes=tuple(_credit_note(each) for each in row["credit_notes"] or ()),
        credit_number_use=lambda number: store.query("credit_number_use", number=number, invoice_id=invoice_id),
    )


def _second_looks(job: Job, settings: Settings) -> dict[str, Any]:
    return {"gone_after": settings.gone_after, "gone_before": gone_before(job, settings.gone_after)}


def _item(columns: tuple[Any, ...], row: Row) -> Item:
    item = Item(*columns)
    for name in ("position", "name", "quantity", "unit_price", "tax_rate"):
        if getattr(item, name) is None:
            raise UnknownValue(f"positions.{name}", row)
    return item


def _handback(row: Row) -> Handback:
    handback = handback_of(row)
    # It is our marker in sevDesk: a blank one would find what others made there, and whether blanks around it are kept
    # is not established.
    number = row["number"]
    if not number.strip() or (handback.external_id is None and number != number.strip()):
        raise UnknownValue("invoice_number", row)
    if handback.sync_status is SyncStatus.SYNCED and handback.external_id is None:
        raise MissingId(row)
    return handback


def _takes_back(payload: Payload, invoice: Invoice) -> bool:
    """Whether the job is to cancel or credit an advance: the final invoices of its deal may account for it."""
    return isinstance(payload, CancelInvoice | CreditInvoice) and invoice.document_kind == ADVANCE


def _duty(
    invoice: Invoice, party: Party, today: date, settings: Settings, *, deducts: bool
) -> tuple[date | None, bool]:
    """Since when it must be an e-invoice (None: it need not be one), and whether it is made one for that reason."""
    final = invoice.document_kind == FINAL
    since = duty_since(invoice, party, settings.e_invoice_from, today, deducts=deducts and final)
    return since, since is not None and settings.e_invoice_mode is DutyMode.AUTO and not invoice.is_e_invoice


def _sevdesk_type(row: Row, settings: Settings) -> str:
    kinds = {"AR": settings.sevdesk_invoice_type_ar, "SR": settings.sevdesk_invoice_type_sr}
    if row["document_kind"] not in kinds:
        raise UnknownValue("document_kind", row)
    return kinds[row["document_kind"]]


def _as_asked(invoice: Invoice, payload: PublishInvoice) -> Invoice:
    """With the job's terms, if it names any."""
    if payload.skonto_percent is None:
        return invoice
    return replace(invoice, skonto_percent=payload.skonto_percent, skonto_days=payload.skonto_days)


def _final_invoice_form(payload: Payload, row: Row, settings: Settings) -> FinalInvoiceForm:
    """As the job says, else the invoice, else the setting."""
    asked = payload.final_invoice_form if isinstance(payload, PublishInvoice) else None
    try:
        return asked or FinalInvoiceForm(row["final_invoice_form"] or settings.final_invoice_form)
    except ValueError:
        raise UnknownValue("final_invoice_form", row) from None


async def _parties(store: Store, companies: list[UUID], contacts: list[UUID]) -> dict[PartyKey, Party]:
    rows: list[Row] = await store.query("load_parties", company_ids=companies, contact_ids=contacts)
    found = [from_row(Party, party, kind=PartyKind(party["kind"])) for party in rows]
    return {(party.kind, party.id): party for party in found}


async def _deal_invoices(store: Store, job: Job, invoice: Invoice) -> tuple[DealInvoice, ...]:
    if invoice.deal_id is None:
        return ()
    about = {"deal_id": invoice.deal_id, "invoice_id": invoice.id, "job_id": job.job_id}
    kinds = COMPARED[invoice.document_kind]
    rows: list[Row] = await store.query("load_deal_invoices", document_kinds=kinds, **about)
    return tuple(
        from_row(DealInvoice, row, items=tuple(map(_position, row["positions"])), credited=_credited(row["credited"]))
        for row in rows
    )


async def _ahead(store: Store, invoice_id: UUID) -> Ahead | None:
    row: Row | None = await store.query("publications_ahead", invoice_id=invoice_id)
    return None if row is None else from_row(Ahead, row)


def _credited(contents: list[Row]) -> dict[int, Decimal]:
    """What was credited of each position, from `sevdesk_credit_notes.content` of several."""
    credited: dict[int, Decimal] = {}
    for content in contents:
        for position, (_, amount) in amounts_of(content).items():
            credited[position] = credited.get(position, Decimal(0)) + amount
    return credited


def _position(sent: Row) -> Item:
    """The figures of a position of `sevdesk_invoices.content`."""
    quantity, price, rate = (Decimal(str(sent[name])) for name in ("quantity", "price", "tax_rate"))
    return Item(sent["position_number"], "", None, quantity, None, price, rate)


def _cancellation(columns: tuple[Any, ...] | None) -> Cancellation | None:
    names = (field.name for field in fields(Cancellation))
    return None if columns is None else Cancellation(**dict(zip(names, columns, strict=True)))


def _credit_note(row: Row) -> CreditNote:
    refund_due = None if row["refund_due"] is None else Decimal(row["refund_due"])
    day = row["document_day"] and date.fromisoformat(row["document_day"])
    about = {"number": row["credit_note_number"], "gross": Decimal(row["gross_amount"]), "refund_due": refund_due}
    about |= {"by_rate": net_and_gross(row["subtotals"]), "amounts": amounts_of(row)}
    return from_row(CreditNote, row, day=day, **about)


def _ledger_mail(job_id: str, recipient: str, cc: str | None, bcc: str | None, bounce: str | None) -> LedgerMail:
    return LedgerMail(job_id, tuple(map(mailbox, (recipient, *several(cc), *several(bcc)))), bounce)


def _sending(columns: tuple[Any, ...] | None) -> Sending | None:
    """The latest event about sending: its type, channel and job."""
    match columns:
        case None | ("mail_bounced", _, _):
            return None
        case (event_type, channel, job_id):
            # Other programs write into the log, too, and may name an event as we do.
            told = {"mailed": "email", "sent_by_hand": "by hand"}.get(event_type, "unknown")
            return Sending(channel or told, job_id or "")
        case _:
            raise AssertionError(columns)


def _document(row: Row | None) -> SevdeskDocument | None:
    if row is None:
        return None
    seen = datetime.fromisoformat(row["seen_update"]) if row["seen_update"] else None
    party = {"party_kind": PartyKind(row["party_kind"]), "party_id": UUID(row["party_id"])}
    return from_row(SevdeskDocument, row, **party, seen_update=seen)


def _candidates(
    invoice: Invoice, associations: tuple[Association, ...], document: SevdeskDocument | None
) -> tuple[list[UUID], list[UUID]]:
    """Ids of the companies and of the contacts that may be the recipient, or are that of the document in sevDesk."""
    ends = [(a.from_type, a.from_id) for a in associations] + [(a.to_type, a.to_id) for a in associations]
    ends += [(document.party_kind, document.party_id)] if document else []
    companies = [id_ for kind, id_ in ends if kind == "company"]
    contacts = [id_ for kind, id_ in ends if kind == "contact"]
    return companies, contacts + ([invoice.contact_id] if invoice.contact_id else [])
