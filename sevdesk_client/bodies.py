"""The JSON bodies of requests, built from drafts. Pure.

Amounts are sent as decimal strings: sevDesk accepts strings and numbers (one report, measured), and strings cannot be
rounded as floats. Ids are sent as integers where the spec says so. Keys without a value are left out (official).
"""

from datetime import date, datetime, time, timedelta
from decimal import Decimal

from sevdesk_client.models import BERLIN, AddressDraft, ContactDraft, InvoiceDraft, MailDraft, PositionDraft

# A JSON object, as `json.dumps` takes it.
Body = dict[str, object]


def decimal_text(amount: Decimal) -> str:
    """Plain digits without an exponent, so that people reading a log understand it, too."""
    return format(amount, "f")


def ref(name: str, id: str | int) -> Body:
    """A reference; without `objectName` sevDesk's error names something else (live, three peers).

    Raises ValueError for an id that is not a number.
    """
    return {"id": int(id), "objectName": name}


def unix_seconds(day: date) -> int:
    """Midnight in Berlin in unix seconds, which is how sevDesk represents a date (live, four peers)."""
    return int(datetime.combine(day, time(), BERLIN).timestamp())


def last_second(day: date) -> int:
    """The last second of the Berlin day in unix seconds, for periods whose end is included."""
    return unix_seconds(day + timedelta(days=1)) - 1


def export_config(accountant_number: int, accountant_client_number: int, year_begin: date) -> Body:
    """PUT /SevClient/{id}/updateExportConfig (official)."""
    return {
        "accountantNumber": accountant_number,
        "accountantClientNumber": accountant_client_number,
        "accountingYearBegin": unix_seconds(year_begin),
    }


def contact(draft: ContactDraft) -> Body:
    """POST /Contact, PUT /Contact/{id} (not nested; the PUT is partial: measured by one peer)."""
    return _set_only(
        {
            "customerNumber": draft.customer_number,
            "name": draft.name,
            "surename": draft.surename,
            "familyname": draft.familyname,
            "category": ref("Category", draft.category_id),
            "vatNumber": draft.vat_number,
            "buyerReference": draft.buyer_reference,
        }
    )


def contact_address(draft: AddressDraft, contact_id: str | None = None) -> Body:
    """POST /ContactAddress with its contact, PUT /ContactAddress/{id} without (partial: measured by one peer)."""
    return _set_only(
        {
            "contact": ref("Contact", contact_id) if contact_id is not None else None,
            "street": draft.street,
            "zip": draft.zip,
            "city": draft.city,
            "country": ref("StaticCountry", draft.country_id),
            "category": ref("Category", draft.category_id),
        }
    )


def communication_way(contact_id: str, value: str, type: str, key_id: int, main: bool) -> Body:
    """POST /CommunicationWay. Without the required `key` sevDesk answers 500 (one report)."""
    return {
        "contact": ref("Contact", contact_id),
        "type": type,
        "value": value,
        "key": ref("CommunicationWayKey", key_id),
        "main": "1" if main else "0",
    }


def mail(draft: MailDraft) -> Body:
    """POST /Invoice/{id}/sendViaEmail (official)."""
    return _set_only(
        {
            "toEmail": draft.to,
            "subject": draft.subject,
            "text": draft.text,
            "copy": draft.copy,
            "ccEmail": draft.cc,
            "bccEmail": draft.bcc,
        }
    )


def save_invoice(draft: InvoiceDraft) -> Body:
    """POST /Invoice/Factory/saveInvoice: always with the four trailing keys, in this order (official)."""
    return {
        "invoice": _set_only({**_invoice(draft), **_address(draft)}),
        "invoicePosSave": [_position(position) for position in draft.positions],
        "invoicePosDelete": None,
        "discountSave": None,
        "discountDelete": None,
        "takeDefaultAddress": False,
    }


def _invoice(draft: InvoiceDraft) -> Body:
    """The document without its positions and address.

    `taxType` is left out, though the spec requires it: `taxRule` replaces it (live, two peers).
    """
    return {
        "objectName": "Invoice",
        "mapAll": True,
        "contact": ref("Contact", draft.contact_id),
        "contactPerson": ref("SevUser", draft.contact_person_id),
        # dd.mm.yyyy is official and live; delivery dates are timestamps by spec and measured.
        "invoiceDate": draft.invoice_date.strftime("%d.%m.%Y"),
        "deliveryDate": unix_seconds(draft.delivery_date) if draft.delivery_date else None,
        "deliveryDateUntil": unix_seconds(draft.delivery_date_until) if draft.delivery_date_until else None,
        "header": draft.header,
        "headText": draft.head_text,
        "footText": draft.foot_text,
        "timeToPay": draft.time_to_pay,
        "discount": 0,
        "status": 100,  # anything else is refused with 422 (live, two peers)
        "invoiceType": draft.invoice_type,
        "currency": draft.currency,
        "showNet": True,
        "taxRule": {"id": str(draft.tax_rule), "objectName": "TaxRule"},
        "taxRate": 0,  # unused, but without it the database refuses the row (one report)
        "taxText": draft.tax_text,
        "customerInternalNote": draft.customer_internal_note,
        "paymentMethod": ref("PaymentMethod", draft.payment_method_id) if draft.payment_method_id else None,
        "propertyIsEInvoice": True if draft.is_e_invoice else None,
    }


def _address(draft: InvoiceDraft) -> Body:
    """The address as text and as fields; sevDesk fills in none without takeDefaultAddress (live, three peers)."""
    town = " ".join(filter(None, (draft.address_zip, draft.address_city)))
    return {
        "address": "\n".join(filter(None, (draft.address_name, draft.address_street, town))) or None,
        "addressName": draft.address_name,
        "addressStreet": draft.address_street,
        "addressZip": draft.address_zip,
        "addressCity": draft.address_city,
        "addressCountry": ref("StaticCountry", draft.address_country_id) if draft.address_country_id else None,
    }


def _position(draft: PositionDraft) -> Body:
    return _set_only(
        {
            "objectName": "InvoicePos",
            "mapAll": True,
            "positionNumber": draft.position_number,
            "name": draft.name,
            "text": draft.text,
            "quantity": decimal_text(draft.quantity),
            "price": decimal_text(draft.price),
            "unity": ref("Unity", draft.unity_id),
            "taxRate": decimal_text(draft.tax_rate),
        }
    )


def _set_only(body: Body) -> Body:
    return {key: value for key, value in body.items() if value is not None}
