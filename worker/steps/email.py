"""email: sevDesk mails the invoice to its recipient, at most once per job (see `mailing`)."""

from sevdesk_client.models import Invoice as SevInvoice
from sevdesk_client.models import MailDraft
from worker.domain.events import Mailed
from worker.domain.payloads import Channel, SendInvoice
from worker.steps.field_map import MAIL, MailSource, filled
from worker.steps.mailing import Mailing, mail_step
from worker.steps.sending import Mailable, already_sent
from worker.steps.step import StepContext


def _mailing(context: StepContext) -> Mailing:
    def mail(remote: Mailable | None) -> MailDraft:
        number = remote.invoice_number if isinstance(remote, SevInvoice) else None
        number = number or context.handback.external_invoice_number or context.invoice.number
        return MailDraft(
            **filled(MAIL, MailSource(context.party, number, context.asked(SendInvoice), context.made_as_e_invoice))
        )

    return Mailing(f"invoice {context.invoice.number}", context.external_id, Mailed, context.pdf_sha256, mail)


def _already_done(context: StepContext) -> bool:
    return context.asked(SendInvoice).channel is not Channel.EMAIL or already_sent(context)


EMAIL = mail_step("email", _mailing, _already_done)
