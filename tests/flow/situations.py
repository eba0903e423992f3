"""Situations an operator may meet, and what `why`, `status`, `preview` and `reconcile` say of each."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from flow.books import control, pay
from flow.provocations.table import PROVOCATIONS
from flow.stage import Stage

from worker.domain.check_levels import Level
from worker.store import Store

Provoke = Callable[[Stage], Awaitable[UUID]]
HALF = {"reason": "Mangel", "positions": [{"position": 1, "quantity": "2"}]}


@dataclass(frozen=True)
class Situation:
    """`provoke` answers with the invoice. Exit codes of `why` and `status` are 3 if `person`, else 0."""

    provoke: Provoke
    why: str  # words of the cause
    person: bool
    notices: frozenset[str] = frozenset()  # codes that are open
    parked: int = 0  # jobs
    drift: frozenset[str] = frozenset()  # what a reconcile finds; `why` then says so as well
    preview: str | None = None  # why publishing would stop; of published invoices nothing is asked
    worker: Mapping[str, Any] = field(default_factory=dict)  # its settings


SITUATIONS: dict[str, Situation] = {}


def situation(
    why: str, *codes: str, person: bool | None = None, drift: str = "", **more: Any
) -> Callable[[Provoke], Provoke]:
    """Enter a function into the table under its name; a person must act if there are `codes` of notices."""

    def enter(provoke: Provoke) -> Provoke:
        must = bool(codes) if person is None else person
        SITUATIONS[provoke.__name__] = Situation(
            provoke, why, must, frozenset(codes), drift=frozenset(drift.split()), **more
        )
        return provoke

    return enter


# -- not published: one for each reason why publishing stops --------------------------------------------------------

STOPPED = (
    "sums_differ", "positions_missing", "currency_invalid", "position_quantity_zero", "position_price_decimals",
    "total_negative", "recipient_none", "recipient_not_named", "recipient_ambiguous", "recipient_address_incomplete",
    "recipient_email_invalid", "issue_date_in_future", "issue_date_too_old", "payment_term_invalid", "unit_unknown",
    "vat_id_missing", "service_date_missing", "service_dates_reversed", "e_invoice_missing_email", "skonto_invalid",
    "tax_rate_not_allowed", "oss_to_company",
)  # fmt: skip


def _stopped(code: str) -> None:
    provocation = PROVOCATIONS[code]

    async def provoke(stage: Stage) -> UUID:
        invoice: UUID = (await provocation.provoke(stage))["invoice_id"]
        return invoice

    settings = dict(provocation.worker or {})
    SITUATIONS[code] = Situation(provoke, "", True, parked=1, preview=code, worker=settings)


for each in STOPPED:
    _stopped(each)


@situation("It is a draft; only approved invoices are published.", preview="invoice_not_approved")
async def draft(stage: Stage) -> UUID:
    return await stage.billing.usual_invoice(document_status="draft")


@situation("Nobody has asked to publish it.")
async def approved(stage: Stage) -> UUID:
    return await stage.billing.usual_invoice()


@situation("cancelled it before it was published", preview="invoice_not_approved")
async def cancelled_in_billing(stage: Stage) -> UUID:
    return await stage.billing.usual_invoice(document_status="cancelled")


@situation("It is cancelled.", preview="invoice_not_approved")
async def cancelled_before_publication(stage: Stage) -> UUID:
    """The parked publication and sending, which the cancellation makes needless, are dismissed with it."""
    invoice = await stage.billing.usual_invoice(gross_amount="120.00")
    for kind in ("publish_invoice", "send_invoice"):
        assert (await stage.billing.do(kind, invoice_id=invoice))["state"] == "parked"
    await done(stage, "cancel_invoice", invoice_id=invoice, reason="Doppelt")
    states = await stage.billing.db.fetch("SELECT state, dismissed_by FROM sevdesk_jobs ORDER BY seq")
    assert [tuple(row) for row in states] == [("dismissed", "worker")] * 2 + [("done", None)]
    return invoice


# -- published ---------------------------------------------------------------------------------------------------------


async def done(stage: Stage, kind: str, **payload: Any) -> None:
    job = await stage.billing.do(kind, **payload)
    assert job["state"] == "done", job["error"]


async def mailed(stage: Stage, **columns: Any) -> UUID:
    invoice = await stage.published(**columns)
    await done(stage, "send_invoice", invoice_id=invoice)
    return invoice


async def synced(stage: Stage, invoice: UUID, amount: str, kind: str = "payment") -> UUID:
    """Money has come, and the worker has read it."""
    await pay(stage.sevdesk, await stage.there(invoice), amount, kind=kind)
    await done(stage, "sync_payments", invoice_id=invoice)
    return invoice


async def in_sevdesk(stage: Stage, invoice: UUID, act: str) -> None:
    await control(stage.sevdesk, "POST", act, {"invoice_id": await stage.there(invoice)})


@situation("nobody has asked to mail it")
async def published(stage: Stage) -> UUID:
    return await stage.published()


@situation("The payment sync has not run yet; the first one starts with the worker.")
async def before_the_first_sync(stage: Stage) -> UUID:
    return await mailed(stage)


@situation("0.00 of 119.00 EUR has come.")
async def waiting_for_money(stage: Stage) -> UUID:
    invoice = await mailed(stage)
    await done(stage, "sync_payments")
    return invoice


@situation("50.00 of 119.00 EUR has come.")
async def partly_paid(stage: Stage) -> UUID:
    invoice = await mailed(stage)
    await pay(stage.sevdesk, await stage.there(invoice), "50")
    await done(stage, "sync_payments")
    return invoice


@situation("sent and paid.")
async def paid(stage: Stage) -> UUID:
    return await synced(stage, await mailed(stage), "119")


@situation("sent and paid.")
async def discounted(stage: Stage) -> UUID:
    return await synced(stage, await mailed(stage), "115", "skonto")


@situation("It is overpaid by 31.00 EUR: 150.00 of 119.00 has come.", "overpaid")
async def overpaid(stage: Stage) -> UUID:
    return await synced(stage, await mailed(stage), "150")


@situation("sent and paid.")
async def overpaid_and_paid_back(stage: Stage) -> UUID:
    invoice = await synced(stage, await mailed(stage), "150")
    store = Store(stage.billing.db)
    codes = await store.query("acknowledge_notices", invoice_id=invoice, by="Anna", reason="Zurückgezahlt")
    assert [row["code"] for row in codes] == ["overpaid"]
    assert (await stage.billing.event(invoice, "acknowledged"))["by"] == "Anna"
    return invoice


@situation("sent and paid.")
async def overpaid_and_corrected(stage: Stage) -> UUID:
    invoice = await synced(stage, await mailed(stage), "150")
    await in_sevdesk(stage, invoice, "unlink")
    return await synced(stage, invoice, "119")


@situation("50.00 EUR of it has come, and it was not sent.", "paid_unmailed")
async def partly_paid_but_unmailed(stage: Stage) -> UUID:
    return await synced(stage, await stage.published(), "50")


@situation("119.00 EUR of it has come, and it was not sent.", "paid_unmailed")
async def paid_but_unmailed(stage: Stage) -> UUID:
    return await synced(stage, await stage.published(), "119")


@situation("sent and paid.")
async def paid_and_mailed_late(stage: Stage) -> UUID:
    invoice = await synced(stage, await stage.published(), "119")
    await done(stage, "send_invoice", invoice_id=invoice)
    return invoice


@situation("Its payment of 119.00 EUR was taken back in sevDesk", "payment_reversed")
async def reversed_in_sevdesk(stage: Stage) -> UUID:
    invoice = await synced(stage, await mailed(stage), "119")
    await in_sevdesk(stage, invoice, "unlink")
    await done(stage, "sync_payments", invoice_id=invoice)
    return invoice


@situation("Its mail came back, so it counts as not sent.", "mail_bounced")
async def bounced(stage: Stage) -> UUID:
    invoice = await mailed(stage)
    await done(stage, "mail_bounced", invoice_id=invoice, email="rechnung@example.com", reason="unbekannt")
    return invoice


@situation("and sent by post; 0.00 of 119.00 EUR has come.")
async def bounced_and_posted(stage: Stage) -> UUID:
    invoice = await bounced(stage)
    await done(stage, "send_invoice", invoice_id=invoice, channel="post")
    await done(stage, "sync_payments")
    return invoice


@situation("sevDesk no longer has it (id", "deleted_in_sevdesk", drift="existence")
async def deleted(stage: Stage) -> UUID:
    invoice = await mailed(stage)
    await in_sevdesk(stage, invoice, "delete")
    await done(stage, "sync_payments", full=True)
    return invoice


@situation("A payment sync did not find it in sevDesk", drift="existence", worker={"gone_after": 600.0})
async def deleted_at_a_first_look(stage: Stage) -> UUID:
    invoice = await mailed(stage)
    await in_sevdesk(stage, invoice, "delete")
    await done(stage, "sync_payments", full=True)
    return invoice


@situation("nobody has asked to mail it")
async def deleted_and_published_again(stage: Stage) -> UUID:
    invoice = await deleted(stage)
    await done(stage, "publish_invoice", invoice_id=invoice)
    return invoice


@situation("It is cancelled.")
async def cancelled(stage: Stage) -> UUID:
    invoice = await mailed(stage)
    await done(stage, "cancel_invoice", invoice_id=invoice, reason="Doppelt")
    return invoice


@situation("It is cancelled.")
async def cancelled_in_sevdesk(stage: Stage) -> UUID:
    invoice = await mailed(stage)
    await in_sevdesk(stage, invoice, "cancel")
    await done(stage, "sync_payments", full=True)
    return invoice


@situation("119.00 EUR must be paid back", "refund_due")
async def cancelled_with_refund(stage: Stage) -> UUID:
    invoice = await synced(stage, await mailed(stage), "119")
    await done(stage, "cancel_invoice", invoice_id=invoice, reason="Retoure", refund=True)
    return invoice


@situation("and 119 EUR had been paid on it.", "refund_due", parked=1)
async def cancelled_when_paid(stage: Stage) -> UUID:
    await control(stage.sevdesk, "PUT", "switches", {"cancel_paid": "storno"})
    invoice = await synced(stage, await mailed(stage), "119")
    assert (await stage.billing.do("cancel_invoice", invoice_id=invoice, reason="Retoure"))["problem"] == "refund_due"
    return invoice


@situation("It is cancelled.")
async def cancelled_when_paid_and_refunded(stage: Stage) -> UUID:
    """Taking the job up again is the word that the money has been paid back."""
    invoice = await cancelled_when_paid(stage)
    job_id = await stage.billing.db.fetchval("SELECT job_id FROM sevdesk_jobs WHERE state = 'parked'")
    await stage.billing.retry(job_id)
    assert (await stage.billing.ended(job_id))["state"] == "done"
    return invoice


@situation("must be paid back", "refund_due")
async def credited_in_part(stage: Stage) -> UUID:
    invoice = await synced(stage, await mailed(stage), "119")
    await done(stage, "credit_invoice", invoice_id=invoice, **HALF)
    return invoice


@situation("shows German tax, and its recipient", "german_tax_abroad")
async def warned(stage: Stage) -> UUID:
    deal = await stage.billing.deal(await stage.billing.company(country_code="CH"))
    invoice = await stage.billing.invoice(deal)
    await done(stage, "publish_invoice", invoice_id=invoice)
    return invoice


@situation("nobody has asked to mail it", worker={"check_levels": {"german_tax_abroad": Level.PARK}})
async def warning_confirmed(stage: Stage) -> UUID:
    """What a person has confirmed needs no second word."""
    job = await PROVOCATIONS["german_tax_abroad"].provoke(stage)
    await stage.billing.retry(job["job_id"], "confirmed")
    assert (await stage.billing.ended(job["job_id"]))["state"] == "done"
    invoice: UUID = job["invoice_id"]
    return invoice


@situation("The billing system changed invoice", parked=1, person=True)
async def changed_here(stage: Stage) -> UUID:
    job = await PROVOCATIONS["changed_after_publication"].provoke(stage)
    invoice: UUID = job["invoice_id"]
    return invoice


@situation("now names", parked=1, person=True)
async def recipient_changed(stage: Stage) -> UUID:
    job = await PROVOCATIONS["recipient_changed"].provoke(stage)
    invoice: UUID = job["invoice_id"]
    return invoice


@situation("The DATEV export of", "export_finding")
async def export_with_findings(stage: Stage) -> UUID:
    invoice = await mailed(stage)
    await control(stage.sevdesk, "PUT", "switches", {"datev_faults": ["wrong_amount"]})
    await export(stage)
    return invoice


@situation("0.00 of 119.00 EUR has come.")
async def export_repeated_without(stage: Stage) -> UUID:
    invoice = await export_with_findings(stage)
    await control(stage.sevdesk, "PUT", "switches", {"datev_faults": []})
    await export(stage)
    await done(stage, "sync_payments")
    return invoice


async def export(stage: Stage) -> None:
    today = (await stage.billing.db.fetchval("SELECT max(issue_date) FROM billing_invoices")).isoformat()
    await done(stage, "export_datev", start_date=today, end_date=today)


# -- sevDesk has changed, and only a reconcile tells -----------------------------------------------------------------


@situation("has come.", drift="existence")
async def deleted_unnoticed(stage: Stage) -> UUID:
    invoice = await waiting_for_money(stage)
    await in_sevdesk(stage, invoice, "delete")
    return invoice


@situation("has come.", drift="number")
async def renumbered_unnoticed(stage: Stage) -> UUID:
    invoice = await waiting_for_money(stage)
    stage.sevdesk.sandbox.account.invoices[int(await stage.there(invoice))].number = "RE-NEU"
    return invoice


@situation("has come.", drift="paid")
async def paid_unnoticed(stage: Stage) -> UUID:
    invoice = await waiting_for_money(stage)
    await pay(stage.sevdesk, await stage.there(invoice), "119")
    return invoice


@situation("has come.", drift="status")
async def cancelled_unnoticed(stage: Stage) -> UUID:
    invoice = await waiting_for_money(stage)
    await in_sevdesk(stage, invoice, "cancel")
    return invoice


@situation("has come.", drift="pdf")
async def pdf_altered(stage: Stage) -> UUID:
    invoice = await waiting_for_money(stage)
    await stage.billing.db.execute("UPDATE sevdesk_documents SET content = '%PDF-?'")
    return invoice
