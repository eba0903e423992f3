"""sevDesk answers the cancellation of a paid invoice with a credit note draft: what is known of it, and how it ends."""

import pytest
from flow.billing import parameters
from flow.histories import do, nothing_open, open_office, outcomes, pay, retried
from flow.model_office import Office, Trouble

from sevdesk_client.sandbox.endpoints import cancelling, paying

office = open_office

STORED_ID = "SELECT cancellation_external_id FROM sevdesk_cancellations WHERE kind = 'credit_note'"


async def publish_and_pay(office: Office) -> None:
    """Published, and paid in full."""
    await do(office, "publish_invoice")
    pay(office, "119")


async def credit_note_events(office: Office) -> list[str]:
    """What the event log says of credit notes."""
    return [each for each in await office.billing.events(office.invoice) if each == "credit_note_drafted"]


async def test_lost_credit_note_is_on_record(office: Office) -> None:
    """The answer is lost, the draft is found: on record once, and the intent says that it was made."""
    await publish_and_pay(office)
    job = await do(office, "cancel_invoice", Trouble("lost"), reason="returned")
    assert (job["state"], job["problem"]) == ("parked", "credit_note_draft")
    [note] = office.account.credit_notes
    assert await office.billing.db.fetchval(STORED_ID) == str(note)
    assert await outcomes(office, "cancel_invoice") == ["found_done"]
    assert len(await credit_note_events(office)) == 1


async def test_unasked_credit_note_is_made(office: Office) -> None:
    """The request never arrived: it is made now, once."""
    await publish_and_pay(office)
    job = await do(office, "cancel_invoice", Trouble("dropped"), reason="returned")
    assert (job["state"], job["problem"]) == ("parked", "credit_note_draft")
    assert await outcomes(office, "cancel_invoice") == ["found_not_done", "done"]
    assert len(office.account.credit_notes) == len(await credit_note_events(office)) == 1


async def test_lost_credit_note_outlives_its_payment(office: Office) -> None:
    """The payment is unlinked before anybody looks: the draft is found all the same."""
    await publish_and_pay(office)
    office.wire.trouble = Trouble("lost")
    await office.ask("cancel_invoice", invoice_id=office.invoice, reason="returned")
    await office.attempt()
    paying.unlink(office.account, office.documents()[0])
    await do(office, "sync_payments")
    assert await outcomes(office, "cancel_invoice") == ["found_done"]
    assert len(await credit_note_events(office)) == 1


async def test_retry_repeats_nothing(office: Office) -> None:
    """While the draft waits for a person, cancelling again makes no second one and no second event."""
    await publish_and_pay(office)
    job = await do(office, "cancel_invoice", reason="returned")
    again = await retried(office, job)
    assert (again["state"], again["error"]) == (job["state"], job["error"])
    assert len(office.account.credit_notes) == len(await credit_note_events(office)) == 1


async def test_credit_note_by_hand_is_adopted(office: Office) -> None:
    """Somebody was faster in sevDesk's own pages."""
    await publish_and_pay(office)
    cancelling.cancel(office.account, office.documents()[0])
    job = await do(office, "cancel_invoice", reason="returned")
    assert job["state"] == "parked" and len(await credit_note_events(office)) == 1
    assert await outcomes(office, "cancel_invoice") == []


async def test_deleted_draft_frees_the_invoice(office: Office) -> None:
    """The draft deleted and the payment unlinked, as one is told to: the retry cancels for good."""
    await publish_and_pay(office)
    job = await do(office, "cancel_invoice", reason="returned", notify=True)
    assert "delete the draft there and unlink the payment" in job["next_step"]
    [note] = office.account.credit_notes
    await office.delete_credit_note(note)
    paying.unlink(office.account, office.documents()[0])
    job = await retried(office, job)
    assert (job["state"], job["error"]) == ("done", None)
    assert len(office.documents("SR")) == len(office.mails("SR")) == 1
    assert await office.billing.db.fetchval(STORED_ID) is None
    assert await nothing_open(office)


async def test_draft_left_behind_is_named(office: Office) -> None:
    """The payment is unlinked, the draft still stands: it waits on, and says what for."""
    await publish_and_pay(office)
    job = await do(office, "cancel_invoice", reason="returned")
    paying.unlink(office.account, office.documents()[0])
    job = await retried(office, job)
    assert (job["state"], job["problem"]) == ("parked", "credit_note_draft")
    assert len(await outcomes(office, "cancel_invoice")) == 1, "sevDesk was not asked a second time"


async def test_finished_credit_note_is_the_end(office: Office) -> None:
    """A person has finished it in sevDesk: there is nothing left to cancel, and nobody is asked for more."""
    await publish_and_pay(office)
    job = await do(office, "cancel_invoice", reason="returned")
    [note] = office.account.credit_notes.values()
    note.status = 1000
    job = await retried(office, job)
    assert (job["state"], job["problem"]) == ("rejected", "credit_note_stands")
    assert parameters(job)["credit_note"] == note.number


@pytest.mark.parametrize("choice", ["storno", "refuse"])
async def test_other_accounts_cancel_otherwise(office: Office, choice: str) -> None:
    """Where sevDesk makes an SR of a paid invoice, or refuses: looking for a credit note first changes nothing."""
    office.account.switches.change({"cancel_paid": choice})
    await publish_and_pay(office)
    job = await do(office, "cancel_invoice", reason="returned")
    found = "refund_due" if choice == "storno" else "sevdesk_refused"
    assert (job["state"], job["problem"]) == ("parked", found)
    assert await outcomes(office, "cancel_invoice") == ["done" if choice == "storno" else "refused"]


async def test_ignored_filter_costs_nothing(office: Office) -> None:
    """Should sevDesk ignore the filter, other invoices' credit notes are no obstacle, and none of them is ours."""
    await do(office, "publish_invoice")
    pay(office, "119")
    cancelling.cancel(office.account, office.documents()[0])
    [other] = office.account.credit_notes.values()
    other.origin_id, office.documents()[0].credit_note_id = 1, None
    office.account.switches.change({"ignored_filters": ["origin[id]"]})
    job = await do(office, "cancel_invoice", reason="returned")
    assert job["state"] == "parked" and len(office.account.credit_notes) == 2
    assert await office.billing.db.fetchval(STORED_ID) != str(other.id)


async def test_lost_note_is_found_without_filter(office: Office) -> None:
    """The answer to createFromInvoice is lost and the filter by origin is ignored: it is found, not made again."""
    await publish_and_pay(office)
    cancelling.cancel(office.account, office.documents()[0])
    [other] = office.account.credit_notes.values()
    other.origin_id, other.note, office.documents()[0].credit_note_id = 1, None, None
    paying.unlink(office.account, office.documents()[0])
    pay(office, "59.50")
    office.account.switches.change({"ignored_filters": ["origin[id]"]})
    job = await do(office, "cancel_invoice", Trouble("lost"), reason="returned", refund=True)
    assert (job["state"], job["error"]) == ("done", None)
    assert await outcomes(office, "create_credit_note") == ["found_done"]
