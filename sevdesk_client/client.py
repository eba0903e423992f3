"""SevDeskClient: one method per call, in the order of an invoice's life.

Every method makes one call and returns a model, or raises an error from `errors`: each may raise NotSent, Throttled
and Refused (or TokenRefused), a read Unavailable, a write OutcomeUnknown. A method's docstring names what else it may
raise and why it is refused. A read without a usable answer is repeated a few times; a write only when it certainly did
not happen.
Money is Decimal in the document's currency; ids are sevDesk's, as strings of digits.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import BinaryIO

from sevdesk_client import bodies, errors, models, readers
from sevdesk_client.credit_notes import CreditNoteCalls
from sevdesk_client.sending import MAX_PAGE, Hits
from sevdesk_client.wire import MAX_ARCHIVE_BYTES, MAX_PDF_ANSWER_BYTES, Request


class SevDeskClient(CreditNoteCalls):
    """sevDesk's API v1 for one account; see `Sender` for the constructor's parameters.

    Calls about credit notes are in `credit_notes.py`.
    """

    # -- the account ---------------------------------------------------------------------------------------------------

    async def bookkeeping_system_version(self) -> str:
        """Either "1.0" or "2.0" (official; live, two peers); also the cheapest check of the token.

        Raises TokenRefused for a wrong token (401: two sources, second-hand).
        """
        return await self._call(Request("GET", "/Tools/bookkeepingSystemVersion"), readers.version)

    async def list_users(self, *, with_account: bool = False) -> list[models.SevUser]:
        """The account's users; the first is the usual contact person (not in the spec; live, four peers).

        `with_account` also asks for the account's name (inferred; `client_name` stays None without it).
        Raises TokenRefused as all calls do (401).
        """
        params: dict[str, str | int] = {"embed": "sevClient"} if with_account else {}
        return await self._call(Request("GET", "/SevUser", params=params), readers.many(models.SevUser))

    async def find_country(self, code: str) -> models.Country:
        """The country with this ISO 3166-1 alpha-2 code; of GB's two rows the older one (live, two peers).

        Raises NotFound. The spec mentions the path only in its prose, so `code` may be ignored; one page holds all
        countries, and the code is checked here.
        """
        request = Request("GET", "/StaticCountry", params={"code": code, "limit": MAX_PAGE})
        found = await self._call(request, readers.many(models.Country))
        same = [country for country in found if (country.code or "").casefold() == code.casefold()]
        if not same:
            raise errors.NotFound(request.operation, "no country with this code")
        return readers.by_age(same)[0]

    async def list_templates(self) -> list[models.Template]:
        """The invoice templates (official; one report for the wrapper). The answer is large: HTML and thumbnails.

        Raises Unavailable when it takes longer than `timeout`.
        """
        request = Request("GET", "/DocServer/getTemplatesWithThumb", params={"type": "Invoice"})
        return await self._call(request, readers.templates)

    async def list_units(self) -> list[models.Unit]:
        """The units of positions, the account's own among them (capture). Raises Refused like every read."""
        return await self._call(Request("GET", "/Unity", params={"limit": MAX_PAGE}), readers.many(models.Unit))

    async def list_tax_rules(self) -> list[models.TaxRule]:
        """The account's tax rules (not in the spec; captured by one peer). Raises Refused without the path."""
        return await self._call(Request("GET", "/TaxRule", params={"limit": MAX_PAGE}), readers.many(models.TaxRule))

    async def list_payment_methods(self) -> list[models.PaymentMethod]:
        """The account's payment methods (not in the spec; captured by one peer). Raises Refused without the path."""
        return await self._call(Request("GET", "/PaymentMethod"), readers.many(models.PaymentMethod))

    # -- contacts ------------------------------------------------------------------------------------------------------

    async def find_contacts(self, customer_number: str) -> list[models.Contact]:
        """Organisations and persons (depth: official) with exactly this number, oldest first.

        The filter is exact (measured by one peer). Raises FilterIgnored when other contacts came back.
        """
        request = Request("GET", "/Contact", params={"customerNumber": customer_number, "depth": 1})
        return await self._find(request, models.Contact, lambda contact: contact.customer_number == customer_number)

    async def list_contacts(self, *, offset: int = 0, limit: int = MAX_PAGE) -> Hits[models.Contact]:
        """One page of organisations and persons; a page shorter than `limit` is the last, as of invoices (official).

        Raises TooLarge if even a tenth of the page is more than an answer may hold.
        """
        request = Request("GET", "/Contact", params={"depth": 1, "offset": offset, "limit": limit})
        return await self._find(request, models.Contact, lambda contact: True)

    async def get_contact(self, id: str) -> models.Contact:
        """The contact. Raises NotFound (404 and 400 were both seen for an unknown id)."""
        return await self._call(Request("GET", "/Contact/{id}", id), readers.same(models.Contact, id))

    async def create_contact(self, draft: models.ContactDraft) -> models.Contact:
        """Create a contact. Look first: a duplicate customer number may be accepted (not established).

        Raises Refused for a category that is missing or unknown (official).
        """
        request = Request("POST", "/Contact", body=bodies.contact(draft))
        reader = readers.fitting(
            readers.one(models.Contact), lambda made: made.customer_number in (None, draft.customer_number)
        )
        return await self._call(request, reader)

    async def update_contact(
        self, id: str, draft: models.ContactDraft, *, clears: Iterable[str] = ()
    ) -> models.Contact:
        """Change a contact; what the draft leaves out stays (measured by one peer), or is emptied if `clears` names it.

        Raises NotFound.
        """
        request = Request("PUT", "/Contact/{id}", id, body=bodies.contact(draft, clears=clears))
        return await self._call(request, readers.same(models.Contact, id))

    async def list_contact_addresses(self, contact_id: str) -> list[models.ContactAddress]:
        """The contact's addresses, oldest first. Raises FilterIgnored when others' addresses fill the page.

        The spec documents no filter for this list, so the usual contact filter is sent and each hit is checked here.
        """
        request = Request("GET", "/ContactAddress", params={**bodies.of_contact(contact_id), "limit": MAX_PAGE})
        return await self._find(request, models.ContactAddress, lambda it: it.contact_id == contact_id, page=MAX_PAGE)

    async def create_contact_address(self, contact_id: str, draft: models.AddressDraft) -> models.ContactAddress:
        """Add an address; a contact may have any number (official). Raises NotFound for an unknown contact."""
        request = Request("POST", "/ContactAddress", body=bodies.contact_address(draft, contact_id))
        return await self._call(request, readers.one(models.ContactAddress))

    async def update_contact_address(self, address_id: str, draft: models.AddressDraft) -> models.ContactAddress:
        """Change an address; what the draft leaves out stays (measured by one peer). Raises NotFound."""
        request = Request("PUT", "/ContactAddress/{id}", address_id, body=bodies.contact_address(draft))
        return await self._call(request, readers.same(models.ContactAddress, address_id))

    async def list_communication_ways(self, contact_id: str) -> list[models.CommunicationWay]:
        """The contact's e-mail addresses, oldest first. Raises FilterIgnored when other contacts' ways fill the page.

        The type is filtered here: for contact, type and main together some accounts found nothing (one report).
        """
        request = Request("GET", "/CommunicationWay", params={**bodies.of_contact(contact_id), "limit": MAX_PAGE})
        ways = await self._find(request, models.CommunicationWay, lambda it: it.contact_id == contact_id, page=MAX_PAGE)
        return [way for way in ways if way.type == "EMAIL"]

    async def create_communication_way(self, contact_id: str, email: str) -> models.CommunicationWay:
        """Add an e-mail address for invoices, the main one. Raises NotFound for an unknown contact."""
        body = bodies.communication_way(contact_id, email)
        return await self._call(Request("POST", "/CommunicationWay", body=body), readers.one(models.CommunicationWay))

    async def update_communication_way(self, id: str, value: str) -> models.CommunicationWay:
        """Change only the value (measured by one peer). Raises NotFound."""
        request = Request("PUT", "/CommunicationWay/{id}", id, body={"value": value})
        return await self._call(request, readers.same(models.CommunicationWay, id))

    # -- invoices ------------------------------------------------------------------------------------------------------

    async def find_invoices(self, marker: str) -> list[models.Invoice]:
        """Invoices and cancellations whose customerInternalNote is exactly `marker`, oldest first.

        The spec's `customerIntenalNote` is ignored; the right spelling works (measured by one peer, used by four).
        Raises FilterIgnored when other invoices came back.
        """
        request = Request("GET", "/Invoice", params={"customerInternalNote": marker})
        return await self._find(request, models.Invoice, lambda invoice: invoice.customer_internal_note == marker)

    async def list_invoices(
        self,
        *,
        update_after: datetime | None = None,
        status: int | None = None,
        contact_id: str | None = None,
        days: tuple[date, date] | None = None,
        offset: int = 0,
        limit: int = MAX_PAGE,
    ) -> Hits[models.Invoice]:
        """One page, oldest first within it; a page shorter than `limit` is the last (official: there is no other sign).

        `update_after` is cut to the second and compared with `update` (live, two peers). `status` is one value. `days`
        are the first and the last invoice date in Berlin (sent as unix seconds: live; ISO found nothing, one report).
        Raises FilterIgnored when other invoices came back.
        """
        since = int(update_after.timestamp()) if update_after else None
        asked: dict[str, str | int | None] = {"updateAfter": since, "status": status, "offset": offset, "limit": limit}
        if contact_id is not None:
            asked |= bodies.of_contact(contact_id)
        if days is not None:
            asked |= {"startDate": bodies.unix_seconds(days[0]), "endDate": bodies.last_second(days[1])}
        request = Request("GET", "/Invoice", params={key: value for key, value in asked.items() if value is not None})

        def fits(invoice: models.Invoice) -> bool:
            late = since is None or invoice.update is None or invoice.update.timestamp() >= since
            dated = days is None or (invoice.invoice_date is not None and days[0] <= invoice.invoice_date <= days[1])
            return late and dated and status in (None, invoice.status) and contact_id in (None, invoice.contact_id)

        return await self._find(request, models.Invoice, fits)

    async def get_invoice(self, id: str) -> models.Invoice:
        """The invoice. Raises NotFound for an unknown or deleted id (404 with code 151: measured)."""
        return await self._call(Request("GET", "/Invoice/{id}", id), readers.same(models.Invoice, id))

    async def list_positions(self, id: str) -> list[models.InvoicePosition]:
        """The positions of an invoice, in their order (official). Raises NotFound for an unknown or deleted id.

        Raises FilterIgnored when positions of other invoices came back.
        """
        request = Request("GET", "/Invoice/{id}/getPositions", id, params={"limit": MAX_PAGE})
        own = await self._find(request, models.InvoicePosition, lambda position: position.invoice_id == id)
        return sorted(own, key=lambda position: position.position_number)

    async def save_invoice(self, draft: models.InvoiceDraft) -> models.Invoice:
        """Create a draft: status 100, no number, sums as sevDesk computed them (live, three peers).

        Raises Refused for an invalid body (400, 422: live, five peers), NotFound for an unknown contact. "Correct
        number abort", a temporary lock (four code bases), is OutcomeUnknown: read back first.
        """
        request = Request("POST", "/Invoice/Factory/saveInvoice", body=bodies.save_invoice(draft))
        marker = draft.customer_internal_note
        reader = readers.fitting(readers.saved_invoice, lambda made: made.customer_internal_note in (None, marker))
        return await self._call(request, reader)

    async def delete_draft(self, id: str) -> None:
        """Raises Refused (409, code 159) for other than drafts, NotFound if it is gone (no spec; live, three peers)."""
        await self._call(Request("DELETE", "/Invoice/{id}", id), readers.nothing)

    async def change_parameter(self, id: str, key: str, value: str) -> None:
        """Set `template`, `letterpaper`, `language` or `payPal` of a document (official).

        Raises Refused for the draft of an e-invoice (503, one report).
        """
        request = Request("PUT", "/Invoice/{id}/changeParameter", id, body={"key": key, "value": value})
        await self._call(request, readers.nothing)

    async def send_by(self, id: str, send_type: str = "VPDF") -> models.Invoice:
        """Finalise: sets status 200, number and sendDate; VPDF also enshrined in one account, VPR in another did not.

        The answer is the invoice, not a log entry as the spec says (derived from a capture). If that is a draft, or has
        no number, it is OutcomeUnknown. Read before repeating it: nobody proved that harmless. Raises Refused with
        7100 for tax rule or sums (measured by two peers), 830 for missing e-invoice fields (measured), 422 without an
        address (one report); NotFound.
        """
        body = {"sendType": send_type, "sendDraft": False}
        request = Request("PUT", "/Invoice/{id}/sendBy", id, body=body)
        return await self._call(request, readers.final(readers.same(models.Invoice, id)))

    async def get_pdf(self, id: str) -> models.Document:
        """The PDF. Sent with preventSendBy, without which this GET finalises a draft (live, three peers).

        Raises Refused for the draft of an e-invoice (503, measured by one peer), NotFound.
        """
        params = {"preventSendBy": "true"}
        request = Request("GET", "/Invoice/{id}/getPdf", id, params=params, max_bytes=MAX_PDF_ANSWER_BYTES)
        return await self._call(request, readers.document)

    async def get_xml(self, id: str) -> str:
        """The e-invoice as CII XML (live, two peers).

        Raises Refused unless a finalised e-invoice (400), and for all of them if the company has no IBAN (500).
        """
        return await self._call(Request("GET", "/Invoice/{id}/getXml", id), readers.text)

    async def send_via_email(self, id: str, draft: models.MailDraft) -> models.Email:
        """Mail the PDF and mark the invoice as sent: sendType VM, sendDate (official; one report for VM).

        A draft is finalised first (inferred), so the refusals of `send_by` apply. Raises Refused, NotFound.
        """
        request = Request("POST", "/Invoice/{id}/sendViaEmail", id, body=bodies.mail(draft))
        return await self._call(request, readers.mailed(id))

    async def cancel_invoice(self, id: str) -> models.Invoice | models.CreditNote:
        """Cancel: creates a cancellation invoice (SR), or for a paid invoice a credit note draft (one report).

        Raises Refused with 421 if already cancelled, 170 if a credit note exists, 390 if partly paid (with HTTP 200;
        all measured).
        """
        return await self._call(
            Request("POST", "/Invoice/{id}/cancelInvoice", id), readers.about(readers.cancellation, id)
        )

    # -- the DATEV export ----------------------------------------------------------------------------------------------

    async def create_datev_export(
        self, start: date, end: date, scope: str, by_pay_date: bool, include_images: bool, enshrine: bool
    ) -> str:
        """Start an export and return its job id; this GET writes, so it is repeated only when it was not sent.

        `start` and `end` are Berlin days, both included. `scope` holds some of E earnings, X expenditure,
        T transactions, C cash register, D assets. `by_pay_date` exports only paid documents, by day of payment.
        `enshrine` makes every exported document unchangeable for good (all official). Raises Refused when
        accountingYearBegin is not set (official), and with 409, whose meaning is not established.
        """
        if start > end or not scope or not set(scope) <= set("EXTCD"):
            raise errors.Refused("GET /Export/createDatevCsvZipExportJob", "not sent, the period or the scope is wrong")
        params: dict[str, str | int] = {
            "startDate": bodies.unix_seconds(start),
            "endDate": bodies.last_second(end),
            "scope": scope,
            "exportByPaydate": by_pay_date,
            "includeEnshrined": "true",  # otherwise invoices enshrined when finalised would be missing
            "enshrineDocuments": enshrine,
            "includeDocumentImages": include_images,
        }
        request = Request("GET", "/Export/createDatevCsvZipExportJob", params=params, changes=True)
        return await self._call(request, readers.job_id)

    async def datev_progress(self, job_id: str) -> models.Progress:
        """The export's progress, by two calls, because getProgress takes a hash (official). Only for display.

        Whether the archive is ready, `datev_download_info` tells. Raises NotFound for an unknown job (inferred).
        """
        request = Request("GET", "/Progress/generateDownloadHash", params={"jobId": job_id})
        found = await self._call(request, readers.hash_or_progress)
        if isinstance(found, models.Progress):
            return found
        return await self._call(Request("GET", "/Progress/getProgress", params={"hash": found}), readers.progress)

    async def datev_download_info(self, job_id: str) -> models.DownloadInfo | None:
        """The archive's link, a new one each time; None while the export is not finished.

        Raises NotFound for an unknown job; whether a running one may answer the same is not established.
        """
        request = Request("GET", "/ExportJob/jobDownloadInfo", params={"jobId": job_id})
        return await self._call(request, readers.download_info)

    async def download(
        self, link: str, into: BinaryIO, max_bytes: int = MAX_ARCHIVE_BYTES, seconds: float = 600.0
    ) -> None:
        """Write the file behind a link into `into`, from its beginning; neither sends the token nor follows redirects.

        `seconds` bounds a whole attempt, the read time-out each pause in it. Raises Refused for a link that has expired
        (ask for a new one) or is not https, and for a file larger than `max_bytes`; `into` may hold a part of it then.
        Raises OSError if it cannot be written.
        """
        request = Request("GET", "(download link)", link=link, max_bytes=max_bytes, seconds=seconds, into=into)
        await self._fetch(request)

    async def update_export_config(
        self, client_id: str, accountant_number: int, accountant_client_number: int, year_begin: date
    ) -> None:
        """Set Beraternummer, Mandantennummer and the first day of the accounting year (official).

        With an API token this was Refused, "Access denied" (one report); then a person has to do it in the UI.
        """
        body = bodies.export_config(accountant_number, accountant_client_number, year_begin)
        request = Request("PUT", "/SevClient/{id}/updateExportConfig", client_id, body=body)
        await self._call(request, readers.nothing)
