"""Between two attempts the world goes on: what we wrote may be out of date, and what we asked for may have happened."""

from typing import Any

import httpx
import pytest
from flow.billing import parameters
from flow.histories import BLIND, begin, do, nothing_open, open_office, outcomes, pay, retried, settle, untold_resend
from flow.model_office import Office, Trouble

from sevdesk_client.sandbox.endpoints.credit_notes import add_credit_note

office = open_office

TEMPLATE, FINALIZE = 4, 5  # writes before them: three for the contact, the draft


async def change(office: Office, statement: str) -> None:
    """What the billing system does."""
    await office.billing.db.execute(statement)


async def row(office: Office) -> Any:
    return await office.billing.row(office.invoice)


@pytest.mark.parametrize("write", [TEMPLATE, FINALIZE])
async def test_new_words_reach_the_number(office: Office, write: int) -> None:
    """The draft is saved, a later write fails, and the billing system changes text and address: both go out changed."""
    job_id = await begin(office, "publish_invoice", Trouble("dropped", write))
    await change(office, "UPDATE billing_invoices SET head_text = 'Neu.'")
    await change(office, "UPDATE companies SET city = 'Anderswo'")
    await settle(office)
    assert (await office.billing.job(job_id))["state"] == "done"
    [document] = office.documents()
    assert (document.status, document.fields.head_text) == (200, "Neu.")
    assert "Anderswo" in str(document.fields)
    assert (await office.billing.events(office.invoice)).count("finalized") == 1


async def test_other_tax_is_no_number(office: Office) -> None:
    """The same gross with another tax is another invoice: the old draft is never finalized."""
    job_id = await begin(office, "publish_invoice", Trouble("dropped", FINALIZE))
    await change(office, "UPDATE billing_invoices SET net_amount = 119, tax_amount = 0, tax_rule = 4")
    await change(office, "UPDATE billing_invoice_items SET tax_rate = 0, unit_price = unit_price * 1.19")
    await settle(office)
    assert (await office.billing.job(job_id))["state"] == "done"
    [document] = office.documents()
    assert (document.fields.tax_rule, document.fields.sums.net, document.fields.sums.tax) == (4, 119, 0)


async def test_unchanged_draft_is_found_once(office: Office) -> None:
    """Looked at again, the draft is as it was: it is not saved again, nor said to be."""
    job_id = await begin(office, "publish_invoice", Trouble("dropped", FINALIZE))
    await settle(office)
    assert (await office.billing.job(job_id))["state"] == "done"
    assert (await office.billing.events(office.invoice)).count("drafted") == 1
    assert await outcomes(office, "save_invoice") == ["done"]


async def test_lost_right_settles_what_is_open(office: Office) -> None:
    """Whoever asked has left since: a write in the air is settled all the same, and the invoice goes on."""
    job = await untold_resend(office)
    await change(office, "UPDATE contacts SET is_internal = false, is_admin = false")
    job = await retried(office, job, "done")
    assert (job["state"], len(office.mails())) == ("done", 2)
    assert await nothing_open(office)


def without_layouts(office: Office) -> dict[str, bool]:
    """No answer to changeParameter while `down` says so."""
    carry, now = office.wire._carry, {"down": True}

    async def broken(request: httpx.Request) -> httpx.Response:
        if now["down"] and request.url.path.endswith("changeParameter"):
            raise httpx.ReadError("no answer")
        return await carry(request)

    office.wire._carry = broken  # type: ignore[method-assign]
    return now


async def e_invoice(office: Office) -> None:
    office.invoice = await office.billing.invoice(office.deal, is_e_invoice=True)
    office.number = (await row(office))["invoice_number"]


async def test_unset_layout_is_no_obstacle(office: Office) -> None:
    """The layout of an e-invoice can never be set: cancelling it works."""
    await e_invoice(office)
    without_layouts(office)
    assert (await do(office, "publish_invoice"))["state"] == "parked"
    job = await do(office, "cancel_invoice", reason="withdrawn")
    assert (job["state"], job["error"]) == ("done", None)
    assert len(office.documents("SR")) == 1 and await nothing_open(office)


async def test_e_invoice_is_published_again(office: Office) -> None:
    """Its layout was in the air when it was deleted by hand: the next publication makes a new one."""
    await e_invoice(office)
    layouts = without_layouts(office)
    job = await do(office, "publish_invoice")
    office.account.remove(office.documents()[0])
    await do(office, "sync_payments", full=True, invoice_id=None)
    layouts["down"] = False
    job = await retried(office, job)
    assert (job["state"], job["error"]) == ("done", None)
    assert len(office.documents()) == 1 and await nothing_open(office)


async def test_cancelled_by_the_billing_system(office: Office) -> None:
    """It sets its own columns first and asks then: the cancellation is recorded."""
    await do(office, "publish_invoice")
    await change(office, "UPDATE billing_invoices SET document_status = 'cancelled', claim_status = 'cancelled'")
    job = await do(office, "cancel_invoice", reason="withdrawn")
    assert (job["state"], job["error"]) == ("done", None)
    assert len(office.documents("SR")) == 1 and await nothing_open(office)
    assert (await row(office))["accounting_sync_status"] == "cancelled"


@pytest.mark.parametrize("trouble", [None, Trouble("lost")])
async def test_paid_money_is_given_back(office: Office, trouble: Trouble | None) -> None:
    """Where sevDesk cancels what is paid, a person is told to pay it back; then the job goes on to its end."""
    office.account.switches.cancel_paid = "storno"
    await do(office, "publish_invoice")
    pay(office, "119")
    job = await do(office, "cancel_invoice", trouble, reason="returned")
    assert (job["state"], job["problem"]) == ("parked", "refund_due")
    assert (parameters(job)["paid"], parameters(job)["currency"]) == ("119", "EUR")
    job = await retried(office, job)
    assert (job["state"], job["error"]) == ("done", None)
    assert len(office.documents("SR")) == 1 and await nothing_open(office)


@pytest.mark.parametrize("paid", [None, "40"])
async def test_credit_note_by_hand_ends_it(office: Office, paid: str | None) -> None:
    """The next step was a credit note made by hand: with it, the job does not ask for it again."""
    await do(office, "publish_invoice")
    if paid is not None:
        pay(office, paid)
        job = await do(office, "cancel_invoice", reason="returned")
        assert job["problem"] == "partly_paid"
    add_credit_note(office.account, office.documents()[0]).status = 1000
    job = await (retried(office, job) if paid is not None else do(office, "cancel_invoice", reason="returned"))
    assert (job["state"], job["problem"]) == ("rejected", "credit_note_stands")


async def test_old_page_takes_no_payment_back(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page is read, then the invoice is paid and its own job finds that: the page does not count any more."""
    publish = await do(office, "publish_invoice", Trouble("lost", FINALIZE, **BLIND))
    client = office.runner.account.client  # type: ignore[union-attr]
    read = client.list_invoices

    async def slow(**asked: Any) -> Any:
        page = await read(**asked)
        monkeypatch.setattr(client, "list_invoices", read)
        pay(office, "119")
        await office.billing.retry(publish["job_id"], None)
        await office.pass_quarantine()
        await office.runner.run(publish["job_id"])
        assert (await row(office))["claim_status"] == "paid"
        return page

    monkeypatch.setattr(client, "list_invoices", slow)
    await do(office, "sync_payments", invoice_id=None)
    assert (await row(office))["claim_status"] == "paid"
    assert "payment_reversed" not in await office.billing.events(office.invoice)


async def test_early_mail_leaves_transfer_on(office: Office) -> None:
    """Asked for before the invoice is published, a mail waits for a person; the publication still goes by itself."""
    await change(office, "UPDATE sevdesk_config SET auto_transfer_invoices = true")
    job = await do(office, "send_invoice")
    assert job["state"] == "parked"
    assert (await row(office))["accounting_sync_status"] == "not_synced"
    assert await office.store.query("request_missing_jobs", grace=0.0, most=10) == 1
