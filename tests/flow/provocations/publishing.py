"""What keeps an invoice from being published, mailed or synchronised."""

from base64 import b64encode
from decimal import Decimal
from typing import Any
from uuid import uuid4

from flow.books import control, new_contact, order_fault, pay, state
from flow.provocations.table import NAME, provokes
from flow.stage import Stage

FINALIZE, SAVE, MAIL = "PUT /Invoice/*/sendBy", "POST /Invoice/Factory/saveInvoice", "POST /Invoice/*/sendViaEmail"


async def publish(stage: Stage, invoice: Any) -> Any:
    """The job's last row."""
    return await stage.billing.do("publish_invoice", invoice_id=invoice)


async def of_deal(stage: Stage, deal: Any = None, **columns: Any) -> Any:
    """The row of a publication to whoever the deal names."""
    return await publish(stage, await stage.billing.invoice(deal, **columns))


@provokes("invoice_not_approved", status="draft")
async def not_approved(stage: Stage) -> Any:
    return await publish(stage, await stage.billing.usual_invoice(document_status="draft"))


@provokes("left_to_other_program")
async def published_by_another_program(stage: Stage) -> Any:
    await stage.billing.db.execute("UPDATE sevdesk_config SET publish_only = '{KOP}'")
    return await publish(stage, await stage.billing.usual_invoice())


@provokes("approval_withdrawn", status="draft")
async def withdrawn_during_a_lost_write(stage: Stage) -> Any:
    invoice = await stage.billing.usual_invoice()
    await order_fault(stage.sevdesk, "lose_answer", SAVE)
    job_id = await stage.lost("publish_invoice", invoice_id=invoice)
    await stage.billing.db.execute("UPDATE billing_invoices SET document_status = 'draft'")
    await stage.hasten(job_id)
    return await stage.billing.ended(job_id)


@provokes("invoice_value_unknown", column="document_kind")
async def kind_that_is_none_of_ours(stage: Stage) -> Any:
    invoice = await stage.billing.usual_invoice()
    await stage.billing.db.execute("""
        ALTER TABLE billing_invoices DROP CONSTRAINT billing_invoices_document_kind_check;
        UPDATE billing_invoices SET document_kind = 'XX';""")
    return await publish(stage, invoice)


@provokes("transition_not_allowed", event="drafted", status="cancelled")
async def status_set_by_hand(stage: Stage) -> Any:
    return await publish(stage, await stage.billing.usual_invoice(accounting_sync_status="cancelled"))


@provokes("other_write_open", action="send_via_email")
async def cancelled_before_the_mail_is_clear(stage: Stage) -> Any:
    invoice, _ = await unclear_mail(stage)
    return await stage.billing.do("cancel_invoice", invoice_id=invoice, reason="Doppelt")


@provokes("bounce_without_mail")
async def bounce_of_what_was_never_mailed(stage: Stage) -> Any:
    return await stage.billing.do("mail_bounced", invoice_id=await stage.published())


@provokes("bounce_of_copy")
async def bounce_of_what_went_to_another(stage: Stage) -> Any:
    invoice = await stage.published()
    await stage.billing.do("send_invoice", invoice_id=invoice, cc="kopie@example.com")
    return await stage.billing.do("mail_bounced", invoice_id=invoice, email="kopie@example.com")


@provokes("bounce_superseded")
async def bounce_after_a_letter(stage: Stage) -> Any:
    invoice = await stage.published()
    await stage.billing.do("send_invoice", invoice_id=invoice)
    await stage.billing.do("send_invoice", invoice_id=invoice, channel="post", resend=True)
    return await stage.billing.do("mail_bounced", invoice_id=invoice)


@provokes("invoice_cancelled")
async def pdf_of_a_cancelled_invoice(stage: Stage) -> Any:
    invoice = await stage.billing.usual_invoice()
    await stage.billing.do("cancel_invoice", invoice_id=invoice, reason="Doppelt")
    return await stage.billing.do("fetch_invoice_pdf", invoice_id=invoice)


@provokes("invoice_not_published")
async def sent_too_early(stage: Stage) -> Any:
    return await stage.billing.do("send_invoice", invoice_id=await stage.billing.usual_invoice())


@provokes("publication_parked")
async def sent_though_stopped(stage: Stage) -> Any:
    invoice = await stage.billing.usual_invoice(gross_amount="120.00")
    await stage.billing.do("publish_invoice", invoice_id=invoice)
    return await stage.billing.do("send_invoice", invoice_id=invoice)


# -- recipient ---------------------------------------------------------------------------------------------------------


@provokes("recipient_none")
async def neither_deal_nor_contact(stage: Stage) -> Any:
    return await of_deal(stage)


@provokes("recipient_not_named")
async def deal_without_a_party(stage: Stage) -> Any:
    return await of_deal(stage, await stage.billing.deal())


@provokes("recipient_row_missing")
async def company_that_is_gone(stage: Stage) -> Any:
    return await of_deal(stage, await stage.billing.deal(uuid4()))


@provokes("recipient_ambiguous", count="2")
async def two_primary_companies(stage: Stage) -> Any:
    deal = await stage.billing.deal(await stage.billing.company())
    await stage.billing.associate(deal, "company", await stage.billing.company(), "primary")
    return await of_deal(stage, deal)


@provokes("recipient_address_incomplete", fields="street, city")
async def half_an_address(stage: Stage) -> Any:
    return await of_deal(stage, await stage.billing.deal(await stage.billing.company(street=None, city=" ")))


@provokes("recipient_missing_email")
async def nowhere_to_mail_to(stage: Stage) -> Any:
    invoice = await stage.billing.invoice(await stage.billing.deal(await stage.billing.company(email=None)))
    await publish(stage, invoice)
    return await stage.billing.do("send_invoice", invoice_id=invoice)


@provokes("recipient_email_invalid", fault="U+200B")
async def address_with_something_nobody_sees(stage: Stage) -> Any:
    deal = await stage.billing.deal(await stage.billing.company(email="rechnung@example.com\u200b"))
    return await of_deal(stage, deal)


@provokes("e_invoice_missing_email")
async def e_invoice_without_address(stage: Stage) -> Any:
    deal = await stage.billing.deal(await stage.billing.company(email=None))
    return await of_deal(stage, deal, is_e_invoice=True)


@provokes("contact_ambiguous", count="2")
async def two_contacts_with_one_number(stage: Stage) -> Any:
    company = await stage.billing.company()
    for _ in range(2):
        await new_contact(stage.sevdesk, f"R1-C-{company}", NAME)
    return await of_deal(stage, await stage.billing.deal(company))


@provokes("contact_gone", contact_id="999999999")
async def contact_deleted_there(stage: Stage) -> Any:
    deal = await stage.billing.deal(await stage.billing.company())
    await of_deal(stage, deal)
    await stage.billing.db.execute("UPDATE sevdesk_contacts SET contact_id = '999999999'")
    await stage.billing.db.execute("UPDATE companies SET name = 'Neu AG'")
    return await of_deal(stage, deal)


# -- sevDesk's document ------------------------------------------------------------------------------------------------


@provokes("marker_ambiguous", count="2", number="TWICE-000001")
async def marked_twice(stage: Stage) -> Any:
    for _ in range(2):
        await control(stage.sevdesk, "POST", "seed", {"invoices": 1, "prefix": "TWICE-"})
    return await publish(stage, await stage.billing.usual_invoice(invoice_number="TWICE-000001"))


@provokes("marked_invoice_differs", number="OTHER-000001", gross="119.00", stated_gross="59.50", currency="EUR")
async def another_invoice_is_marked(stage: Stage) -> Any:
    await control(stage.sevdesk, "POST", "seed", {"invoices": 1, "prefix": "OTHER-"})
    half = {"net_amount": "50.00", "tax_amount": "9.50", "gross_amount": "59.50", "items": (("2", "25", "19"),)}
    return await publish(stage, await stage.billing.usual_invoice(invoice_number="OTHER-000001", **half))


@provokes("not_our_document", number="OTHER-000001")
async def another_customer_is_marked(stage: Stage) -> Any:
    await control(stage.sevdesk, "POST", "seed", {"invoices": 1, "prefix": "OTHER-"})
    return await publish(stage, await stage.billing.usual_invoice(invoice_number="OTHER-000001"))


@provokes("recipient_changed")
async def company_changed_after_publication(stage: Stage) -> Any:
    invoice = await stage.published()
    await stage.billing.db.execute("UPDATE hubspot_associations SET to_id = $1", await stage.billing.company())
    return await stage.billing.do("send_invoice", invoice_id=invoice)


@provokes("changed_after_publication", columns="payment_term_days, positions[1].unit_price")
async def row_changed_after_publication(stage: Stage) -> Any:
    invoice = await stage.published()
    await stage.billing.db.execute("UPDATE billing_invoices SET payment_term_days = 30")
    await stage.billing.db.execute("UPDATE billing_invoice_items SET unit_price = 26")
    return await stage.billing.do("send_invoice", invoice_id=invoice)


@provokes("cancelled_in_sevdesk")
async def cancelled_there_before_its_number_came(stage: Stage) -> Any:
    invoice = await stage.billing.usual_invoice()
    await order_fault(stage.sevdesk, "lose_answer", FINALIZE)
    job_id = await stage.lost("publish_invoice", invoice_id=invoice)
    await control(stage.sevdesk, "POST", "cancel", {"invoice_id": await stage.there(invoice)})
    await stage.hasten(job_id)
    return await stage.billing.ended(job_id)


# -- mail --------------------------------------------------------------------------------------------------------------


async def unclear_mail(stage: Stage) -> tuple[Any, Any]:
    """The invoice and the row of a job whose mail was lost on its way, and whose document was deleted meanwhile."""
    invoice = await stage.published()
    await order_fault(stage.sevdesk, "drop_before", MAIL)
    job_id = await stage.lost("send_invoice", invoice_id=invoice)
    await control(stage.sevdesk, "POST", "delete", {"invoice_id": await stage.there(invoice)})
    await stage.hasten(job_id)
    return invoice, await stage.seen(job_id, "mail_outcome_unknown")


@provokes("mail_outcome_unknown")
async def mail_that_cannot_be_told(stage: Stage) -> Any:
    _, job = await unclear_mail(stage)
    return job


@provokes("mailed_document_gone")
async def document_gone_before_the_mail(stage: Stage) -> Any:
    _, job = await unclear_mail(stage)
    return await stage.answered(job["job_id"], "not-done", "mailed_document_gone")


@provokes("cancelled_before_mail")
async def cancelled_there_before_the_mail(stage: Stage) -> Any:
    invoice = await stage.published()
    await order_fault(stage.sevdesk, "drop_before", MAIL)
    job_id = await stage.lost("send_invoice", invoice_id=invoice)
    await control(stage.sevdesk, "POST", "cancel", {"invoice_id": await stage.there(invoice)})
    await stage.billing.do("sync_payments")
    await stage.hasten(job_id)
    return await stage.billing.ended(job_id)


@provokes("status_forbids_sending")
async def approval_withdrawn_before_the_mail(stage: Stage) -> Any:
    invoice = await stage.published()
    await stage.billing.db.execute("UPDATE billing_invoices SET document_status = 'draft' WHERE id = $1", invoice)
    return await stage.billing.do("send_invoice", invoice_id=invoice)


@provokes("sevdesk_id_missing")
async def id_taken_away(stage: Stage) -> Any:
    invoice = await stage.published()
    await stage.billing.db.execute("UPDATE billing_invoices SET external_id = NULL WHERE id = $1", invoice)
    return await stage.billing.do("send_invoice", invoice_id=invoice)


@provokes("mail_not_on_record")
async def mailed_by_nobody_known(stage: Stage) -> Any:
    invoice = await stage.published()
    await control(stage.sevdesk, "POST", "send", {"invoice_id": await stage.there(invoice), "send_type": "VM"})
    return await stage.billing.do("send_invoice", invoice_id=invoice, resend=True)


@provokes("nothing_to_undelete")
async def undeleted_though_there(stage: Stage) -> Any:
    return await stage.billing.do("undelete_invoice", invoice_id=await stage.billing.usual_invoice())


@provokes("still_gone")
async def undeleted_though_gone(stage: Stage) -> Any:
    invoice = await stage.published()
    await control(stage.sevdesk, "POST", "delete", {"invoice_id": await stage.there(invoice)})
    await stage.billing.do("sync_payments", invoice_id=invoice)
    return await stage.billing.do("undelete_invoice", invoice_id=invoice)


# -- payment state -----------------------------------------------------------------------------------------------------


@provokes("party_without_contact")
async def sync_of_a_stranger(stage: Stage) -> Any:
    return await stage.billing.do("sync_payments", party_id=await stage.billing.company())


@provokes("payment_state_missing")
async def sync_of_an_unpublished_invoice(stage: Stage) -> Any:
    return await stage.billing.do("sync_payments", invoice_id=await stage.billing.usual_invoice())


@provokes("provider_changed", invoices="1")
async def published_invoice_of_nobody(stage: Stage) -> Any:
    invoice = await stage.published()
    await stage.billing.db.execute("UPDATE billing_invoices SET accounting_provider = NULL")
    return await stage.billing.do("sync_payments", invoice_id=invoice)


@provokes("closed_without_payment")
async def closed_without_a_reason(stage: Stage) -> Any:
    invoice = await stage.published()
    await control(stage.sevdesk, "POST", "cancel", {"invoice_id": await stage.there(invoice)})
    storno = next(each for each in (await state(stage.sevdesk))["invoices"] if each["invoiceType"] == "SR")
    await control(stage.sevdesk, "POST", "delete", {"invoice_id": storno["id"]})
    return await stage.billing.do("sync_payments", invoice_id=invoice)


@provokes("foreign_payment_unclear", paid="43.58", gross="119", currency="USD", account_gross="103.72")
async def part_of_an_invoice_in_dollars(stage: Stage) -> Any:
    invoice = await stage.published(currency="USD")
    await pay(stage.sevdesk, await stage.there(invoice), "50")
    return await stage.billing.do("sync_payments", invoice_id=invoice)


@provokes("payment_implausible", paid="-5", gross="119.00", currency="EUR")
async def money_below_nothing(stage: Stage) -> Any:
    invoice = await stage.published()
    stage.sevdesk.sandbox.account.invoices[int(await stage.there(invoice))].paid = Decimal(-5)
    return await stage.billing.do("sync_payments", invoice_id=invoice)


@provokes("pdf_differs", document_number="RE-1001", other_number="RE-1000")
async def pdf_of_another_invoice(stage: Stage) -> Any:
    other = await stage.published(items=(("1", "10", "19"),), net_amount="10", tax_amount="1.90", gross_amount="11.90")
    invoice = await stage.published()
    pdf = await stage.billing.db.fetchval("SELECT content FROM sevdesk_documents WHERE invoice_id = $1", other)
    body = {"objects": {"filename": "x.pdf", "content": b64encode(pdf).decode(), "base64Encoded": True}}
    await order_fault(stage.sevdesk, "body", "GET /Invoice/*/getPdf", body=body, times=None)
    job = await stage.billing.do("fetch_invoice_pdf", invoice_id=invoice)
    assert pdf not in [row["content"] for row in await stage.billing.db.fetch(
        "SELECT content FROM sevdesk_documents WHERE invoice_id = $1", invoice)]  # fmt: skip
    return job


@provokes("receivable_invalid")
async def gross_that_is_no_number(stage: Stage) -> Any:
    invoice = await stage.published()
    await stage.billing.db.execute("UPDATE billing_invoices SET gross_amount = 'NaN'")
    return await stage.billing.do("sync_payments", invoice_id=invoice)


@provokes("cancelled_though_paid", paid="119", currency="EUR")
async def cancelled_there_when_paid(stage: Stage) -> Any:
    invoice = await stage.published()
    await pay(stage.sevdesk, await stage.there(invoice), "119")
    await stage.billing.do("sync_payments", invoice_id=invoice)
    await control(stage.sevdesk, "PUT", "switches", {"cancel_paid": "storno"})
    await control(stage.sevdesk, "POST", "cancel", {"invoice_id": await stage.there(invoice)})
    return await stage.billing.do("sync_payments", invoice_id=invoice)


@provokes("payment_state_conflict", event="paid", status="cancelled")
async def money_for_a_claim_given_up(stage: Stage) -> Any:
    invoice = await stage.published()
    await stage.billing.db.execute("UPDATE billing_invoices SET claim_status = 'cancelled'")
    await pay(stage.sevdesk, await stage.there(invoice), "119")
    return await stage.billing.do("sync_payments", invoice_id=invoice)


@provokes("mass_change", worker={"mass_change_limit": 1}, deleted="2", book="2")
async def all_deleted_at_once(stage: Stage) -> Any:
    for invoice in (await stage.published(), await stage.published()):
        await control(stage.sevdesk, "POST", "delete", {"invoice_id": await stage.there(invoice)})
    return await stage.billing.do("sync_payments", full=True)
