"""sevDesk answers something new: operators hear of it once, and jobs go on."""

from pathlib import Path

from flow.billing import Billing
from flow.books import order_fault
from flow.conftest import RunWorker
from flow.operators import Operator
from structlog.testing import capture_logs

from sevdesk_client.sandbox.http.server import Running
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
