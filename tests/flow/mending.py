"""What a person does about a problem beside the commands that the advice names, and how its commands are read."""

import re
import shlex
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from typing import Any

from flow.billing import time_to_day
from flow.books import control
from flow.changeover import publish_there
from flow.stage import Stage

Mend = Callable[[Stage, Any], Awaitable[None]]
# The invoice, its one position, and whoever may receive it, as `Billing.usual_invoice` makes them.
RIGHT = """
UPDATE billing_invoices
SET net_amount = 100, tax_amount = 19, gross_amount = 119, currency = 'EUR', tax_rule = 1,
    is_e_invoice = is_e_invoice AND accounting_sync_status = 'synced',  -- what is published stays what it is
    issue_date = $2, service_from = NULL, service_to = NULL, payment_term_days = 14,
    skonto_percent = NULL, skonto_days = NULL, document_kind = 'AR', final_invoice_form = NULL, head_text = NULL,
    document_status = CASE WHEN document_status = 'draft' THEN 'approved' ELSE document_status END
WHERE id = $1;
"""
POSITION = """
INSERT INTO billing_invoice_items (invoice_id, position, name, quantity, unit_price, tax_rate)
VALUES ($1, 1, 'Leistung 1', 4, 25, 19)
"""
PARTIES = """
UPDATE companies SET name = 'Müller & Söhne GmbH', email = 'rechnung@example.com', street = 'Hauptstraße 5',
       zip = '10115', city = 'Berlin', country_code = 'DE', vat_id = NULL, buyer_reference = NULL
"""


async def corrected_in_billing(stage: Stage, job: Any) -> None:
    """Every column that a check may object to is right: sums, dates, rule, positions, and one complete recipient."""
    db, invoice = stage.billing.db, job["invoice_id"]
    deal = await db.fetchval("SELECT deal_id FROM billing_invoices WHERE id = $1", invoice)
    deal = deal or await stage.billing.deal()
    await db.execute("UPDATE billing_invoices SET deal_id = $2 WHERE id = $1", invoice, deal)
    await db.execute(RIGHT, invoice, time_to_day())
    await db.execute("DELETE FROM billing_invoice_items WHERE invoice_id = $1", invoice)
    await db.execute(POSITION, invoice)
    if job["kind"] == "publish_invoice":
        await db.execute(PARTIES)
        await db.execute("DELETE FROM hubspot_associations")
        await stage.billing.associate(deal, "company", await stage.billing.company(), "primary")


async def corrected_in_sevdesk(stage: Stage, job: Any) -> None:
    """sevDesk is well again, and its settings are complete."""
    await control(stage.sevdesk, "DELETE", "faults")
    switches = {"cent_off": False, "e_invoice_missing": [], "datev_conflict": "never", "datev_job": "run"}
    await control(stage.sevdesk, "PUT", "switches", switches)


def _here(statement: str) -> Mend:
    async def mend(stage: Stage, job: Any) -> None:
        await stage.billing.db.execute(statement)

    return mend


async def _open_there(stage: Stage, job: Any) -> None:
    for invoice in stage.sevdesk.sandbox.account.invoices.values():
        invoice.status = 200


def _there(act: str) -> Mend:
    """One of the sandbox's controls for each invoice that is not a cancellation."""

    async def mend(stage: Stage, job: Any) -> None:
        for id_, invoice in list(stage.sevdesk.sandbox.account.invoices.items()):
            if invoice.cancelled_by is None and invoice.type != "SR":
                await control(stage.sevdesk, "POST", act, {"invoice_id": str(id_)})

    return mend


async def _payment_corrected(stage: Stage, job: Any) -> None:
    """A person takes the amount back that nobody can have paid."""
    for invoice in stage.sevdesk.sandbox.account.invoices.values():
        invoice.paid = Decimal(0)


# Where the advice asks for something of its own.
async def _rules_kept(stage: Stage, job: Any) -> None:
    await control(stage.sevdesk, "PUT", "switches", {"e_invoice_faults": []})


async def _numbered_anew(stage: Stage, job: Any) -> None:
    """The draft gets another number, as a person gives it in sevDesk."""
    account = stage.sevdesk.sandbox.account
    for note in account.credit_notes.values():
        note.number = note.number if note.status != 100 else "GU-77"


async def _taken_over(stage: Stage, job: Any) -> None:
    """The other program publishes it, and a payment sync sees that."""
    await publish_there(stage.billing, stage.sevdesk, job["invoice_id"])
    assert (await stage.billing.do("sync_payments"))["state"] == "done"


async def _restored_there(stage: Stage, job: Any) -> None:
    for invoice in stage.deleted:
        stage.sevdesk.sandbox.account.add(invoice)


async def _filters_again(stage: Stage, job: Any) -> None:
    await control(stage.sevdesk, "PUT", "switches", {"ignored_filters": []})


MENDS: dict[str, Mend] = {
    "sevdesk_object_gone": _restored_there,
    "filter_ignored": _filters_again,
    "cancellation_invalid": _rules_kept,
    "credit_note_invalid": _rules_kept,
    "e_invoice_invalid": _rules_kept,
    "credit_note_number_taken": _numbered_anew,
    "other_publishes": _taken_over,
    "cancel_left_to_other": _taken_over,
    "closed_without_payment": _open_there,
    "payment_implausible": _payment_corrected,
    "receivable_invalid": _here("UPDATE billing_invoices SET gross_amount = 119"),
    "payment_state_conflict": _here("UPDATE billing_invoices SET claim_status = 'open'"),
    "invoice_value_unknown": _here("UPDATE billing_invoices SET document_kind = 'AR'"),
    "transition_not_allowed": _here("UPDATE billing_invoices SET accounting_sync_status = 'not_synced'"),
    "unexpected_error": _here("ALTER TABLE mislaid RENAME TO billing_invoice_items"),
    "recipient_missing_email": _here("UPDATE companies SET email = 'rechnung@example.com'"),
    "marker_ambiguous": _there("delete"),
    "marked_invoice_differs": _there("delete"),
    "credit_note_not_for_advance": _there("unlink"),
    "sevdesk_id_missing": _here("""
        UPDATE billing_invoices i SET external_id = e.payload ->> 'external_id' FROM billing_invoice_event_log e
        WHERE e.invoice_id = i.id AND e.event_type = 'finalized'"""),
    "contact_gone": _here("DELETE FROM sevdesk_contacts"),
}


def commands(advice: str) -> Iterator[list[str]]:
    """The arguments of each command of `sevdesk-worker` in a sentence, as a person would copy it."""
    for part in advice.split("sevdesk-worker ")[1:]:
        words = list[str]()
        for word in re.findall(r"""(?:'[^']*'|"[^"]*"|[^\s'"])+""", part):
            if word in ("or", "and", "oder", "und"):
                break
            words += shlex.split(word.rstrip(".,;:)"))
            if word[-1] in ".,;:)":
                break
        if words[0] not in ("doctor", "schema", "show"):  # these only look
            yield words
