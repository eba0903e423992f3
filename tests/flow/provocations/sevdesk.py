"""What sevDesk refuses or fails to do."""

from typing import Any

from flow.books import control, order_fault
from flow.provocations.cancelling import CANCEL
from flow.provocations.cancelling import cancel as cancel_published
from flow.provocations.publishing import FINALIZE, SAVE, publish
from flow.provocations.table import Provoke, provokes, refusal
from flow.stage import Stage
from pydantic import SecretStr

WRONG_TOKEN = {"sevdesk_api_token": SecretStr("0123456789abcdef0123456789abcdef")}


async def _publish(stage: Stage) -> Any:
    return await publish(stage, await stage.billing.usual_invoice())


def _refusing(call: str, body: Any) -> Provoke:
    """A publication in which sevDesk says no to one call, and repeats who the customer is."""

    async def provoke(stage: Stage) -> Any:
        await order_fault(stage.sevdesk, "status", call, status=422, body=body, times=None)
        return await _publish(stage)

    return provoke


provokes("token_missing", worker={"sevdesk_api_token": None})(_publish)
provokes("token_refused", worker=WRONG_TOKEN)(_publish)
REDACTED = "not acceptable for […], [e-mail] (HTTP 422, code 4711)"
provokes("sevdesk_refused", operation=SAVE, answer=REDACTED)(_refusing(SAVE, refusal(code=4711)))
provokes("sevdesk_tax_refused", operation="PUT /Invoice/{id}/sendBy")(_refusing(FINALIZE, refusal(code=7100)))
provokes("contact_person_unknown")(_refusing(SAVE, refusal("contactPerson is missing or invalid")))
provokes("template_refused")(_refusing("PUT /Invoice/*/changeParameter", refusal()))


@provokes("sevdesk_already_cancelled")
async def cancelled_there_without_a_trace(stage: Stage) -> Any:
    await order_fault(stage.sevdesk, "status", CANCEL, status=422, body=refusal(code=421))
    return await cancel_published(stage)


@provokes("e_invoice_data_missing")
async def company_without_iban(stage: Stage) -> Any:
    await control(stage.sevdesk, "PUT", "switches", {"e_invoice_missing": ["sevClient_bankIban"]})
    return await publish(stage, await stage.billing.usual_invoice(is_e_invoice=True))


@provokes("sevdesk_object_gone")
async def pdf_of_a_deleted_invoice(stage: Stage) -> Any:
    invoice = await stage.published()
    there = await stage.there(invoice)
    stage.deleted.append(stage.sevdesk.sandbox.account.invoices[int(there)])
    await control(stage.sevdesk, "POST", "delete", {"invoice_id": there})
    return await stage.billing.do("fetch_invoice_pdf", invoice_id=invoice)


@provokes("not_a_draft")
async def number_drawn_by_hand_meanwhile(stage: Stage) -> Any:
    invoice = await stage.billing.usual_invoice()
    await order_fault(stage.sevdesk, "status", FINALIZE, status=422, body=refusal())
    await order_fault(stage.sevdesk, "status", "DELETE /Invoice/*", status=422, body=refusal(code=159))
    await publish(stage, invoice)
    return await stage.billing.do("cancel_invoice", invoice_id=invoice, reason="Doppelt")


@provokes("country_unknown")
async def country_that_does_not_exist(stage: Stage) -> Any:
    deal = await stage.billing.deal(await stage.billing.company(country_code="QQ"))
    return await publish(stage, await stage.billing.invoice(deal))


@provokes("payment_method_missing")
async def account_without_credit_transfer(stage: Stage) -> Any:
    await order_fault(stage.sevdesk, "body", "GET /PaymentMethod", body={"objects": []}, times=None)
    return await publish(stage, await stage.billing.usual_invoice(is_e_invoice=True))


@provokes("sevdesk_unavailable", operation="GET /Invoice", tries="1")
async def sevdesk_is_down(stage: Stage) -> Any:
    await order_fault(stage.sevdesk, "status", "GET /Invoice", status=503, body="down", times=None)
    return await stage.billing.do("sync_payments")


@provokes("sevdesk_throttled", operation="GET /Contact")
async def asked_too_often(stage: Stage) -> Any:
    await order_fault(stage.sevdesk, "status", "GET /Contact", status=429, headers={"Retry-After": "90"}, times=None)
    job_id = await stage.billing.enqueue("publish_invoice", invoice_id=await stage.billing.usual_invoice())
    return await stage.billing.until_state(job_id, "waiting")


@provokes("filter_ignored", operation="GET /Invoice", tries="1")
async def answered_with_everything(stage: Stage) -> Any:
    await stage.published()
    await stage.billing.db.execute("UPDATE sevdesk_sync_state SET watermark = now() + interval '1 hour'")
    await control(stage.sevdesk, "PUT", "switches", {"ignored_filters": ["updateAfter"]})
    return await stage.billing.do("sync_payments")


@provokes("number_lock", operation=SAVE, answer="Invoice: Correct number abort. Timeout (HTTP 422)")
async def number_circle_that_is_locked(stage: Stage) -> Any:
    await order_fault(stage.sevdesk, "status", SAVE, status=422, body=refusal("Invoice: Correct number abort. Timeout"))
    job_id = await stage.billing.enqueue("publish_invoice", invoice_id=await stage.billing.usual_invoice())
    return await stage.billing.until_state(job_id, "waiting")


@provokes("outcome_unknown", operation=SAVE)
async def answer_that_is_lost(stage: Stage) -> Any:
    await order_fault(stage.sevdesk, "lose_answer", SAVE)
    job_id = await stage.lost("publish_invoice", invoice_id=await stage.billing.usual_invoice())
    return await stage.billing.until_state(job_id, "waiting")


@provokes("unexpected_error", error="UndefinedTableError")
async def table_that_is_missing(stage: Stage) -> Any:
    invoice = await stage.billing.usual_invoice()
    await stage.billing.db.execute("ALTER TABLE billing_invoice_items RENAME TO mislaid")
    job_id = await stage.billing.enqueue("publish_invoice", invoice_id=invoice)
    return await stage.billing.until_state(job_id, "waiting")
