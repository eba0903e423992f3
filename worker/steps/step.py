"""What a step is: two halves that never touch the database.

`look` reads (our row, sevDesk) and answers with a `StepResult` (events; perhaps a reason to stop) or with an `Intent`,
the one write it wants to make. The runner stores the intent and calls `leap`, which makes exactly that one write call
and answers with a `StepResult`. After a result that is not `finished`, `look` is called again. So a crash leaves one of
three states (no intent; open intent; events recorded), and the next attempt has one way to go on from each.

An open intent is a write whose outcome is not known. The look that finds out (`StepContext.open_intent`) says it:

    what sevDesk shows               answer of the look                         the intent's row
    it happened                      StepResult(events)                         found_done
    it did not, and is still wanted  Intent(..., earlier_outcome=NOT_DONE)      found_not_done, and a new one is open
    it did not, and must not now     StepResult(stop=..., outcome=NOT_DONE)     found_not_done
    repeating it changes nothing     Intent(..., earlier_outcome=MOOT)          moot, and a new one is open
    nothing that would tell          StepResult(stop=question, outcome=UNKNOWN) open until `retry --as` answers it

Finished steps are left out at the next attempt, unless they are `every_attempt` or the document has become another one.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field, is_dataclass, replace
from datetime import datetime
from enum import Enum, StrEnum
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
from worker.domain.recipients import NoRecipient, Recipient
from worker.steps.account import SevdeskAccount
from worker.steps.payments import DRAFT

# Shorter texts name nobody, and would be found inside of other words.
SHORTEST_PRIVATE = 3
# Steps that write to the draft: what became of them, whoever finds sevDesk's copy can see.
DRAFT_WRITES = ("template", "finalize", "template_of_e_invoice")


class WriteOutcome(StrEnum):
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
class StepContext:
    """Everything a step may know about one invoice. Made by the store, carried forward by the runner."""

    job_id: str
    payload: Payload
    invoice: Invoice
    handback: Handback
    recipient: Recipient | NoRecipient
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
    remote: SevInvoice | None = None  # sevDesk's latest answer about the invoice in this attempt

    @property
    def addressee(self) -> Recipient:
        """The recipient; only after the check step has refused the unresolved."""
        assert isinstance(self.recipient, Recipient)
        return self.recipient

    @property
    def private_texts(self) -> set[str]:
        """Texts about people and for them, which must not come back in a message of sevDesk's."""
        given: list[str | None] = [self.invoice.head_text, self.invoice.foot_text]
        given += [text for item in self.invoice.items for text in (item.name, item.description)]
        given += [text for text in self.payload.model_dump().values() if isinstance(text, str)]
        if isinstance(self.recipient, Recipient):
            party = self.recipient.party
            given += [party.name, party.first_name, party.display_name, party.email, party.street, party.city]
            given += [party.vat_id, party.buyer_reference]
        return {text.strip() for text in given if text and len(text.strip()) >= SHORTEST_PRIVATE}

    def after(self, handback: Handback, result: "StepResult") -> "StepContext":
        """The case once `result` is recorded."""
        remote = self.remote if isinstance(result.remote, Remote) else result.remote
        opened = self.open_intent if result.outcome is WriteOutcome.UNKNOWN else None
        context = replace(self, handback=handback, open_intent=opened, remote=remote)
        if handback.external_id != self.handback.external_id:  # another document, of which nothing was kept or mailed
            context = replace(context, pdf_sha256=None, has_xml=False, mails=0)
        for event in result.events:
            context = replace(context, **_learnt(context.link, event))
        return context


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


class Remote(Enum):
    """Stands for sevDesk's copy of the invoice where a step has learnt nothing new about it."""

    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class StepResult:
    """A step's answer. `stop` ends the job there; otherwise the next step follows once this one is `finished`."""

    events: tuple[Event, ...] = ()
    remote: SevInvoice | Remote | None = Remote.UNCHANGED  # None: deleted in sevDesk
    stop: Parked | Rejected | None = None
    finished: bool = True
    outcome: WriteOutcome = WriteOutcome.DONE  # of the open intent, or of the write just made


@dataclass(frozen=True, slots=True)
class Intent:
    """The one write a step is about to make. `request` stays in memory; the row keeps its digest and the summary."""

    action: str
    request: Any
    context: StepContext = field(repr=False)
    summary: Mapping[str, Any] = field(default_factory=dict)  # JSON values, no personal data
    earlier_outcome: WriteOutcome = WriteOutcome.NOT_DONE  # of the open intent that this one follows

    @property
    def request_sha256(self) -> str:
        """Digest of the request, to tell later whether the same would be asked again."""
        return digest(self.request)


def write_outcome(opened: OpenIntent | None, remote: SevInvoice | None, *, cancelled: bool = False) -> WriteOutcome:
    """What sevDesk's copy of an invoice, or its absence, says of an open write on it."""
    match opened.action if opened else None:
        case "save_invoice":
            done = remote is not None
        case "delete_draft":
            done = remote is None
        case "send_by":
            done = remote is not None and remote.status != DRAFT
        case "cancel_invoice" if remote is not None:
            done = cancelled
        case _:
            return WriteOutcome.MOOT
    return WriteOutcome.DONE if done else WriteOutcome.NOT_DONE


def digest(value: Any) -> str:
    """SHA-256 of any plain value, dataclass or model, independent of key order."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    elif is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


LookResult = StepResult | Intent


async def no_leap(intent: Intent, account: SevdeskAccount) -> StepResult:
    """For steps that only read."""
    raise AssertionError(f"{intent.action} has no leap")


def invoice_subject(context: StepContext) -> str:
    """The subject of most intents: the invoice, whose lock the job holds anyway."""
    return f"invoice:{context.invoice.id}"


def party_subject(context: StepContext) -> str:
    """The subject of contact writes: several invoices may share a recipient."""
    return f"contact:{context.addressee.party.id}"


def never_done(context: StepContext) -> bool:
    """Only sevDesk can tell."""
    return False


@dataclass(frozen=True, slots=True)
class Step:
    """A verb. `already_done` answers from our own rows alone that there is nothing to do, before any lock or call."""

    name: str
    look: Callable[[StepContext, SevdeskAccount], Awaitable[LookResult]]
    leap: Callable[[Intent, SevdeskAccount], Awaitable[StepResult]] = no_leap
    subject: Callable[[StepContext], str] = invoice_subject
    already_done: Callable[[StepContext], bool] = never_done
    also_resolves: tuple[str, ...] = ()  # steps whose open intents this look sees the outcome of, too
    every_attempt: bool = False  # looked at in every attempt: what it wrote may have changed here since
    own_job_only: bool = False  # only those of its own job: another job's mail is not this one's

    def can_resolve(self, opened: OpenIntent, job_id: str) -> bool:
        """Whether the look finds out what became of the open intent."""
        return opened.step in (self.name, *self.also_resolves) and (not self.own_job_only or opened.job_id == job_id)
