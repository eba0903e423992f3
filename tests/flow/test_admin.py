"""What admins ask for: test the connection, fetch the layouts, change the settings."""

import json
from typing import Any

import pytest
from flow.billing import Billing, parameters
from flow.books import calls, control, forget_calls, order_fault, until
from flow.conftest import RunWorker
from pydantic import SecretStr

from sevdesk_client.sandbox.http.server import Running
from worker.maintenance import maintenance

STOCK = "57986aee6bd2d53306068da1"
EB_FINAL = "5a0b1c2d3e4f5a6b7c8d9e02"
TEMPLATES = "GET /DocServer/getTemplatesWithThumb"


async def config(billing: Billing) -> dict[str, Any]:
    return dict(await billing.db.fetchrow("SELECT * FROM sevdesk_config"))


async def changes(billing: Billing) -> list[tuple[str, Any, Any]]:
    """Field, old and new value of everything on record, in order."""
    rows = await billing.db.fetch("SELECT * FROM sevdesk_config_log ORDER BY id")
    return [(row["field"], json.loads(row["old_value"]), json.loads(row["new_value"])) for row in rows]


async def result(billing: Billing, kind: str, **payload: Any) -> dict[str, Any]:
    job = await billing.do(kind, **payload)
    assert (job["state"], job["error"]) == ("done", None)
    answer: dict[str, Any] = json.loads(job["result"])
    return answer


def by_name(answer: dict[str, Any]) -> dict[str, Any]:
    return {check["name"]: check["level"] for check in answer["checks"]}


# -- test_connection ---------------------------------------------------------------------------------------------------


async def test_connection_is_put_down(billing: Billing, worker: object, sevdesk: Running) -> None:
    """A working token tells the account; the settings show who tested it."""
    answer = await result(billing, "test_connection")
    assert (answer["connected"], answer["account_id"], answer["account_name"]) == (True, "1000001", "Sandbox GmbH")
    assert by_name(answer) == {
        "bookkeeping_version": "ok", "account": "ok", "users": "ok", "templates": "ok", "datev": "unknown",
    }  # fmt: skip
    now = await config(billing)
    assert now["is_connected"] and now["token_configured"] and now["connected_by"] == billing.admin
    assert (now["account_id"], now["account_name"], now["contact_person_id"]) == ("1000001", "Sandbox GmbH", "2000001")
    assert ("contact_person_id", None, "2000001") in await changes(billing)


async def test_contact_person_is_not_replaced(billing: Billing, worker: object) -> None:
    """Whoever was chosen stays; a stranger to the account is pointed out."""
    await billing.db.execute("UPDATE sevdesk_config SET contact_person_id = '2000002'")
    assert by_name(await result(billing, "test_connection"))["users"] == "ok"
    await billing.db.execute("UPDATE sevdesk_config SET contact_person_id = '77'")
    answer = await result(billing, "test_connection")
    assert (by_name(answer)["users"], answer["connected"]) == ("fail", True)
    assert (await config(billing))["contact_person_id"] == "77"


async def test_wrong_token_is_an_answer(billing: Billing, run_worker: RunWorker) -> None:
    """Each check says that the token is refused; the settings are no longer connected."""
    async with run_worker():
        await result(billing, "test_connection")
    async with run_worker(sevdesk_api_token=SecretStr("f" * 32)):
        answer = await result(billing, "test_connection")
    assert answer["connected"] is False
    assert set(by_name(answer).values()) == {"fail"} and len(answer["checks"]) == 4
    assert "f" * 32 not in json.dumps(answer)
    now = await config(billing)
    assert (now["is_connected"], now["account_id"]) == (False, "1000001")


async def test_one_failing_check_stops_no_other(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Templates that cannot be read leave the rest as it is."""
    await order_fault(sevdesk, "status", TEMPLATES, status=403, times=9)
    answer = await result(billing, "test_connection")
    assert answer["connected"] is True
    assert by_name(answer)["templates"] == "fail"
    [check] = [check for check in answer["checks"] if check["name"] == "templates"]
    assert check["next_step"]


async def test_without_token_nothing_is_connected(billing: Billing, run_worker: RunWorker) -> None:
    """The job waits for a token, and the settings stop claiming a connection."""
    async with run_worker():
        await result(billing, "test_connection")
    async with run_worker(sevdesk_api_token=None):
        assert (await billing.do("test_connection"))["state"] == "parked"
        now = await config(billing)
    assert (now["token_configured"], now["is_connected"]) == (False, False)


async def test_lost_template_is_pointed_out(billing: Billing, worker: object) -> None:
    """What the settings name must still be there."""
    await billing.db.execute("UPDATE sevdesk_config SET template_kop_sr = 'gone'")
    answer = await result(billing, "test_connection")
    assert by_name(answer)["templates"] == "fail"
    assert "template_kop_sr" in json.dumps(answer)


# -- refresh_templates -------------------------------------------------------------------------------------------------


async def templates(billing: Billing) -> dict[str, str]:
    return {row["template_id"]: row["name"] for row in await billing.db.fetch("SELECT * FROM sevdesk_templates")}


async def test_templates_are_fetched_once(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Within five minutes the table answers; forced or older, sevDesk does."""
    first = await result(billing, "refresh_templates")
    assert (first["fetched"], first["templates"]) == (True, 6)
    assert (await result(billing, "refresh_templates"))["fetched"] is False
    assert (await calls(sevdesk)).count(TEMPLATES) == 1
    assert (await result(billing, "refresh_templates", force=True))["fetched"] is True
    await billing.db.execute("UPDATE sevdesk_templates SET fetched_at = fetched_at - interval '301 s'")
    assert (await result(billing, "refresh_templates"))["fetched"] is True
    assert (await calls(sevdesk)).count(TEMPLATES) == 3
    assert (await templates(billing))[STOCK] == "Standard"


async def test_removed_template_disappears(billing: Billing, worker: object) -> None:
    """The table is what sevDesk has: neither more nor less, and names follow."""
    await result(billing, "refresh_templates")
    statement = "INSERT INTO sevdesk_templates (template_id, name) VALUES ('removed-in-sevdesk', 'Alt')"
    await billing.db.execute(statement)
    await billing.db.execute("UPDATE sevdesk_templates SET name = 'Anders' WHERE template_id = $1", EB_FINAL)
    answer = await result(billing, "refresh_templates", force=True)
    assert answer["removed"] == 1
    there = await templates(billing)
    assert len(there) == 6 and there[EB_FINAL] == "EB Schlussrechnung"


async def test_failed_fetch_leaves_the_table(billing: Billing, worker: object, sevdesk: Running) -> None:
    """No answer is not an empty answer."""
    await result(billing, "refresh_templates")
    await order_fault(sevdesk, "status", TEMPLATES, status=403, times=9)
    assert (await billing.do("refresh_templates", force=True))["state"] == "parked"
    assert len(await templates(billing)) == 6


# -- update_config -----------------------------------------------------------------------------------------------------


async def test_changes_are_on_record(billing: Billing, run_worker: RunWorker, sevdesk: Running) -> None:
    """Who changed what from what to what; without sevDesk, and what stays the same is no change."""
    async with run_worker(sevdesk_api_token=None):
        answer = await result(
            billing, "update_config", payment_sync_interval_minutes=60, datev_chart_of_accounts="SKR04",
            auto_transfer_invoices=False, template_eb_ar=None,
        )  # fmt: skip
    assert answer["changed"] == {
        "datev_chart_of_accounts": {"old": "SKR03", "new": "SKR04"},
        "payment_sync_interval_minutes": {"old": 10, "new": 60},
        "template_eb_ar": {"old": STOCK, "new": None},
    }
    now = await config(billing)
    assert (now["payment_sync_interval_minutes"], now["datev_chart_of_accounts"]) == (60, "SKR04")
    assert now["template_eb_ar"] is None
    rows = await billing.db.fetch("SELECT field, changed_by, changed_at FROM sevdesk_config_log ORDER BY id")
    assert [row["field"] for row in rows] == sorted(answer["changed"])
    assert {row["changed_by"] for row in rows} == {billing.admin}
    assert all(row["changed_at"] is not None for row in rows)
    assert await calls(sevdesk) == []


async def test_same_again_is_no_change(billing: Billing, worker: object) -> None:
    """A repeated job leaves neither a record nor another date."""
    await result(billing, "update_config", payment_sync_interval_minutes=30)
    before = await config(billing)
    assert (await result(billing, "update_config", payment_sync_interval_minutes=30))["changed"] == {}
    assert await config(billing) == before
    assert len(await changes(billing)) == 1


@pytest.mark.parametrize(
    ("patch", "named"),
    [
        ({"payment_sync_interval_minutes": 7}, "20, 30), or whole hours"),
        ({"payment_sync_interval_minutes": 0}, "allowed are 1 to 59"),
        ({"payment_sync_interval_minutes": True}, "payment_sync_interval_minutes"),
        ({"payment_sync_interval_minutes": None}, "payment_sync_interval_minutes"),
        ({"datev_chart_of_accounts": "SKR49"}, "'SKR03' or 'SKR04'"),
        ({"auto_transfer_invoices": "ja"}, "auto_transfer_invoices"),
        ({"is_connected": True}, "is_connected"),
        ({"sync_interval": 10, "payment_sync_interval_minutes": 20}, "sync_interval"),
        ({"template_eb_sr": ""}, "template_eb_sr"),
        ({}, "template_eb_ar, template_eb_sr"),
    ],
)
async def test_bad_patch_changes_nothing(billing: Billing, worker: object, patch: dict[str, Any], named: str) -> None:
    """It is refused as a whole, and says what is allowed."""
    await billing.db.execute("UPDATE sevdesk_config SET token_configured = true")
    before = await config(billing)
    job = await billing.do("update_config", **patch)
    assert (job["state"], job["problem"]) == ("rejected", "payload_invalid")
    assert named in parameters(job)["faults"]
    assert await config(billing) == before
    assert await changes(billing) == []


async def test_unknown_template_is_refused(billing: Billing, worker: object) -> None:
    """Known ones are named, once they are known; a known one is taken."""
    unasked = await billing.do("update_config", template_eb_sr=EB_FINAL)
    assert (unasked["state"], unasked["problem"]) == ("rejected", "templates_not_fetched")
    assert "sevdesk-worker enqueue refresh_templates" in unasked["next_step"]
    await result(billing, "refresh_templates")
    refused = await billing.do("update_config", template_eb_sr="5a0b1c2d3e4f5a6b7c8d9eff")
    assert (refused["state"], refused["problem"]) == ("rejected", "template_unknown")
    assert "5a0b1c2d3e4f5a6b7c8d9eff" in parameters(refused)["wanted"]
    assert f"{EB_FINAL} (EB Schlussrechnung)" in parameters(refused)["known"]
    await result(billing, "update_config", template_eb_sr=EB_FINAL)
    assert (await config(billing))["template_eb_sr"] == EB_FINAL


async def test_only_admins_may_ask(billing: Billing, worker: object) -> None:
    """An internal user is refused, whatever the admin job."""
    person = await billing.person(is_internal=True)
    for kind in ("test_connection", "refresh_templates", "update_config"):
        job = await billing.do(kind, by=person, **({"auto_transfer_invoices": True} if kind == "update_config" else {}))
        assert (job["state"], job["problem"]) == ("rejected", "requester_not_admin")
        assert parameters(job) == {"kind": kind, "requested_by": str(person)}
    assert await changes(billing) == []


# -- what the worker asks for by itself --------------------------------------------------------------------------------


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweep for forgotten invoices, every tenth of a second and without grace."""
    monkeypatch.setattr(maintenance, "MISSING_SECONDS", 0.1)
    monkeypatch.setattr(maintenance, "MISSING_GRACE_SECONDS", 0.0)


async def published(billing: Billing, invoice: Any) -> None:
    """Wait for the job nobody asked for, and see that it was one, and done."""

    async def jobs() -> Any:
        rows = await billing.db.fetch("SELECT * FROM sevdesk_jobs WHERE invoice_id = $1", invoice)
        return rows if rows and all(row["state"] == "done" for row in rows) else None

    [job] = await until(jobs)
    assert (job["kind"], job["requested_by"]) == ("publish_invoice", None)
    assert (await billing.row(invoice))["accounting_sync_status"] == "synced"


async def test_auto_transfer_publishes_approved(
    impatient: None, billing: Billing, worker: object, sevdesk: Running
) -> None:
    """Off, approved invoices wait; switched on by an admin, they go out, and drafts still do not."""
    approved, draft = await billing.usual_invoice(), await billing.usual_invoice(document_status="draft")
    await result(billing, "refresh_templates")
    assert await billing.db.fetchval("SELECT count(*) FROM sevdesk_jobs WHERE kind = 'publish_invoice'") == 0
    await result(billing, "update_config", auto_transfer_invoices=True)
    await published(billing, approved)
    assert (await billing.row(draft))["accounting_sync_status"] == "not_synced"
    assert len((await control(sevdesk, "GET", "state"))["invoices"]) == 1


async def test_refused_invoice_is_asked_once(impatient: None, billing: Billing, worker: object) -> None:
    """A parked invoice is not asked for again and again, but it is after it was changed."""
    await billing.db.execute("UPDATE sevdesk_config SET auto_transfer_invoices = true")
    invoice = await billing.usual_invoice(gross_amount="120.00")
    statement = "SELECT count(*) FROM sevdesk_jobs WHERE invoice_id = $1 AND state = 'parked'"
    await until(lambda: billing.db.fetchval(statement, invoice))
    for _ in range(5):
        await result(billing, "refresh_templates", force=True)
    assert await billing.db.fetchval("SELECT count(*) FROM sevdesk_jobs WHERE invoice_id = $1", invoice) == 1


async def test_queued_without_job_is_found(impatient: None, billing: Billing, worker: object, sevdesk: Running) -> None:
    """A producer whose Redis was lost before anybody polled it: the mark in the row is enough."""
    await forget_calls(sevdesk)
    invoice = await billing.usual_invoice(accounting_sync_status="queued")
    await published(billing, invoice)
    assert (await calls(sevdesk)).count("POST /Invoice/Factory/saveInvoice") == 1
