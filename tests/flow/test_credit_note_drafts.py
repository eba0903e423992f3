"""Credit notes that a person deleted or changed in sevDesk, while ours is on record as a draft."""

from dataclasses import replace
from decimal import Decimal

from flow.histories import do, nothing_open, open_office, pay, retried
from flow.model_office import Office, Trouble
from flow.test_credit_invoice import HALF, credit, noted, published

from sevdesk_client.sandbox.endpoints import paying
from worker.domain.credit import MARKER_DIGITS

office = open_office

WHOLE = [{"position": 1}]


def delete_by_hand(office: Office) -> None:
    """A person deletes all credit notes in sevDesk."""
    office.account.credit_notes.clear()
    for invoice in office.documents():
        invoice.credit_note_id = None
    office.touched = True


async def left_as_draft(office: Office) -> None:
    """A job that gave up after it saved its draft over a half; sevDesk is known not to have finished it."""
    await published(office)
    await gives_up(office)


async def gives_up(office: Office) -> None:
    """The same, of a published invoice."""
    job = await credit(office, HALF, Trouble("dropped", 1, blind=True))
    assert job["state"] == "parked"
    closing = "UPDATE sevdesk_intents SET closed_at = now(), outcome = 'found_not_done' WHERE closed_at IS NULL"
    await office.billing.db.execute(closing)


async def test_deleted_draft_of_another_job_is_ignored(office: Office) -> None:
    """The draft was deleted by hand: the whole invoice may be credited by the next job."""
    await left_as_draft(office)
    delete_by_hand(office)
    job = await credit(office, WHOLE)
    assert (job["state"], job["error"]) == ("done", None)
    assert [note.fields.sums.gross for note in office.account.credit_notes.values()] == [Decimal(119)]


async def test_deleted_draft_permits_the_cancellation(office: Office) -> None:
    """The draft was deleted by hand: nothing is credited, so the invoice is cancelled as a whole."""
    await left_as_draft(office)
    delete_by_hand(office)
    job = await do(office, "cancel_invoice", reason="all of it", refund=True)
    assert (job["state"], job["error"]) == ("done", None)


async def test_deleted_draft_is_made_again(office: Office) -> None:
    """Its own job finds the draft gone, records that, and makes another."""
    await published(office)
    job = await credit(office, HALF, Trouble("dropped", 1, blind=True))
    delete_by_hand(office)
    assert (await retried(office, job))["state"] == "done"
    events = [each for each in await office.billing.events(office.invoice) if each.startswith("credit")]
    assert events == ["credit_saved", "credit_deleted", "credit_saved", "credited", "credit_pdf_stored"]
    assert [row["status"] for row in await noted(office)] == ["finalized"] and await nothing_open(office)


async def test_edited_draft_is_found_by_id(office: Office) -> None:
    """A person removed our marker from the draft: it is finished all the same, and no second one is made."""
    await published(office)
    job = await credit(office, HALF, Trouble("dropped", 1, blind=True))
    [note] = office.account.credit_notes.values()
    note.note = "bitte prüfen"
    office.touched = True
    assert (await retried(office, job))["state"] == "done"
    assert [each.status for each in office.account.credit_notes.values()] == [200]


async def test_copy_of_our_note_counts(office: Office) -> None:
    """A credit note with the marker of another of the invoice's jobs counts, though it is not on record."""
    await published(office)
    assert (await credit(office))["state"] == "done"
    await office.billing.db.execute("DELETE FROM sevdesk_credit_notes")
    office.touched = True
    job = await credit(office, WHOLE)
    assert (job["state"], job["problem"]) == ("rejected", "credit_exceeds_invoice")


async def test_rejected_job_leaves_no_draft(office: Office) -> None:
    """Somebody credited the rest in sevDesk after our draft was saved: it is deleted, and the job rejected."""
    await published(office)
    job = await credit(office, HALF, Trouble("dropped", 1, blind=True))
    [draft] = office.account.credit_notes.values()
    copied = f"{office.number}/{'0' * MARKER_DIGITS}"
    by_hand = replace(draft, id=draft.id + 1, note=copied, status=200, number="GU-7")
    by_hand.fields = replace(draft.fields, sums=office.documents()[0].fields.sums)
    office.account.credit_notes[by_hand.id] = by_hand
    office.touched = True
    job = await retried(office, job)
    assert (job["state"], job["problem"]) == ("rejected", "credit_exceeds_invoice")
    assert list(office.account.credit_notes) == [by_hand.id]
    assert [row["status"] for row in await noted(office)] == ["deleted"] and await nothing_open(office)


async def test_draft_waits_for_unlinked_payment(office: Office) -> None:
    """The payment was unlinked after the draft was saved: the draft is not finished before money has come again."""
    await published(office)
    job = await credit(office, HALF, Trouble("dropped", 1, blind=True))
    paying.unlink(office.account, office.documents()[0])
    office.touched = True
    job = await retried(office, job)
    assert (job["state"], job["problem"]) == ("parked", "credit_note_needs_payment")
    assert [each.status for each in office.account.credit_notes.values()] == [100]
    pay(office, "119")
    assert (await retried(office, job))["state"] == "done"


async def notices(office: Office) -> dict[str, str]:
    """The open notices about drafts that were left: code -> sevDesk's ids."""
    rows = await office.store.query("open_notices", invoice_id=office.invoice, most=9)
    return {row["code"]: row["parameters"]["ids"] for row in rows if row["code"] == "credit_draft_left"}


async def test_dismissed_jobs_name_their_drafts(office: Office) -> None:
    """What they leave in sevDesk is noticed of the invoice, one after the other, until a person has deleted it."""
    await left_as_draft(office)
    await gives_up(office)
    first, second = map(str, office.account.credit_notes)
    one, two = await office.parked()
    about = {"by": "Anna", "reason": "Twice."}
    assert await office.store.dismiss(one["job_id"], **about) == (True, first)
    assert await notices(office) == {"credit_draft_left": first}
    assert await office.store.dismiss(two["job_id"], **about) == (True, second)
    assert await notices(office) == {"credit_draft_left": f"{first}, {second}"}
    assert await office.store.dismiss(two["job_id"], **about) == (False, None)
    await office.store.query("acknowledge_notices", invoice_id=office.invoice, by="Anna", reason="Deleted.")
    assert await notices(office) == {}


async def test_dismissed_refund_names_its_draft(office: Office) -> None:
    """The credit note over the whole invoice that sevDesk made instead of a cancellation."""
    await published(office)
    job = await do(office, "cancel_invoice", reason="returned")
    assert (job["state"], job["problem"]) == ("parked", "credit_note_draft")
    [draft] = map(str, office.account.credit_notes)
    assert await office.store.dismiss(job["job_id"], by="Anna", reason="Kept.") == (True, draft)
    assert await notices(office) == {"credit_draft_left": draft}


async def test_withdrawn_right_names_the_draft(office: Office) -> None:
    """Whoever asked may no longer: the job is rejected before its steps, which would have deleted the draft."""
    await left_as_draft(office)
    [draft] = map(str, office.account.credit_notes)
    [job] = await office.parked()
    await office.billing.db.execute("UPDATE sevdesk_jobs SET requested_by = $1", await office.billing.person())
    job = await retried(office, job)
    assert (job["state"], job["problem"]) == ("rejected", "requester_not_internal")
    assert await notices(office) == {"credit_draft_left": draft}
