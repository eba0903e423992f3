"""The account is known by its id: a token of another one is asked nothing, until somebody moves deliberately."""

from pathlib import Path

import pytest
from flow.billing import Billing
from flow.books import calls, order_fault
from flow.operators import Operator
from flow.stage import Stage

from sevdesk_client.sandbox.http.server import Running
from worker.operator.health import health_checks

OTHER = "UPDATE sevdesk_config SET account_id = 'another'"


async def test_first_job_writes_account_down(billing: Billing, worker: object) -> None:
    """With a line in the log of settings."""
    assert (await billing.do("publish_invoice", invoice_id=await billing.usual_invoice()))["state"] == "done"
    assert (known := await billing.db.fetchval("SELECT account_id FROM sevdesk_config")) is not None
    logged = await billing.db.fetch("SELECT old_value, new_value FROM sevdesk_config_log WHERE field = 'account_id'")
    assert [(row["old_value"], row["new_value"]) for row in logged] == [("null", f'"{known}"')]


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("publish_invoice", {}),
        ("send_invoice", {}),
        ("cancel_invoice", {"reason": "wrong account"}),
        ("sync_payments", {"full": True}),
        ("export_datev", {"start_date": "2026-10-01", "end_date": "2026-10-31"}),
        ("refresh_templates", {}),
    ],
)
async def test_nothing_happens_in_another_account(
    stage: Stage, sevdesk: Running, kind: str, payload: dict[str, object]
) -> None:
    """The job waits and says why, `health` fails, and with the right account the job goes on by itself."""
    billing = stage.billing
    known = "SELECT account_id FROM sevdesk_config"
    async with stage.working():
        invoice = await stage.published()
    if kind == "publish_invoice":
        invoice = await billing.usual_invoice()
    about = {"invoice_id": invoice} if kind.endswith("_invoice") else {}
    right, before = await billing.db.fetchval(known), await billing.row(invoice)
    await billing.db.execute(OTHER)
    async with stage.working():
        asked = len(await calls(sevdesk))
        job_id = await billing.enqueue(kind, **about, **payload)
        row = await stage.seen(job_id, "account_differs")
        assert (await calls(sevdesk))[asked:] == ["GET /SevUser"]
        assert await billing.row(invoice) == before
        checks = {check.name: check for check in await health_checks(stage.settings, here=False, sync_within=None)}
        assert not checks["account"].ok and right in row["error"]
        assert checks["account"].detail.startswith("Worker test:")
        await billing.db.execute("UPDATE sevdesk_config SET account_id = $1", right)
        await stage.hasten(job_id)
        assert (await billing.ended(job_id))["state"] == "done"


@pytest.mark.parametrize(
    "command", ["rehearse", "readiness", "reconcile", "adopt --dry-run", "recover --since 2020-01-01"]
)
async def test_commands_judge_by_no_other_account(stage: Stage, tmp_path: Path, command: str) -> None:
    """Not even those that only read: what another account has says nothing about these invoices."""
    await stage.billing.usual_invoice()
    await stage.billing.db.execute(OTHER)
    code, out, err = await Operator(stage.settings, tmp_path).run(*command.split())
    assert (code, out) == (1, "") and "belongs to sevDesk account" in err
    assert await calls(stage.sevdesk) == ["GET /SevUser"]


async def test_moving_account_is_deliberate(stage: Stage) -> None:
    """test_connection fails without being told; then contacts are found or made anew."""
    billing = stage.billing
    async with stage.working():
        await stage.published()
        await billing.db.execute(OTHER)
        refused = await billing.do("test_connection")
        assert '"connected": false' in refused["result"] and "this database to account another" in refused["result"]
        moved = await billing.do("test_connection", move_account=True)
        assert '"connected": true' in moved["result"]
    assert await billing.db.fetchval("SELECT account_id FROM sevdesk_config") != "another"
    assert await billing.db.fetchval("SELECT count(*) FROM sevdesk_contacts") == 0


async def test_silent_account_is_asked_as_often_as_any(stage: Stage) -> None:
    """sevDesk is down: the question whose account it is, before the first call, is not repeated by both of them."""
    await order_fault(stage.sevdesk, "status", "GET /*", status=503, body="down", times=None)
    async with stage.run_worker():
        job_id = await stage.billing.enqueue("publish_invoice", invoice_id=await stage.billing.usual_invoice())
        await stage.billing.until_state(job_id, "waiting")
    assert [entry["path"] for entry in stage.sevdesk.sandbox.requests] == ["/SevUser"] * 3
