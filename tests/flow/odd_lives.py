"""An invoice in every state of its life, and everything that can be asked about it."""

from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

from flow.books import control, pay
from flow.odd_rows import Subject
from flow.stage import Stage

HALF = [{"position": 1, "quantity": "2"}]
Life = Callable[[Subject], Awaitable[None]]


async def _unpublished(it: Subject) -> None:
    """Approved."""


async def _draft(it: Subject) -> None:
    await it.sql("UPDATE billing_invoices SET document_status = 'draft' WHERE id = $1", it.invoice)


async def _drafted(it: Subject) -> None:
    """sevDesk has a draft: it refused to finalize it."""
    account = it.stage.sevdesk.sandbox.account
    layout = "UPDATE sevdesk_config SET template_eb_ar = $1, template_eb_sr = $1"
    await it.sql(layout, "aaaaaaaaaaaaaaaaaaaaaaaa")
    await it.stage.billing.do("publish_invoice", invoice_id=it.invoice)
    await it.sql(layout, "57986aee6bd2d53306068da1")
    assert account.invoices


async def _published(it: Subject) -> None:
    job = await it.stage.billing.do("publish_invoice", invoice_id=it.invoice)
    assert job["state"] == "done", job["error"]


async def _mailed(it: Subject) -> None:
    await _published(it)
    job = await it.stage.billing.do("send_invoice", invoice_id=it.invoice)
    assert job["state"] == "done", job["error"]


async def _synced(it: Subject, amount: str) -> None:
    await _mailed(it)
    await pay(it.stage.sevdesk, await it.external_id(), amount)
    await it.stage.billing.do("sync_payments", invoice_id=it.invoice)


async def _partly_paid(it: Subject) -> None:
    await _synced(it, "50")


async def _paid(it: Subject) -> None:
    await _synced(it, "119")


async def _overpaid(it: Subject) -> None:
    await _synced(it, "150")


async def _cancelled(it: Subject) -> None:
    await _mailed(it)
    await it.stage.billing.do("cancel_invoice", invoice_id=it.invoice, reason="Doppelt")


async def _credited(it: Subject) -> None:
    await _paid(it)
    await it.stage.billing.do("credit_invoice", invoice_id=it.invoice, reason="Mangel", positions=HALF)


async def _deleted(it: Subject) -> None:
    await _mailed(it)
    await control(it.stage.sevdesk, "POST", "delete", {"invoice_id": await it.external_id()})
    await it.stage.billing.do("sync_payments", invoice_id=it.invoice)


async def _old(it: Subject) -> None:
    """Published by the integration before this one: of the worker's tables nothing knows it."""
    await _published(it)
    for table in ("sevdesk_invoices", "sevdesk_documents", "billing_invoice_event_log"):
        await it.sql(f"DELETE FROM {table} WHERE invoice_id = $1", it.invoice)  # noqa: S608 - ours
    await it.sql("DELETE FROM sevdesk_intents WHERE subject = $1", f"invoice:{it.invoice}")
    forgotten = """UPDATE billing_invoices SET accounting_sync_status = 'not_synced', accounting_provider = NULL,
                      external_id = CASE WHEN $3 THEN external_id END, document_status = $2 WHERE id = $1"""
    await it.sql(forgotten, it.invoice, it.random.choice(("sent", "approved")), it.random.random() < 0.5)


async def _adopted(it: Subject) -> None:
    await _old(it)
    await it.stage.billing.do("adopt")


LIVES: dict[str, Life] = {
    life.__name__.strip("_"): life
    for life in (
        _unpublished, _draft, _drafted, _published, _mailed, _partly_paid, _paid, _overpaid, _cancelled, _credited,
        _deleted, _old, _adopted,
    )
}  # fmt: skip


async def live(stage: Stage, random: Random, life: str) -> Subject:
    """An invoice in this state, to a company or a person, an e-invoice or none, with a deal or none."""
    billing = stage.billing
    kind = random.choice(("AR", "AR", "SR"))
    columns: dict[str, Any] = {"document_kind": kind, "is_e_invoice": random.random() < 0.3}
    columns |= random.choice(({}, {"unit": "h"}, {"contact_id": await billing.person()}, {"head_text": "Hallo"}))
    if random.random() < 0.2:
        person = await billing.person(last_name=f"Weiß {random.random()}")
        deal = await billing.deal() if random.random() < 0.5 else None
        invoice = await billing.invoice(deal, **columns | {"contact_id": person, "is_e_invoice": False})
        it = Subject(stage, random, invoice, deal, None, person)
    else:
        company = await billing.company(name=f"Müller {random.random()} GmbH")
        deal = await billing.deal(company)
        it = Subject(stage, random, await billing.invoice(deal, **columns), deal, company, columns.get("contact_id"))
    it.done.append(f"{life} {columns}")
    await LIVES[life](it)
    return it


def asked(it: Subject) -> tuple[str, dict[str, Any]]:
    """A kind of job and its payload."""
    random, mine = it.random, {"invoice_id": it.invoice}
    channel = random.choice(("email", "post", "portal"))
    to = {"to": "anders@example.com"} if channel == "email" and random.random() < 0.3 else {}
    today = {"start_date": "2000-01-01", "end_date": "2100-12-31"}
    return random.choice(
        (
            ("publish_invoice", mine),
            ("publish_invoice", mine),
            ("publish_invoice", mine | {"skonto_percent": "2", "skonto_days": 10}),
            ("send_invoice", mine | {"channel": channel} | to),
            ("send_invoice", mine | {"channel": channel, "resend": True} | to),
            ("send_invoice", mine),
            ("mail_bounced", mine),
            ("fetch_invoice_pdf", mine),
            ("undelete_invoice", mine),
            ("cancel_invoice", mine | {"reason": "Doppelt", "notify": random.random() < 0.7}),
            ("cancel_invoice", mine | {"reason": "Doppelt", "refund": True, "notify": random.random() < 0.7}),
            ("credit_invoice", mine | {"reason": "Mangel", "notify": random.random() < 0.7, "positions": HALF}),
            ("credit_invoice", mine | {"reason": "Mangel", "positions": [{"position": 1, "unit_price": "1"}]}),
            ("sync_payments", mine),
            ("sync_payments", random.choice(({"full": True}, {}))),
            ("adopt", {}),
            ("publish_invoice", mine),
            ("fetch_invoice_pdf", mine),
            ("undelete_invoice", mine),
            ("send_invoice", mine),
            ("cancel_invoice", mine | {"reason": "Doppelt", "notify": True}),
            ("export_datev", today | {"by_pay_date": random.random() < 0.5, "scope": random.choice(("E", "EXTCD"))}),
            ("update_config", {"publish_only": random.choice((None, ["EB"], ["KOP"]))}),
        )
    )


# Exit codes: 1 is a sentence about what is missing, 3 asks for a person. A traceback is neither.
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("why", "{id}"),
    ("show", "{id}"),
    ("show", "{id}", "--bundle", "{new}.zip"),
    ("preview", "{id}"),
    ("preview", "{id}", "--offline"),
    ("files", "{id}"),
    ("files", "{id}", "--save", "{new}"),
    ("rehearse",),
    ("rehearse", "--offline"),
    ("rehearse", "--against-sandbox"),
    ("rehearse", "--html", "{new}.html"),
    ("readiness",),
    ("report", "--html", "{new}.html"),
    ("report",),
    ("reconcile",),
    ("reconcile", "--html", "{new}.html"),
    ("adopt", "--dry-run"),
    ("status",),
    ("jobs",),
    ("acknowledge", "{id}", "--reason", "Test"),
    ("recover", "--since", "2026-01-01T00:00", "--dry-run"),
    ("doctor",),
)
