"""Invoices, credit notes and positions as answers carry them, key by key after the captures."""

from sevdesk_client.sandbox.account import master_data
from sevdesk_client.sandbox.account.formats import Object, flag, number, ref, stamp, sum_text
from sevdesk_client.sandbox.account.records import CLIENT, Invoice, Letter
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.endpoints.contacts import render_contact

# Keys of kinds of invoice that the sandbox does not make, in the order of the captures.
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


def render_invoice(invoice: Invoice) -> Object:
    """An invoice as a read answers it: everything a string, paidAmount a number (live, two peers)."""
    letter = invoice.letter
    return {
        "id": str(invoice.id),
        "objectName": "Invoice",
        "additionalInformation": None,
        "invoiceNumber": invoice.number,
        "contact": ref(letter.contact_id, "Contact"),
        "create": stamp(invoice.create),
        "update": stamp(invoice.update),
        "sevClient": CLIENT,
        **_head(letter),
        "payDate": stamp(invoice.pay_date),
        "createUser": ref(letter.contact_person_id, "SevUser"),
        "deliveryDate": stamp(letter.delivery_date),
        "status": str(invoice.status),
        "smallSettlement": flag(letter.small_settlement),
        "contactPerson": ref(letter.contact_person_id, "SevUser"),
        "taxRate": sum_text(letter.tax_rate),
        "taxText": letter.tax_text,
        "dunningLevel": None,
        "addressParentName": None,
        "taxType": None,
        **_only_when_set("paymentMethod", ref(letter.payment_method_id, "PaymentMethod")),
        "sendDate": stamp(invoice.send_date),
        **_only_when_set("origin", ref(invoice.origin_id, "Invoice")),
        "invoiceType": invoice.type,
        **_NO_RECURRENCE,
        "address": letter.address,
        "currency": letter.currency,
        **document_sums(letter),
        "paidAmount": number(invoice.paid),
        "customerInternalNote": invoice.note,
        **_NO_E_INVOICE,
        "showNet": flag(letter.show_net),
        "enshrined": stamp(invoice.enshrined),
        "sendType": invoice.send_type,
        "deliveryDateUntil": stamp(letter.delivery_date_until),
        "sendPaymentReceivedNotificationDate": None,
        **_NO_DISCOUNT,
        "taxRule": ref(letter.tax_rule, "TaxRule"),
    }


def _head(letter: Letter) -> Object:
    """Date, texts, terms and address."""
    return {
        "invoiceDate": stamp(letter.invoice_date),
        "header": letter.header,
        "headText": letter.head_text,
        "footText": letter.foot_text,
        "timeToPay": None if letter.time_to_pay is None else str(letter.time_to_pay),
        "discountTime": None if letter.discount_time is None else str(letter.discount_time),
        "discount": sum_text(letter.discount),
        "addressName": letter.address_name,
        "addressStreet": letter.address_street,
        "addressZip": letter.address_zip,
        "addressCity": letter.address_city,
        "addressCountry": ref(letter.address_country_id, "StaticCountry"),
    }


def _only_when_set(key: str, value: Object | None) -> Object:
    """Some keys appear only when set (captures)."""
    return {} if value is None else {key: value}


def document_sums(letter: Letter) -> Object:
    """Sums three times: plain, foreign currency (0 for EUR), accounting (the same for EUR) (captures)."""
    sums = letter.sums
    net, tax, gross = sum_text(sums.net), sum_text(sums.tax), sum_text(sums.gross)
    return {
        "sumNet": net,
        "sumTax": tax,
        "sumGross": gross,
        "sumDiscounts": sum_text(sums.discount),
        "sumNetForeignCurrency": "0",
        "sumTaxForeignCurrency": "0",
        "sumGrossForeignCurrency": "0",
        "sumDiscountsForeignCurrency": "0",
        "sumNetAccounting": net,
        "sumTaxAccounting": tax,
        "sumGrossAccounting": gross,
    }


def render_written(account: Account, invoice: Invoice) -> Object:
    """An invoice as a write answers it: the e-invoice flag shows only here; the switch expands references."""
    shown = render_invoice(invoice)
    if invoice.letter.is_e_invoice:
        shown["propertyIsEInvoice"] = "1"
    if account.switches.expand_references:
        person = {**master_data.user(invoice.letter.contact_person_id), "lastLoginIp": "192.0.2.7"}
        contact = render_contact(account.contacts[invoice.letter.contact_id])
        shown |= {
            "contact": contact,
            "sevClient": master_data.FULL_CLIENT,
            "contactPerson": person,
            "createUser": person,
        }
    return shown


def embed(account: Account, shown: Object, wanted: str) -> Object:
    """References named in `embed` in full (live)."""
    for key in wanted.split(","):
        short = shown.get(key)
        if not isinstance(short, dict):
            continue
        ident = int(short["id"])
        if key == "contact" and ident in account.contacts:
            shown[key] = render_contact(account.contacts[ident])
        elif key == "addressCountry":
            shown[key] = master_data.country(ident)
        elif key in ("contactPerson", "createUser"):
            shown[key] = master_data.user(ident)
        elif key == "origin" and ident in account.invoices:
            shown[key] = render_invoice(account.invoices[ident])
    return shown


def render_cancellation(account: Account, invoice: Invoice) -> Object:
    """The answer of cancelInvoice has a few keys more, contact and taxRule in full (capture)."""
    shown = render_invoice(invoice)
    rule = {
        "id": str(invoice.letter.tax_rule),
        "objectName": "TaxRule",
        "additionalInformation": None,
        "name": "Umsatzsteuerpflichtige Umsätze",
        "description": "Umsatzsteuerpflichtige Umsätze",
        "code": "USTPFL_UMS_EINN",
        "countryClient": ref(1, "StaticCountry"),
        "countryContactType": "DE",
    }
    return {
        **shown,
        "additionalInformation": {"creditVoucher": False},
        "propertyUseNewDocServer": "1",
        "propertyIsEInvoice": None,
        "propertyUseNewCalculation": "1",
        "propertyIsBookkeepingV1": None,
        "contact": render_contact(account.contacts[invoice.letter.contact_id]),
        "taxRule": rule if invoice.letter.tax_rule == 1 else shown["taxRule"],
    }
