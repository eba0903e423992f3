"""What the three sides of the demo show at its end: the billing system's rows, the event log, and sevDesk itself."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from worker.demo.billing import Billing
from worker.demo.month import Month, Payment, Row
from worker.demo.sevdesk import SevDesk

Shown = Mapping[str, Any]

INVOICES = """
SELECT i.*, (SELECT count(*) FROM sevdesk_mails m WHERE m.invoice_id = i.id) AS mails_noted
FROM billing_invoices i
"""
JOBS = "SELECT invoice_id, requested_by, kind, state, error, next_step FROM sevdesk_jobs ORDER BY seq"
EVENTS = "SELECT invoice_id, event_type, payload FROM billing_invoice_event_log ORDER BY created_at, id"
DOCUMENTS = "SELECT invoice_id, sha256, content FROM sevdesk_documents WHERE kind = 'invoice_pdf' ORDER BY id"
OPEN_INTENTS = "SELECT subject, action FROM sevdesk_intents WHERE closed_at IS NULL ORDER BY id"


@dataclass(frozen=True, slots=True)
class Story:
    """Everything there is about one invoice."""

    before: Row  # as the billing system wrote it
    plan: Payment
    taken_back: bool  # its payment was unlinked again
    layout: str
    now: Shown
    jobs: list[Shown]
    events: list[Shown]
    pdfs: list[Shown]
    there: list[Shown]  # every document in sevDesk that carries its marker
    mails: list[Shown]


@dataclass(frozen=True, slots=True)
class Books:
    """All stories, and what belongs to none of them."""

    month: Month
    stories: list[Story]
    events: Sequence[Shown]
    jobs: Sequence[Shown]
    open_intents: Sequence[Shown]
    left_in_redis: list[str]
    contacts: list[Shown]  # new in sevDesk since the demo began, as are:
    stray_documents: list[Shown]
    stray_mails: list[Shown]

    @property
    def pdfs(self) -> dict[str, bytes]:
        """Every stored PDF by its invoice's sevDesk number."""
        return {str(s.now["external_invoice_number"]): pdf["content"] for s in self.stories for pdf in s.pdfs}


PARTS = ("invoices", "credit_notes", "contacts", "mails")


def ids_of(state: Shown) -> set[str]:
    """The ids of all that a sandbox holds."""
    return {str(each["id"]) for part in PARTS for each in state[part]}


def read(month: Month, taken_back: UUID, billing: Billing, sevdesk: SevDesk, known: set[str]) -> Books:
    """Ask every side; `known` are the ids that the sandbox held before."""
    state = sevdesk.state()
    new = {part: [each for each in state[part] if str(each["id"]) not in known] for part in PARTS}
    jobs, events = billing.read(JOBS), billing.read(EVENTS)
    stories = _stories(month, taken_back, billing, {"jobs": jobs, "events": events}, new)
    told = {each["id"] for story in stories for each in (*story.there, *story.mails)}
    return Books(
        month=month,
        stories=stories,
        events=events,
        jobs=jobs,
        open_intents=billing.read(OPEN_INTENTS),
        left_in_redis=billing.left_in_redis(),
        contacts=new["contacts"],
        stray_documents=[each for each in (*new["invoices"], *new["credit_notes"]) if each["id"] not in told],
        stray_mails=[each for each in new["mails"] if each["id"] not in told],
    )


def _stories(
    month: Month,
    taken_back: UUID,
    billing: Billing,
    rows: Mapping[str, Sequence[Shown]],
    new: Mapping[str, Sequence[Shown]],
) -> list[Story]:
    now = {row["id"]: row for row in billing.read(INVOICES)}
    jobs, events = (_grouped(rows[name], lambda row: row["invoice_id"]) for name in ("jobs", "events"))
    pdfs = _grouped(billing.read(DOCUMENTS), lambda row: row["invoice_id"])
    marked = _grouped(new["invoices"], lambda each: each["customerInternalNote"])
    mails = _grouped(new["mails"], lambda mail: mail["object"]["id"])
    layouts = {row["id"]: str(row["sevdesk_template_id"]) for row in month.billing_document_templates}
    return [
        Story(
            before=before,
            plan=plan,
            taken_back=plan.invoice_id == taken_back,
            layout=layouts[before["document_template_id"]],
            now=now[plan.invoice_id],
            jobs=jobs[plan.invoice_id],
            events=events[plan.invoice_id],
            pdfs=pdfs[plan.invoice_id],
            there=marked[plan.invoice_number],
            mails=[mail for each in marked[plan.invoice_number] for mail in mails[each["id"]]],
        )
        for before, plan in zip(month.billing_invoices, month.payments, strict=True)
    ]


def _grouped(rows: Iterable[Shown], key: Callable[[Shown], Any]) -> defaultdict[Any, list[Shown]]:
    groups: defaultdict[Any, list[Shown]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups
