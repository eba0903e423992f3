"""Where we, or the sandbox, leave sevDesk's specification on purpose in what concerns credit notes.

Each entry holds the fields of `contract_deviations.Deviation`, in their order.
"""

Entry = tuple[str, tuple[str, ...], tuple[str, ...], str, str, str]

SAVE = ("POST /CreditNote/Factory/saveCreditNote",)
FROM_INVOICE = ("POST /CreditNote/Factory/createFromInvoice",)
MADE = (*SAVE, *FROM_INVOICE)
SEND_BY = ("PUT /CreditNote/{id}/sendBy",)
PDF = ("GET /CreditNote/{id}/getPdf",)
MAIL = ("POST /CreditNote/{id}/sendViaEmail",)
POSITIONS = "creditNotePos.*."
AMOUNTS = tuple(f"body.creditNotePosSave.*.{name}" for name in ("price", "quantity", "taxRate"))

CREDIT_NOTES: tuple[Entry, ...] = (
    # -- requests ------------------------------------------------------------------------------------------------------
    (
        "request",
        ("GET /SevSequence/Factory/getByType",),
        ("path",),
        "undocumented",
        "the next number, documented in prose",
        "4b.17 and 15.8: official, in prose; live, two peers",
    ),
    (
        "request",
        SAVE,
        ("body.creditNotePos",),
        "missing",
        "required under the wrong name: its own properties call it creditNotePosSave",
        "15.8: measured by one peer",
    ),
    (
        "request",
        SAVE,
        ("body.creditNote.taxType", "body.creditNote.addressCountry", "body.creditNote.invoiceType"),
        "missing",
        "taxRule replaced taxType, a country is not needed, and a credit note has no invoiceType",
        "4a.3: live, two peers, of invoices",
    ),
    (
        "request",
        SAVE,
        tuple(
            f"body.creditNote.{name}"
            for name in ("deliveryDate", "deliveryDateUntil", "refSrcInvoice", "paymentMethod", "propertyIsEInvoice")
        ),
        "undocumented",
        "documented in prose, and required: without them 460, 456 and 830",
        "15.8: measured by one peer; 15.6: capture",
    ),
    (
        "request",
        SAVE,
        ("body.creditNote.creditNoteDate",),
        "format: '*' is not a 'date-time'",
        "dd.mm.yyyy, as its own description says",
        "15.8: measured by one peer",
    ),
    (
        "request",
        SAVE,
        AMOUNTS,
        "string, not number",
        "amounts travel as text, which no float can round",
        "4a.7: measured by one peer",
    ),
    (
        "request",
        SAVE,
        ("body.takeDefaultAddress", "body.forCashRegister"),
        "undocumented",
        "two of the five trailing keys, documented in prose",
        "official, in the description of the call",
    ),
    # -- answers -------------------------------------------------------------------------------------------------------
    (
        "answer",
        (*SAVE, *SEND_BY, *PDF),
        ("objects",),
        "wrapped",
        "every answer comes in `objects`",
        "4c.19: live, three peers, of invoices",
    ),
    (
        "answer",
        (*MADE, *SEND_BY),
        ("status 422",),
        "undocumented",
        "most refusals are 422",
        "15.6: capture; 6.12: measured by one peer",
    ),
    ("answer", FROM_INVOICE, ("status 404",), "undocumented", "unknown ids are 404 with code 151", "3.5: capture"),
    (
        "answer",
        MADE,
        ("creditNote.additionalInformation", "creditNote.bookingCategory"),
        "undocumented",
        "a credit note tells its category, which is specified for what is sent",
        "6.11: one report",
    ),
    (
        "answer",
        FROM_INVOICE,
        ("creditNote.origin",),
        "undocumented",
        "it names its invoice",
        "15.8: measured by one peer",
    ),
    (
        "answer",
        SEND_BY,
        ("additionalInformation", "bookingCategory"),
        "undocumented",
        "a credit note tells its category, which is specified for what is sent",
        "6.11: one report",
    ),
    (
        "answer",
        MADE,
        ("creditNote.showNet", "creditNote.smallSettlement"),
        "string, not boolean",
        "flags are text",
        "4c.21: live, two peers",
    ),
    (
        "answer",
        SEND_BY,
        ("showNet", "smallSettlement"),
        "string, not boolean",
        "flags are text",
        "4c.21: live, two peers",
    ),
    (
        "answer",
        MADE,
        (
            *(f"{POSITIONS}additionalInformation", f"{POSITIONS}isPercentage", f"{POSITIONS}priority"),
            f"{POSITIONS}sum*Accounting",
        ),
        "undocumented",
        "positions have more keys",
        "4c.22: capture of 2023, of invoices",
    ),
    (
        "answer",
        PDF,
        ("base64Encoded", "mimetype"),
        "undocumented",
        "spelt differently",
        "6.7: live, three peers, of invoices",
    ),
    (
        "answer",
        PDF,
        ("content-type",),
        "application/pdf",
        "the bytes themselves",
        "6.7: live, three peers, of invoices",
    ),
    ("answer", MAIL, ("additionalInformation",), "null", "every object has this one, empty", "inferred from others"),
    ("answer", MAIL, ("arrived", "bcc", "cc"), "undocumented", "a mail is told as an invoice's is", "inferred"),
    ("answer", MAIL, ("id", "sevClient.id"), "string, not integer", "ids are text", "4c.21: captures, of others"),
)
