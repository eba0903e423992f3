"""What the demo's books must show, fact by fact, beside what they do show. Pure.

The expectations come from the month as it was written and from the story that was played, never from the worker's code.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from worker.demo.books import Books, Shown, Story
from worker.demo.cases import Ending

BERLIN = ZoneInfo("Europe/Berlin")
NONE = "none"
STATUSES = {"100": "draft", "200": "open", "750": "partly paid", "1000": "paid"}  # sevDesk's codes, official
CLAIM_THERE = {"open": "open", "partially_paid": "partly paid", "paid": "paid"}

PUBLISHED = ["drafted", "template_set", "finalized", "pdf_stored", "mailed"]
PAID = {Ending.FULL: ["paid"], Ending.PARTIAL: ["partially_paid"]}
# Who comes first among a customer's invoices writes the contact, so these are counted over all invoices. An event and
# the `payment_synced` beside it have one moment and so no order, hence it is counted, too.
UNORDERED = {"contact_linked", "address_written", "email_written", "payment_synced"}


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that was looked at."""

    what: str
    expected: str
    actual: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """All facts about one invoice, or about what belongs to no invoice."""

    name: str
    facts: tuple[Fact, ...]

    @property
    def wrong(self) -> tuple[Fact, ...]:
        """Where the actual is not the expected."""
        return tuple(fact for fact in self.facts if fact.expected != fact.actual)


def of_invoice(story: Story) -> Verdict:
    """Every fact about one invoice, side by side."""
    sides = (_billing(story), _jobs(story), _event_log(story), _sevdesk(story))
    return Verdict(story.plan.invoice_number, tuple(fact for side in sides for fact in side))


def refused(story: Story) -> bool:
    """Whether this is the invoice that must wait for a person."""
    return story.plan.ending is Ending.REFUSED


def claim(story: Story) -> str:
    """`claim_status` as it must be."""
    return "open" if story.taken_back else story.plan.claim_status


def money(amount: Any) -> str:
    """Two decimals; more only where there are more, so that nothing is rounded away."""
    exact = Decimal(str(amount))
    return f"{exact:.2f}" if exact == round(exact, 2) else str(exact)


def _paid(story: Story) -> str:
    return money(0 if story.taken_back else story.plan.amount)


def _billing(story: Story) -> list[Fact]:
    now, waits = story.now, refused(story)
    paid_on = story.plan.paid_on if claim(story) == "paid" else None
    paid_at = None if now["paid_at"] is None else now["paid_at"].astimezone(BERLIN).date()
    return [
        Fact("billing: sync status", "parked" if waits else "synced", now["accounting_sync_status"]),
        Fact("billing: document status", "approved" if waits else "sent", now["document_status"]),
        Fact("billing: claim status", claim(story), now["claim_status"]),
        Fact("billing: gross", money(story.before["gross_amount"]), money(now["gross_amount"])),
        Fact("billing: paid", _paid(story), money(now["paid_amount"])),
        Fact("billing: paid on", str(paid_on or NONE), str(paid_at or NONE)),
        Fact("billing: provider", "sevdesk", now["accounting_provider"] or NONE),
        Fact("billing: sevDesk id", _there(story, "id"), now["external_id"] or NONE),
        Fact("billing: sevDesk number", _there(story, "invoiceNumber"), now["external_invoice_number"] or NONE),
        Fact("billing: mails noted", "0" if waits else "1", str(now["mails_noted"])),
        Fact("billing: PDFs", NONE if waits else _digest_told(story), _joined(_digest(pdf) for pdf in story.pdfs)),
    ]


def _digest_told(story: Story) -> str:
    """The SHA-256 that the event log promises."""
    return _joined(each["payload"]["sha256"] for each in story.events if each["event_type"] == "pdf_stored")


def _digest(pdf: Shown) -> str:
    content: bytes = pdf["content"]
    return hashlib.sha256(content).hexdigest() if content.startswith(b"%PDF") else "not a PDF"


def _jobs(story: Story) -> list[Fact]:
    state = "parked" if refused(story) else "done"
    facts = [
        Fact(f"job {job['kind']}", state, job["state"] if job["state"] == state else f"{job['state']}: {job['error']}")
        for job in story.jobs
    ]
    facts.append(Fact("jobs", "publish_invoice, send_invoice", _joined((j["kind"] for j in story.jobs), ", ")))
    if refused(story) and story.jobs:
        error = str(story.jobs[0]["error"])
        facts.append(Fact("parked because", "Tax rule 11", "Tax rule 11" if "Tax rule 11" in error else error))
    return facts


def _event_log(story: Story) -> list[Fact]:
    if refused(story):
        events = ["drafted", "template_set", "parked", "parked"]
    else:
        events = PUBLISHED + PAID.get(story.plan.ending, []) + (["payment_reversed"] if story.taken_back else [])
    payments = 0 if refused(story) else len(events) - len(PUBLISHED)
    types = [each["event_type"] for each in story.events]
    return [
        Fact("event log", _joined(events, ", "), _joined((each for each in types if each not in UNORDERED), ", ")),
        Fact("event log: payment_synced", str(payments), str(types.count("payment_synced"))),
    ]


def _sevdesk(story: Story) -> list[Fact]:
    before, waits = story.before, refused(story)
    found = Fact("sevDesk: invoices", "1", str(len(story.there)))
    if not story.there:
        return [found]
    sums = [
        Fact(f"sevDesk: {ours}", money(before[f"{ours}_amount"]), _there(story, f"sum{ours.title()}", money))
        for ours in ("net", "tax", "gross")
    ]
    return [
        found,
        Fact("sevDesk: status", "draft" if waits else CLAIM_THERE[claim(story)], _there(story, "status", STATUSES.get)),
        *sums,
        Fact("sevDesk: paid", _paid(story), _there(story, "paidAmount", money)),
        Fact("sevDesk: date", str(before["issue_date"]), _there(story, "invoiceDate", lambda day: day[:10])),
        Fact("sevDesk: layout", story.layout, _joined(each["layout"]["template"] for each in story.there)),
        Fact("sevDesk: mails", NONE if waits else story.plan.mail_to, _joined(mail["to"] for mail in story.mails)),
    ]


def _there(story: Story, key: str, shown: Any = str) -> str:
    """One key of every document in sevDesk; more than one document shows here."""
    return _joined(NONE if each[key] is None else str(shown(each[key])) for each in story.there)


def _joined(values: Any, sign: str = " and ") -> str:
    return sign.join(values) or NONE


def of_the_rest(books: Books) -> Verdict:
    """What belongs to no single invoice: contacts, and everything that should not be there."""
    published = [story for story in books.stories if not refused(story)]
    numbers = {each["invoiceNumber"] for story in published for each in story.there}
    customers = _customers(books)
    # Ours only: the worker's clock starts one of its own every ten minutes, which may still run.
    syncs = [job["state"] for job in books.jobs if job["kind"] == "sync_payments" and job["requested_by"]]
    facts = [
        Fact("sevDesk: different invoice numbers", str(len(published)), str(len(numbers - {None}))),
        Fact("sevDesk: other documents", NONE, _joined(f"{d['objectName']} {d['id']}" for d in books.stray_documents)),
        Fact("sevDesk: other mails", NONE, _joined(f"mail {each['id']}" for each in books.stray_mails)),
        Fact(
            "writes of unknown outcome", NONE, _joined(f"{i['action']} of {i['subject']}" for i in books.open_intents)
        ),
        Fact("left in Redis", NONE, _joined(books.left_in_redis)),
        Fact("payment syncs", "done and done", _joined(syncs)),
        *_contacts(books, customers),
    ]
    return Verdict("the account", tuple(facts))


def _customers(books: Books) -> dict[str, str]:
    """Customer numbers, as sevDesk must know them, by our ids: everybody but our own people."""
    persons = [row["id"] for row in books.month.contacts if not row["is_internal"]]
    companies = [row["id"] for row in books.month.companies]
    return {str(id_): f"R1-P-{id_}" for id_ in persons} | {str(id_): f"R1-C-{id_}" for id_ in companies}


def _contacts(books: Books, customers: dict[str, str]) -> list[Fact]:
    there = Counter(str(contact["customerNumber"]) for contact in books.contacts)
    facts = [
        Fact("sevDesk: contacts", _joined(sorted(customers.values()), ", "), _joined(sorted(there.elements()), ", "))
    ]
    for event in ("contact_linked", "address_written", "email_written"):
        told = [each["payload"]["party_id"] for each in books.events if each["event_type"] == event]
        facts.append(Fact(f"event log: {event}", _joined(sorted(customers), ", "), _joined(sorted(told), ", ")))
    return facts
