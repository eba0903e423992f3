"""After a run the books are checked: sevDesk's, the billing system's and ours must tell the same story, once.

A finding begins with what it is: `duplicate` (an effect more often than asked), `loss` (less often), or `odd` (books
that contradict each other).
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from chaos.lane import Lane, Subject

from sevdesk_client.sandbox.account.records import Contact, CreditNote
from sevdesk_client.sandbox.account.records import Invoice as Copy
from worker.domain import lifecycle

EVENTS = {kind.__new__(kind).type: kind for kind in lifecycle.TABLE}
# What is said of a job or of a run, not of the invoice's life; and what a refused attempt may repeat.
PLACE = (
    "contact_linked", "address_written", "email_written", "drafted", "template_set", "finalized", "pdf_stored",
    "mailed", "marked_sent", "credit_note_drafted", "credit_saved", "credited", "partially_paid", "payment_synced",
    "credit_pdf_stored", "credit_mailed", "cancelled", "cancellation_pdf_stored", "cancellation_mailed",
)  # fmt: skip


def count_of(findings: Iterable[str], kind: str) -> int:
    """Findings of one kind: duplicate, loss, odd."""
    return sum(f"| {kind}: " in finding for finding in findings)


def counted(findings: Sequence[str]) -> str:
    """How many of each kind, for people."""
    duplicates, losses, odd = (count_of(findings, kind) for kind in ("duplicate", "loss", "odd"))
    return f"duplicates {duplicates}, losses {losses}, odd {odd}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """How the books of one invoice must look in the end."""

    mails: int = 0
    cancellation_mails: int = 0
    sync: str = "synced"
    document: str = "approved"
    claim: str = "open"
    status: int = 200  # sevDesk's
    exports: int = 0
    refunded: bool = False  # cancelled by a credit note over the whole, instead of a cancellation invoice
    credits: int = 0  # credit notes over parts, each of them mailed

    @property
    def cancelled(self) -> bool:
        """Whether a cancellation invoice, or a credit note over the whole, stands against it."""
        return self.sync == "cancelled"


async def examine(lane: Lane, subject: Subject, wanted: Wanted) -> list[str]:
    """Everything that is wrong; empty when all is well."""
    row = await lane.billing.row(subject.invoice)
    copies = copies_of(lane, subject)
    found = [
        *differences(counts(lane, subject, copies), wanted_counts(wanted)),
        *_hand_back(row, copies, wanted),
        *await _records(lane, subject, wanted),
        *drawn_numbers(lane),
    ]
    return [*found, *await _story(lane, subject, row)]


def copies_of(lane: Lane, subject: Subject) -> list[Copy]:
    """What sevDesk holds under the invoice's number, cancellations included."""
    account = lane.sevdesk.sandbox.account
    return account.with_note(subject.number)


def credit_notes_of(lane: Lane, copies: Sequence[Copy]) -> list[CreditNote]:
    """The credit notes that sevDesk holds against these documents."""
    return [note for copy in copies for note in lane.sevdesk.sandbox.account.credited(copy.id)]


def mails_about(lane: Lane, copies: Sequence[Copy | CreditNote]) -> int:
    """How many mails sevDesk sent for these documents."""
    ids = {str(copy.id) for copy in copies}
    return sum(mail["object"]["id"] in ids for mail in lane.sevdesk.sandbox.account.mails)


def exports_of(lane: Lane, subject: Subject) -> int:
    """How many exports of the subject's day sevDesk has started."""
    return sum(export.start == subject.day for export in lane.sevdesk.sandbox.account.exports.values())


def counts(lane: Lane, subject: Subject, copies: list[Copy]) -> dict[str, int]:
    """How often sevDesk has each of them."""
    account = lane.sevdesk.sandbox.account
    contacts: list[Contact] = account.contacts.with_key(f"R1-C-{subject.company}")
    originals = [copy for copy in copies if copy.type != "SR"]
    notes = credit_notes_of(lane, originals)
    whole = [note for note in notes if note.origin_id is not None]
    cancellations = [copy for copy in copies if copy.type == "SR"]
    return {
        "contact": len(contacts),
        "address": sum(len(account.addresses.with_key(contact.id)) for contact in contacts),
        "e-mail way": sum(len(account.communication_ways.with_key(contact.id)) for contact in contacts),
        "invoice": len(originals),
        "number": sum(copy.number is not None for copy in originals),
        "cancellation": len(cancellations),
        "credit note over the whole": len(whole),
        "credit note over a part": len(notes) - len(whole),
        "finished credit note": sum(note.status > 100 for note in notes),
        "mail about a part": mails_about(lane, [note for note in notes if note.origin_id is None]),
        "mail": mails_about(lane, originals),
        "cancellation mail": mails_about(lane, [*cancellations, *whole]),
        "export": exports_of(lane, subject) - subject.given_up,
    }


def wanted_counts(wanted: Wanted) -> dict[str, int]:
    """How often it should."""
    once = dict.fromkeys(("contact", "address", "e-mail way", "invoice", "number"), 1)
    mails = {"mail": wanted.mails, "cancellation mail": wanted.cancellation_mails, "mail about a part": wanted.credits}
    notes = {
        "credit note over the whole": int(wanted.refunded),
        "credit note over a part": wanted.credits,
        "finished credit note": int(wanted.refunded) + wanted.credits,
    }
    cancellation = int(wanted.cancelled and not wanted.refunded)
    return {**once, **mails, **notes, "cancellation": cancellation, "export": wanted.exports}


def differences(found: dict[str, int], wanted: dict[str, int]) -> Iterator[str]:
    """One finding for each count that differs."""
    for what, count in found.items():
        if count != wanted[what]:
            yield f"{'duplicate' if count > wanted[what] else 'loss'}: {what}: {count} instead of {wanted[what]}"


def _hand_back(row: Any, copies: list[Copy], wanted: Wanted) -> Iterator[str]:
    """The billing system has what sevDesk has."""
    original = next((copy for copy in copies if copy.type != "SR"), None)
    there = (str(original.id), original.number, original.status) if original else None
    pairs = {
        "sevDesk's invoice": (there, (row["external_id"], row["external_invoice_number"], wanted.status)),
        "accounting_sync_status": (row["accounting_sync_status"], wanted.sync),
        "document_status": (row["document_status"], wanted.document),
        "claim_status": (row["claim_status"], wanted.claim),
    }
    for what, (found, expected) in pairs.items():
        if found != expected:
            yield f"odd: {what} is {found}, not {expected}"


async def _records(lane: Lane, subject: Subject, wanted: Wanted) -> list[str]:
    """Our own tables: nothing left open, nothing kept twice."""
    db = lane.billing.db
    intents = await db.fetch(
        "SELECT action FROM sevdesk_intents WHERE closed_at IS NULL AND subject = ANY ($1)",
        [f"invoice:{subject.invoice}", f"contact:{subject.company}", "start_export"],
    )
    mails = await db.fetchval("SELECT count(*) FROM sevdesk_mails WHERE invoice_id = $1", subject.invoice)
    kinds = [
        kind for (kind,) in await db.fetch("SELECT kind FROM sevdesk_documents WHERE invoice_id = $1", subject.invoice)
    ]
    documents = ["invoice_pdf", *(["cancellation_pdf"] if wanted.cancelled else [])]
    documents += ["credit_note_pdf"] if wanted.credits else []
    asked = wanted.mails + wanted.cancellation_mails + wanted.credits
    found = [f"odd: the intent {intent['action']} is still open" for intent in intents]
    found += differences({"record of a mail": mails}, {"record of a mail": asked})
    found += [f"loss: no {kind} is stored" for kind in documents if kind not in kinds]
    return found


def drawn_numbers(lane: Lane) -> Iterator[str]:
    """No number of a sequence was drawn for nothing, and none twice."""
    account = lane.sevdesk.sandbox.account
    credited = [note.number for note in account.credit_notes.values() if note.status > 100]
    if len(set(credited)) != len(credited) or account.next_credit_note - 1000 != len(credited):
        yield f"odd: {account.next_credit_note - 1000} credit note numbers were drawn for {len(credited)}"
    numbers = [copy.number for copy in account.invoices.values() if copy.number is not None]
    drawn = account.next_number - 1000
    if len(set(numbers)) != len(numbers):
        yield "duplicate: two documents share a number"
    if drawn != len(numbers):
        yield f"odd: {drawn} numbers were drawn for {len(numbers)} documents"


async def _story(lane: Lane, subject: Subject, row: Any) -> list[str]:
    """The event log, read from its beginning, ends where the row stands; nothing is told twice or out of turn."""
    log = await lane.billing.db.fetch(
        "SELECT event_type, payload FROM billing_invoice_event_log WHERE invoice_id = $1 ORDER BY created_at, id",
        subject.invoice,
    )
    found, told = [], []
    state = {"sync": "not_synced", "document": "approved", "claim": "open"}
    for event in log:
        said = (event["event_type"], _without_times(json.loads(event["payload"])))
        if said in told:
            found.append(f"duplicate: event {event['event_type']}")
        told.append(said)
        moves = lifecycle.TABLE[EVENTS[event["event_type"]]]
        for column, rows in (("sync", moves.sync), ("document", moves.document), ("claim", moves.claim)):
            after = {str(old): str(new) for old, new in rows.items()}
            if after and state[column] not in after:
                found.append(f"odd: event {event['event_type']} while {column} is {state[column]}")
            state[column] = after.get(state[column], state[column])
    order = [PLACE.index(kind) for kind, _ in told if kind in PLACE]
    if order != sorted(order):
        found.append(f"odd: events out of order: {', '.join(kind for kind, _ in told)}")
    end = {"sync": row["accounting_sync_status"], "document": row["document_status"], "claim": row["claim_status"]}
    return found if state == end else [*found, f"odd: the log ends at {state}, the row at {end}"]


def _without_times(payload: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in payload.items() if name != "at"}
