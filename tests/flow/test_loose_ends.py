"""Histories that once left something in the air: each was found by a model, and is told here as plainly as can be."""

import json

import pytest
from flow.billing import parameters
from flow.conftest import make_settings
from flow.histories import BLIND, begin, do, nothing_open, open_office, outcomes, pay, retried, settle, untold_resend
from flow.model_books import check_job
from flow.model_office import Office, Trouble
from flow.test_credit_invoice import credit

from sevdesk_client.sandbox.endpoints import cancelling
from worker.domain.notices import cause_of
from worker.operator.diagnosis import Diagnosis, diagnose
from worker.operator.lookup import Found
from worker.operator.situation import gather
from worker.store import NoOpenQuestion

office = open_office

# Of the first publication: the contact, its address and its e-mail come before the draft.
CONTACT_WRITES = 3


@pytest.mark.parametrize("notify", [False, True])
async def test_sync_finds_cancellation_first(office: Office, notify: bool) -> None:
    """The cancellation's answer is lost, and a payment sync sees it first: the job still comes to its end."""
    await do(office, "publish_invoice")
    job_id = await begin(office, "cancel_invoice", Trouble("lost"), reason="withdrawn", notify=notify)
    await office.ask("sync_payments")
    await office.attempt()
    assert (await office.billing.row(office.invoice))["accounting_sync_status"] == "cancelled"
    await settle(office)
    job = await office.billing.job(job_id)
    assert (job["state"], job["error"]) == ("done", None)
    assert len(office.documents("SR")) == 1 and len(office.mails("SR")) == notify


@pytest.mark.parametrize("kind", ["lost", "dropped", "late"])
@pytest.mark.parametrize("after", [0, 1, 2])
async def test_parked_publish_starts_again(office: Office, kind: str, after: int) -> None:
    """A write without answer, then an outage until the job is parked: retried, it leaves nothing open."""
    job = await do(office, "publish_invoice", Trouble(kind, CONTACT_WRITES + after, **BLIND))
    assert job["state"] == "parked"
    job = await retried(office, job)
    assert (job["state"], job["error"]) == ("done", None)
    opened = "SELECT count(*) FROM sevdesk_intents WHERE closed_at IS NULL"
    assert await office.billing.db.fetchval(opened) == 0


async def test_lost_number_is_on_record(office: Office) -> None:
    """Finalized, the answer lost, and cancelled next: the number is on record, and the mail names it."""
    job = await do(office, "publish_invoice", Trouble("lost", 5, **BLIND))
    assert job["state"] == "parked" and office.documents()[0].status == 200
    job = await do(office, "cancel_invoice", reason="withdrawn", notify=True)
    assert (job["state"], job["error"]) == ("done", None)
    number = office.documents()[0].number
    assert (await office.billing.row(office.invoice))["external_invoice_number"] == number
    assert (await office.billing.events(office.invoice)).count("finalized") == 1
    [mail] = office.mails("SR")
    assert f"unsere Rechnung {number} auf" in mail["text"]


async def test_second_draft_is_not_forgotten(office: Office) -> None:
    """Deleted by hand, saved afresh with a lost answer, then cancelled: the new draft goes, too."""
    await do(office, "publish_invoice")
    [document] = office.documents()
    office.account.remove(document)
    await do(office, "sync_payments", full=True, invoice_id=None)
    job = await do(office, "publish_invoice", Trouble("lost", 0, **BLIND))
    assert job["state"] == "parked" and len(office.documents()) == 1
    await do(office, "cancel_invoice", reason="withdrawn")
    assert office.documents() == []
    assert (await office.billing.event(office.invoice, "cancelled"))["how"] == "draft_deleted"


async def test_draft_of_old_words_is_not_kept(office: Office) -> None:
    """Saved with a lost answer, and the invoice's text is changed before anybody looks: the new words go out."""
    job = await do(office, "publish_invoice", Trouble("lost", CONTACT_WRITES, **BLIND))
    assert job["state"] == "parked" and len(office.documents()) == 1
    await office.billing.db.execute("UPDATE billing_invoices SET head_text = 'Neu.'")
    assert (await retried(office, job))["state"] == "done"
    [document] = office.documents()
    assert document.fields.head_text == "Neu."
    assert await outcomes(office, "save_invoice") == ["found_done", "done"]


async def test_lost_draft_of_disapproved_invoice(office: Office) -> None:
    """Saved with a lost answer, and no longer approved: the job waits, so that the draft is not forgotten."""
    job_id = await begin(office, "publish_invoice", Trouble("lost", CONTACT_WRITES))
    await office.billing.db.execute("UPDATE billing_invoices SET document_status = 'draft'")
    await settle(office)
    job = await office.billing.job(job_id)
    assert (job["state"], job["problem"]) == ("parked", "approval_withdrawn")
    assert parameters(job)["status"] == "draft" and "only approved invoices" in job["error"]
    assert (await do(office, "cancel_invoice", reason="withdrawn"))["state"] == "done"
    assert office.documents() == [] and await nothing_open(office)


async def test_name_in_the_air_is_not_believed(office: Office) -> None:
    """A new name is written with a lost answer, then taken back here: sevDesk gets the old one again."""
    await do(office, "publish_invoice")
    [contact] = office.account.contacts.values()
    name = contact.fields["name"]
    await office.billing.db.execute("UPDATE companies SET name = 'Neu GmbH'")
    office.invoice = await office.billing.invoice(office.deal)
    office.number = (await office.billing.row(office.invoice))["invoice_number"]
    job = await office.billing.job(await begin(office, "publish_invoice", Trouble("lost", **BLIND)))
    assert job["state"] == "waiting" and contact.fields["name"] == "Neu GmbH"
    await office.billing.db.execute("UPDATE companies SET name = $1", name)
    office.wire.silent = False
    await office.settle(lambda job_id: check_job(office, job_id))
    assert contact.fields["name"] == name
    assert (await outcomes(office, "update_contact"), await nothing_open(office)) == (["moot", "done"], True)


async def test_deleted_invoice_was_in_sevdesk(office: Office) -> None:
    """The event log does not say of a deleted invoice that it never was."""
    await do(office, "publish_invoice")
    office.account.remove(office.documents()[0])
    await do(office, "cancel_invoice", reason="withdrawn")
    assert (await office.billing.event(office.invoice, "cancelled"))["how"] == "gone_from_sevdesk"


@pytest.mark.parametrize("refund", [False, True])
async def test_money_for_a_deleted_invoice_is_not_forgotten(office: Office, refund: bool) -> None:
    """It is to be paid back as for a Storno: the job asks, unless it said that it knows, and a notice stays."""
    await do(office, "publish_invoice")
    pay(office, "119")
    await do(office, "sync_payments", invoice_id=None)
    office.account.remove(office.documents()[0])
    job = await do(office, "cancel_invoice", reason="withdrawn", refund=refund)
    assert (job["state"], job["problem"]) == (("done", None) if refund else ("parked", "refund_due"))
    [notice] = await office.billing.db.fetch("SELECT parameters FROM sevdesk_notices WHERE code = 'refund_due'")
    told = cause_of("refund_due", json.loads(notice["parameters"]), office.number, "EUR")
    assert told == "It is credited or cancelled (document: –), and 119.00 EUR must be paid back."
    assert refund or "is cancelled (document: –), and 119 EUR had been paid on it." in job["error"]
    if not refund:
        assert (await retried(office, job))["state"] == "done"


async def test_money_of_credit_notes_is_told_once(office: Office) -> None:
    """Their part of a deleted invoice is to be paid back already; only the rest comes with the cancellation."""
    await do(office, "publish_invoice")
    pay(office, "119")
    await do(office, "sync_payments", invoice_id=None)
    assert (await credit(office))["state"] == "done"
    office.account.remove(office.documents()[0])
    job = await do(office, "cancel_invoice", reason="withdrawn", refund=True)
    assert (job["state"], job["error"]) == ("done", None)
    paid = "SELECT parameters ->> 'paid' FROM sevdesk_notices WHERE code = 'refund_due' AND closed_at IS NULL"
    assert await office.billing.db.fetchval(paid) == "119.00"


@pytest.mark.parametrize("amount, claim", [("119", "paid"), ("40", "partially_paid")])
async def test_payment_before_we_knew(office: Office, amount: str, claim: str) -> None:
    """Paid while nobody here knew that it was finalized, and the feed has read past it: it counts all the same."""
    job = await do(office, "publish_invoice", Trouble("lost", 5, **BLIND))
    pay(office, amount)
    await office.billing.db.execute("UPDATE sevdesk_sync_state SET watermark = now() + interval '1 hour'")
    assert (await retried(office, job))["state"] == "done"
    assert (await office.billing.row(office.invoice))["claim_status"] == claim
    sweep = await do(office, "sync_payments", full=True, invoice_id=None)
    assert '"missed": 0' in sweep["result"]


@pytest.mark.parametrize("kind, answer", [("lost", "done"), ("dropped", "not-done")])
async def test_true_answer_makes_one_mail(office: Office, kind: str, answer: str) -> None:
    """Nobody can tell whether the second mail went out: what the operator answers decides, and nobody gets a third."""
    job = await retried(office, await untold_resend(office, kind), answer)
    assert (job["state"], len(office.mails())) == ("done", 2)


async def test_unanswered_question_is_asked_again(office: Office) -> None:
    """Retried without an answer, the job asks once more and mails nothing."""
    job = await retried(office, await untold_resend(office))
    assert (job["state"], job["problem"]) == ("parked", "mail_outcome_unknown")
    assert len(office.mails()) == 2


async def test_answer_reaches_only_its_question(office: Office) -> None:
    """Another parked job of the invoice asks nothing: an answer to it is refused, and nobody gets a third mail."""
    asking = await untold_resend(office)
    other = await do(office, "cancel_invoice", reason="withdrawn")
    assert (other["state"], other["problem"]) == ("parked", "other_write_open")
    assert parameters(other)["other_job"] == asking["job_id"]
    with pytest.raises(NoOpenQuestion):
        await office.billing.retry(other["job_id"], "not-done")
    assert (await office.billing.job(other["job_id"]))["state"] == "parked"
    assert await office.billing.db.fetchval("SELECT count(*) FROM sevdesk_intents WHERE answer IS NOT NULL") == 0
    assert (await retried(office, asking, "done"))["state"] == "done"
    assert (await retried(office, other))["state"] == "done"
    assert len(office.mails()) == 2


async def test_settled_question_takes_no_answer(office: Office) -> None:
    """What was asked has been found out meanwhile: an answer comes too late, and is refused."""
    asking = await untold_resend(office)
    await office.billing.db.execute("""
        UPDATE sevdesk_intents SET closed_at = now(), outcome = 'found_done' WHERE closed_at IS NULL""")
    with pytest.raises(NoOpenQuestion):
        await office.billing.retry(asking["job_id"], "not-done")


async def test_question_ends_with_the_retry(office: Office) -> None:
    """A job that is taken up again asks nothing any more, until it is parked with a question once more."""
    asking = await untold_resend(office)
    assert asking["asks_about"] is not None
    await office.billing.retry(asking["job_id"], "done")
    assert (await office.billing.job(asking["job_id"]))["asks_about"] is None


async def test_other_mail_is_not_ours(office: Office) -> None:
    """A resend waits for the earlier mail's question and then goes out itself: each job sends its own."""
    earlier = await untold_resend(office)
    later = await do(office, "send_invoice", resend=True)
    assert (later["state"], later["problem"], later["asks_about"]) == ("parked", "other_write_open", None)
    assert parameters(later)["other_job"] == earlier["job_id"]
    await retried(office, earlier, "done")
    assert (await retried(office, later))["state"] == "done"
    assert len(office.mails()) == 3
    assert await office.billing.db.fetchval("SELECT count(DISTINCT job_id) FROM sevdesk_mails") == 3


async def test_mail_of_cancelled_invoice_is_known(office: Office) -> None:
    """Mailed with a lost answer, then cancelled by hand and synced: the mail is on record, and nothing stays open."""
    await do(office, "publish_invoice")
    job_id = await begin(office, "send_invoice", Trouble("lost"))
    cancelling.cancel(office.account, office.documents()[0])
    await office.ask("sync_payments")
    await office.attempt()
    await settle(office)
    assert (await office.billing.job(job_id))["state"] == "done"
    assert (await office.billing.events(office.invoice)).count("mailed") == 1


async def test_unsent_mail_of_cancelled_invoice(office: Office) -> None:
    """Not mailed, and cancelled by hand meanwhile: nothing is mailed any more, and nothing stays open."""
    await do(office, "publish_invoice")
    job_id = await begin(office, "send_invoice", Trouble("dropped"))
    cancelling.cancel(office.account, office.documents()[0])
    await office.ask("sync_payments")
    await office.attempt()
    await settle(office)
    job = await office.billing.job(job_id)
    assert (job["state"], job["problem"]) == ("rejected", "cancelled_before_mail")
    assert office.mails() == [] and await outcomes(office, "send_via_email") == ["found_not_done"]


@pytest.mark.parametrize("answer, events", [("done", 1), ("not-done", 0)])
async def test_mail_of_deleted_invoice_is_asked(office: Office, answer: str, events: int) -> None:
    """Mailed with a lost answer, then deleted by hand: a person is asked, and the answer closes the question."""
    await do(office, "publish_invoice")
    job_id = await begin(office, "send_invoice", Trouble("lost" if events else "dropped"))
    office.delete(office.documents()[0])
    await settle(office)
    job = await office.billing.job(job_id)
    assert (job["state"], job["problem"]) == ("parked", "mail_outcome_unknown")
    assert f"sevdesk-worker retry {job_id} --as done" in job["next_step"]
    await retried(office, job, answer)
    assert (await office.billing.events(office.invoice)).count("mailed") == events
    assert await nothing_open(office)


@pytest.mark.parametrize("answer, events", [("done", 1), ("not-done", 0)])
async def test_mail_of_deleted_storno_is_asked(office: Office, answer: str, events: int) -> None:
    """The same with the cancellation invoice and its mail."""
    await do(office, "publish_invoice")
    job_id = await begin(office, "cancel_invoice", Trouble("lost" if events else "dropped", 1), reason="x", notify=True)
    office.delete(office.documents("SR")[0])
    await office.settle(lambda job_id: check_job(office, job_id))
    job = await office.billing.job(job_id)
    assert (job["state"], job["problem"]) == ("parked", "mail_outcome_unknown")
    assert f"sevdesk-worker retry {job_id} --as done" in job["next_step"]
    await office.billing.retry(job_id, answer)
    await office.settle(lambda job_id: check_job(office, job_id))
    job = await office.billing.job(job_id)
    wanted = ("done", None) if events else ("parked", "cancellation_gone")
    assert (job["state"], job["problem"]) == wanted
    assert (await office.billing.events(office.invoice)).count("cancellation_mailed") == events
    assert await nothing_open(office)


async def test_mail_waits_for_an_address(office: Office) -> None:
    """A mail in the air whose recipient has lost the address is not forgotten, and found when there is one again."""
    await do(office, "publish_invoice")
    job_id = await begin(office, "send_invoice", Trouble("lost"))
    await office.billing.db.execute("UPDATE companies SET email = NULL")
    await settle(office)
    job = await office.billing.job(job_id)
    assert (job["state"], job["problem"]) == ("parked", "recipient_missing_email")
    assert (await outcomes(office, "send_via_email"), job["asks_about"]) == ([None], None)
    await office.billing.db.execute("UPDATE companies SET email = 'rechnung@example.com'")
    assert (await retried(office, job))["state"] == "done"
    assert len(office.mails()) == 1


async def told(office: Office) -> Diagnosis:
    """What `why` says of the invoice."""
    found = Found(office.invoice)
    return diagnose(
        await gather(office.store, found, make_settings(database_url="postgresql://", redis_url="redis://127.0.0.1:9"))
    )


async def test_sent_invoice_is_published_afresh(office: Office) -> None:
    """Mailed, then deleted in sevDesk: publishing it again, as one is told to, gives a new document, PDF and mail."""
    await do(office, "publish_invoice")
    await do(office, "send_invoice")
    before = await office.billing.row(office.invoice)
    office.delete(office.documents()[0])
    await do(office, "sync_payments", full=True, invoice_id=None)
    assert (await office.billing.row(office.invoice))["accounting_sync_status"] == "parked"
    assert f"enqueue publish_invoice invoice_id={before['invoice_number']}" in (await told(office)).next_step
    assert (await do(office, "publish_invoice"))["state"] == "done"
    row = await office.billing.row(office.invoice)
    assert (row["accounting_sync_status"], row["document_status"]) == ("synced", "approved")
    assert row["external_id"] != before["external_id"]
    assert row["external_invoice_number"] != before["external_invoice_number"]
    assert await office.billing.db.fetchval("SELECT count(*) FROM sevdesk_documents WHERE kind = 'invoice_pdf'") == 2
    assert (await do(office, "send_invoice"))["state"] == "done"
    assert (await office.billing.row(office.invoice))["document_status"] == "sent"
    assert [mail["object"]["id"] for mail in office.account.mails] == [before["external_id"], row["external_id"]]


async def test_sent_elsewhere_is_not_published(office: Office) -> None:
    """What the billing system calls sent, and sevDesk never had, stays unpublished."""
    await office.billing.db.execute("UPDATE billing_invoices SET document_status = 'sent'")
    job = await office.billing.job(await begin(office, "publish_invoice"))
    assert (job["state"], job["problem"]) == ("rejected", "invoice_not_approved")
    assert parameters(job)["status"] == "sent"
    assert office.documents() == []


async def test_looks_close_with_the_truth(office: Office) -> None:
    """A lost number that was never drawn, a lost cancellation that was never made: found not done."""
    job = await do(office, "publish_invoice", Trouble("dropped", 5, **BLIND))
    assert job["state"] == "parked"
    await retried(office, job)
    assert await outcomes(office, "send_by") == ["found_not_done", "done"]
    job_id = await begin(office, "cancel_invoice", Trouble("dropped"), reason="withdrawn")
    pay(office, "19")
    await settle(office)
    assert (await office.billing.job(job_id))["problem"] == "partly_paid"
    assert await outcomes(office, "cancel_invoice") == ["found_not_done"]


async def test_lost_layout_is_set_again(office: Office) -> None:
    """Setting a layout twice changes nothing, so nobody looks whether the first attempt did it, nor says so."""
    job = await retried(office, await do(office, "publish_invoice", Trouble("lost", 4, **BLIND)))
    assert job["state"] == "done"
    assert await outcomes(office, "change_parameter") == ["moot", "done"]


async def test_refused_cancel_is_on_record(office: Office) -> None:
    """Money went back, so the invoice counts as partly paid only for sevDesk: it refuses, and the intent says so."""
    await do(office, "publish_invoice")
    pay(office, "-19")
    job = await do(office, "cancel_invoice", reason="withdrawn")
    assert (job["state"], job["problem"]) == ("parked", "partly_paid")
    assert await outcomes(office, "cancel_invoice") == ["refused"]
