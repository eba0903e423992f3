"""The database was restored from a backup: it is noticed, nothing is written until `recover`, nothing is doubled."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flow.books import order_fault, state, until
from flow.operators import Operator
from flow.stage import Stage
from hostile.backups import Backups, backups_of, dump, load

from worker.local.services import Services
from worker.operator.health import health_checks

PENDING = "SELECT noticed_at > coalesce(recovered_at, '-infinity') FROM sevdesk_restores"
MARKED = "sevdesk:writes:*"
SINCE = "2000-01-01T00:00"


@pytest.fixture
def backups(services: Services, database_url: str) -> Iterator[Backups]:
    """Of the test's database."""
    with backups_of(services, database_url) as found:
        yield found


@pytest.fixture(autouse=True)
def short_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers compare the marks more often."""
    monkeypatch.setattr("worker.maintenance.leader.LEAD_SECONDS", 0.1)


async def marked(stage: Stage) -> bool:
    """Redis knows of every write."""
    [key] = [key async for key in stage.billing.redis.scan_iter(MARKED)] or [None]
    latest = await stage.billing.db.fetchval("SELECT max(id) FROM sevdesk_intents")
    return key is not None and int((await stage.billing.redis.get(key)).split()[1]) >= latest


async def mails(stage: Stage) -> int:
    return len((await state(stage.sevdesk))["mails"])


async def recover(stage: Stage, folder: Path, *options: str, code: int = 0, quarantine: float = 2) -> Any:
    operator = Operator(stage.settings, folder)
    return await operator.json("recover", "--since", SINCE, *options, code=code, WRITE_QUARANTINE=quarantine)


async def checks(stage: Stage) -> dict[str, str]:
    found = await health_checks(stage.settings, here=False, sync_within=None)
    return {check.name: check.level for check in found}


async def test_restore_holds_writes_until_recover(stage: Stage, backups: Backups, tmp_path: Path) -> None:
    """Published and mailed after the backup: noticed, held, said by health; brought back; one invoice and one mail."""
    billing = stage.billing
    async with stage.working():
        await stage.published()
        invoice = await billing.usual_invoice()
    backup = await backups.take()
    async with stage.working():
        assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
        assert (await billing.do("send_invoice", invoice_id=invoice))["state"] == "done"
        number = (await billing.row(invoice))["external_invoice_number"]
        await until(lambda: marked(stage))
    await backups.restore(backup)
    async with stage.working():
        await until(lambda: billing.db.fetchval(PENDING))
        assert (await checks(stage))["restore"] == "fail"
        publish = await billing.enqueue("publish_invoice", invoice_id=invoice)
        send = await billing.enqueue("send_invoice", invoice_id=invoice)
        held = await stage.seen(publish, "database_restored")
        told = await recover(stage, tmp_path, "--dry-run")
        assert [each["repair"] for each in told["findings"]] == ["publish_invoice"] and told["jobs"] == []
        assert await billing.db.fetchval(PENDING)
        told = await recover(stage, tmp_path)
        assert len(told["jobs"]) == 2 and not await billing.db.fetchval(PENDING)
        await until(lambda: _written(stage))
        await billing.make_due(held["job_id"])
        for job in (publish, send, *told["jobs"]):
            assert (await billing.ended(job))["state"] == "done"
        row = await billing.row(invoice)
        assert (row["external_invoice_number"], row["document_status"]) == (number, "sent")
        assert "restore" not in await checks(stage)
        assert (await recover(stage, tmp_path, "--dry-run"))["findings"] == []
    books = await state(stage.sevdesk)
    assert (len(books["invoices"]), len(books["mails"]), len(books["contacts"])) == (2, 1, 2)


async def _written(stage: Stage) -> bool:
    """The worker knows that writes may leave again: it has raised the mark to the new epoch."""
    [key] = [key async for key in stage.billing.redis.scan_iter(MARKED)]
    return (await stage.billing.redis.get(key)).startswith(b"2 ")


async def test_mail_on_no_record_is_adopted(stage: Stage, backups: Backups) -> None:
    """Redis was emptied as well, so nobody notices; the same job finds its mail, and so does another one."""
    billing = stage.billing
    async with stage.working():
        invoice = await stage.published()
    backup = await backups.take()
    async with stage.working():
        job = await billing.enqueue("send_invoice", invoice_id=invoice)
        assert (await billing.ended(job))["state"] == "done"
    await backups.restore(backup)
    await billing.redis.flushdb()
    async with stage.working():
        again = await billing.enqueue("send_invoice", invoice_id=invoice, job_id=job)
        assert (await billing.ended(again))["state"] == "done"
        assert (await billing.event(invoice, "mailed"))["how"] == "found_earlier"
        assert (await billing.do("send_invoice", invoice_id=invoice))["state"] == "done"
        assert (await billing.row(invoice))["document_status"] == "sent"
    assert await mails(stage) == 1


async def test_resend_from_old_dump_asks(stage: Stage, backups: Backups) -> None:
    """Both were restored: a resend that came back with Redis may have been done; a person says whether it is wanted."""
    billing = stage.billing
    async with stage.working():
        invoice = await stage.published()
        assert (await billing.do("send_invoice", invoice_id=invoice))["state"] == "done"
    backup = await backups.take()
    job = await billing.enqueue("send_invoice", invoice_id=invoice, resend=True)
    old = await dump(billing.redis)
    stage.sevdesk.sandbox.account.clock = lambda: datetime.now(UTC) + timedelta(seconds=5)  # sendDate has whole seconds
    async with stage.working():
        assert (await billing.ended(job))["state"] == "done"
    assert await mails(stage) == 2
    await backups.restore(backup)
    await load(billing.redis, old)
    async with stage.working():
        asks = await billing.ended(job)
        assert (asks["state"], asks["problem"]) == ("parked", "mail_not_on_record")
        assert await mails(stage) == 2
        await billing.retry(job, "confirmed")
        assert (await billing.ended(job))["state"] == "done"
    assert await mails(stage) == 3


async def test_resend_asked_again_asks(stage: Stage, backups: Backups, tmp_path: Path) -> None:
    """The resend that the database has forgotten left in the second of the mail before, and is asked for once more."""
    billing, account = stage.billing, stage.sevdesk.sandbox.account
    async with stage.working():
        invoice = await stage.published()
        assert (await billing.do("send_invoice", invoice_id=invoice))["state"] == "done"
    moment = await billing.db.fetchval(
        "SELECT max(created_at) FROM billing_invoice_event_log WHERE event_type = 'mailed'"
    )
    backup = await backups.take()
    account.clock = lambda: moment
    async with stage.working():
        assert (await billing.do("send_invoice", invoice_id=invoice, resend=True))["state"] == "done"
        await until(lambda: marked(stage))
    await backups.restore(backup)
    async with stage.working():
        await until(lambda: billing.db.fetchval(PENDING))
        await recover(stage, tmp_path)
        await until(lambda: _written(stage))
        asks = await billing.do("send_invoice", invoice_id=invoice, resend=True)
        assert (asks["state"], asks["problem"]) == ("parked", "mail_not_on_record")
    assert await mails(stage) == 2


async def test_old_redis_changes_nothing(stage: Stage) -> None:
    """Entries of an old dump are known jobs: they are dropped, and the old mark is raised again."""
    billing = stage.billing
    invoice = await billing.usual_invoice()
    jobs = [await billing.enqueue(kind, invoice_id=invoice) for kind in ("publish_invoice", "send_invoice")]
    old = await dump(billing.redis)
    async with stage.working():
        for job in jobs:
            assert (await billing.ended(job))["state"] == "done"
        await until(lambda: marked(stage))
    await load(billing.redis, old)
    async with stage.working():
        await until(lambda: marked(stage))
        await until(lambda: _empty(stage))
        assert [(await billing.job(job))["attempt"] for job in jobs] == [1, 1]
        assert not await billing.db.fetchval(PENDING)
    books = await state(stage.sevdesk)
    assert (len(books["invoices"]), len(books["mails"])) == (1, 1)


async def _empty(stage: Stage) -> bool:
    return not await stage.billing.redis.zcard("arq:queue")


async def test_cancelled_since_backup_stays_so(stage: Stage, backups: Backups, tmp_path: Path) -> None:
    """Published, mailed and cancelled after the backup; asked for again, the cancellation and its mail are found."""
    billing = stage.billing
    invoice = await billing.usual_invoice()
    backup = await backups.take()
    order = {"invoice_id": invoice, "reason": "Irrtum", "notify": True}
    async with stage.working():
        assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
        assert (await billing.do("cancel_invoice", **order))["state"] == "done"
    await backups.restore(backup)
    await billing.redis.flushdb()
    await recover(stage, tmp_path)  # before the workers start, since nobody can notice it
    async with stage.working():
        assert (await billing.do("cancel_invoice", **order))["state"] == "done"
        assert (await billing.row(invoice))["accounting_sync_status"] == "cancelled"
        assert (await billing.event(invoice, "cancellation_mailed"))["how"] == "found_earlier"
    books = await state(stage.sevdesk)
    assert (len(books["invoices"]), len(books["mails"])) == (2, 1)


async def test_recover_lets_writes_arrive(stage: Stage, backups: Backups, tmp_path: Path) -> None:
    """A mail was on its way when the database was restored: nobody looks for it before its quarantine is over."""
    billing = stage.billing
    async with stage.working():
        invoice = await stage.published()
    backup = await backups.take()
    async with stage.working():
        await order_fault(stage.sevdesk, "late_commit", "POST /Invoice/*/sendViaEmail", after_ms=6000)
        job = await stage.lost("send_invoice", invoice_id=invoice)
        await until(lambda: marked(stage))
    await backups.restore(backup)
    async with stage.working():
        await until(lambda: billing.db.fetchval(PENDING))
        await recover(stage, tmp_path, quarantine=8)
        await until(lambda: _written(stage))
        again = await billing.enqueue("send_invoice", invoice_id=invoice, job_id=job)
        assert (await billing.ended(again))["state"] == "done"
    assert await mails(stage) == 1


async def test_slip_in_since_loses_nothing(stage: Stage, backups: Backups, tmp_path: Path) -> None:
    """A time after the backup: our own latest write is earlier. One to come is refused, and year 1 is only early."""
    billing, operator = stage.billing, Operator(stage.settings, tmp_path)
    async with stage.working():
        await stage.published()
    invoice = await billing.usual_invoice()
    backup = await backups.take()
    async with stage.working():
        await billing.do("publish_invoice", invoice_id=invoice)
    await backups.restore(backup)
    for since in (datetime.now(UTC).isoformat(), "0001-01-01T00:00+14:00"):
        told = await operator.json("recover", "--since", since, "--dry-run")
        assert [each["repair"] for each in told["findings"]] == ["publish_invoice"]
    code, _, said = await operator.run("recover", "--since", "2999-01-01")
    assert code == 2 and "a time to come" in said


async def test_restore_shows_when_redis_is_back(stage: Stage, backups: Backups) -> None:
    """Redis was away when the database was restored, and until that had made as many writes again and more."""
    billing = stage.billing
    async with stage.working():
        await stage.published()
        await until(lambda: marked(stage))
    backup = await backups.take()
    async with stage.working():
        await stage.published()
        await until(lambda: marked(stage))
    [key] = [key async for key in billing.redis.scan_iter(MARKED)]
    forgotten = int((await billing.redis.get(key)).split()[1])
    await backups.restore(backup)
    async with stage.run_worker(redis_url="redis://127.0.0.1:1/0"):
        for _ in range(2):
            job = await billing.request("publish_invoice", invoice_id=await billing.usual_invoice())
            assert (await billing.ended(job))["state"] == "done"
        assert await billing.db.fetchval("SELECT max(id) FROM sevdesk_intents") > forgotten
    async with stage.working():
        await until(lambda: billing.db.fetchval(PENDING))


async def test_turn_without_expiry_stops_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dump that was taken while a worker had its turn, and restored without expiries."""
    monkeypatch.setattr("worker.queue.inbox.TURN_MS", 100)
    await stage.billing.redis.set("arq:inbox-turn", "gone")
    async with stage.working():
        assert (await stage.billing.do("test_connection"))["state"] == "done"


async def test_export_asked_for_again_asks(stage: Stage, backups: Backups, tmp_path: Path) -> None:
    """Asked for and done after the backup, so that nothing knows of it: whoever asks again is asked back."""
    billing = stage.billing
    async with stage.working():
        await stage.published()
    backup = await backups.take()
    async with stage.working():
        period = {"start_date": "2026-01-01", "end_date": "2026-01-31"}
        assert (await billing.do("export_datev", **period))["state"] == "done"
        await until(lambda: marked(stage))
    await backups.restore(backup)
    async with stage.working():
        await recover(stage, tmp_path)
        await until(lambda: _written(stage))
        again = await billing.do("export_datev", **period)
        assert (again["state"], again["problem"]) == ("parked", "export_before_restore")
        assert len(stage.sevdesk.sandbox.account.exports) == 1
        later = await billing.do("export_datev", start_date="2099-01-01", end_date="2099-01-31")
        assert later["problem"] != "export_before_restore"
        await billing.retry(again["job_id"], "confirmed")
        assert (await billing.ended(again["job_id"]))["state"] == "done"
