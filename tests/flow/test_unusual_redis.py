"""A Redis that is not as usual: TLS, a socket, a replica, a cluster, missing commands. Each works or is named."""

import asyncio
import json
import secrets
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis.asyncio
from flow.billing import Billing
from flow.books import until
from flow.conftest import RunWorker
from flow.fronts import Authority, socket_front, tls_front
from flow.operators import Operator
from flow.waiting import PATIENCE, wait_for
from redis.exceptions import RedisError
from structlog.testing import capture_logs

from worker.app import App
from worker.local.programs import VALKEY
from worker.local.server import free_port
from worker.queue import redis_client
from worker.queue.redis_client import UnsuitableRedis
from worker.settings import Settings

TROUBLE = ("warning", "error")


@pytest.fixture(autouse=True)
def time_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a loaded machine a TLS handshake with a server in the test's own loop takes seconds."""
    monkeypatch.setattr(redis_client, "ANSWER_SECONDS", PATIENCE)
    monkeypatch.setattr(redis_client, "CONNECT_SECONDS", PATIENCE)


@pytest.fixture
def operator(settings: Settings, billing: Billing, tmp_path: Path) -> Operator:
    """Of this test's database and Redis."""
    return Operator(settings, tmp_path)


@asynccontextmanager
async def own_redis(folder: Path, *options: str) -> AsyncIterator[str]:
    """A server of the test's own, without a password on it; its URL."""
    port, folder = free_port(), folder / secrets.token_hex(4)
    folder.mkdir()
    command = [VALKEY.find(), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder), *options]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
    try:
        async with redis.asyncio.Redis(port=port) as client:
            while not await _answers(client):
                assert process.returncode is None, "it ended at its start"
                await asyncio.sleep(0.01)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()


async def _answers(client: redis.asyncio.Redis) -> bool:
    try:
        return bool(await client.ping())
    except RedisError:
        return False


async def works(billing: Billing, run_worker: RunWorker, url: str) -> None:
    """A job through Redis is done, and the log has no complaint."""
    with capture_logs() as lines:
        async with run_worker(redis_url=url):
            done = await billing.do("publish_invoice", invoice_id=await billing.usual_invoice())
    assert done["state"] == "done"
    assert not {line["event"] for line in lines if line["log_level"] in TROUBLE}


async def redis_check(operator: Operator, url: str, name: str) -> tuple[str, str]:
    """What doctor says, and how bad it is."""
    ended, out, err = await operator.run("doctor", "--json", REDIS_URL=url)
    assert ended in (0, 1), err
    found = {check["name"]: (check["level"], check["detail"]) for check in json.loads(out)["checks"]}
    assert name in found, found
    assert ended == 1 or found[name][0] != "fail"
    return found[name]


async def until_ok(operator: Operator, url: str) -> None:
    """doctor gives Redis two seconds, which a loaded machine may need more than once."""

    async def is_ok() -> bool:
        return (await redis_check(operator, url, "redis"))[0] == "ok"

    await until(is_ok)


@pytest.fixture
async def tls_address(authority: Authority, redis_url: str) -> AsyncIterator[str]:
    """This test's Redis behind TLS, without host and options."""
    parts = urlsplit(redis_url)
    async with tls_front(authority, parts.port or 0) as port:
        yield f"rediss://{parts.netloc.rpartition('@')[0]}@HOST:{port}{parts.path}"


async def test_private_authority_is_trusted(
    billing: Billing, run_worker: RunWorker, authority: Authority, tls_address: str, operator: Operator
) -> None:
    """ssl_ca_certs names it, and the certificate is for this host; with ssl_cert_reqs=none nothing is looked at."""
    for options in (f"localhost:?ssl_ca_certs={authority.ca}", "127.0.0.1:?ssl_cert_reqs=none"):
        host, _, query = options.partition(":?")
        url = f"{tls_address.replace('HOST', host)}?{query}"
        await works(billing, run_worker, url)
        await until_ok(operator, url)


async def test_wrong_certificate_is_named(
    operator: Operator, run_worker: RunWorker, authority: Authority, tls_address: str, tmp_path: Path
) -> None:
    """An unknown authority, and a certificate for another host."""
    wrong = {
        tls_address.replace("HOST", "localhost"): "certificate verify failed",
        f"{tls_address.replace('HOST', 'localhost')}?ssl_ca_certs={Authority(tmp_path, 'other').ca}": "verify failed",
        f"{tls_address.replace('HOST', '127.0.0.1')}?ssl_ca_certs={authority.ca}": "IP address mismatch",
    }
    for url, cause in wrong.items():
        level, said = await redis_check(operator, url, "redis")
        assert level == "fail" and cause in said, said
    with capture_logs() as lines:
        async with run_worker(redis_url=url):
            await wait_for(lambda: any(line["event"] == "redis.lost" for line in lines))
    assert "IP address mismatch" in next(line["error"] for line in lines if line["event"] == "redis.lost")


async def test_unix_socket_works(
    billing: Billing, run_worker: RunWorker, redis_url: str, operator: Operator, tmp_path: Path
) -> None:
    """With account and number of the database."""
    parts = urlsplit(redis_url)
    async with socket_front(tmp_path / "redis.sock", parts.port or 0) as path:
        url = f"unix://:{parts.password}@{path}?db={parts.path.strip('/')}"
        await works(billing, run_worker, url)
        await until_ok(operator, url)


async def test_replica_is_named(billing: Billing, run_worker: RunWorker, operator: Operator, tmp_path: Path) -> None:
    """doctor fails; the worker logs the cause, still does jobs of the outbox, and works when it is promoted."""
    job_id = await billing.request("publish_invoice", invoice_id=await billing.usual_invoice())
    async with (
        own_redis(tmp_path) as primary,
        own_redis(tmp_path) as url,
        redis.asyncio.Redis.from_url(url) as client,
    ):
        await client.replicaof("127.0.0.1", urlsplit(primary).port)
        level, said = await redis_check(operator, url, "redis role")
        assert level == "fail" and "is a replica" in said
        with capture_logs() as lines:
            async with run_worker(redis_url=url):
                assert (await billing.ended(job_id))["state"] == "done"
                await wait_for(lambda: any(line["event"] == "redis.lost" for line in lines))
                await client.replicaof("NO", "ONE")
                await wait_for(lambda: any(line["event"] == "redis.restored" for line in lines))
    [line] = [line for line in lines if line["event"] == "redis.lost"]
    assert "read-only replica" in line["error"]


async def test_cluster_is_refused(settings: Settings, billing: Billing, operator: Operator, tmp_path: Path) -> None:
    """doctor fails, the worker ends with one sentence and exit code 2."""
    # By itself it would take the port 10,000 higher for its bus, which may be none.
    async with own_redis(tmp_path, "--cluster-enabled", "yes", "--cluster-port", str(free_port())) as url:
        level, said = await redis_check(operator, url, "redis role")
        assert level == "fail" and "as a cluster" in said
        with pytest.raises(UnsuitableRedis, match="cluster"):
            await App(settings.model_copy(update={"redis_url": url})).run()
        _, _, said = await operator.run("run", REDIS_URL=url)
        assert "Redis runs as a cluster, which is not supported" in said.splitlines()[-1]


async def test_evicting_redis_is_named(
    billing: Billing, run_worker: RunWorker, operator: Operator, tmp_path: Path
) -> None:
    """doctor fails; the worker warns once at its start and goes on."""
    async with own_redis(tmp_path, "--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru") as url:
        level, said = await redis_check(operator, url, "redis memory")
        assert level == "fail" and "allkeys-lru" in said
        with capture_logs() as lines:
            async with run_worker(redis_url=url):
                await wait_for(lambda: any(line["event"] == "redis.unsuitable" for line in lines))
    [line] = [line for line in lines if line["event"] == "redis.unsuitable"]
    assert "maxmemory-policy is allkeys-lru" in line["reason"]


REMOVED = ["INFO", "CONFIG", "CLIENT", "SUBSCRIBE", "SCAN", "HELLO"]


@pytest.mark.parametrize("names", [[name] for name in REMOVED] + [REMOVED])
async def test_removed_commands_do_no_harm(
    names: list[str], billing: Billing, run_worker: RunWorker, operator: Operator, tmp_path: Path
) -> None:
    """Managed services rename or remove commands: jobs run, doctor and status do not fail over it."""
    removed = [part for name in names for part in ("--rename-command", name, "")]
    async with own_redis(tmp_path, *removed) as url, redis.asyncio.Redis.from_url(url) as client:
        ours = Billing(billing.db, client, billing.admin)
        await works(ours, run_worker, url)
        assert (await redis_check(operator, url, "redis rights"))[0] in ("ok", "warn")
        assert (await operator.json("status", code=3, REDIS_URL=url))["redis"]["reachable"]


async def test_full_redis_is_named(billing: Billing, run_worker: RunWorker, tmp_path: Path) -> None:
    """Without eviction a full memory refuses writes: the log has the cause, jobs of the outbox are done."""
    job_id = await billing.request("publish_invoice", invoice_id=await billing.usual_invoice())
    async with own_redis(tmp_path, "--maxmemory", "1mb", "--maxmemory-policy", "noeviction") as url:
        async with redis.asyncio.Redis.from_url(url) as client:
            with pytest.raises(RedisError):
                while await client.rpush("filler", "x" * 10_000):
                    pass
        with capture_logs() as lines:
            async with run_worker(redis_url=url):
                assert (await billing.ended(job_id))["state"] == "done"
                await wait_for(lambda: any(line["event"] == "redis.lost" for line in lines))
    assert "memory is full" in next(line["error"] for line in lines if line["event"] == "redis.lost")
