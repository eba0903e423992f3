"""The path of each endpoint. Paths are case-sensitive; others answer 500, below Factory 404/157 (one report each)."""

import re

from sevdesk_client.sandbox.endpoints import (
    cancelling,
    contact_details,
    contacts,
    credit_note_saving,
    credit_note_sending,
    credit_notes,
    datev_export,
    invoice_documents,
    invoices,
    master_data,
    paying,
    reminders,
    sending,
    transactions,
    vouchers,
)
from sevdesk_client.sandbox.endpoints.lookup import (
    Endpoint,
    InvoiceEndpoint,
    empty_file,
    empty_list,
    of_invoice,
    unknown,
)

# Below /Invoice/{id}.
INVOICE_ROUTES: dict[tuple[str, str], InvoiceEndpoint] = {
    ("GET", ""): invoices.get_invoice,
    ("PUT", ""): invoices.change_invoice,
    ("DELETE", ""): invoices.delete_invoice,
    ("GET", "/getPositions"): invoices.get_positions,
    ("GET", "/getIsPartiallyPaid"): invoices.is_partially_paid,
    ("GET", "/getPdf"): invoice_documents.get_pdf,
    ("GET", "/getXml"): invoice_documents.get_xml,
    ("POST", "/render"): invoice_documents.render,
    ("PUT", "/changeParameter"): invoice_documents.change_parameter,
    ("PUT", "/sendBy"): sending.send_by,
    ("POST", "/sendViaEmail"): sending.send_via_email,
    ("PUT", "/enshrine"): sending.enshrine,
    ("PUT", "/bookAmount"): paying.book_amount,
    ("PUT", "/resetToOpen"): paying.reset_to_open,
    ("PUT", "/resetToDraft"): sending.reset_to_draft,
    ("POST", "/cancelInvoice"): cancelling.cancel_invoice,
}
# Below /CreditNote/{id}.
CREDIT_NOTE_ROUTES: dict[tuple[str, str], credit_notes.CreditNoteEndpoint] = {
    ("DELETE", ""): credit_notes.delete_credit_note,
    ("GET", "/getPdf"): credit_note_sending.get_pdf,
    ("PUT", "/changeParameter"): credit_note_sending.change_parameter,
    ("PUT", "/sendBy"): credit_note_sending.send_by,
    ("POST", "/sendViaEmail"): credit_note_sending.send_via_email,
    ("PUT", "/enshrine"): credit_note_sending.enshrine,
    ("PUT", "/bookAmount"): credit_note_sending.book_amount,
}
ORDER_PARTS = ("Positions", "Discounts", "RelatedObjects", "Pdf")
# Official reads of what the account has nothing of.
READS_OF_NOTHING: dict[str, Endpoint] = {
    **{f"/ReceiptGuidance/{name}": empty_list for name in ("forAllAccounts", "forRevenue", "forExpense")},
    **{f"/ReceiptGuidance/{name}": master_data.no_guidance for name in ("forAccountNumber", "forTaxRule")},
    **dict.fromkeys((f"/Order/{{id}}/get{name}" for name in ORDER_PARTS), unknown("Order")),
    "/Part/{id}/getStock": unknown("Part"),
    "/ContactCustomFieldSetting/{id}/getReferenceCount": unknown("ContactCustomFieldSetting"),
    "/Contact/Factory/findContactsByCustomFieldValue": empty_list,
    "/Textparser/fetchDictionaryEntriesByType": empty_list,
    **{
        f"/Export/{name}": empty_file
        for name in (
            *("datevCSV", "createDatevXmlZipExportJob", "invoiceCsv", "invoiceZip", "creditNoteCsv"),
            *("voucherListCsv", "transactionsCsv", "voucherZip", "contactListCsv"),
        )
    },
    **{f"/Report/{name}": empty_file for name in ("invoicelist", "orderlist", "contactlist", "voucherlist")},
}
# Official models of which the account has none. Those of the second line cannot be read by id.
NONE_OF = ("AccountingContact", "ContactCustomField", "ContactCustomFieldSetting", "Order", "OrderPos", "Part", "Tag")
NO_LIST_OF = (*NONE_OF, "PrivateTransactionRule", "TagRelation", "VoucherPos")
ROUTES: dict[tuple[str, str], Endpoint] = {
    **{("GET", f"/{model}"): empty_list for model in NO_LIST_OF},
    **{("GET", f"/{model}/{{id}}"): unknown(model) for model in NONE_OF},
    **{(method, f"/Invoice/{{id}}{path}"): of_invoice(each) for (method, path), each in INVOICE_ROUTES.items()},
    **{
        (method, f"/CreditNote/{{id}}{path}"): credit_notes.of_credit_note(each)
        for (method, path), each in CREDIT_NOTE_ROUTES.items()
    },
    **{("GET", path): each for path, each in READS_OF_NOTHING.items()},
    ("GET", "/Tools/bookkeepingSystemVersion"): master_data.system_version,
    ("GET", "/SevUser"): master_data.list_users,
    ("GET", "/StaticCountry"): master_data.list_countries,
    ("GET", "/Unity"): master_data.list_unities,
    ("GET", "/TaxRule"): master_data.list_tax_rules,
    ("GET", "/PaymentMethod"): master_data.list_payment_methods,
    ("GET", "/CheckAccount"): master_data.list_check_accounts,
    ("GET", "/CheckAccount/{id}"): master_data.get_check_account,
    ("GET", "/CheckAccount/{id}/getBalanceAtDate"): master_data.balance,
    ("GET", "/CheckAccountTransaction"): transactions.list_transactions,
    ("POST", "/CheckAccountTransaction"): transactions.create_transaction,
    ("GET", "/CheckAccountTransaction/{id}"): transactions.get_transaction,
    ("DELETE", "/CheckAccountTransaction/{id}"): transactions.delete_transaction,
    ("GET", "/CommunicationWayKey"): master_data.list_communication_way_keys,
    ("GET", "/SevSequence/Factory/getByType"): master_data.sequence,
    ("GET", "/DocServer/getTemplatesWithThumb"): master_data.list_templates,
    ("GET", "/DocServer/getLetterpapersWithThumb"): master_data.list_letterpapers,
    ("GET", "/Contact"): contacts.list_contacts,
    ("POST", "/Contact"): contacts.create_contact,
    ("GET", "/Contact/{id}"): contacts.get_contact,
    ("PUT", "/Contact/{id}"): contacts.update_contact,
    ("DELETE", "/Contact/{id}"): contacts.delete_contact,
    ("GET", "/Contact/{id}/getTabsItemCount"): contacts.count_documents,
    ("GET", "/Contact/Factory/getNextCustomerNumber"): contacts.next_customer_number,
    ("GET", "/Contact/Mapper/checkCustomerNumberAvailability"): contacts.customer_number_free,
    ("GET", "/ContactAddress"): contact_details.list_addresses,
    ("POST", "/ContactAddress"): contact_details.create_address,
    ("GET", "/ContactAddress/{id}"): contact_details.get_address,
    ("PUT", "/ContactAddress/{id}"): contact_details.update_address,
    ("DELETE", "/ContactAddress/{id}"): contact_details.delete_address,
    ("GET", "/CommunicationWay"): contact_details.list_ways,
    ("POST", "/CommunicationWay"): contact_details.create_way,
    ("GET", "/CommunicationWay/{id}"): contact_details.get_way,
    ("PUT", "/CommunicationWay/{id}"): contact_details.update_way,
    ("DELETE", "/CommunicationWay/{id}"): contact_details.delete_way,
    ("GET", "/Invoice"): invoices.list_invoices,
    ("POST", "/Invoice/Factory/saveInvoice"): invoices.save_invoice,
    ("POST", "/Invoice/Factory/createInvoiceReminder"): reminders.create_reminder,
    ("GET", "/Invoice/Factory/getNextInvoiceNumber"): master_data.next_invoice_number,
    ("GET", "/InvoicePos"): invoices.list_positions,
    ("GET", "/CreditNote"): credit_notes.list_credit_notes,
    ("GET", "/CreditNote/{id}"): credit_notes.get_credit_note,
    ("GET", "/CreditNotePos"): credit_notes.list_credit_positions,
    ("POST", "/CreditNote/Factory/saveCreditNote"): credit_note_saving.save_credit_note,
    ("POST", "/CreditNote/Factory/createFromInvoice"): credit_notes.create_from_invoice,
    ("GET", "/Voucher"): vouchers.list_vouchers,
    ("GET", "/Voucher/{id}"): vouchers.get_voucher,
    ("POST", "/Voucher/Factory/saveVoucher"): vouchers.save_voucher,
    ("POST", "/Voucher/Factory/uploadTempFile"): vouchers.upload_temp_file,
    ("GET", "/Export/createDatevCsvZipExportJob"): datev_export.create_job,
    ("GET", "/Progress/generateDownloadHash"): datev_export.generate_hash,
    ("GET", "/Progress/getProgress"): datev_export.get_progress,
    ("GET", "/ExportJob/jobDownloadInfo"): datev_export.download_info,
    ("PUT", "/SevClient/{id}/updateExportConfig"): datev_export.update_export_config,
}

# X-Version beside `default`, which is official for all: one peer measured them for these, and that there are none for
# bookkeepingSystemVersion. Another one says that these two calls do not work with 2.0. Of others it is inferred.
VERSIONED = ("Invoice", "Voucher")
NO_SECOND_VERSION = ("/Invoice/Factory/saveInvoice", "/Invoice/Factory/getNextInvoiceNumber")

_IDENT = re.compile(r"/(\d{1,18})(?=/|$)", re.ASCII)


def resolve(method: str, path: str) -> tuple[Endpoint | None, int]:
    """The endpoint of a path below /api/v1, or None, and the id in the path, or 0."""
    found = _IDENT.search(path)
    template = _IDENT.sub("/{id}", path, count=1)
    return ROUTES.get((method, template)), int(found[1]) if found else 0


def versions(path: str) -> list[str]:
    """The values of X-Version that exist for a path, beside `default`."""
    if path.strip("/").split("/")[0] not in VERSIONED:
        return []
    return ["1.0"] if path in NO_SECOND_VERSION else ["1.0", "2.0"]
