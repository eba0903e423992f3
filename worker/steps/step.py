"""What a step is: two halves that never touch the database.

`look` reads (our row, sevDesk) and answers with `Told` (events; perhaps a reason to stop) or with an `Intent`, the one
write it wants to make. The runner stores the intent and calls `leap`, which makes exactly that one write call and
answers with `Told`. A `Told` that is not `finished` asks to be looked at again. So a crash leaves one of three
pictures (no intent; open intent; events recorded), and the next attempt has one way to go on from each.

An open intent is a write whose outcome nobody heard. The look that sees it (`Case.open_intent`) says its `fate`:

    what sevDesk shows               answer of the look                    the intent's row
    it happened                      Told(events)                          found_done
    it did not, and is still wanted  Intent(..., earlier=NOT_DONE)         found_not_done, and a new one is open
    it did not, and must not now     Told(stop=..., fate=NOT_DONE)         found_not_done
    repeating it changes nothing     Intent(..., earlier=MOOT)             moot, and a new one is open
    nothing that would tell          Told(stop=question, fate=UNKNOWN)     stays open until `retry --as` answers it

Finished steps are left out at the next attempt, unless they are `fresh` or the document has become another one.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field, is_dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel

from sevdesk_client.models import Invoice as SevInvoice
from worker.domain.events import (
    AddressWritten,
    CancellationPdfStored,
    Cancelled,
    ContactLinked,
    EmailWritten,
    Event,
    PdfStored,
    XmlStored,
)
from worker.domain.invoice import Cancellation, ContactLink, Handback, Invoice
from worker.domain.jobs import Payload
from worker.domain.outcome import Parked, Rejected
from worker.domain.recipients import Recipient, Unresolved
from worker.steps.account import Desk

# Shorter texts name nobody, and would be found inside of other words.
SHORTEST_PRIVATE = 3
DRAFT = 100  # sevDesk's status of an invoice without a number (official)
# Steps that write to the draft: what became of them, whoever finds sevDesk's copy can see.
DRAFT_WRITES = ("template", "finalize", "template_of_e_invoice")


class Fate(StrEnum):
    """What became of a write: of the open one, as a look finds, or of the one that was just made."""

    DONE = "done"
    NOT_DONE = "not done"  # of one just made: refused
    MOOT = "moot"  # it is made again, which changes nothing, or what it was about is gone: nobody has to know
    UNKNOWN = "unknown"  # cannot be told, so it stays open


@dataclass(frozen=True, slots=True)
class OpenIntent:
    """A write that may or may not have happened; its quarantine is over, so sevDesk can be asked."""

    id: int
    job_id: str
    step: str
    action: str
    summary: Mapping[str, Any]
    request_sha256: str
    at: datetime
    answer: str | None = None  # what a person found out: `done` or `not-done`


@dataclass(frozen=True, slots=True)
class Case:
    """Everything a step may know about one invoice. Made by the store, carried forward by the runner."""

    job_id: str
    payload: Payload
    invoice: Invoice
    handback: Handback
    recipient: Recipient | Unresolved
    link: ContactLink | None
    template_id: str | None
    contact_person_id: str | None
    sevdesk_type: str  # the invoiceType sevDesk shall use: RE, AR or ER
    mails: int  # how many mails are on record for the invoice
    pdf_sha256: str | None  # of the invoice PDF stored last
    has_xml: bool  # the e-invoice's XML is stored
    draft_sha256: str | None  # digest of the request that made the present draft, if we know it
    attempted: bool  # something was tried in sevDesk for this invoice before
    cancellation: Cancellation | None  # what stands against the invoice, as far as we know
    cancellation_pdf_sha256: str | None
    cancellation_mails: int
    open_intent: OpenIntent | None = None
    seen: SevInvoice | None = None  # sevDesk's latest answer about the invoice in this attempt

    @property
    def who(self) -> Recipient:
        """The recipient; only after the check step has refused the unresolved."""
        assert isinstance(self.recipient, Recipient)
        return self.recipient

    @property
    def private(self) -> set[str]:
        """Texts about people and for them, which must not come back in a message of sevDesk's."""
        given: list[str | None] = [self.invoice.head_text, self.invoice.foot_text]
        given += [text for item in self.invoice.items for text in (item.name, item.description)]
        given += [text for text in self.payload.model_dump().values() if isinstance(text, str)]
        if isinstance(self.recipient, Recipient):
            party = self.recipient.party
            given += [party.name, party.first_name, party.display_name, party.email, party.street, party.city]
            given += [party.vat_id, party.buyer_reference]
        return {text.strip() for text in given if text and len(text.strip()) >= SHORTEST_PRIVATE}

    def after(self, handback: Handback, told: "Told") -> "Case":
        """The case once `told` is recorded."""
        seen = told.seen if told.heard else self.seen
        opened = self.open_intent if told.fate is Fate.UNKNOWN else None
        case = replace(self, handback=handback, open_intent=opened, seen=seen)
        if handback.external_id != self.handback.external_id:  # another document, of which nothing was kept or mailed
            case = replace(case, pdf_sha256=None, has_xml=False, mails=0)
        for event in told.events:
            case = replace(case, **_learnt(case.link, event))
        return case


def _learnt(link: ContactLink | None, event: Event) -> dict[str, Any]:
    """What later steps may rely on once the event is recorded."""
    match event:
        case PdfStored(sha256=sha256):
            return {"pdf_sha256": sha256}
        case XmlStored():
            return {"has_xml": True}
        case CancellationPdfStored(sha256=sha256):
            return {"cancellation_pdf_sha256": sha256}
        case Cancelled(cancellation=cancellation):
            return {"cancellation": cancellation}
        case _:
            return {"link": _relinked(link, event)}


def _relinked(link: ContactLink | None, event: Event) -> ContactLink | None:
    match event:
        case ContactLinked(contact_id=contact_id, digest=written):
            kept = link if link is not None and link.contact_id == contact_id else ContactLink(contact_id)
            return replace(kept, contact_digest=written)
        case AddressWritten(address_id=address_id, digest=written) if link is not None:
            return replace(link, address_id=address_id, address_digest=written)
        case EmailWritten(email_id=email_id, digest=written) if link is not None:
            return replace(link, email_id=email_id, email_digest=written)
        case _:
            return link


@dataclass(frozen=True, slots=True)
class Told:
    """A step's answer. `stop` ends the job there; otherwise the next step follows once this one is `finished`."""

    events: tuple[Event, ...] = ()
    seen: SevInvoice | None = None
    heard: bool = False  # `seen` is sevDesk's present word, even when it is None (gone)
    stop: Parked | Rejected | None = None
    finished: bool = True
    fate: Fate = Fate.DONE  # of the open intent, or of the write just made


@dataclass(frozen=True, slots=True)
class Intent:
    """The one write a step is about to make. `request` stays in memory; the row keeps its digest and the summary."""

    action: str
    request: Any
    case: Case = field(repr=False)
    summary: Mapping[str, Any] = field(default_factory=dict)  # JSON values, no personal data
    earlier: Fate = Fate.NOT_DONE  # of the open intent that this one follows

    @property
    def request_sha256(self) -> str:
        """Digest of the request, to tell later whether the same would be asked again."""
        return digest(self.request)


def became(opened: OpenIntent | None, there: SevInvoice | None, *, cancelled: bool = False) -> Fate:
    """What sevDesk's copy of an invoice, or its absence, says of an open write on it."""
    match opened.action if opened else None:
        case "save_invoice":
            done = there is not None
        case "delete_draft":
            done = there is None
        case "send_by":
            done = there is not None and there.status != DRAFT
        case "cancel_invoice" if there is not None:
            done = cancelled
        case _:
            return Fate.MOOT
    return Fate.DONE if done else Fate.NOT_DONE


def digest(value: Any) -> str:
    """SHA-256 of any plain value, dataclass or model, independent of key order."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    elif is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


Answer = Told | Intent


async def no_leap(intent: Intent, desk: Desk) -> Told:
    """For steps that only read."""
    raise AssertionError(f"{intent.action} has no leap")


def by_invoice(case: Case) -> str:
    """The subject of most intents: the invoice, whose lock the job holds anyway."""
    return f"invoice:{case.invoice.id}"


def by_party(case: Case) -> str:
    """The subject of contact writes: several invoices may share a recipient."""
    return f"contact:{case.who.party.id}"


def never(case: Case) -> bool:
    """Only sevDesk can tell."""
    return False


@dataclass(frozen=True, slots=True)
class Step:
    """A verb. `settled` answers from our own rows alone that there is nothing to do, before any lock or call."""

    name: str
    look: Callable[[Case, Desk], Awaitable[Answer]]
    leap: Callable[[Intent, Desk], Awaitable[Told]] = no_leap
    subject: Callable[[Case], str] = by_invoice
    settled: Callable[[Case], bool] = never
    resolves: tuple[str, ...] = ()  # steps whose open intents this look sees the outcome of, too
    fresh: bool = False  # looked at in every attempt: what it wrote may have changed here since
    own: bool = False  # only those of its own job: another job's mail is not this one's

    def sees(self, opened: OpenIntent, job_id: str) -> bool:
        """Whether the look finds out what became of the open intent."""
        return opened.step in (self.name, *self.resolves) and (not self.own or opened.job_id == job_id)
