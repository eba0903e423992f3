"""Crediting parts of an invoice: credit notes of our own, to the cent, exactly once for each job."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from flow.billing import parameters
from flow.histories import begin, do, nothing_open, open_office, outcomes, pay, retried
from flow.model_office import Office, Trouble

from sevdesk_client.sandbox.endpoints import cancelling, paying

office = open_office

HALF = [{"position": 1, "quantity": "2"}]


async def credit(office: Office, positions: Any = HALF, trouble: Trouble | None = None, **payload: Any) -> Any:
    """The job that credits these positions, at its end."""
    return await do(office, "credit_invoice", trouble, reason="broken", positions=json.dumps(positions), **payload)


async def published(office: Office, amount: str = "119") -> None:
    """Over 119.00 EUR, and paid."""
    await do(office, "publish_invoice")
    if amount:
        pay(office, amount)
    await do(office, "sync_payments", invoice_id=None)


async def noted(office: Office) -> list[Any]:
    """Our rows, the oldest first."""
    return await office.billing.db.fetch("SELECT * FROM sevdesk_credit_notes ORDER BY recorded_at")


async def test_part_is_credited(office: Office) -> None:
    """Half of the position: number, sums, PDF and refund are on record; the invoice stays as it is."""
    await published(office)
    before = await office.billing.row(office.invoice)
    job = await credit(office)
    assert (job["state"], job["error"]) == ("done", None)
    [note] = office.account.credit_notes.values()
    sums = note.fields.sums
    assert (note.status, sums.net, sums.tax, sums.gross) == (200, Decimal(50), Decimal("9.50"), Decimal("59.50"))
    [row] = await noted(office)
    assert (row["status"], row["credit_note_number"], row["external_id"]) == ("finalized", note.number, str(note.id))
    assert (row["marker"], row["document_day"]) == (note.note, office.account.today())
    assert note.fields.header == f"Rechnungskorrektur zur Rechnung {before['external_invoice_number']}"
    assert note.fields.address == "Müller & Söhne GmbH\nHauptstraße 5\n10115 Berlin"
    result = json.loads(job["result"])
    assert (result["credit_note_number"], result["credited"]) == (note.number, "59.5")
    assert Decimal(result["refund_due"]) == row["refund_due"] == Decimal("59.50")
    stored = await office.billing.db.fetchrow("SELECT * FROM sevdesk_documents WHERE kind = 'credit_note_pdf'")
    assert stored["content"].startswith(b"%PDF") and stored["sha256"] == row["pdf_sha256"]
    after = await office.billing.row(office.invoice)
    assert (after["claim_status"], after["accounting_sync_status"]) == ("paid", "synced")
    assert (await office.billing.events(office.invoice))[-3:] == ["credit_saved", "credited", "credit_pdf_stored"]
    assert office.account.mails == [] and await nothing_open(office)


@pytest.mark.parametrize("after", [0, 1, 2])
@pytest.mark.parametrize("kind", ["lost", "dropped", "late"])
async def test_lost_answers_leave_one_credit_note(office: Office, kind: str, after: int) -> None:
    """Whichever write is lost, on the way there or back: one credit note, one number, one mail."""
    await published(office)
    job = await credit(office, HALF, Trouble(kind, after), notify=True)
    if job["state"] == "parked":
        assert job["problem"] == "mail_outcome_unknown"
        job = await retried(office, job, "done" if office.account.mails else "not-done")
    assert (job["state"], job["error"]) == ("done", None)
    [note] = office.account.credit_notes.values()
    assert [mail["object"]["id"] for mail in office.account.mails] == [str(note.id)]
    events = await office.billing.events(office.invoice)
    for each in ("credit_saved", "credited", "credit_pdf_stored", "credit_mailed"):
        assert events.count(each) == 1
    assert await nothing_open(office)


async def test_lost_mail_keeps_its_address(office: Office) -> None:
    """The recipient has another address by the time the mail is known to be sent; the ledger names the old one."""
    await published(office)
    asked = {"reason": "broken", "positions": json.dumps(HALF), "notify": True}
    job_id = await begin(office, "credit_invoice", Trouble("lost", 2), **asked)
    old = await office.billing.db.fetchval("SELECT email FROM companies")
    await office.billing.db.execute("UPDATE companies SET email = 'neu@example.com'")
    await office.pass_quarantine()
    assert await office.attempt() == job_id
    job = await office.billing.job(job_id)
    assert (job["state"], job["error"]) == ("done", None)
    assert [mail["to"] for mail in office.account.mails] == [old]
    assert await office.billing.db.fetchval("SELECT recipient FROM sevdesk_mails") == old


async def test_several_never_exceed_the_invoice(office: Office) -> None:
    """Two halves are credited by two jobs; a third job is refused before anything is written."""
    await published(office)
    for _ in range(2):
        assert (await credit(office))["state"] == "done"
    written = dict(office.wire.done)
    job = await credit(office, [{"position": 1, "unit_price": "0.01"}])
    assert (job["state"], job["problem"]) == ("rejected", "credit_exceeds_invoice")
    said = parameters(job)
    assert (Decimal(said["credited"]), Decimal(said["invoiced"]), said["asked"]) == (119, 119, "0.05")
    assert said["left"] == "0.00" and "at most 0.00 EUR gross" in job["next_step"]
    assert office.wire.done == written and len(office.account.credit_notes) == 2
    numbers = [row["credit_note_number"] for row in await noted(office)]
    assert len(set(numbers)) == 2


async def test_parts_come_to_the_whole_position(office: Office) -> None:
    """Tax of 19.01 is credited as 9.51 and 9.50; for that, sevDesk's second document has a position over cents."""
    await office.billing.db.execute("UPDATE billing_invoice_items SET quantity = 1, unit_price = 100.06")
    await office.billing.db.execute(
        "UPDATE billing_invoices SET net_amount = 100.06, tax_amount = 19.01, gross_amount = 119.07"
    )
    await published(office, "119.07")
    half = [{"position": 1, "quantity": "0.5"}]
    for _ in range(2):
        job = await credit(office, half)
        assert (job["state"], job["error"]) == ("done", None)
    sums = [(row["net_amount"], row["tax_amount"]) for row in await noted(office)]
    assert sums == [(Decimal("50.03"), Decimal("9.51")), (Decimal("50.03"), Decimal("9.50"))]
    first, second = office.account.credit_notes.values()
    assert [each.name for each in first.fields.positions] == ["Leistung 1"]
    assert [each.name for each in second.fields.positions] == ["Leistung 1", "Rundung"]
    assert (await credit(office, half))["problem"] == "credit_exceeds_invoice"


async def test_credit_note_by_hand_counts(office: Office) -> None:
    """What others credited in sevDesk is not credited once more."""
    await published(office)
    cancelling.cancel(office.account, office.documents()[0])
    office.touched = True
    job = await credit(office)
    assert (job["state"], job["problem"]) == ("rejected", "credit_exceeds_invoice")
    assert len(office.account.credit_notes) == 1


async def test_partly_paid_claim_is_settled(office: Office) -> None:
    """59.50 came, 59.50 are credited: nothing is owed, nothing to pay back, and no sync takes that back."""
    await published(office, "59.50")
    assert (await office.billing.row(office.invoice))["claim_status"] == "partially_paid"
    job = await credit(office)
    assert Decimal(json.loads(job["result"])["refund_due"]) == 0
    assert (await office.billing.row(office.invoice))["claim_status"] == "paid"
    events = await office.billing.events(office.invoice)
    assert "settled_by_credit" in events
    await do(office, "sync_payments", full=True, invoice_id=None)
    assert await office.billing.events(office.invoice) == events
    paid_later = await office.billing.row(office.invoice)
    assert (paid_later["claim_status"], paid_later["paid_amount"]) == ("paid", Decimal("59.50"))


@pytest.mark.parametrize(("rest", "told"), [("69", "overpaid"), ("30", "overpaid"), ("9.50", "settled_by_credit")])
async def test_money_after_the_credit_is_told(office: Office, rest: str, told: str) -> None:
    """50.00 came, 59.50 are credited, nothing is to pay back; then more comes than is owed, or just that."""
    await published(office, "50")
    job = await credit(office)
    assert Decimal(json.loads(job["result"])["refund_due"]) == 0
    pay(office, rest)
    await do(office, "sync_payments", invoice_id=None)
    payments = ("partially_paid", "paid", "overpaid", "settled_by_credit")
    events = [each for each in await office.billing.events(office.invoice) if each in payments]
    assert events == ["partially_paid", told]
    assert (await office.billing.row(office.invoice))["claim_status"] == "paid"


async def test_skonto_lessens_the_refund(office: Office) -> None:
    """116.62 of 119.00 were paid; for each half that is credited, half of that is due, and nothing is too much."""
    await published(office, "")
    paying.pay(office.account, office.documents()[0], Decimal("116.62"), office.account.today(), closes=True)
    await do(office, "sync_payments", invoice_id=None)
    for _ in range(2):
        job = await credit(office)
        assert Decimal(json.loads(job["result"])["refund_due"]) == Decimal("58.31")
    await do(office, "sync_payments", full=True, invoice_id=None)
    events = await office.billing.events(office.invoice)
    assert "discounted" in events and not {"overpaid", "settled_by_credit"} & set(events)
    row = await office.billing.row(office.invoice)
    assert (row["claim_status"], row["paid_amount"]) == ("paid", Decimal("116.62"))


async def test_unpaid_invoice_says_so_before(office: Office) -> None:
    """It is cancelled instead; sevDesk hears of no credit note."""
    await published(office, "")
    job = await credit(office)
    assert (job["state"], job["problem"]) == ("parked", "credit_note_needs_payment")
    pay(office, "119")
    assert (await retried(office, job))["state"] == "done"


async def test_advance_says_so_before(office: Office) -> None:
    """sevDesk makes no credit note for its type AR."""
    await published(office)
    office.documents()[0].type = "AR"
    job = await credit(office)
    assert (job["state"], job["problem"]) == ("parked", "credit_note_not_for_advance")
    assert await outcomes(office, "save_credit_note") == []


async def test_wrong_positions_are_refused(office: Office) -> None:
    """A position that the document has not, whatever the billing system says by now."""
    await published(office)
    await office.billing.db.execute("UPDATE billing_invoice_items SET position = 7")
    job = await credit(office, [{"position": 7}])
    assert (job["state"], job["problem"], parameters(job)["known"]) == ("rejected", "credit_position_unknown", "1")


async def test_wrong_sums_delete_the_draft(office: Office) -> None:
    """sevDesk computes a cent too much: the draft goes, no number is drawn, and the retry makes a right one."""
    await published(office)
    office.account.switches.change({"cent_off": True})
    job = await credit(office)
    assert (job["state"], job["problem"]) == ("parked", "credit_note_sums_differ")
    assert not office.account.credit_notes
    assert [row["status"] for row in await noted(office)] == ["deleted"]
    office.account.switches.change({"cent_off": False})
    assert (await retried(office, job))["state"] == "done"
    assert [row["status"] for row in await noted(office)] == ["finalized"]


async def test_finished_by_hand_is_recorded(office: Office) -> None:
    """The job is gone after its draft was saved; a person finishes it; the retry finds that."""
    await published(office)
    job = await credit(office, HALF, Trouble("dropped", 1, blind=True))
    assert job["state"] == "parked"
    [note] = office.account.credit_notes.values()
    note.status, note.send_type = 200, "VPDF"
    office.touched = True
    assert (await retried(office, job))["state"] == "done"
    assert await outcomes(office, "finalize_credit_note") == ["found_done"]


async def test_draft_of_a_deleted_invoice_goes(office: Office) -> None:
    """Its draft was saved, then the invoice was deleted by hand: the draft is not finished but deleted."""
    await published(office)
    job = await credit(office, HALF, Trouble("dropped", 1, blind=True))
    office.delete(office.documents()[0])
    await do(office, "sync_payments", full=True, invoice_id=None)
    job = await retried(office, job)
    assert (job["state"], job["problem"]) == ("parked", "invoice_not_published")
    assert not office.account.credit_notes and await nothing_open(office)
    assert [row["status"] for row in await noted(office)] == ["deleted"]


async def test_credited_invoice_is_not_cancelled(office: Office) -> None:
    """sevDesk would refuse: the rest is to be credited, too."""
    await published(office)
    await credit(office)
    job = await do(office, "cancel_invoice", reason="all of it", refund=True)
    assert (job["state"], job["problem"]) == ("parked", "partly_credited")
    assert Decimal(parameters(job)["credited"]) == Decimal("59.50")


async def test_taken_number_is_passed_over(office: Office) -> None:
    """The sequence stands still while nothing is enshrined; a finished credit note's number is not used again."""
    office.account.switches.change({"send_by_enshrines": False})
    await published(office)
    for _ in range(2):
        assert (await credit(office))["state"] == "done"
    numbers = [row["credit_note_number"] for row in await noted(office)]
    first = office.account.next_credit_note
    assert numbers == [f"GU-{first}", f"GU-{first + 1}"]


async def test_many_taken_numbers_are_passed_over(office: Office) -> None:
    """More numbers ahead of the sequence are taken than are tried one by one: still a number of its own."""
    office.account.switches.change({"send_by_enshrines": False})
    await published(office)
    assert (await credit(office))["state"] == "done"
    [note] = office.account.credit_notes.values()
    first = office.account.next_credit_note
    for ahead in range(1, 50):
        ident, number = note.id + 1000 + ahead, f"GU-{first + ahead}"
        office.account.credit_notes[ident] = replace(note, id=ident, number=number, note=None, source_id=0)
    job_id = await begin(office, "credit_invoice", reason="broken", positions=json.dumps(HALF))
    assert (await office.billing.job(job_id))["state"] == "done"
    assert [row["credit_note_number"] for row in await noted(office)] == [f"GU-{first}", f"GU-{first + 50}"]


async def test_closed_claim_does_not_hinder_recording(office: Office) -> None:
    """The billing system closed the claim itself: the credit note is recorded, and no payment with it."""
    await published(office, "59.50")
    await office.billing.db.execute("UPDATE billing_invoices SET claim_status = 'cancelled'")
    job_id = await begin(office, "credit_invoice", reason="broken", positions=json.dumps(HALF))
    job = await office.billing.job(job_id)
    assert (job["state"], job["error"]) == ("done", None)
    assert [row["status"] for row in await noted(office)] == ["finalized"] and await nothing_open(office)
    assert "settled_by_credit" not in await office.billing.events(office.invoice)
