"""A worker on real Postgres, real Redis and the sandbox, all in the test's own event loop."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
import redis.asyncio
from flow.billing import Billing
from flow.fronts import Authority
from flow.holding import HoldableSevdesk, holdable
from flow.stage import Stage
from flow.waiting import PATIENCE

from sevdesk_client.sandbox.http.server import Running
from worker.app import App
from worker.gate.gate import SevdeskGate
from worker.handlers import datev_export
from worker.maintenance import maintenance, scheduler, standby
from worker.settings import JobLimit, Settings
from worker.store import LockSession, Store

RunWorker = Callable[..., AbstractAsyncContextManager[App]]
Sessions = Callable[..., Awaitable[LockSession]]
NO_LIMIT = JobLimit(100_000, 60.0)


@pytest.fixture(autouse=True)
def no_scheduled_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """The workers plan their next payment sync and do not run it, or tests would see it every even ten minutes."""
    monkeypatch.setattr(maintenance, "TICK_SECONDS", 3600.0)
    monkeypatch.setattr(scheduler, "FIRST_SYNC_AFTER", timedelta(days=1))
    monkeypatch.setattr(standby, "ALONE_SECONDS", 0.0)  # no test starts a worker without a token before others


@pytest.fixture
def quick_exports(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sandbox exports in no time, so the workers ask without pauses; what is due goes on at once."""
    monkeypatch.setattr(maintenance, "DUE_SECONDS", 0.05)
    monkeypatch.setattr(datev_export, "FIRST_POLL", 0.0)
    monkeypatch.setattr(datev_export, "POLL_SHARE", 0.0)


@pytest.fixture
async def sevdesk() -> AsyncIterator[HoldableSevdesk]:
    """A fresh sandbox."""
    async with holdable() as sandbox:
        yield sandbox


async def no_reset(_: object) -> None:
    """Instead of asyncpg's reset, a round trip whenever a connection returns to the pool: no test changes a session."""


@pytest.fixture
async def billing(database_url: str, redis_url: str) -> AsyncIterator[Billing]:
    """A billing system with one internal admin and the sandbox's stock template for EB/AR."""
    async with asyncpg.create_pool(database_url, min_size=1, max_size=5, reset=no_reset) as pool:
        client = redis.asyncio.Redis.from_url(redis_url)
        admin = await pool.fetchval(
            "INSERT INTO contacts (last_name, is_internal, is_admin) VALUES ('Chefin', true, true) RETURNING id"
        )
        await pool.execute("UPDATE sevdesk_config SET template_eb_ar = '57986aee6bd2d53306068da1'")
        yield Billing(pool, client, admin)
        await client.aclose()


@pytest.fixture
def settings(database_url: str, redis_url: str, sevdesk: Running) -> Settings:
    """A quarantine that no test waits out, and calls with time enough on a loaded machine; else as in production."""
    return make_settings(
        database_url=database_url,
        redis_url=redis_url,
        sevdesk_base_url=sevdesk.base_url,
        sevdesk_api_token=sevdesk.token,
    )


def make_settings(**given: Any) -> Settings:
    """Settings for a test: nothing is read from the environment or from .env."""
    usual: dict[str, Any] = {
        "write_quarantine": 30.0,
        "shutdown_grace": 5.0,
        "person_job_limit": JobLimit(10_000, 60.0),
        "issue_date_max_age": 36_500,  # tests with a fixed day go on working in later years
        "gone_after": 0.0,  # the first look decides
        "sevdesk_api_token": None,
        "e_invoice_from": None,  # tests of the duty set a day; the others are the same in each year
    }
    return Settings(_env_file=None, **usual | given)


@pytest.fixture
def run_worker(settings: Settings) -> RunWorker:
    """Start a worker: `async with run_worker(write_quarantine=1.0) as app:`; stopped gracefully at the end."""

    @asynccontextmanager
    async def start(**changed: Any) -> AsyncIterator[App]:
        app = App(settings.model_copy(update=changed))
        app.name = f"test:{uuid4().hex[:6]}"
        task = asyncio.create_task(app.run())
        try:
            yield app
        finally:
            app.stop()
            await asyncio.wait_for(task, PATIENCE)

    return start


@pytest.fixture
async def worker(run_worker: RunWorker) -> AsyncIterator[App]:
    """One running worker."""
    async with run_worker() as app:
        yield app


@pytest.fixture
async def hasty_worker(run_worker: RunWorker) -> AsyncIterator[App]:
    """One running worker that reads back after two seconds what became of a lost write."""
    async with run_worker(write_quarantine=2.0) as app:
        yield app


@pytest.fixture
def stage(billing: Billing, sevdesk: HoldableSevdesk, settings: Settings, run_worker: RunWorker) -> Stage:
    """Everything a trouble needs."""
    return Stage(billing, sevdesk, settings, run_worker)


@pytest.fixture
async def store(settings: Settings) -> AsyncIterator[Store]:
    """What jobs end through."""
    store = await Store.connect(settings.database_url, size=4)
    yield store
    await store.close()


@pytest.fixture
async def sessions(settings: Settings) -> AsyncIterator[Sessions]:
    """Lock sessions, as many workers would have."""
    async with AsyncExitStack() as stack:

        async def connect(limit: JobLimit = NO_LIMIT) -> LockSession:
            locks = LockSession(settings.lock_url, uuid4().hex, limit, lambda: None, lambda: None)
            await locks.connect()
            stack.push_async_callback(locks.close)
            return locks

        yield connect


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A private certificate authority."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make certificates with")
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def gates(monkeypatch: pytest.MonkeyPatch) -> list[SevdeskGate]:
    """The gate of each worker that was started."""
    made: list[SevdeskGate] = []
    make = App._gate

    def remember(app: App, *given: Any) -> SevdeskGate:
        made.append(make(app, *given))
        return made[-1]

    monkeypatch.setattr(App, "_gate", remember)
    return made
