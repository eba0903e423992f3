"""One worker of several was started without the API token."""

from chaos.children import Nursery
from chaos.lane import lane
from flow.waiting import wait_for
from hostile.trouble import ask, complaints, count

from worker.local.services import Services

CONFIGURED = "SELECT token_configured FROM sevdesk_config"
SOON = {"worker.maintenance.standby.ALONE_SECONDS": 3.0}


async def test_worker_without_token_takes_nothing(services: Services, template: str, home: Nursery) -> None:
    """It parks no job, leads nobody and says so once; only when it is alone, what needs sevDesk is parked."""
    async with lane(services, template, home, 1) as place:
        odd = await place.worker(SEVDESK_API_TOKEN="", WORKER_MAX_JOBS=20, **SOON)
        good = await place.worker()
        assert await (await ask(place, 8)).findings() == []
        await wait_for(lambda: count(odd, "token.missing") == 1)
        assert (count(odd, "job.parked"), count(odd, "job.done"), count(odd, "leader.elected")) == (0, 0, 0)
        assert await place.billing.db.fetchval(CONFIGURED) is True
        await good.kill()
        await wait_for(lambda: count(odd, "leader.elected") == 1)
        assert await place.billing.db.fetchval(CONFIGURED) is False
        parked = await place.billing.do("publish_invoice", invoice_id=(await place.subject()).invoice)
        assert (parked["state"], parked["problem"]) == ("parked", "token_missing")
        other = await place.worker()
        await wait_for(lambda: count(other, "leader.elected") == 1)
        assert await place.billing.db.fetchval(CONFIGURED) is True
        await place.billing.retry(parked["job_id"])
        assert (await place.billing.ended(parked["job_id"]))["state"] == "done"
        assert await (await ask(place)).findings() == []
        assert count(odd, "token.missing") == 3
        assert [text for text in complaints(good, other)] == []
