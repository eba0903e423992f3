"""The steps of each job kind that is about one invoice, in order. All other kinds have a handler."""

from collections.abc import Mapping

from worker.steps import (
    advance_cancelled,
    bounce,
    cancel,
    cancellation_document,
    check,
    contact,
    credit,
    credit_document,
    credit_number,
    e_invoice,
    email,
    finalize,
    mark_sent,
    missing,
    pdf,
    publish,
    undelete,
)
from worker.steps.changed_after_publication import UNCHANGED
from worker.steps.step import Step

PLAN: Mapping[str, tuple[Step, ...]] = {
    "publish_invoice": (
        missing.DECIDED,
        check.PUBLISHABLE,
        UNCHANGED,
        contact.CONTACT,
        contact.ADDRESS,
        contact.EMAIL,
        publish.PUBLISH,
        finalize.TEMPLATE,
        finalize.FINALIZE,
        finalize.TEMPLATE_OF_E_INVOICE,
        pdf.PDF,
        pdf.XML,
        e_invoice.E_INVOICE,
    ),
    "send_invoice": (check.SENDABLE, pdf.PDF, e_invoice.E_INVOICE, email.EMAIL, mark_sent.MARK_SENT),
    "mail_bounced": (check.PUBLISHED, bounce.BOUNCE),
    "fetch_invoice_pdf": (check.PUBLISHED, pdf.FETCH_PDF, pdf.XML),
    "undelete_invoice": (undelete.UNDELETE,),
    "credit_invoice": (
        credit.CREDIT,
        advance_cancelled.ADVANCE_CANCELLED,
        credit_number.CREDIT_NUMBER,
        credit_document.CREDIT_PDF,
        credit_document.CREDIT_MAIL,
    ),
    "cancel_invoice": (
        cancel.CANCEL,
        advance_cancelled.ADVANCE_CANCELLED,
        credit_number.CREDIT_NUMBER,
        cancellation_document.CANCELLATION_PDF,
        cancellation_document.CANCELLATION_MAIL,
    ),
}
