"""A Redis user with few rights: without channels, and without the commands that Redis calls dangerous."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flow.billing import Billing
from flow.conftest import RunWorker
from flow.operators import Operator
from structlog.testing import capture_logs

from worker.settings import Settings

USER, PASSWORD = "few-rights", "few-rights"
LOOK_SECONDS = 3.0  # longer than some tries of the loop that waits for PUBLISH


@pytest.fixture
def operator(settings: Settings, billing: Billing, tmp_path: Path) -> Operator:
    """Of this test's database and Redis."""
    return Operator(settings, tmp_path)


@pytest.fixture
async def limited_url(billing: Billing, redis_url: str) -> AsyncIterator[str]:
    """Redis for a user that may use every key, but no channel and no command of @dangerous."""
    rules = (f">{PASSWORD}", "on", "~*", "resetchannels", "+@all", "-@dangerous")
    await billing.redis.execute_command("ACL", "SETUSER", USER, *rules)
    parts = urlsplit(redis_url)
    address = parts.netloc.rpartition("@")[2]
    yield parts._replace(netloc=f"{USER}:{PASSWORD}@{address}").geturl()
    await billing.redis.execute_command("ACL", "DELUSER", USER)


async def test_jobs_run_without_channels(billing: Billing, run_worker: RunWorker, limited_url: str) -> None:
    """Jobs of Redis and of the outbox are done; the forbidden SUBSCRIBE opens no connection each second."""
    with capture_logs() as lines:
        async with run_worker(redis_url=limited_url):
            jobs = [
                await billing.enqueue("publish_invoice", invoice_id=await billing.usual_invoice()),
                await billing.request("publish_invoice", invoice_id=await billing.usual_invoice()),
            ]
            assert [(await billing.ended(job_id))["state"] for job_id in jobs] == ["done", "done"]
            before = (await billing.redis.info("stats"))["total_connections_received"]
            await asyncio.sleep(LOOK_SECONDS)
            assert (await billing.redis.info("stats"))["total_connections_received"] - before <= 1
    assert not {line["event"] for line in lines if line["log_level"] in ("warning", "error")}


async def test_doctor_names_missing_rights(operator: Operator, limited_url: str) -> None:
    """INFO, CONFIG and the channels are named one by one; SCAN, which is allowed, is not."""
    found = await operator.json("doctor", REDIS_URL=limited_url)
    redis = {check["name"]: check for check in found["checks"]}
    assert redis["redis rights"]["level"] == "warn" and "redis" not in redis and "workers" in redis
    said = redis["redis rights"]["detail"]
    assert [right for right in ("INFO", "SCAN", "CONFIG", "PUBLISH", "SUBSCRIBE") if f"may not {right}:" in said] == [
        "INFO",
        "CONFIG",
        "PUBLISH",
        "SUBSCRIBE",
    ]
