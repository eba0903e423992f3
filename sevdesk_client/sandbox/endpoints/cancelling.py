"""cancelInvoice: a cancellation invoice for an open one, a credit note draft for a paid one, or a refusal."""

from dataclasses import replace

from sevdesk_client.sandbox.account.formats import Object
from sevdesk_client.sandbox.account.records import Invoice, Letter
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.account.sums import ZERO
from sevdesk_client.sandbox.endpoints.calls import Answer, Call, objects
from sevdesk_client.sandbox.endpoints.credit_notes import add_credit_note, render_credit_note
from sevdesk_client.sandbox.endpoints.errors import Refusal, invalid
from sevdesk_client.sandbox.endpoints.invoice_json import render_cancellation
from sevdesk_client.sandbox.endpoints.invoices import find


def cancel_invoice(account: Account, call: Call) -> Answer:
    """POST /Invoice/{id}/cancelInvoice, without body: 201 with an SR, or with a CreditNote draft if it was paid."""
    invoice = find(account, call.ident)
    return objects(cancel(account, invoice), 201)


def cancel(account: Account, invoice: Invoice) -> Object:
    """Cancel, or raise the measured refusals; 390 comes inside HTTP 200."""
    if invoice.cancelled_by is not None:
        raise invalid("invoice already canceled", 421)
    if invoice.credit_note_id is not None:
        raise credit_note_exists(account, invoice)
    if invoice.status == 100 or invoice.type == "SR":
        raise invalid("Only open invoices can be canceled")  # not established for drafts; wording inferred
    if invoice.status < 1000 and invoice.paid != 0:
        message = "Partially Paid Invoices can not be deleted at the moment, book a credit invoice manually"
        raise Refusal(200, message, 390)
    if invoice.status == 1000 and account.switches.cancel_paid != "storno":
        return _credit(account, invoice)
    return render_cancellation(account, _storno(account, invoice))


def credit_note_exists(account: Account, invoice: Invoice) -> Refusal:
    """422/170, with the existing one in data.objects[0] (measured, two peers)."""
    note = account.credit_notes[invoice.credit_note_id or 0]
    return Refusal(422, "CreditNote exists", 170, {"objects": [render_credit_note(note)]})


def _credit(account: Account, invoice: Invoice) -> Object:
    """A paid invoice stays as it is and gets a credit note draft (one report)."""
    if account.switches.cancel_paid == "refuse":
        raise invalid("Paid invoices can not be canceled")
    return render_credit_note(add_credit_note(account, invoice))


def _storno(account: Account, source: Invoice) -> Invoice:
    """The SR: final and enshrined at once, every sum turned round, note copied, never sent (captures)."""
    now, number = account.now(), account.draw_number()
    forms = {"de": "Stornorechnung Nr. {} zur Rechnung Nr. {}", "en": "Cancellation Invoice No. {} to Invoice No. {}"}
    form = forms.get(source.layout["language"][:2], forms["de"])
    letter = replace(_turned(source.letter), invoice_date=now, header=form.format(number, source.number))
    storno = Invoice(account.new_id(), now, now, letter, source.note, number, type="SR", status=1000)
    storno.send_type, storno.enshrined, storno.origin_id = source.send_type, now, source.id
    storno.layout = source.layout
    account.add(storno)
    source.status, source.paid, source.pay_date, source.cancelled_by = 1000, ZERO, None, storno.id
    source.enshrined = source.enshrined or now
    account.touch(source)
    return storno


def _turned(letter: Letter) -> Letter:
    """Every quantity and sum with its sign turned round."""
    lines = tuple(replace(each, quantity=-each.quantity, sums=-each.sums) for each in letter.positions)
    rates = tuple((rate, -sums) for rate, sums in letter.rates)
    return replace(letter, positions=lines, rates=rates, sums=-letter.sums)
