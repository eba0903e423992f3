"""No two credit notes have the same number, whoever finishes them and whenever."""

import json
from dataclasses import replace
from typing import Any

import pytest
from flow.billing import Billing
from flow.books import compared, pay
from flow.histories import begin, do, nothing_open, open_office, retried
from flow.model_office import Office
from flow.test_credit_invoice import HALF, noted, published
from flow.test_credit_note_drafts import left_as_draft

from sevdesk_client.client import SevDeskClient
from sevdesk_client.models import Sequence
from sevdesk_client.sandbox.http.server import Running
from worker.settings import JobLimit, Settings
from worker.store.locks import LockSession, NumberClaimed

office = open_office

ANOTHER = """
    INSERT INTO sevdesk_intents (subject, job_id, step, action, summary, request_sha256, worker, settles_at)
    SELECT 'invoice:another', job_id, 'credit', 'finalize_credit_note', $1, '', 'other', now()
    FROM sevdesk_jobs LIMIT 1
"""


def finish_another(office: Office, number: str) -> None:
    """Somebody finishes a credit note of another invoice with this number."""
    note = next(iter(office.account.credit_notes.values()))
    ident = note.id + 1000
    office.account.credit_notes[ident] = replace(
        note, id=ident, number=number, note=None, source_id=0, origin_id=None, status=200
    )
    office.touched = True


def numbers_of(office: Office) -> list[Any]:
    return sorted(note.number for note in office.account.credit_notes.values())


async def test_draft_gets_another_number(office: Office) -> None:
    """Its number was used before it was finished: the draft is made again with the next one."""
    await left_as_draft(office)
    [draft] = office.account.credit_notes.values()
    finish_another(office, draft.number)
    [job] = await office.billing.db.fetch("SELECT * FROM sevdesk_jobs WHERE state = 'parked'")
    job = await retried(office, job)
    assert (job["state"], job["error"]) == ("done", None)
    first = int(draft.number[3:])
    assert numbers_of(office) == [f"GU-{first}", f"GU-{first + 1}"]
    events = [each for each in await office.billing.events(office.invoice) if each.startswith("credit")]
    assert events == ["credit_saved", "credit_deleted", "credit_saved", "credited", "credit_pdf_stored"]
    assert await nothing_open(office)


async def test_number_being_given_is_passed_over(office: Office) -> None:
    """Another job has claimed the number and nobody knows yet whether its note has it: the next one is used."""
    await published(office)
    number = office.account.peek_credit_note()
    await office.billing.db.execute(ANOTHER, json.dumps({"credit_note_number": number}))
    job_id = await begin(office, "credit_invoice", reason="broken", positions=json.dumps(HALF))
    assert (await office.billing.job(job_id))["state"] == "done"
    assert numbers_of(office) == [f"GU-{int(number[3:]) + 1}"]


async def test_refund_gets_another_number(office: Office) -> None:
    """sevDesk's own draft has a number that is used by now: it is deleted, and sevDesk makes another."""
    await published(office)
    job = await do(office, "cancel_invoice", reason="all of it")
    assert job["problem"] == "credit_note_draft"
    [draft] = office.account.credit_notes.values()
    finish_another(office, draft.number)
    office.account.next_credit_note += 1
    job_id = await begin(office, "cancel_invoice", reason="all of it", refund=True)
    assert (await office.billing.job(job_id))["state"] == "done"
    assert len(set(numbers_of(office))) == 2 and draft.id not in office.account.credit_notes


async def test_refund_waits_for_the_sequence(office: Office) -> None:
    """sevDesk would give a new draft the same number: a person decides, and nothing is finished."""
    await published(office)
    await do(office, "cancel_invoice", reason="all of it")
    [draft] = office.account.credit_notes.values()
    finish_another(office, draft.number)
    job_id = await begin(office, "cancel_invoice", reason="all of it", refund=True)
    job = await office.billing.job(job_id)
    assert (job["state"], job["problem"]) == ("parked", "credit_note_number_taken")
    assert office.account.credit_notes[draft.id].status == 100


async def test_sequence_may_move_meanwhile(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another credit note is finished between the look at the sequence and at its number: nobody need be asked."""
    await published(office)
    await do(office, "cancel_invoice", reason="all of it")
    [draft] = office.account.credit_notes.values()
    finish_another(office, draft.number)
    read = SevDeskClient.credit_note_sequence

    async def read_too_soon(client: SevDeskClient) -> Sequence:
        found = await read(client)
        office.account.next_credit_note = int(draft.number[3:]) + 1
        return found

    monkeypatch.setattr(SevDeskClient, "credit_note_sequence", read_too_soon)
    job_id = await begin(office, "cancel_invoice", reason="all of it", refund=True)
    assert (await office.billing.job(job_id))["state"] == "done"
    assert len(set(numbers_of(office))) == 2 and draft.id not in office.account.credit_notes


async def test_number_used_twice_is_told(office: Office) -> None:
    """Two are finished with the same number, ours by hand: recorded, and not mailed before a person has looked."""
    await left_as_draft(office)
    [draft] = office.account.credit_notes.values()
    finish_another(office, draft.number)
    draft.status, draft.send_type = 200, "VPDF"
    [job] = await office.billing.db.fetch("SELECT * FROM sevdesk_jobs WHERE state = 'parked'")
    job = await retried(office, job)
    assert (job["state"], job["problem"]) == ("parked", "credit_note_number_taken")
    assert [row["status"] for row in await noted(office)] == ["finalized"]
    draft.number = "GU-7"
    await office.billing.db.execute("UPDATE sevdesk_credit_notes SET credit_note_number = 'GU-7'")
    assert (await retried(office, job))["state"] == "done"


async def test_sum_that_changed_is_told(office: Office) -> None:
    """What sevDesk has is compared after it was finished, too."""
    await left_as_draft(office)
    job_id = await office.billing.db.fetchval("SELECT job_id FROM sevdesk_jobs WHERE state = 'parked'")
    await office.billing.db.execute("UPDATE sevdesk_credit_notes SET gross_amount = 59.49")
    await office.billing.retry(job_id)
    assert await office.attempt() == job_id
    job = await office.billing.job(job_id)
    assert (job["state"], job["problem"]) == ("parked", "credit_note_sums_differ")


async def test_one_number_is_claimed_once(database_url: str, billing: Billing) -> None:
    """Two processes that chose the same number: the second may not finish its note, nor once the first has."""
    deal = await billing.deal(await billing.company())
    job_ids = [await billing.request("publish_invoice", invoice_id=await billing.invoice(deal)) for _ in range(2)]
    limit = JobLimit(20, 60.0)
    sessions = [LockSession(database_url, name, limit, lambda: None, lambda: None) for name in ("one", "two")]
    try:
        for session, job_id in zip(sessions, job_ids, strict=True):
            await session.connect()
            assert await session.hold(job_id)

        async def claim(which: int) -> int:
            return await sessions[which].open_intent(
                subject=job_ids[which], job_id=job_ids[which], step="credit", action="finalize_credit_note",
                summary={"credit_note_number": "GU-1"}, request_sha256="", quarantine=60.0, earlier=None,
            )  # fmt: skip

        first = await claim(0)
        for outcome in ("done", "not_sent"):
            with pytest.raises(NumberClaimed):
                await claim(1)
            closed = "UPDATE sevdesk_intents SET closed_at = now(), outcome = $2 WHERE id = $1"
            await billing.db.execute(closed, first, outcome)
        assert await claim(1) > first
    finally:
        for session in sessions:
            await session.close()


async def test_many_at_once_differ(billing: Billing, worker: object, sevdesk: Running, settings: Settings) -> None:
    """Six credit notes at the same time, half of them over the whole invoice: six numbers, and the books agree."""
    invoices = [await billing.usual_invoice() for _ in range(6)]
    for invoice in invoices:
        assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
        await pay(sevdesk, (await billing.row(invoice))["external_id"], "119.00")
    await billing.do("sync_payments")
    asked = [
        await billing.enqueue("cancel_invoice", invoice_id=invoice, reason="Mangel", refund=True)
        if place % 2
        else await billing.enqueue("credit_invoice", invoice_id=invoice, reason="Mangel", positions=HALF)
        for place, invoice in enumerate(invoices)
    ]
    for job_id in asked:
        job = await billing.ended(job_id)
        assert (job["state"], job["error"]) == ("done", None)
    notes = sevdesk.sandbox.account.credit_notes.values()
    assert len({note.number for note in notes}) == len(notes) == 6
    assert (await compared(settings)).findings == ()
