"""A company's own tables behind views: those of `sql/billing/examples/camel_case.sql`, unless a module has others."""

import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import psycopg
import pytest
import redis.asyncio
from flow.billing import Billing
from flow.operators import Operator

from worker.demo.own_tables import VIEWS, create_example
from worker.local import services as local
from worker.local.services import Services
from worker.settings import Settings
from worker.store.migrate import migrate
from worker.store.sql_files import sql_dir

PASSWORD = "only-in-tests"


@pytest.fixture(scope="module")
def own_template(services: Services) -> Iterator[str]:
    """A migrated database with the example's tables and views."""
    name = f"own_{secrets.token_hex(4)}"
    url = local.create_database(services, name)
    with psycopg.connect(url) as owner:
        create_example(owner)
    migrate(url, billing_schema=VIEWS)
    yield name
    local.drop_database(services, name)


@pytest.fixture
def database_url(services: Services, own_template: str) -> Iterator[str]:
    """A copy of it. Its owner's sessions have no search path of their own."""
    name = f"test_{secrets.token_hex(6)}"
    yield local.create_database(services, name, template=own_template)
    local.drop_database(services, name)


@pytest.fixture
async def billing(billing_on_views: Billing) -> Billing:
    """The billing system, which in tests uses the views' names."""
    return billing_on_views


@pytest.fixture
async def billing_on_views(database_url: str, redis_url: str) -> AsyncIterator[Billing]:
    """As `billing`, with the views in its search path."""
    path = {"search_path": f"{VIEWS}, public"}
    async with (
        asyncpg.create_pool(database_url, min_size=1, max_size=5, server_settings=path) as pool,
        redis.asyncio.Redis.from_url(redis_url) as client,
    ):
        admin = await pool.fetchval(
            "INSERT INTO contacts (last_name, is_internal, is_admin) VALUES ('Chefin', true, true) RETURNING id"
        )
        await pool.execute("UPDATE sevdesk_config SET template_eb_ar = '57986aee6bd2d53306068da1'")
        yield Billing(pool, client, admin)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With the views first in every search path."""
    return settings.model_copy(update={"billing_schema": VIEWS})


@pytest.fixture
async def role_url(billing: Billing, database_url: str) -> str:
    """The database as the worker's role sees it, which has rights on the views only; run twice, as releases do."""
    for _ in range(2):
        await billing.db.execute((sql_dir() / "roles.sql").read_text())
    await billing.db.execute(f"ALTER ROLE sevdesk_worker LOGIN PASSWORD '{PASSWORD}'")
    parts = urlsplit(database_url)
    return parts._replace(netloc=f"sevdesk_worker:{PASSWORD}@{parts.netloc.rpartition('@')[2]}").geturl()


@pytest.fixture
def operator(settings: Settings, billing: Billing, tmp_path: Path) -> Operator:
    """At that database."""
    return Operator(settings, tmp_path)
