"""The calls about credit notes (Gutschriften), a part of `SevDeskClient`; what each may raise is said there.

A credit note is a document of its own kind, with a number sequence of its own; its sums are positive.
"""

from sevdesk_client import bodies, models, readers
from sevdesk_client.credit_note_draft import CreditNoteDraft
from sevdesk_client.sending import MAX_PAGE, Hits, Sender
from sevdesk_client.wire import MAX_PDF_ANSWER_BYTES, Request


class CreditNoteCalls(Sender):
    """One method per call."""

    async def find_credit_notes(self, invoice_id: str) -> list[models.CreditNote]:
        """The credit notes that sevDesk made of this invoice, oldest first; saved ones have no origin (measured).

        The filter is official (in the spec's prose). Raises FilterIgnored when a hit does not name the invoice.
        """
        request = Request("GET", "/CreditNote", params={"origin[id]": invoice_id, "origin[objectName]": "Invoice"})
        return await self._find(request, models.CreditNote, lambda note: note.origin and note.origin.id == invoice_id)

    async def list_credit_notes(
        self, *, contact_id: str | None = None, number: str | None = None, offset: int = 0, limit: int = MAX_PAGE
    ) -> Hits[models.CreditNote]:
        """One page, oldest first within it; all, or those of a contact or with a number (both filters official).

        A page shorter than `limit` is the last. Raises FilterIgnored when others fill the page.
        """
        params: dict[str, str | int] = {"offset": offset, "limit": limit}
        if contact_id is not None:
            params |= bodies.of_contact(contact_id)
        if number is not None:
            params["creditNoteNumber"] = number

        def fits(note: models.CreditNote) -> bool:
            return contact_id in (None, note.contact_id) and number in (None, note.credit_note_number)

        return await self._find(Request("GET", "/CreditNote", params=params), models.CreditNote, fits, page=limit)

    async def get_credit_note(self, id: str) -> models.CreditNote:
        """The credit note. Raises NotFound for an unknown or deleted id (400 or 404: official)."""
        return await self._call(Request("GET", "/CreditNote/{id}", id), readers.same(models.CreditNote, id))

    async def credit_note_sequence(self) -> models.Sequence:
        """The sequence of credit note numbers (official). It moves when a credit note is enshrined (measured by one).

        So two drafts may be given the same number. Raises NotFound without such a sequence.
        """
        params = {"objectType": "CreditNote", "type": "CN"}
        request = Request("GET", "/SevSequence/Factory/getByType", params=params)
        return await self._call(request, readers.one(models.Sequence))

    async def save_credit_note(self, draft: CreditNoteDraft) -> models.CreditNote:
        """Create a draft with a number chosen by us, which a credit note needs (measured by one peer).

        Raises Refused with 455 for more than the invoice, 456 for another tax rate (measured), 460 without deliveryDate
        (capture), 830 for an e-invoice without payment method (measured).
        """
        request = Request("POST", "/CreditNote/Factory/saveCreditNote", body=bodies.save_credit_note(draft))
        marker = draft.customer_internal_note
        reader = readers.fitting(readers.saved_credit_note, lambda made: made.customer_internal_note in (None, marker))
        return await self._call(request, reader)

    async def credit_note_from_invoice(self, invoice_id: str) -> models.CreditNote:
        """Create a draft over the whole invoice (official; measured by one peer).

        Raises Refused with 170 if there is one already (measured for cancelInvoice), and for AR and TR (official).
        """
        body = {"invoice": bodies.ref("Invoice", invoice_id)}
        request = Request("POST", "/CreditNote/Factory/createFromInvoice", body=body)
        return await self._call(request, readers.about(readers.saved_credit_note, invoice_id))

    async def delete_credit_note(self, id: str) -> None:
        """Raises Refused (409, code 159) for other than drafts (measured by one peer), NotFound if it is gone."""
        await self._call(Request("DELETE", "/CreditNote/{id}", id), readers.nothing)

    async def send_credit_note_by(self, id: str, send_type: str = "VPDF") -> models.CreditNote:
        """Finalise: sets status 200, sendType and sendDate (official); its number may be another one then (inferred).

        Raises Refused with 7100 for a negative sum (measured by one peer); NotFound; OutcomeUnknown as `send_by`.
        """
        body = {"sendType": send_type, "sendDraft": False}
        request = Request("PUT", "/CreditNote/{id}/sendBy", id, body=body)
        return await self._call(request, readers.final(readers.same(models.CreditNote, id)))

    async def get_credit_note_pdf(self, id: str) -> models.Document:
        """The PDF. Sent with preventSendBy, as for invoices, where this GET finalises a draft without it.

        Raises NotFound.
        """
        params = {"preventSendBy": "true"}
        request = Request("GET", "/CreditNote/{id}/getPdf", id, params=params, max_bytes=MAX_PDF_ANSWER_BYTES)
        return await self._call(request, readers.document)

    async def send_credit_note_via_email(self, id: str, draft: models.MailDraft) -> models.Email:
        """Mail the PDF and mark the credit note as sent (official). Raises Refused, NotFound."""
        request = Request("POST", "/CreditNote/{id}/sendViaEmail", id, body=bodies.mail(draft))
        return await self._call(request, readers.mailed(id))
