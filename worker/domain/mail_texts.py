"""Subjects and texts of mails where the job gives none. {number} is the document's, {invoice} the invoice's. Pure."""

INVOICE_SUBJECT = "Rechnung {number}"
INVOICE_TEXT = (
    "Guten Tag,\n\nanbei erhalten Sie unsere Rechnung {number}.\n\n"
    "Bei Fragen antworten Sie bitte auf diese E-Mail.\n\nMit freundlichen Grüßen"
)
CANCELLATION_SUBJECT = "Stornorechnung {number}"
CANCELLATION_TEXT = (
    "Guten Tag,\n\nanbei erhalten Sie die Stornorechnung {number}. "
    "Sie hebt unsere Rechnung {invoice} auf.\n\nMit freundlichen Grüßen"
)
CREDIT_NOTE_SUBJECT = "Gutschrift {number}"
CREDIT_NOTE_TEXT = (
    "Guten Tag,\n\nanbei erhalten Sie die Gutschrift {number} zu unserer Rechnung {invoice}.\n\nMit freundlichen Grüßen"
)
