"""The JSON of an invoice in read and write answers, with the keys and order of the captures."""

from sevdesk_client.sandbox.account import master_data
from sevdesk_client.sandbox.account.formats import Object, decimal_text, flag, head_json, number, ref, timestamp
from sevdesk_client.sandbox.account.records import CLIENT, DOCUMENT_TEXTS, DocumentFields, Invoice
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.account.sums import Sums, round_cents
from sevdesk_client.sandbox.endpoints.contacts import contact_json

# Keys of recurrence, which the sandbox lacks, and of reminders, in the order of the captures.
_NO_RECURRENCE = {
    **dict.fromkeys(("accountIntervall", "accountLastInvoice", "accountNextInvoice")),
    **dict.fromkeys(("reminderTotal", "reminderDebit", "reminderDeadline")),
    "reminderCharge": "0",
    **dict.fromkeys(("addressParentName2", "addressName2", "addressGender", "accountStartDate", "accountEndDate")),
}
_NO_E_INVOICE = dict.fromkeys(("einvoiceReference", "sepaMandateReference", "sepaCreditorId", "sepaPayerIban"))
_NO_DISCOUNT = dict.fromkeys(
    ("sumDiscountNet", "sumDiscountGross", "sumDiscountNetForeignCurrency", "sumDiscountGrossForeignCurrency"), "0"
)


def invoice_json(invoice: Invoice) -> Object:
    """An invoice in a read answer: all values are strings, except paidAmount (live, two peers).

    paymentMethod and origin are there only when they are set (captures).
    """
    fields = invoice.fields
    paid = round_cents(invoice.paid * fields.paid_rate) if fields.paid_rate else invoice.paid
    return {
        **head_json("Invoice", invoice.id),
        "invoiceNumber": invoice.number,
        "contact": ref(fields.contact_id, "Contact"),
        "create": timestamp(invoice.create),
        "update": timestamp(invoice.update),
        "sevClient": CLIENT,
        "invoiceDate": timestamp(fields.invoice_date),
        **{key: getattr(fields, field) for key, field in DOCUMENT_TEXTS.items()},
        "timeToPay": None if fields.time_to_pay is None else str(fields.time_to_pay),
        "discountTime": None if fields.discount_time is None else str(fields.discount_time),
        "discount": decimal_text(fields.discount),
        "addressCountry": ref(fields.address_country_id, "StaticCountry"),
        "payDate": timestamp(invoice.pay_date),
        "createUser": ref(fields.contact_person_id, "SevUser"),
        "deliveryDate": timestamp(fields.delivery_date),
        "status": str(invoice.status),
        "smallSettlement": flag(fields.small_settlement),
        "contactPerson": ref(fields.contact_person_id, "SevUser"),
        "taxRate": decimal_text(fields.tax_rate),
        "taxText": fields.tax_text,
        "dunningLevel": None if invoice.dunning_level is None else str(invoice.dunning_level),
        "addressParentName": None,
        "taxType": None,
        **({"paymentMethod": ref(fields.payment_method_id, "PaymentMethod")} if fields.payment_method_id else {}),
        "sendDate": timestamp(invoice.send_date),
        **({"origin": ref(invoice.origin_id, "Invoice")} if invoice.origin_id else {}),
        "invoiceType": invoice.type,
        **_NO_RECURRENCE,
        **(_reminder(invoice) if invoice.type == "MA" else {}),
        "currency": fields.currency,
        **document_sums(fields),
        "paidAmount": number(paid),
        "customerInternalNote": invoice.note,
        **_NO_E_INVOICE,
        "showNet": flag(fields.show_net),
        "enshrined": timestamp(invoice.enshrined),
        "sendType": invoice.send_type,
        "deliveryDateUntil": timestamp(fields.delivery_date_until),
        "sendPaymentReceivedNotificationDate": None,
        **_NO_DISCOUNT,
        "taxRule": ref(fields.tax_rule, "TaxRule"),
    }


def _reminder(invoice: Invoice) -> Object:
    """What is owed, and until when (field names official, values inferred)."""
    debit = decimal_text(invoice.fields.sums.gross - invoice.paid)
    return {
        "reminderTotal": debit,
        "reminderDebit": debit,
        "reminderDeadline": timestamp(invoice.fields.due_date),
        "reminderCharge": "0",
    }


def document_sums(fields: DocumentFields) -> Object:
    """The sums, the same in foreign currency, and for accounting.

    In EUR those in foreign currency are 0 (captures). In another currency they are the document's, and all others are
    converted (one report, for a voucher), unless switch foreign_sums says that nothing is.
    """
    rate = fields.exchange_rate
    parts = _parts(fields.sums.converted(rate) if rate else fields.sums)
    foreign = _parts(fields.sums) if rate else dict.fromkeys(parts, "0")
    return {
        **{f"sum{kind}": value for kind, value in parts.items()},
        **{f"sum{kind}ForeignCurrency": value for kind, value in foreign.items()},
        **{f"sum{kind}Accounting": parts[kind] for kind in ("Net", "Tax", "Gross")},
    }


def _parts(sums: Sums) -> Object:
    amounts = {"Net": sums.net, "Tax": sums.tax, "Gross": sums.gross, "Discounts": sums.discount}
    return {kind: decimal_text(amount) for kind, amount in amounts.items()}


def written_invoice_json(account: Account, invoice: Invoice) -> Object:
    """An invoice in a write answer: also the e-invoice flag; references in full with switch expand_references."""
    shown = invoice_json(invoice)
    if invoice.fields.is_e_invoice:
        shown["propertyIsEInvoice"] = "1"
    if account.switches.expand_references:
        person = {**master_data.user(invoice.fields.contact_person_id), "lastLoginIp": "192.0.2.7"}
        contact = contact_json(account.contacts[invoice.fields.contact_id])
        shown |= {"contact": contact, "sevClient": master_data.FULL_CLIENT}
        shown |= {"contactPerson": person, "createUser": person}
    return shown


def embed(account: Account, shown: Object, wanted: str) -> Object:
    """Replace the references named in `wanted`, the query's `embed`, by full objects (live)."""
    for key in wanted.split(","):
        short = shown.get(key)
        if not isinstance(short, dict):
            continue
        ident = int(short["id"])
        if key == "contact" and ident in account.contacts:
            shown[key] = contact_json(account.contacts[ident])
        elif key == "addressCountry":
            shown[key] = master_data.country(ident)
        elif key in ("contactPerson", "createUser"):
            shown[key] = master_data.user(ident)
        elif key == "origin" and ident in account.invoices:
            shown[key] = invoice_json(account.invoices[ident])
    return shown


def cancellation_json(account: Account, invoice: Invoice) -> Object:
    """The invoice in cancelInvoice's answer: a few more keys, contact and taxRule in full (capture)."""
    shown = invoice_json(invoice)
    return {
        **shown,
        "additionalInformation": {"creditVoucher": False},
        "propertyUseNewDocServer": "1",
        "propertyIsEInvoice": None,
        "propertyUseNewCalculation": "1",
        "propertyIsBookkeepingV1": None,
        "contact": contact_json(account.contacts[invoice.fields.contact_id]),
        "taxRule": master_data.tax_rule(1) if invoice.fields.tax_rule == 1 else shown["taxRule"],
    }
