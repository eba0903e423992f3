"""The steps of each job kind that is about one invoice, in order. All other kinds have a handler."""

from collections.abc import Mapping

from worker.steps import (
    cancel,
    cancellation_document,
    check,
    contact,
    e_invoice,
    email,
    finalize,
    pdf,
    publish,
    unchanged,
)
from worker.steps.step import Step

PLAN: Mapping[str, tuple[Step, ...]] = {
    "publish_invoice": (
        check.PUBLISHABLE,
        unchanged.UNCHANGED,
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
    "send_invoice": (check.SENDABLE, pdf.PDF, e_invoice.E_INVOICE, email.EMAIL),
    "fetch_invoice_pdf": (check.PUBLISHED, pdf.FETCH_PDF, pdf.XML),
    "cancel_invoice": (cancel.CANCEL, cancellation_document.CANCELLATION_PDF, cancellation_document.CANCELLATION_MAIL),
}
