"""email: sevDesk mails the invoice to its recipient, at most once per job.

sevDesk has no mail log to ask. After an unknown outcome `sendType` and `sendDate` decide: VM with a new date means the
mail went out (one report), both unchanged means it did not; anything else cannot be told and waits for a person.
"""

from typing import Literal

from sevdesk_client.errors import NotFound
from sevdesk_client.models import Invoice as SevInvoice
from sevdesk_client.models import MailDraft
from worker.domain.events import Mailed
from worker.domain.invoice import DocumentStatus, SyncStatus
from worker.domain.jobs import SendInvoice
from worker.domain.outcome import Parked, Rejected
from worker.steps.account import Desk
from worker.steps.step import Answer, Case, Fate, Intent, OpenIntent, Step, Told

BY_MAIL = "VM"
CLOSE_SECONDS = 5.0
TEXT = (
    "Guten Tag,\n\nanbei erhalten Sie unsere Rechnung {number}.\n\n"
    "Bei Fragen antworten Sie bitte auf diese E-Mail.\n\nMit freundlichen Grüßen"
)


async def look(case: Case, desk: Desk) -> Answer:
    """Mailed already; mailed by the attempt whose answer was lost; or to be mailed now."""
    external_id = case.handback.external_id
    assert external_id is not None
    opened, number = case.open_intent, case.invoice.number
    there = await mailed_document(external_id, opened, desk)
    mail = _mail(case, there)
    match was_sent(opened, there):
        case None if opened is not None:
            return Told(stop=cannot_tell(f"invoice {number}", opened), fate=Fate.UNKNOWN)
        case str(how):
            return Told((_mailed(case, mail, how),), there, heard=True)
    if case.handback.sync_status is SyncStatus.CANCELLED:
        return Told(stop=Rejected(f"It was not mailed. Invoice {number} is cancelled."), fate=Fate.NOT_DONE)
    if there is None:
        gone = Parked(
            f"Invoice {number} was not mailed, and sevDesk no longer has it.", "Publish it again, then retry."
        )
        return Told(stop=gone, fate=Fate.NOT_DONE)
    return Intent("send_via_email", mail, case, sending_state(there))


async def mailed_document(id: str, opened: OpenIntent | None, desk: Desk) -> SevInvoice | None:
    """SevDesk's copy; None when it was deleted there after an attempt to mail it. Raises NotFound without one."""
    try:
        return await desk.client.get_invoice(id)
    except NotFound:
        if opened is None:
            raise
        return None


def was_sent(earlier: OpenIntent | None, there: SevInvoice | None) -> str | Literal[False] | None:
    """How we know that an earlier attempt's mail went out; False: it did not; None: nobody can tell from here."""
    if earlier is None or earlier.answer == "not-done":
        return False
    if earlier.answer == "done":
        return "sent, as an operator found"
    if there is None:
        return None
    now, before = sending_state(there), earlier.summary
    # sendDate has whole seconds: where the invoice was finalized in the same one, sendType alone has changed.
    if there.send_type == BY_MAIL and now != before:
        return "found sent"
    if now != before or _too_close(earlier, there):
        return None
    return False


def _too_close(earlier: OpenIntent, there: SevInvoice) -> bool:
    """A resend right after another mail would not have moved sendDate; a few seconds cover two clocks that differ."""
    mailed = there.send_date if there.send_type == BY_MAIL else None
    return mailed is not None and abs((earlier.at - mailed).total_seconds()) < CLOSE_SECONDS


def cannot_tell(what: str, opened: OpenIntent) -> Parked:
    """The question only a person can answer."""
    return Parked(
        f"Whether the mail for {what} went out cannot be told from what sevDesk shows.",
        "Ask the recipient or look into the mail account, then answer: retry --as done, or retry --as not-done.",
        asks_about=opened.id,
    )


async def leap(intent: Intent, desk: Desk) -> Told:
    """POST sendViaEmail."""
    external_id = intent.case.handback.external_id
    assert external_id is not None
    await desk.client.send_via_email(external_id, intent.request)
    return Told((_mailed(intent.case, intent.request, "sent"),))


def _mail(case: Case, there: SevInvoice | None) -> MailDraft:
    asked = case.payload
    assert isinstance(asked, SendInvoice) and case.who.party.email is not None
    number = (there and there.invoice_number) or case.handback.external_invoice_number or case.invoice.number
    return MailDraft(
        to=case.who.party.email,
        subject=asked.subject or f"Rechnung {number}",
        text=asked.text or TEXT.format(number=number),
    )


def sending_state(there: SevInvoice) -> dict[str, str | None]:
    """What an attempt to mail would change."""
    return {"send_type": there.send_type, "send_date": there.send_date.isoformat() if there.send_date else None}


def _mailed(case: Case, mail: MailDraft, how: str) -> Mailed:
    who = case.who
    return Mailed(
        recipient_kind=who.party.kind,
        recipient_id=who.party.id,
        recipient_reason=who.reason,
        how=how,
        pdf_sha256=case.pdf_sha256,
        recipient=mail.to,
        subject=mail.subject,
    )


def _settled(case: Case) -> bool:
    """Sent before, and nobody asked for a deliberate resend."""
    asked = case.payload
    assert isinstance(asked, SendInvoice)
    sent = case.mails > 0 or case.handback.document_status is DocumentStatus.SENT
    return sent and not asked.resend and case.open_intent is None


EMAIL = Step("email", look, leap, settled=_settled, own=True)
