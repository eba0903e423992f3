"""What a step is: two halves that write nothing to the database, and read it for numbers of credit notes only.

`look` reads (our row, sevDesk) and answers with a `StepResult` (events; perhaps a reason to stop) or with an `Intent`,
the one write it wants to make. The runner stores the intent and calls `leap`, which makes exactly that one write call
and answers with a `StepResult`. After a result that is not `finished`, `look` is called again. So a crash leaves one of
three states (no intent; open intent; events recorded), and the next attempt has one way to go on from each.

An open intent is a write whose outcome is not known. A look that gets one (`StepContext.open_intent`) finds out:

    the write                        answer of the look                         the intent's row
    happened                         StepResult(events)                         found_done
    did not, and is still wanted     Intent(..., earlier_outcome=NOT_DONE)      found_not_done, and a new one is open
    did not, and is not wanted now   StepResult(stop=..., outcome=NOT_DONE)     found_not_done
    can be repeated without harm     Intent(..., earlier_outcome=MOOT)          moot, and a new one is open
    cannot be judged from sevDesk    StepResult(stop=question, outcome=UNKNOWN) open until `retry --as` answers it

The next attempt skips finished steps, except those marked `every_attempt`; it skips none if the invoice's document in
sevDesk is another one by then.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, is_dataclass, replace
from datetime import date, datetime
from enum import Enum, StrEnum
from typing import Any, TypeVar

from pydantic import BaseModel

from sevdesk_client.models import Invoice as SevInvoice
from worker.domain import events
from worker.domain.advances import DealInvoice
from worker.domain.check_levels import Level
from worker.domain.credit import notes_after
from worker.domain.emails import several
from worker.domain.events import Event
from worker.domain.invoice import (
    Cancellation,
    ContactLink,
    CreditNote,
    FinalInvoiceForm,
    Handback,
    Invoice,
    Party,
    SevdeskDocument,
    SyncStatus,
)
from worker.domain.outcome import NotYet, Parked, Rejected
from worker.domain.payloads import CreditInvoice, Payload, SendInvoice
from worker.domain.recipients import NoRecipient, Recipient
from worker.steps.payments import DRAFT
from worker.steps.sevdesk_account import SevdeskAccount

P = TypeVar("P", bound=Payload)

# Shorter texts identify nobody, and removing them would also cut into other words.
MIN_PRIVATE_LENGTH = 3
# Steps that write to the draft. Any step that reads sevDesk's copy of the invoice can tell whether they did.
DRAFT_WRITES = ("template", "finalize", "template_of_e_invoice")


class WriteOutcome(StrEnum):
    """Whether a write happened: the one of the open intent, after a look; the one just sent, after a leap."""

    DONE = "done"
    NOT_DONE = "not done"  # after a leap: refused
    MOOT = "moot"  # need not be known: the write can be repeated without harm, or its object no longer exists
    UNKNOWN = "unknown"  # the intent stays open


@dataclass(frozen=True, slots=True)
class OpenIntent:
    """A write that may or may not have happened. Its quarantine is over, so sevDesk's answer is reliable."""

    id: int
    job_id: str
    step: str
    action: str
    summary: Mapping[str, Any]
    request_sha256: str
    at: datetime
    addresses: Mapping[str, Any] | None = field(default=None, repr=False)  # to whom a mail went; personal data
    answer: str | None = None  # what a person found out: `done` or `not-done`; None: nobody has answered yet


@dataclass(frozen=True, slots=True)
class Sending:
    """The latest sending of the present document, if that is a mail: one that has not come back."""

    channel: str  # `email`, `post`, `portal`, `by hand` in sevDesk
    job_id: str  # that sent or noticed it


@dataclass(frozen=True, slots=True)
class LedgerMail:
    """A row of `sevdesk_mails` about the present document."""

    job_id: str
    addresses: tuple[str, ...] = field(repr=False)  # as `emails.mailbox` has them, the recipient's first
    bounce_job_id: str | None  # that reported its bounce


@dataclass(frozen=True, slots=True)
class Ahead:
    """Earlier invoices that jobs are publishing and that have no number yet: the nearest one, and how many."""

    nearest: str
    invoices: int


@dataclass(frozen=True)  # without slots, so that `but` may copy it as a whole
class StepContext:
    """Everything a step may know about one invoice. The runner loads it and updates it after each step."""

    job_id: str
    payload: Payload
    invoice: Invoice
    handback: Handback
    recipient: Recipient | NoRecipient  # of a finalized document: to whom that is addressed
    recipient_now: Recipient | NoRecipient  # whom the billing system names at present
    document: SevdeskDocument | None
    confirmed: tuple[str, ...]  # codes of problems that a person told the job to disregard
    levels: Mapping[str, Level]  # what each check does, see `check_levels`
    began: datetime  # the attempt, by Postgres' clock
    today: date  # in Berlin, by Postgres' clock
    issue_date_max_age: int  # days
    final_invoice_form: FinalInvoiceForm
    deal_invoices: tuple[DealInvoice, ...]  # of the deal, without it; for publishing it, or taking back an advance
    duty_since: date | None  # the day since which the invoice has to be an e-invoice; None: it need not be one
    by_duty: bool  # it is an e-invoice only because of that (E_INVOICE_MODE auto)
    changes_told: frozenset[str]  # `ChangedAfterPublication.columns` of the document's events
    warned: frozenset[str]  # codes of the checks that have warned about the invoice before
    link: ContactLink | None
    left_to_other: bool  # another program publishes the invoice (publish_only)
    template_id: str | None
    contact_person_id: str | None
    document_header: str  # template with {kind} and {number}
    sevdesk_type: str  # the invoiceType sevDesk shall use: RE, AR or ER
    mail_ledger: tuple[LedgerMail, ...]  # oldest first
    sent: Sending | None
    pdf_sha256: str | None  # of the invoice PDF stored last
    xml_sha256: str | None  # of the e-invoice's XML stored last
    e_invoice_verdict: str | None  # of the document as an e-invoice, the last one that lets it be mailed
    draft_sha256: str | None  # digest of the request that made the present draft; None: unknown
    attempted: bool  # a write to sevDesk was attempted for this invoice, or a restored database has forgotten whether
    cancellation: Cancellation | None  # the recorded document that cancels the invoice
    cancellation_pdf_sha256: str | None
    cancellation_mails: int
    # Of a number from sevDesk's sequence: True if a credit note of ours has it, False if one is getting it, else None.
    credit_number_use: Callable[[str], Awaitable[bool | None]]
    credit_notes: tuple[CreditNote, ...] = ()  # over parts of the invoice, the oldest first
    ahead: Ahead | None = None  # with PUBLISH_IN_ORDER, for its publication only
    gone_after: float = 0.0  # seconds between the two looks that must find nothing
    missing_for: float | None = None  # seconds since a first look found nothing; None: there was none
    gone_before: bool = True  # an earlier attempt missed something in sevDesk, so that this one may conclude from it
    publication_parked: str | None = None  # a job that was to publish it
    restored: bool = False  # the database was restored since the job was asked for, or in the month before
    sendings_until: datetime | None = None  # the latest time at which a sending or bounce of ours was recorded
    open_intent: OpenIntent | None = None
    pdf: bytes | None = None  # what this attempt has stored as the invoice's PDF
    xml: bytes | None = None  # and as its XML
    remote: SevInvoice | None = None  # sevDesk's latest answer about the invoice in this attempt

    @property
    def addressee(self) -> Recipient:
        """The recipient; only for steps after `check`, which stops the job if there is none."""
        assert isinstance(self.recipient, Recipient)
        return self.recipient

    @property
    def party(self) -> Party:
        """The company or person that receives the invoice; only for steps after `check`."""
        return self.addressee.party

    @property
    def contact(self) -> ContactLink:
        """The recipient's contact in sevDesk; only for steps after `contact`."""
        assert self.link is not None
        return self.link

    @property
    def external_id(self) -> str:
        """sevDesk's id of the invoice; only for steps after `publish`."""
        assert self.handback.external_id is not None
        return self.handback.external_id

    @property
    def made_as_e_invoice(self) -> bool:
        """Whether sevDesk's document is an e-invoice, or will be one."""
        made_as = self.document.content.get("is_e_invoice") if self.document else None
        return self.invoice.is_e_invoice if made_as is None else bool(made_as)

    @property
    def credit_note(self) -> CreditNote | None:
        """The credit note of this job, if it has saved one before."""
        return next((note for note in self.credit_notes if note.job_id == self.job_id), None)

    def asked(self, kind: type[P]) -> P:
        """The payload, of a job of this kind."""
        assert isinstance(self.payload, kind)
        return self.payload

    def but(self, **changed: Any) -> "StepContext":
        """A copy with other fields, as of `dataclasses.replace`, which takes twenty times as long for so many."""
        assert changed.keys() <= self.__dict__.keys()
        copied = object.__new__(StepContext)
        copied.__dict__.update(self.__dict__ | changed)
        return copied

    def level(self, code: str) -> Level:
        """What a check does for this job: what a person told the job to disregard is only an event."""
        level = self.levels[code]
        return Level.WARN if level is Level.PARK and code in self.confirmed else level

    @property
    def private_texts(self) -> set[str]:
        """Names, addresses and free texts: what is removed from sevDesk's error messages before they are stored."""
        texts: list[str | None] = [self.invoice.head_text, self.invoice.foot_text]
        texts += [text for item in self.invoice.items for text in (item.name, item.description)]
        asked = self.payload.model_dump().values()
        texts += [text for text in asked if isinstance(text, str) and not isinstance(text, Enum)]
        if isinstance(self.payload, SendInvoice):
            texts += [*several(self.payload.to), *several(self.payload.cc), *several(self.payload.bcc)]
        if isinstance(self.payload, CreditInvoice):
            texts += [position.name for position in self.payload.positions]
        if isinstance(self.recipient, Recipient):
            party = self.recipient.party
            texts += [party.name, party.first_name, party.display_name, party.email, party.street, party.city]
            texts += [party.vat_id, party.buyer_reference]
        return {text.strip() for text in texts if text and len(text.strip()) >= MIN_PRIVATE_LENGTH}

    def after(self, handback: Handback, result: "StepResult") -> "StepContext":
        """The context as it is once `result` is recorded; `handback` holds the columns after its events."""
        remote = self.remote if isinstance(result.remote, Remote) else result.remote
        opened = self.open_intent if result.outcome is WriteOutcome.UNKNOWN else None
        context = self.but(handback=handback, open_intent=opened, remote=remote)
        if handback.external_id != self.handback.external_id:  # a new document: nothing of it is stored or mailed yet
            lost: dict[str, Any] = {"pdf": None, "xml": None, "pdf_sha256": None, "xml_sha256": None}
            context = context.but(mail_ledger=(), sent=None, e_invoice_verdict=None, **lost)
        for event in result.events:
            context = context.but(**_fields_set_by(event, context))
        return context


def _fields_set_by(event: Event, context: StepContext) -> dict[str, Any]:
    """The fields of `StepContext` that change when the event is recorded."""
    link = context.link
    match event:
        case events.Drafted(external_id=external_id, recipient_kind=kind, recipient_id=party_id):
            return {"document": SevdeskDocument(external_id, kind, party_id, event.content, event.seen_update)}
        case events.Finalized(seen_update=seen) if context.document is not None:
            return {"document": replace(context.document, seen_update=seen)}
        case events.LegalWarning(problem=code):
            return {"warned": context.warned | {code}}
        case events.LegalWarningSettled(problem=code):
            return {"warned": context.warned - {code}}
        case events.ChangedAfterPublication(columns=columns):
            return {"changes_told": context.changes_told | {columns}}
        case events.Mailed():
            return {"sent": Sending("email", context.job_id)}
        case events.MarkedSent(channel=channel):
            return {"sent": Sending(channel, context.job_id)}
        case events.MailBounced(mail_job_id=id):
            ledger = (m if m.job_id != id else replace(m, bounce_job_id=context.job_id) for m in context.mail_ledger)
            return {"sent": None, "mail_ledger": tuple(ledger)}
        case events.PdfStored(sha256=sha256, content=content):
            return {"pdf_sha256": sha256, "pdf": content if context.made_as_e_invoice else None}
        case events.XmlStored(sha256=sha256, content=content):
            return {"xml_sha256": sha256, "xml": content}
        case events.EInvoiceChecked(document="invoice", verdict=verdict):
            return {"e_invoice_verdict": verdict if verdict in ("valid", "let_pass", "compared") else None}
        case events.CancellationPdfStored(sha256=sha256):
            return {"cancellation_pdf_sha256": sha256}
        case events.Cancelled(cancellation=cancellation) | events.CreditNoteDrafted(cancellation=cancellation):
            return {"cancellation": cancellation}
        case events.ContactLinked(contact_id=contact_id, digest=written):
            same = link if link is not None and link.contact_id == contact_id else ContactLink(contact_id)
            return {"link": replace(same, contact_digest=written)}
        case events.AddressWritten(digest=written) if link is not None:
            return {"link": replace(link, address_digest=written)}
        case events.EmailWritten(email_id=email_id, digest=written) if link is not None:
            return {"link": replace(link, email_id=email_id, email_digest=written)}
        case _:
            return {"credit_notes": notes_after(context.credit_notes, context.job_id, event)}


class Remote(Enum):
    """`StepResult.remote` when the step has no newer copy of sevDesk's invoice."""

    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a look or leap found or did. `stop` ends the job; if not `finished`, the step's look is called again."""

    events: tuple[Event, ...] = ()
    remote: SevInvoice | Remote | None = Remote.UNCHANGED  # None: deleted in sevDesk
    stop: Parked | Rejected | NotYet | None = None
    finished: bool = True
    outcome: WriteOutcome = WriteOutcome.DONE  # of the open intent (look) or of the write just sent (leap)


@dataclass(frozen=True, slots=True)
class Intent:
    """The one write a step is about to make. `request` stays in memory; the row keeps its digest and the summary."""

    action: str
    request: Any
    context: StepContext = field(repr=False)
    summary: Mapping[str, Any] = field(default_factory=dict)  # JSON values, no personal data
    earlier_outcome: WriteOutcome = WriteOutcome.NOT_DONE  # of the open intent that this one replaces
    addresses: Mapping[str, Any] | None = field(default=None, repr=False)  # of a mail; in the row while it is open

    @property
    def request_sha256(self) -> str:
        """Digest of the request, to find out later whether the same request would be sent again."""
        return digest(self.request)


def write_outcome(opened: OpenIntent | None, remote: SevInvoice | None, *, cancelled: bool = False) -> WriteOutcome:
    """Whether an open write to the invoice happened, judged by sevDesk's copy (None: there is none).

    `cancelled`: a cancellation or credit note exists. MOOT for writes that can be repeated without harm.
    """
    match opened.action if opened else None:
        case "save_invoice":
            done = remote is not None
        case "delete_draft":
            done = remote is None
        case "send_by":
            done = remote is not None and remote.status != DRAFT
        case "cancel_invoice" | "create_credit_note" if remote is not None:
            done = cancelled
        case _:
            return WriteOutcome.MOOT
    return WriteOutcome.DONE if done else WriteOutcome.NOT_DONE


def digest(value: Any) -> str:
    """SHA-256 of any plain value, dataclass or model, independent of key order."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    default = json_value if is_dataclass(value) else str
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=default).encode()).hexdigest()


def json_value(value: Any) -> Any:
    """For `json.dumps`: a dataclass with its fields, and anything else as text."""
    if is_dataclass(value):
        return {name: getattr(value, name) for name in value.__dataclass_fields__}
    return str(value)


LookResult = StepResult | Intent


async def no_leap(intent: Intent, account: SevdeskAccount) -> StepResult:
    """The leap of steps that only read. Raises AssertionError."""
    raise AssertionError(f"{intent.action} has no leap")


def invoice_subject(context: StepContext) -> str:
    """The subject of most intents: the invoice, whose lock the job holds anyway."""
    return f"invoice:{context.invoice.id}"


def party_subject(context: StepContext) -> str:
    """The subject of contact writes: several invoices may share a recipient."""
    return f"contact:{context.party.id}"


def never_done(context: StepContext) -> bool:
    """`already_done` of steps that must always look."""
    return False


def is_synced(context: StepContext) -> bool:
    """`already_done` of steps that prepare or finalize the document: sevDesk has finalized it, and we know."""
    return context.handback.sync_status is SyncStatus.SYNCED


@dataclass(frozen=True, slots=True)
class Step:
    """A verb. `already_done` tells from our own rows that nothing is to be done, before any lock or call."""

    name: str
    look: Callable[[StepContext, SevdeskAccount], Awaitable[LookResult]]
    leap: Callable[[Intent, SevdeskAccount], Awaitable[StepResult]] = no_leap
    subject: Callable[[StepContext], str] = invoice_subject
    already_done: Callable[[StepContext], bool] = never_done
    also_resolves: tuple[str, ...] = ()  # other steps whose open intents this look can judge
    every_attempt: bool = False  # never skipped as finished, because the billing data may have changed since
    own_job_only: bool = False  # judges open intents of its own job only: another job's mail is a different mail

    def can_resolve(self, opened: OpenIntent, job_id: str) -> bool:
        """Whether the look finds out what became of the open intent."""
        return opened.step in (self.name, *self.also_resolves) and (not self.own_job_only or opened.job_id == job_id)
