"""The JSON of an invoice in read and write answers, with the keys and order of the captures."""

from sevdesk_client.sandbox.account import master_data
from sevdesk_client.sandbox.account.formats import Object, decimal_text, flag, head_json, number, ref, timestamp
from sevdesk_client.sandbox.account.records import CLIENT, DOCUMENT_TEXTS, DocumentFields, Invoice
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.endpoints.contacts import contact_json

# Keys of features that the sandbox lacks (recurrence, reminders), in the order of the captures.
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
        "dunningLevel": None,
        "addressParentName": None,
        "taxType": None,
        **({"paymentMethod": ref(fields.payment_method_id, "PaymentMethod")} if fields.payment_method_id else {}),
        "sendDate": timestamp(invoice.send_date),
        **({"origin": ref(invoice.origin_id, "Invoice")} if invoice.origin_id else {}),
        "invoiceType": invoice.type,
        **_NO_RECURRENCE,
        "currency": fields.currency,
        **document_sums(fields),
        "paidAmount": number(invoice.paid),
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


def document_sums(fields: DocumentFields) -> Object:
    """Sums in the document's currency, as foreign currency (0 for EUR) and for accounting (same for EUR) (captures)."""
    sums = fields.sums
    parts = {"Net": decimal_text(sums.net), "Tax": decimal_text(sums.tax), "Gross": decimal_text(sums.gross)}
    return {
        **{f"sum{kind}": value for kind, value in parts.items()},
        "sumDiscounts": decimal_text(sums.discount),
        **{f"sum{kind}ForeignCurrency": "0" for kind in (*parts, "Discounts")},
        **{f"sum{kind}Accounting": value for kind, value in parts.items()},
    }


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
