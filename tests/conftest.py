"""Real servers for every test that wants them: one Postgres and one Redis per pytest worker, a database per test.

TEST_DATABASE_URL and TEST_REDIS_URL, both, use given servers instead; tests that stop a server then skip.
"""

import logging
import os
import secrets
import signal
from collections.abc import Iterator
from urllib.parse import urlsplit

import hypothesis
import pytest
import redis
import structlog

from worker.local import services as local
from worker.local.services import Services

# A deadline measures the machine, and a loaded one fails it.
hypothesis.settings.register_profile("calm", deadline=None)
hypothesis.settings.load_profile("calm")

# In the background of a script Ctrl-C is ignored, and so it would be by the programs that tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No test leaves this machine, and `Settings` reads the certificates that it is told to trust (20 ms of CPU each time).
for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
    os.environ.pop(name, None)

# As a worker logs; structlog's default paints each traceback with its source, at a tenth of a second.
structlog.configure(
    [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(default=str),
    ]
)


@pytest.fixture(autouse=True)
def log_settings() -> Iterator[None]:
    """A command run in this process sets its log up; the next test finds it as it was."""
    root, configured = logging.getLogger(), structlog.get_config()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.configure(**configured)


def pytest_xdist_auto_num_workers() -> int:
    """Two pytest workers a core: half of a test's time is waiting for other processes. Each has servers of its own."""
    return min(8, 2 * (os.cpu_count() or 1))


@pytest.fixture(scope="session")
def services() -> Iterator[Services]:
    """Both servers, for the whole session of this pytest worker."""
    database_url, redis_url = os.environ.get("TEST_DATABASE_URL"), os.environ.get("TEST_REDIS_URL")
    if database_url and redis_url:
        yield Services(database_url, redis_url)
        return
    with (
        local.scratch() as directory,
        local.services(directory, durable=False) as found,
        pytest.MonkeyPatch.context() as patch,
    ):
        # They have no TLS, and asyncpg would make a TLS context for each connection to ask for it.
        patch.setenv("PGSSLMODE", "disable")
        yield found


@pytest.fixture
def breakable_services(services: Services) -> Iterator[Services]:
    """Servers that a test may stop, kill and start; the next test finds them running."""
    if not services.started:
        pytest.skip("the servers were given, so they are not ours to stop")
    yield services
    for server in services.started:
        server.start()


def migrate_template(url: str) -> None:
    """Bring an empty database to the newest schema, with the billing system's reference tables."""
    from worker.store.migrate import migrate

    migrate(url, billing_reference=True)


@pytest.fixture(scope="session")
def template(services: Services) -> Iterator[str]:
    """The name of a migrated database that every test's own is copied from."""
    name = f"template_{secrets.token_hex(4)}"
    migrate_template(local.create_database(services, name))
    yield name
    local.drop_database(services, name)


@pytest.fixture
def database_url(services: Services, template: str) -> Iterator[str]:
    """A fresh, migrated database of the test's own; connections left open are ended."""
    name = f"test_{secrets.token_hex(6)}"
    yield local.create_database(services, name, template=template)
    for server in services.started:
        server.start()
    local.drop_database(services, name)


@pytest.fixture
def redis_url(services: Services) -> str:
    """An empty Redis. A given server is shared by all pytest workers, so each has a database number of its own."""
    url = services.redis_url
    if not services.started:
        number = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
        url = urlsplit(url)._replace(path=f"/{number}").geturl()
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url
