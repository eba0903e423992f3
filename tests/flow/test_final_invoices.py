"""Final invoices account for the advances of their deal; a final invoice over 0 is paid at once."""

import asyncio
import json
from itertools import cycle
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from flow.billing import Billing, parameters, time_to_day
from flow.books import calls, control, forget_calls, pay, state
from flow.conftest import RunWorker
from flow.holding import HoldableSevdesk
from flow.operators import Operator
from flow.provocations.publishing import SAVE
from flow.stage import Stage

from sevdesk_client.sandbox.http.server import Running
from worker.domain.check_levels import Level
from worker.domain.invoice import FinalInvoiceForm
from worker.domain.problems import Problem
from worker.operator.connections import open_account
from worker.reconcile.read import reconcile
from worker.settings import Settings
from worker.store import Store

Items = tuple[tuple[str, str, str], ...]
WORK: Items = (("10", "100", "19"),)
OVER_ALL = {"items": WORK, "net_amount": "1000", "tax_amount": "190", "gross_amount": "1190"}
# The usual advance is over 100.00 net.
REST = {"items": (*WORK, ("-4", "25", "19")), "net_amount": "900", "tax_amount": "171", "gross_amount": "1071"}
NOTHING = {"items": (("1", "100", "19"), ("-4", "25", "19")), "net_amount": "0", "tax_amount": "0", "gross_amount": "0"}
OFF = {"advances_not_deducted": Level.OFF, "advances_differ": Level.OFF}


async def new_deal(billing: Billing) -> UUID:
    """Of a company of its own."""
    return await billing.deal(await billing.company())


async def publish(billing: Billing, deal: UUID, kind: str = "AR", **columns: Any) -> Any:
    """The ended job of a new invoice of the deal."""
    invoice = await billing.invoice(deal, document_kind=kind, **columns)
    return await billing.do("publish_invoice", invoice_id=invoice)


async def published(billing: Billing, deal: UUID, kind: str = "AR", **columns: Any) -> UUID:
    """A new invoice of the deal, open in sevDesk."""
    job = await publish(billing, deal, kind, **columns)
    assert (job["state"], job["error"]) == ("done", None)
    invoice: UUID = job["invoice_id"]
    return invoice


async def test_deducted_advances_are_published(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Two advances at two rates, and the final invoice that deducts both, with their tax to the cent."""
    deal = await new_deal(billing)
    await published(billing, deal)
    two = {"items": (("3", "0.333", "19"), ("2", "7.30", "7")), "net_amount": "15.60", "tax_amount": "1.21"}
    await published(billing, deal, **two, gross_amount="16.81")
    final = {"items": (*WORK, ("1", "-101", "19"), ("-2", "7.30", "7")), "net_amount": "884.40"}
    invoice = await published(billing, deal, "SR", **final, tax_amount="169.79", gross_amount="1054.19")
    assert "legal_warning" not in await billing.events(invoice)
    there = sorted((each["sumNet"], each["sumTax"]) for each in (await state(sevdesk))["invoices"])
    assert there == [("100", "19"), ("15.6", "1.21"), ("884.4", "169.79")]


async def test_shown_twice_parks_before_any_write(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Number, date, net and tax of the advance are named in both languages; corrected, the same job goes on."""
    deal = await new_deal(billing)
    advance = await billing.row(await published(billing, deal))
    await forget_calls(sevdesk)
    job = await publish(billing, deal, "SR", **OVER_ALL)
    assert (job["state"], job["problem"]) == ("parked", "advances_not_deducted")
    assert [call for call in await calls(sevdesk) if not call.startswith("GET")] == []
    listed = f"{advance['invoice_number']} ({time_to_day()}): 100.00 + 19.00 EUR"
    found = Problem(job["problem"], parameters(job))
    assert all(listed in found.cause(lang) and "§ 14c Abs. 1 UStG" in found.cause(lang) for lang in ("en", "de"))
    await billing.db.execute(
        "UPDATE billing_invoices SET final_invoice_form = 'remainder' WHERE id = $1", job["invoice_id"]
    )
    await billing.retry(job["job_id"])
    assert (await billing.ended(job["job_id"]))["state"] == "done"


async def test_difference_may_be_confirmed(billing: Billing, worker: object, stage: Stage) -> None:
    """A discount beside the deduction: `why` says it by rate, a person says that it is right, the log keeps it."""
    deal = await new_deal(billing)
    await published(billing, deal)
    less = {"items": (*WORK, ("-4", "25", "19"), ("1", "-10", "19")), "net_amount": "890", "tax_amount": "169.10"}
    job = await publish(billing, deal, "SR", **less, gross_amount="1059.10")
    assert (job["problem"], parameters(job)["rates"]) == ("advances_differ", "19%: 110.00 / 100.00 EUR")
    assert "19%: 110.00 / 100.00 EUR" in (await stage.why(job["job_id"])).cause
    assert "19%: 110.00 / 100.00 EUR" in Problem(job["problem"], parameters(job)).cause("de")
    await billing.retry(job["job_id"], "confirmed")
    assert (await billing.ended(job["job_id"]))["state"] == "done"
    assert (await billing.event(job["invoice_id"], "legal_warning"))["problem"] == "advances_differ"


@pytest.mark.parametrize("where", ["setting", "column", "job"])
async def test_rest_alone_may_be_billed(where: str, billing: Billing, run_worker: RunWorker) -> None:
    """A Restrechnung, whether the company, the invoice or the job says so; the narrower one counts."""
    setting = FinalInvoiceForm.REMAINDER if where == "setting" else FinalInvoiceForm.DEDUCT
    async with run_worker(final_invoice_form=setting):
        deal = await new_deal(billing)
        await published(billing, deal)
        form = {"setting": None, "column": "remainder", "job": "deduct"}[where]
        final = await billing.invoice(deal, document_kind="SR", final_invoice_form=form, **OVER_ALL)
        asked = {"final_invoice_form": "remainder"} if where == "job" else {}
        assert (await billing.do("publish_invoice", invoice_id=final, **asked))["state"] == "done"
        strict = await billing.invoice(deal, document_kind="SR", final_invoice_form="deduct", **OVER_ALL)
        assert (await billing.do("publish_invoice", invoice_id=strict))["problem"] == "advances_not_deducted"


async def test_cancelled_advance_counts_not(billing: Billing, worker: object) -> None:
    """Neither a cancelled one nor one that was never published; nor one of another deal."""
    deal = await new_deal(billing)
    advance = await published(billing, deal)
    await published(billing, await new_deal(billing))
    await billing.invoice(deal)
    assert (await billing.do("cancel_invoice", invoice_id=advance, reason="Irrtum"))["state"] == "done"
    await published(billing, deal, "SR", **OVER_ALL)


async def test_credited_part_is_not_deducted(billing: Billing, worker: object, sevdesk: Running) -> None:
    """The way out of a negative final invoice: an advance is credited in part, and only what is left is deducted."""
    deal = await new_deal(billing)
    advance = await published(billing, deal)
    await pay(sevdesk, (await billing.row(advance))["external_id"], "119")
    await billing.do("sync_payments")
    credited = {"reason": "Zu hoch", "positions": [{"position": 1, "quantity": "0.8"}]}
    assert (await billing.do("credit_invoice", invoice_id=advance, **credited))["state"] == "done"
    assert parameters(await publish(billing, deal, "SR", **REST))["rates"] == "19%: 100.00 / 80.00 EUR"
    rest = {"items": (*WORK, ("1", "-80", "19")), "net_amount": "920", "tax_amount": "174.80"}
    await published(billing, deal, "SR", **rest, gross_amount="1094.80")


async def test_credited_deduction_is_deducted_again(billing: Billing, worker: object, sevdesk: Running) -> None:
    """A final invoice that is credited position by position is as good as cancelled: the next one deducts."""
    deal = await new_deal(billing)
    await published(billing, deal)
    wrong = await published(billing, deal, "SR", **REST)
    row = await billing.row(wrong)
    await pay(sevdesk, row["external_id"], str(row["gross_amount"]))
    await billing.do("sync_payments")
    positions = [{"position": position} for position in range(1, len(REST["items"]) + 1)]
    job = await billing.do("credit_invoice", invoice_id=wrong, reason="Falsch", positions=positions)
    assert (job["state"], job["error"]) == ("done", None)
    await published(billing, deal, "SR", **REST)


async def test_final_invoices_share_the_deduction(billing: Billing, worker: object) -> None:
    """What one of them deducts, another must not; after its cancellation it must."""
    deal = await new_deal(billing)
    await published(billing, deal)
    first = await published(billing, deal, "SR", **REST)
    assert (await publish(billing, deal, "SR", **REST))["problem"] == "advances_differ"
    await published(billing, deal, "SR", **OVER_ALL)
    assert (await billing.do("cancel_invoice", invoice_id=first, reason="Irrtum"))["state"] == "done"
    assert (await publish(billing, deal, "SR", **OVER_ALL))["problem"] == "advances_not_deducted"
    await published(billing, deal, "SR", **REST)


async def test_document_counts_not_the_row(billing: Billing, worker: object) -> None:
    """The advance's row was changed after publication: what its document says is deducted."""
    deal = await new_deal(billing)
    advance = await published(billing, deal)
    await billing.db.execute("UPDATE billing_invoice_items SET quantity = 'NaN' WHERE invoice_id = $1", advance)
    await published(billing, deal, "SR", **REST)


async def test_rows_count_without_a_document(billing: Billing, worker: object) -> None:
    """Where nobody knows what was sent, the billing system's positions are compared."""
    deal = await new_deal(billing)
    await published(billing, deal)
    await billing.db.execute("DELETE FROM sevdesk_invoices")
    assert (await publish(billing, deal, "SR", **OVER_ALL))["problem"] == "advances_not_deducted"
    await published(billing, deal, "SR", **REST)


async def test_late_advance_is_a_warning(billing: Billing, worker: object) -> None:
    """It is published, and an event names the final invoice that does not account for it."""
    deal = await new_deal(billing)
    final = await billing.row(await published(billing, deal, "SR", **OVER_ALL))
    advance = await published(billing, deal)
    warning = await billing.event(advance, "legal_warning")
    assert (warning["problem"], warning["parameters"]["finals"]) == ("advance_after_final", final["invoice_number"])


async def test_final_invoice_waits_for_its_advance(billing: Billing, worker: object, stage: Stage) -> None:
    """While the advance is being published, the final invoice waits, costs no retry, and then accounts for it."""
    deal = await new_deal(billing)
    assert isinstance(stage.sevdesk, HoldableSevdesk)
    async with stage.sevdesk.held(SAVE) as hold:
        advance = await billing.enqueue("publish_invoice", invoice_id=await billing.invoice(deal))
        await hold.reached()
        final = await billing.invoice(deal, document_kind="SR", **OVER_ALL)
        job_id = await billing.enqueue("publish_invoice", invoice_id=final)
        waiting = await stage.seen(job_id, "deal_invoice_under_way")
        assert waiting["retries"] == 0
    job = await billing.ended(job_id)
    assert (await billing.job(advance))["state"] == "done"
    assert (job["state"], job["problem"]) == ("parked", "advances_not_deducted")


async def test_wait_follows_the_advance(billing: Billing, worker: object, stage: Stage) -> None:
    """An advance whose job waits for its next try is not asked after every two seconds, but once a minute at least."""
    deal = await new_deal(billing)
    async with stage.sevdesk.held(SAVE) as hold:
        advance = await billing.enqueue("publish_invoice", invoice_id=await billing.invoice(deal))
        await hold.reached()
        later = "UPDATE sevdesk_queue SET phase = 'waiting', due_at = now() + interval '1 hour' WHERE job_id = $1"
        await billing.db.execute(later, advance)
        final = await billing.invoice(deal, document_kind="SR", **OVER_ALL)
        row = await stage.seen(await billing.enqueue("publish_invoice", invoice_id=final), "deal_invoice_under_way")
        assert 50 < (row["not_before"] - row["updated_at"]).total_seconds() <= 61


async def test_advance_during_its_final_invoice_warns(billing: Billing, worker: object, stage: Stage) -> None:
    """The final invoice was checked before the advance was asked for: the advance waits for its end, and tells it."""
    deal = await new_deal(billing)
    async with stage.sevdesk.held(SAVE) as hold:
        final = await billing.invoice(deal, document_kind="SR", **OVER_ALL)
        first = await billing.enqueue("publish_invoice", invoice_id=final)
        await hold.reached()
        advance = await billing.invoice(deal)
        second = await billing.enqueue("publish_invoice", invoice_id=advance)
        await stage.seen(second, "deal_invoice_under_way")
    assert [(await billing.ended(each))["state"] for each in (first, second)] == ["done", "done"]
    assert (await billing.event(advance, "legal_warning"))["problem"] == "advance_after_final"


async def test_no_pair_passes_unseen(billing: Billing, run_worker: RunWorker) -> None:
    """Two workers, and both jobs of each deal asked for at once: what is not compared is told by the advance."""
    deals = [await new_deal(billing) for _ in range(12)]
    pairs = [
        [await billing.invoice(deal), await billing.invoice(deal, document_kind="SR", **OVER_ALL)] for deal in deals
    ]
    async with run_worker(), run_worker():
        asked = [
            [each, await asyncio.gather(*(billing.enqueue("publish_invoice", invoice_id=one) for one in each[::turn]))]
            for turn, each in zip(cycle((1, -1)), pairs, strict=False)
        ]
        for (advance, final), jobs in asked:
            ended = {(job := await billing.ended(job_id))["invoice_id"]: job for job_id in jobs}
            assert ended[advance]["state"] == "done"
            told = "legal_warning" in await billing.events(advance)
            assert ended[final]["problem"] == (None if ended[final]["state"] == "done" else "advances_not_deducted")
            assert told == (ended[final]["state"] == "done")


async def test_checked_again_in_every_attempt(billing: Billing, run_worker: RunWorker, stage: Stage) -> None:
    """A final invoice that had warned, and waits for its next try, accounts for an advance published meanwhile."""
    deal = await new_deal(billing)
    final = await billing.invoice(deal, document_kind="SR", unit="Fass", **OVER_ALL)
    async with run_worker(check_levels={"unit_unknown": Level.WARN}):
        await control(stage.sevdesk, "POST", "faults", {"kind": "status", "method": "GET", "path": "/Contact",
                                                        "status": 503, "times": 9})  # fmt: skip
        job_id = await billing.enqueue("publish_invoice", invoice_id=final)
        await billing.until_state(job_id, "waiting")
        assert "check" in (await billing.job(job_id))["steps_done"]
        await control(stage.sevdesk, "DELETE", "faults")
        await published(billing, deal)
        await billing.make_due(job_id)
        assert (await billing.ended(job_id))["problem"] == "advances_not_deducted"


async def test_nobody_waits_for_an_unused_check(billing: Billing, run_worker: RunWorker, stage: Stage) -> None:
    """With both checks off, a final invoice passes its advance."""
    deal = await new_deal(billing)
    async with run_worker(check_levels=OFF), stage.sevdesk.held(SAVE) as hold:
        await billing.enqueue("publish_invoice", invoice_id=await billing.invoice(deal))
        await hold.reached()
        final = await billing.invoice(deal, document_kind="SR", **OVER_ALL)
        job_id = await billing.enqueue("publish_invoice", invoice_id=final)
        await stage.billing.until_state(job_id, "running")
        hold.release()
        assert (await billing.ended(job_id))["state"] == "done"


async def test_negative_final_invoice_names_the_way(billing: Billing, worker: object) -> None:
    """Advances over more than the work: a credit note is the way out, said in both languages."""
    deal = await new_deal(billing)
    await published(billing, deal)
    below = {"items": (("1", "50", "19"), ("-4", "25", "19")), "net_amount": "-50", "tax_amount": "-9.50"}
    job = await publish(billing, deal, "SR", **below, gross_amount="-59.50")
    assert (job["state"], job["problem"]) == ("parked", "total_negative")
    assert all("credit_invoice" in Problem(job["problem"], parameters(job)).next_step(lang) for lang in ("en", "de"))


@pytest.mark.usefixtures("quick_exports")
@pytest.mark.parametrize("becomes", ["open", "paid", "closed"])
async def test_zero_final_invoice_is_paid(
    becomes: str, billing: Billing, worker: object, sevdesk: Running, settings: Settings
) -> None:
    """At once, whatever sevDesk calls it; syncs keep it, `reconcile` and the DATEV check find nothing."""
    await control(sevdesk, "PUT", "switches", {"zero_sum": becomes})
    deal = await new_deal(billing)
    await published(billing, deal)
    final = await published(billing, deal, "SR", **NOTHING)
    row = await billing.row(final)
    assert (row["claim_status"], row["paid_amount"], row["paid_at"].date()) == ("paid", 0, time_to_day())
    events = await billing.events(final)
    assert events[events.index("finalized") :] == ["finalized", "nothing_owed", "payment_synced", "pdf_stored"]
    for scope in ({}, {"full": True}, {"invoice_id": final}):
        job = await billing.do("sync_payments", **scope)
        assert json.loads(job["result"])["changed"] == 0 and job["state"] == "done"
    assert await billing.row(final) == row
    store = await Store.connect(settings.database_url, size=1)
    async with open_account(settings) as account:
        assert (await reconcile(store, account.client)).findings == ()
    await store.close()
    today = time_to_day().isoformat()
    export = await billing.do("export_datev", start_date=today, end_date=today, scope="ET")
    assert json.loads(export["result"])["findings"] == {}


async def test_preview_shows_the_reckoning(
    billing: Billing, settings: Settings, run_worker: RunWorker, tmp_path: Path
) -> None:
    """Each advance, and by rate what is deducted of it; as text and in JSON."""
    deal = await new_deal(billing)
    async with run_worker():
        advance = await billing.row(await published(billing, deal))
    right, wrong = [await billing.invoice(deal, document_kind="SR", **columns) for columns in (REST, OVER_ALL)]
    operator = Operator(settings, tmp_path)
    code, said, _ = await operator.run("preview", str(right), "--offline")
    assert code == 0
    assert f"{advance['invoice_number']} of {time_to_day()}: net 100.00, tax 19.00, gross 119.00 EUR" in said
    assert "deducted at 19%" in said and "net 100.00 of 100.00 EUR" in said
    shown = await operator.json("preview", str(wrong), "--offline", code=3)
    assert shown["problem"]["code"] == "advances_not_deducted" and shown["final_invoice_form"] == "deduct"
    [rate] = shown["reckoning"]["rates"]
    assert (rate["rate"], rate["advances"], rate["deducted"]) == ("19", "100.00", "0")
    [listed] = shown["reckoning"]["advances"]
    assert listed["sums"] == {"net": "100.00", "tax": "19.00", "gross": "119.00"}
    shown = await operator.json("preview", str(wrong), "--offline", FINAL_INVOICE_FORM="remainder")
    assert shown["problem"] is None and shown["final_invoice_form"] == "remainder"


async def test_advance_taken_back_names_its_final(billing: Billing, worker: object, sevdesk: Running) -> None:
    """It deducts an advance that no longer exists, or not as a whole; one that came after it goes without a word."""
    deal = await billing.deal(await billing.company())
    early = await billing.invoice(deal)
    credited = await billing.usual_invoice()  # of the deal only later, so that the final invoice need not deduct it
    for advance in (early, credited):
        assert (await billing.do("publish_invoice", invoice_id=advance))["state"] == "done"
    await pay(sevdesk, (await billing.row(credited))["external_id"], "119")
    sums = {"net_amount": "900", "tax_amount": "171", "gross_amount": "1071"}
    positions = (("10", "100", "19"), ("-4", "25", "19"))
    final = await billing.invoice(deal, document_kind="SR", items=positions, invoice_number="SR-1", **sums)
    assert (await billing.do("publish_invoice", invoice_id=final))["state"] == "done"
    await billing.db.execute("UPDATE billing_invoices SET deal_id = $2 WHERE id = $1", credited, deal)
    late = await billing.invoice(deal)
    assert (await billing.do("publish_invoice", invoice_id=late))["state"] == "done"
    for advance in (early, late):
        assert (await billing.do("cancel_invoice", invoice_id=advance, reason="wrong"))["state"] == "done"
    part = {"reason": "wrong", "positions": [{"position": 1, "quantity": "1"}]}
    assert (await billing.do("credit_invoice", invoice_id=credited, **part))["state"] == "done"
    query = "SELECT invoice_id, code, parameters ->> 'finals' AS finals FROM sevdesk_notices WHERE closed_at IS NULL"
    found = {tuple(row) for row in await billing.db.fetch(query) if row["finals"]}
    assert found == {(each, "advance_cancelled_after_final", "SR-1") for each in (early, credited)}
