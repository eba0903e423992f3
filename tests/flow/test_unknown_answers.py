"""sevDesk answers something new: operators hear of it once, and jobs go on."""

import asyncio
from pathlib import Path

from flow.billing import Billing
from flow.books import order_fault
from flow.conftest import RunWorker
from flow.operators import Operator
from structlog.testing import capture_logs

from sevdesk_client.sandbox.http.server import Running
from worker.observability import unknown_answers as watch
from worker.observability.metrics import Metrics
from worker.observability.unknown_answers import KEPT, MAX_KEPT, MAX_PLACES, UnknownAnswers, unknown_answers
from worker.settings import Settings

PERSON = {
    "objectName": "SevUser",
    "id": "2000001",
    "status": "100",
    "username": "Frau Müller",
    "newField": "Herr Meier",
}


async def test_news_are_told_once(
    billing: Billing, run_worker: RunWorker, sevdesk: Running, settings: Settings, tmp_path: Path
) -> None:
    """Two workers, one log line without a value, one warning of `doctor`, and the job is done."""
    await order_fault(sevdesk, "body", "GET /SevUser", body={"objects": [PERSON]}, times=None)
    operator = Operator(settings, tmp_path)
    with capture_logs() as lines:
        for _ in range(2):
            async with run_worker() as app:
                assert (await billing.do("test_connection"))["state"] == "done"
                counted = app.metrics.registry.get_sample_value(
                    "sevdesk_worker_unknown_answers_total",
                    {"operation": "GET /SevUser", "place": "SevUser.newField"},
                )
                assert counted is not None and counted >= 1
    [line] = [line for line in lines if line["event"] == "sevdesk.unknown_answer"]
    assert line["found"] == "GET /SevUser: SevUser.newField" and "Meier" not in str(line)
    found = {check["name"]: check for check in (await operator.json("doctor"))["checks"]}["sevdesk answers"]
    assert found["level"] == "warn" and "SevUser.newField" in found["detail"] and found["next_step"]


async def told(watched: UnknownAnswers) -> None:
    """Wait until all is in Redis."""
    while watched._sending:
        await asyncio.gather(*watched._sending)


def places(metrics: Metrics) -> int:
    """How many time series the metric has."""
    [family] = [each for each in metrics.registry.collect() if each.name == "sevdesk_worker_unknown_answers"]
    return len({tuple(sample.labels.items()) for sample in family.samples})


async def test_ten_thousand_news_are_bounded(billing: Billing) -> None:
    """In a process, metric and log, and in Redis for all processes together; that there are more is told."""
    with capture_logs() as lines:
        for process in range(15):
            metrics = Metrics()
            watched = UnknownAnswers(billing.redis, metrics)
            for place in range(10_000):
                watched.noticed("GET /Invoice", f"Invoice.new{process}{place}")
            await told(watched)
            assert places(metrics) == MAX_PLACES + 1
            assert len(watched._told) == MAX_PLACES + 1
    found = await unknown_answers(billing.redis)
    assert len(found) <= MAX_KEPT + 1 and "any: (more)" in found
    assert len([line for line in lines if "any" in line["found"]]) == 1
    assert len(lines) == len(found)


async def test_old_news_are_forgotten(billing: Billing) -> None:
    """What has not been seen for a month is not told any more, though others are seen each day."""
    watched = UnknownAnswers(billing.redis, Metrics())
    watched.noticed("GET /Invoice", "Invoice.old")
    await told(watched)
    seconds = int((await billing.redis.hgetall(watch.KEY))[b"GET /Invoice: Invoice.old"])
    await billing.redis.hset(watch.KEY, "GET /Invoice: Invoice.old", str(seconds - KEPT - 1))
    watched.noticed("GET /Invoice", "Invoice.new")
    await told(watched)
    assert await unknown_answers(billing.redis) == ["GET /Invoice: Invoice.new"]
