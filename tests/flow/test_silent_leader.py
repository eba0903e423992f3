"""A leader that is stopped but not dead, and notifications that Postgres refuses: said in one line, and jobs run."""

import asyncio
import signal
from pathlib import Path

from flow.billing import Billing
from flow.conftest import RunWorker
from flow.operators import Operator
from flow.processes import worker_process
from flow.waiting import PATIENCE, wait_for
from structlog.testing import capture_logs

from worker.operator import leader
from worker.settings import Settings


async def test_stopped_leader_is_named(settings: Settings, billing: Billing, tmp_path: Path) -> None:
    """status, which exits 3, and doctor name the process; when it is ended, another worker leads."""
    operator = Operator(settings, tmp_path)
    async with worker_process(settings, tmp_path) as first:
        await first.until("leader.elected")
        async with worker_process(settings, tmp_path) as second:
            first.process.send_signal(signal.SIGSTOP)
            async with asyncio.timeout(PATIENCE + leader.SILENT_SECONDS):
                while (await operator.run("status"))[0] != 3:  # noqa: ASYNC110
                    await asyncio.sleep(1)
            _, said, _ = await operator.run("status")
            assert "has been silent for" in said and f":{first.pid}:" in said
            found = await operator.json("doctor", code=1)
            [check] = [check for check in found["checks"] if check["name"] == "leader"]
            assert check["level"] == "fail" and f":{first.pid}:" in check["detail"]
            await first.kill()
            await second.until("leader.elected")
            assert (await operator.json("status"))["leader"]["worker"].split(":")[1] == str(second.pid)


async def test_refused_notifications_stop_nothing(billing: Billing, run_worker: RunWorker) -> None:
    """Postgres takes none for a while: logged once, jobs run, and later ones are told again."""
    told: list[str] = []

    def listen(*heard: object) -> None:
        told.append(str(heard[3]))

    with capture_logs() as lines:
        async with run_worker() as app, billing.db.acquire() as connection:
            await connection.add_listener("sevdesk_events", listen)
            await wait_for(lambda: hasattr(app, "leadership"))
            store = app.leadership._maintenance.store
            for _ in range(2):
                store.notifications.event(text="x" * 9000)  # Postgres takes less than 8000 bytes
                await wait_for(lambda: not store.notifications._kept)
            assert (await billing.do("publish_invoice", invoice_id=await billing.usual_invoice()))["state"] == "done"
            await wait_for(lambda: any('"done"' in each for each in told))
            await connection.remove_listener("sevdesk_events", listen)
    assert [line["event"] for line in lines].count("notifications.refused") == 1
