"""Where trouble is provoked: a billing system, a sandbox, workers on order, and `why` asked about what came of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from flow.billing import Billing
from flow.books import until
from flow.holding import HoldableSevdesk
from flow.waiting import PATIENCE

from sevdesk_client.sandbox.account.records import Invoice
from worker.app import App
from worker.operator.diagnosis import Diagnosis, diagnose
from worker.operator.lookup import resolve
from worker.operator.situation import gather
from worker.settings import Settings
from worker.store import Store


async def reported(billing: Billing) -> bool:
    """Whether a worker has told Redis that it lives, and has its session in Postgres."""
    told = [key async for key in billing.redis.scan_iter("arq:queue:health-check:*")]
    return told != [] and await billing.db.fetchval("SELECT count(*) FROM sevdesk_living_workers_v1()") > 0


@dataclass
class Stage:
    """Everything a trouble needs."""

    billing: Billing
    sevdesk: HoldableSevdesk
    settings: Settings
    run_worker: Callable[..., AbstractAsyncContextManager[App]]
    deleted: list[Invoice] = field(default_factory=list)  # in sevDesk, as they were

    async def why(self, subject: object) -> Diagnosis:
        """What the command says, without the process around it."""
        store = await Store.connect(self.settings.database_url, size=1)
        try:
            found = await resolve(store, str(subject))
            assert found is not None
            return diagnose(await gather(store, found, self.settings))
        finally:
            await store.close()

    @asynccontextmanager
    async def working(self, **changed: Any) -> AsyncIterator[None]:
        """A worker, of whom Redis has heard."""
        async with self.run_worker(**changed):
            await until(self._reported)
            yield

    async def _reported(self) -> bool:
        return await reported(self.billing)

    # -- with a worker that runs -----------------------------------------------------------------------------------

    async def published(self, **columns: Any) -> UUID:
        """An invoice over 119.00 EUR that is open in sevDesk."""
        invoice = await self.billing.usual_invoice(**columns)
        assert (await self.billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
        return invoice

    async def there(self, invoice: UUID) -> str:
        """The invoice's id in sevDesk."""
        external_id: str = (await self.billing.row(invoice))["external_id"]
        return external_id

    async def seen(self, job_id: str, problem: str) -> Any:
        """Wait until the ledger shows this problem, and answer with the row."""
        async with asyncio.timeout(PATIENCE):
            while (row := await self.billing.job(job_id)) is None or row["problem"] != problem:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        return row

    async def hasten(self, job_id: str) -> None:
        """A job that waits goes on at once, and the writes that were lost until now are past their quarantine."""
        await self.billing.until_state(job_id, "waiting")
        await self.billing.db.execute("UPDATE sevdesk_intents SET settles_at = now()")
        await self.billing.make_due(job_id)

    async def lost(self, kind: str, **payload: Any) -> str:
        """Ask for a job, one of whose writes a fault on order swallows, and wait until it waits for its quarantine."""
        job_id = await self.billing.enqueue(kind, **payload)
        await self.seen(job_id, "outcome_unknown")
        return job_id

    async def answered(self, job_id: str, answer: str | None, problem: str) -> Any:
        """What `retry --as ANSWER` of a parked job comes to."""
        await self.billing.retry(job_id, answer)
        return await self.seen(job_id, problem)
