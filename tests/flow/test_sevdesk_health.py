"""`status`, `health`, `doctor` and `why` say how sevDesk answers the workers' calls, not what was once tested."""

from pathlib import Path

import pytest
from flow.books import control, order_fault, until
from flow.operators import Operator
from flow.provocations.sevdesk import WRONG_TOKEN
from flow.stage import Stage

from worker.gate import call_log
from worker.operator.connections import read_health
from worker.operator.sevdesk_health import SevdeskHealth


@pytest.fixture(autouse=True)
def reported_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers report their calls ten times a second."""
    monkeypatch.setattr(call_log, "REPORT_SECONDS", 0.1)


async def health(stage: Stage) -> SevdeskHealth:
    return await read_health(stage.billing.redis)


async def test_refused_token_is_seen_everywhere(stage: Stage, tmp_path: Path) -> None:
    """Until a worker with a valid token calls: then status is well again."""
    operator = Operator(stage.settings, tmp_path)
    async with stage.working():
        invoice = await stage.published()
        await stage.billing.do("send_invoice", invoice_id=invoice)
    async with stage.working(**WRONG_TOKEN):
        job = await stage.billing.do("sync_payments")
        await until(lambda: refused(stage))
        code, said, _ = await operator.run("status")
        assert code == 3 and "token refused since" in said and "next try in" in said
        assert "token refused since" in (await operator.run("health"))[1]
        assert "token refused since" in (await operator.run("doctor"))[1]
        code, said, _ = await operator.run("why", str(invoice))
        assert code == 3 and "token refused since" in said and "Set a valid SEVDESK_API_TOKEN" in said
    async with stage.working():
        await stage.billing.retry(job["job_id"])
        await stage.billing.ended(job["job_id"])
        await until(lambda: well(stage))
        code, said, _ = await operator.run("status")
        assert code == 0 and "calls in the last hour, the last ok" in said


async def test_silence_is_seen(stage: Stage, tmp_path: Path) -> None:
    """sevDesk is down: since when, without a person having to act; then it answers again."""
    operator = Operator(stage.settings, tmp_path)
    async with stage.working():
        await order_fault(stage.sevdesk, "status", "GET /*", status=503, body="down", times=None)
        job_id = await stage.billing.enqueue("sync_payments")
        await stage.billing.until_state(job_id, "waiting")
        await until(lambda: silent(stage))
        code, said, _ = await operator.run("status")
        assert code == 0 and "no answer since" in said
        await control(stage.sevdesk, "DELETE", "faults")
        await stage.billing.make_due(job_id)
        await stage.billing.ended(job_id)
        await until(lambda: well(stage))


async def refused(stage: Stage) -> bool:
    return (await health(stage)).refused_for is not None


async def silent(stage: Stage) -> bool:
    return (await health(stage)).silent_for is not None


async def well(stage: Stage) -> bool:
    found = await health(stage)
    return found.ok_age is not None and found.silent_for is None and found.refused_for is None


async def test_idle_worker_writes_nothing(stage: Stage) -> None:
    """Without calls no report is written, and with many calls one at a time."""
    async with stage.working():
        await stage.billing.do("update_config", payment_sync_interval_minutes=15)
        assert await health(stage) == SevdeskHealth()
        await stage.billing.do("test_connection")
        await until(lambda: well(stage))


async def test_job_in_redis_is_found(stage: Stage, tmp_path: Path) -> None:
    """Before any worker has taken it in, `why` and `status` know of it and say that a worker is missing."""
    operator = Operator(stage.settings, tmp_path)
    job_id = await stage.billing.enqueue("sync_payments")
    code, said, _ = await operator.run("why", job_id)
    assert code == 3 and "in_inbox" in said and "sevdesk-worker run" in said
    code, said, _ = await operator.run("status")
    assert code == 3 and "1 in Redis, not taken in yet" in said
