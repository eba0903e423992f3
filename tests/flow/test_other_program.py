"""Another program publishes into the same account, each its own invoices."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from flow.billing import Billing, time_to_day
from flow.books import calls, forget_calls, until
from flow.changeover import NO_DEAL, others, publish_there
from flow.operators import Operator

from sevdesk_client.sandbox.endpoints import paying
from sevdesk_client.sandbox.http.server import Running
from worker.maintenance import maintenance
from worker.settings import Settings


@pytest.fixture
async def shared(billing: Billing, worker: object) -> None:
    """The worker publishes what belongs to deals of type EB."""
    job = await billing.do("update_config", publish_only=["EB"])
    assert job["state"] == "done"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is approved is looked for every tenth of a second."""
    monkeypatch.setattr(maintenance, "MISSING_SECONDS", 0.1)


@pytest.mark.parametrize("dealless", [False, True])
async def test_each_program_publishes_its_own(
    impatient: None, billing: Billing, shared: None, sevdesk: Running, dealless: bool
) -> None:
    """What is not ours is neither asked for nor published; asked for by hand, it is rejected without a call."""
    other, ours = await others(billing, dealless=dealless), await billing.usual_invoice()
    await billing.do("update_config", auto_transfer_invoices=True)

    async def ours_is_published() -> bool:
        return bool((await billing.row(ours))["accounting_sync_status"] == "synced")

    await until(ours_is_published)
    assert await billing.db.fetchval("SELECT count(*) FROM sevdesk_jobs WHERE invoice_id = $1", other) == 0
    await forget_calls(sevdesk)
    job = await billing.do("publish_invoice", invoice_id=other)
    assert (job["state"], job["problem"]) == ("rejected", "left_to_other_program")
    assert await calls(sevdesk) == []
    assert (await billing.row(other))["accounting_sync_status"] == "not_synced"


@pytest.mark.parametrize("dealless", [False, True])
async def test_sync_takes_over_what_the_other_published(
    billing: Billing, shared: None, sevdesk: Running, dealless: bool
) -> None:
    """Linked by its number in the header, with its payment; publishing it again writes nothing."""
    other = await others(billing)
    there = await publish_there(billing, sevdesk, other)
    if dealless:
        await billing.db.execute(NO_DEAL, other)
    paying.pay(sevdesk.sandbox.account, there, Decimal("119.00"), time_to_day(), closes=True)
    assert (await billing.do("sync_payments"))["state"] == "done"
    row = await billing.row(other)
    assert (row["external_id"], row["external_invoice_number"]) == (str(there.id), "AR-1")
    assert (row["accounting_sync_status"], row["claim_status"]) == ("synced", "paid")
    assert (await billing.events(other))[0] == "adopted"
    await forget_calls(sevdesk)
    await billing.do("publish_invoice", invoice_id=other)
    assert not [call for call in await calls(sevdesk) if not call.startswith("GET")]


async def test_others_provider_is_no_alarm(billing: Billing, shared: None, sevdesk: Running) -> None:
    """The other program may call what it published its own, after it was taken over."""
    other, ours = await others(billing), await billing.usual_invoice()
    await publish_there(billing, sevdesk, other)
    assert (await billing.do("publish_invoice", invoice_id=ours))["state"] == "done"
    assert (await billing.do("sync_payments"))["state"] == "done"
    for invoice, told in ((other, 0), (ours, 1)):
        await billing.db.execute("UPDATE billing_invoices SET accounting_provider = 'other' WHERE id = $1", invoice)
        job = await billing.do("sync_payments", full=True)
        assert json.loads(job["result"])["unresolved"] == told


async def test_other_sum_is_no_match(billing: Billing, shared: None, sevdesk: Running) -> None:
    """A document that names the invoice over another sum is left alone."""
    other = await others(billing)
    await publish_there(billing, sevdesk, other, "120.00")
    assert (await billing.do("sync_payments"))["state"] == "done"
    assert (await billing.row(other))["external_id"] is None


async def test_operator_reads_who_publishes(billing: Billing, shared: None, settings: Settings, tmp_path: Path) -> None:
    """`why`, `status` and `rehearse` say it, and nobody has anything to do."""
    operator = Operator(settings, tmp_path)
    other = await others(billing)
    code, out, _ = await operator.run("why", str(other))
    assert code == 0 and "Another program publishes invoice" in " ".join(out.split())
    code, out, _ = await operator.run("status")
    assert code == 0 and "publishes only" in out and "EB; another program" in out
    code, out, _ = await operator.run("rehearse", "--json")
    assert code == 0 and str(other) not in out


async def test_all_is_ours_again(billing: Billing, shared: None) -> None:
    """A number may be named instead of a type; without the setting everything is published here."""
    first, second = await others(billing), await others(billing)
    number = (await billing.row(first))["invoice_number"]
    await billing.do("update_config", publish_only=f"EB, {number}")
    assert (await billing.do("publish_invoice", invoice_id=first))["state"] == "done"
    assert (await billing.do("publish_invoice", invoice_id=second))["problem"] == "left_to_other_program"
    await billing.do("update_config", publish_only=None)
    assert (await billing.do("publish_invoice", invoice_id=second))["state"] == "done"
