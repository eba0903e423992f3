"""A change-over of weeks: what the other program does late, twice, otherwise, and what is asked of us meanwhile."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from flow.billing import Billing
from flow.books import calls, control, forget_calls, order_fault, until
from flow.changeover import others, publish_there
from flow.operators import Operator
from structlog.testing import capture_logs

from sevdesk_client.sandbox.http.server import Running
from worker.maintenance import maintenance
from worker.settings import Settings


@pytest.fixture
async def shared(billing: Billing, worker: object) -> None:
    """The worker publishes what belongs to deals of type EB."""
    await only(billing, ["EB"])


async def only(billing: Billing, names: Any) -> None:
    job = await billing.do("update_config", publish_only=names)
    assert job["state"] == "done", job["error"]


async def synced(billing: Billing, **scope: Any) -> list[dict[str, Any]]:
    """A payment sync; returns the doubts that it logged."""
    with capture_logs() as lines:
        assert (await billing.do("sync_payments", **scope))["state"] == "done"
    return [dict(line) for line in lines if line["event"] == "adopt.doubt"]


async def written(sevdesk: Running) -> list[str]:
    return [call for call in await calls(sevdesk) if not call.startswith("GET")]


async def test_doubt_says_what_is_true(billing: Billing, shared: None, sevdesk: Running) -> None:
    """An approved invoice does not "count as sent"; the other program's draft is no doubt, but not finished."""
    wrong, drafted = await others(billing), await others(billing)
    there = await publish_there(billing, sevdesk, wrong, "120.00")
    await publish_there(billing, sevdesk, drafted, draft=True, number="AR-2")
    [doubt] = await synced(billing)
    assert doubt["code"] == "adopt_other_unclear" and str(there.id) in doubt["reason"]
    assert "counts as sent" not in doubt["reason"]


async def parked_draft(billing: Billing, sevdesk: Running) -> tuple[UUID, str]:
    """An invoice of ours whose draft is saved and whose job is parked, since left to the other program."""
    invoice = await others(billing)
    await order_fault(sevdesk, "status", "PUT /Invoice/*/sendBy", status=400, times=1)
    job = await billing.do("publish_invoice", invoice_id=invoice)
    assert job["state"] == "parked"
    assert (await billing.row(invoice))["external_id"] is not None
    await only(billing, ["EB"])
    return invoice, job["job_id"]


async def test_draft_from_before_is_no_missing_document(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Ours is not on the feed's page; that does not mean that sevDesk has none."""
    invoice, _ = await parked_draft(billing, sevdesk)
    await synced(billing)
    there = await publish_there(billing, sevdesk, invoice)
    [doubt] = await synced(billing)
    assert doubt["code"] == "adopt_published_already" and str(there.id) in doubt["reason"]


async def test_draft_from_before_asks_first(billing: Billing, worker: object, sevdesk: Running) -> None:
    """The other program may have published it since the job was parked: a person decides."""
    _, job_id = await parked_draft(billing, sevdesk)
    await forget_calls(sevdesk)
    await billing.retry(job_id)
    job = await billing.ended(job_id)
    assert (job["state"], job["problem"]) == ("parked", "begun_before_other")
    assert await written(sevdesk) == []
    await billing.retry(job_id, "confirmed")
    assert (await billing.ended(job_id))["state"] == "done"


async def test_deleted_draft_is_not_begun(billing: Billing, worker: object, sevdesk: Running) -> None:
    """A draft of ours that is gone again is no reason to publish what is the other program's now."""
    invoice = await others(billing)
    await control(sevdesk, "PUT", "switches", {"cent_off": True})
    job = await billing.do("publish_invoice", invoice_id=invoice)
    assert (job["state"], job["problem"]) == ("parked", "sevdesk_sums_differ")
    await only(billing, ["EB"])
    await control(sevdesk, "PUT", "switches", {"cent_off": False})
    await forget_calls(sevdesk)
    await billing.retry(job["job_id"])
    job = await billing.ended(job["job_id"])
    assert (job["state"], job["problem"]) == ("rejected", "left_to_other_program")
    assert await written(sevdesk) == []


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("send_invoice", {}),
        ("cancel_invoice", {"reason": "Doppelt"}),
        ("credit_invoice", {"reason": "Rabatt", "positions": [{"position": 1, "quantity": "1"}]}),
        ("fetch_invoice_pdf", {}),
        ("mail_bounced", {}),
    ],
)
async def test_jobs_before_the_other_published(
    billing: Billing, shared: None, sevdesk: Running, kind: str, more: dict[str, Any]
) -> None:
    """They wait for a person, and change nothing."""
    invoice = await others(billing)
    before = dict(await billing.row(invoice))
    await forget_calls(sevdesk)
    job = await billing.do(kind, invoice_id=invoice, **more)
    problem = "cancel_left_to_other" if kind == "cancel_invoice" else "other_publishes"
    assert (job["state"], job["problem"]) == ("parked", problem), job["error"]
    assert await written(sevdesk) == []
    after = dict(await billing.row(invoice))
    assert after["claim_status"] == before["claim_status"] and after["document_status"] == before["document_status"]


@pytest.mark.parametrize("names", [None, ["EB", "KOP"]])
async def test_taking_over_the_rest_looks_first(
    billing: Billing, shared: None, sevdesk: Running, monkeypatch: pytest.MonkeyPatch, names: Any
) -> None:
    """What the other program published since the last sync is linked before anything of it may be published here."""
    monkeypatch.setattr(maintenance, "MISSING_SECONDS", 0.1)
    invoice = await others(billing)
    await billing.do("update_config", auto_transfer_invoices=True)
    there = await publish_there(billing, sevdesk, invoice)
    await forget_calls(sevdesk)
    await only(billing, names)

    async def is_synced() -> bool:
        return bool((await billing.row(invoice))["accounting_sync_status"] == "synced")

    await until(is_synced)
    assert (await billing.row(invoice))["external_id"] == str(there.id)
    assert await written(sevdesk) == []


async def test_taking_over_ends_with_a_dismissed_sync(billing: Billing, shared: None, sevdesk: Running) -> None:
    """Nobody reads what the other program has published, so the list stays as it is."""
    await others(billing)
    await order_fault(sevdesk, "status", "GET /Invoice", status=400, times=None)
    job_id = await billing.enqueue("update_config", publish_only=None)

    async def parked() -> Any:
        return await billing.db.fetchval(
            "SELECT job_id FROM sevdesk_jobs WHERE kind = 'sync_payments' AND state = 'parked'"
        )

    await billing.put_into("rejected", await until(parked))
    await billing.make_due(job_id)
    job = await billing.ended(job_id)
    assert (job["state"], job["problem"]) == ("rejected", "other_program_read_first")
    assert await billing.db.fetchval("SELECT publish_only FROM sevdesk_config") == ["EB"]


async def test_final_invoice_knows_the_others_advance(billing: Billing, shared: None, sevdesk: Running) -> None:
    """Its advance, published by the other program a moment ago, is accounted for before ours goes out."""
    deal = await billing.deal(await billing.company(), deal_type="KOP")
    advance = await billing.invoice(deal)
    final = await billing.invoice(deal, document_kind="SR")
    await only(billing, ["EB", (await billing.row(final))["invoice_number"]])
    await publish_there(billing, sevdesk, advance)
    job_id = await billing.enqueue("publish_invoice", invoice_id=final)

    async def waits() -> bool:
        job = await billing.job(job_id)
        return job is not None and job["problem"] == "deal_invoice_of_other_program"

    await until(waits)
    await synced(billing)
    await billing.make_due(job_id)
    job = await billing.ended(job_id)
    assert (job["state"], job["problem"]) == ("parked", "advances_not_deducted")


@pytest.mark.parametrize("number", ["INV 2026 17", "2026/17 (2)", "RE;17", "R\u00c9-17"])
async def test_odd_numbers_are_found_in_the_header(
    billing: Billing, shared: None, sevdesk: Running, number: str
) -> None:
    """Numbers with blanks or marks; another number that contains it is none."""
    invoice = await others(billing, invoice_number=number)
    longer = await publish_there(billing, sevdesk, invoice, number="AR-7", header="Rechnung {number}8")
    there = await publish_there(billing, sevdesk, invoice, header="Rechnung {number}: Bau")
    assert longer.id != there.id
    await synced(billing)
    assert (await billing.row(invoice))["external_id"] == str(there.id)


async def test_names_that_fit_nothing_are_told(
    billing: Billing, shared: None, settings: Settings, tmp_path: Path
) -> None:
    """A renamed type, or a wrong number; blanks around a name mean nothing."""
    number = (await billing.row(await billing.usual_invoice()))["invoice_number"]
    for names, level in (([f" {number} ", "EB "], "ok"), (f"{number}, EB, IT", "warn"), (None, None)):
        await only(billing, names)
        found = {each["name"]: each for each in (await Operator(settings, tmp_path).json("doctor"))["checks"]}
        assert found.get("publish only", {"level": None})["level"] == level
        assert level != "warn" or "invoice: IT." in found["publish only"]["detail"]


async def test_cancelled_there_before_it_was_seen(billing: Billing, shared: None, sevdesk: Running) -> None:
    """The other program cancels its document: so it is here, and nothing is sent."""
    invoice = await others(billing)
    there = await publish_there(billing, sevdesk, invoice)
    await control(sevdesk, "POST", "cancel", {"invoice_id": str(there.id)})
    await forget_calls(sevdesk)
    await synced(billing)
    row = await billing.row(invoice)
    assert (row["external_id"], row["claim_status"]) == (str(there.id), "cancelled")
    assert await written(sevdesk) == []
    job = await billing.do("send_invoice", invoice_id=invoice)
    assert job["state"] == "rejected" and await written(sevdesk) == []


async def test_list_switched_while_jobs_wait(billing: Billing, shared: None, sevdesk: Running) -> None:
    """Each attempt goes by the list of its moment; nothing is published that the other program has."""
    invoice = await others(billing)
    await only(billing, None)
    await order_fault(sevdesk, "status", "GET /Contact", status=503, times=None)
    job_id = await billing.enqueue("publish_invoice", invoice_id=invoice)

    async def waits() -> bool:
        job = await billing.job(job_id)
        return job is not None and job["state"] == "waiting"

    await until(waits)
    await only(billing, ["EB"])
    there = await publish_there(billing, sevdesk, invoice)
    await control(sevdesk, "DELETE", "faults")
    await only(billing, None)  # reads what the other program has published before
    await forget_calls(sevdesk)
    await billing.make_due(job_id)
    assert (await billing.ended(job_id))["state"] == "done"
    assert (await billing.row(invoice))["external_id"] == str(there.id)
    assert await written(sevdesk) == []


async def test_published_twice_there(billing: Billing, shared: None, sevdesk: Running) -> None:
    """Neither of the two documents is taken; both are named."""
    invoice = await others(billing)
    first = await publish_there(billing, sevdesk, invoice)
    second = await publish_there(billing, sevdesk, invoice, number="AR-2")
    [doubt] = await synced(billing)
    assert str(first.id) in doubt["reason"] and str(second.id) in doubt["reason"]
    assert (await billing.row(invoice))["external_id"] is None


async def test_taken_over_is_paid_mailed_and_cancelled_on_demand(
    billing: Billing, shared: None, sevdesk: Running
) -> None:
    """Nothing happens to it unasked; a credit note over a part is refused for what it is."""
    invoice, mails = await others(billing), sevdesk.sandbox.account.mails
    there = await publish_there(billing, sevdesk, invoice)
    await synced(billing)
    await synced(billing, full=True)
    assert await written(sevdesk) == [] and len(mails) == 0
    part = {"reason": "Mangel", "positions": [{"position": 1, "quantity": "1"}]}
    job = await billing.do("credit_invoice", invoice_id=invoice, **part)
    assert (job["state"], job["problem"]) == ("rejected", "credit_of_taken_over")
    job = await billing.do("send_invoice", invoice_id=invoice)  # its heading is not as ours would be
    assert (job["state"], job["problem"], len(mails)) == ("parked", "not_our_document", 0)
    await billing.retry(job["job_id"], "confirmed")
    assert (await billing.ended(job["job_id"]))["state"] == "done"
    await billing.do("send_invoice", invoice_id=invoice)
    assert len(mails) == 1
    assert (await billing.do("cancel_invoice", invoice_id=invoice, reason="Doppelt"))["state"] == "done"
    cancelled_by = [it for it in sevdesk.sandbox.account.invoices.values() if it.type == "SR"]
    assert len(cancelled_by) == 1 and cancelled_by[0].origin_id == there.id


async def test_adopt_takes_over_the_others_too(billing: Billing, shared: None, sevdesk: Running) -> None:
    """As the payment sync does; an own draft beside a finished document is a doubt."""
    theirs = await others(billing)
    there = await publish_there(billing, sevdesk, theirs)
    assert (await billing.do("adopt"))["state"] == "done"
    assert (await billing.row(theirs))["external_id"] == str(there.id)
    ours = await billing.usual_invoice()
    await order_fault(sevdesk, "status", "PUT /Invoice/*/sendBy", status=400, times=1)
    assert (await billing.do("publish_invoice", invoice_id=ours))["state"] == "parked"
    await publish_there(billing, sevdesk, ours, number="HAND-1")
    job = await billing.do("adopt")
    assert '"adopt_published_already": 1' in job["result"]


async def test_adopt_finds_odd_numbers(billing: Billing, worker: object, sevdesk: Running) -> None:
    """With blanks, and with an umlaut that is written as two signs there."""
    odd = await billing.usual_invoice(invoice_number="GÄRTEN 2026 17", document_status="sent")
    there = await publish_there(billing, sevdesk, odd, header="Rechnung GA\u0308RTEN 2026 17: Bau")
    assert (await billing.do("adopt"))["state"] == "done"
    assert (await billing.row(odd))["external_id"] == str(there.id)
