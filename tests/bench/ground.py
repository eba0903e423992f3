"""What every benchmark stands on: a database of its own, a local sevDesk and workers in processes of their own."""

import asyncio
import itertools
import json
import os
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import redis.asyncio
from arq.jobs import serialize_job
from arq.utils import timestamp_ms
from bench.bare import LAYOUT
from bench.table import Row
from flow.billing import Billing

import worker
from worker.local import services as local
from worker.local.services import Services

ROOT = Path(worker.__file__).resolve().parent.parent
NUMBERS = itertools.count(1)
PER_PERSON = 20  # jobs a person may start within a minute as shipped; benches spread their jobs over enough people


@dataclass
class Child:
    """A process we started."""

    process: asyncio.subprocess.Process
    facts_path: Path
    log: Path
    spawned: float  # time.time()
    _seen: int = 0

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    async def facts(self) -> dict[str, Any]:
        """What it knows of itself now."""
        self.process.send_signal(signal.SIGUSR1)
        async with asyncio.timeout(20):
            while True:
                if (found := self.last()) and found["seen"] > self._seen:
                    self._seen = found["seen"]
                    return found
                await asyncio.sleep(0.01)

    def last(self) -> dict[str, Any] | None:
        """What it wrote last."""
        return json.loads(self.facts_path.read_text()) if self.facts_path.exists() else None

    async def until(self, text: str, seconds: float = 30) -> None:
        """Wait until its log says so."""
        async with asyncio.timeout(seconds):
            while text not in self.log.read_text():
                assert self.process.returncode is None, self.log.read_text()[-3000:]
                await asyncio.sleep(0.01)

    async def ended(self, seconds: float = 900) -> dict[str, Any]:
        """Wait for its end; what it had to say."""
        async with asyncio.timeout(seconds):
            code = await self.process.wait()
        found = self.last()
        assert code == 0 and found is not None, self.log.read_text()[-3000:]
        return found

    async def stop(self, number: int = signal.SIGTERM) -> None:
        """End it, gracefully or not."""
        if self.process.returncode is None:
            self.process.send_signal(number)
            await asyncio.wait_for(self.process.wait(), 60)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss(pid: int) -> float:
    """MB resident now (Linux)."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


@dataclass
class Place:
    """One database, one Redis, one sevDesk."""

    database_url: str
    redis_url: str
    billing: Billing
    url: str  # the sandbox
    token: str
    folder: Path
    children: list[Child] = field(default_factory=list)

    @property
    def base_url(self) -> str:
        """What SEVDESK_BASE_URL is to be."""
        return f"{self.url}/api/v1"

    async def start(self, role: str = "ours", *, ready: str | None = None, **changed: object) -> Child:
        """A child on its way up, or ready where its log tells: a worker says `locks.ready`."""
        number = next(NUMBERS)
        log, facts = self.folder / f"{number}.log", self.folder / f"{number}.json"
        given: dict[str, object] = {
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests"))),
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "SEVDESK_BASE_URL": self.base_url,
            "SEVDESK_API_TOKEN": self.token,
            "BENCH_FACTS": facts,
        }
        environment = {name: str(value) for name, value in (given | changed).items()}
        with log.open("wb") as output:
            spawned = time.time()
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bench.child", role,
                cwd=self.folder, env=environment, stdout=output, stderr=output,
            )  # fmt: skip
        child = Child(process, facts, log, spawned)
        self.children.append(child)
        if ready is not None:
            await child.until(ready)
        return child

    async def worker(self, **changed: object) -> Child:
        """A real worker that can claim jobs."""
        return await self.start("ours", ready='"locks.ready"', **changed)

    async def stock(self, **changed: object) -> Child:
        """arq as it ships."""
        return await self.start("arq", ready="Starting worker", **changed)

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        """One call of the sandbox's control endpoints."""
        async with httpx.AsyncClient(timeout=120) as http:
            answer = await http.request(method, f"{self.url}/_sandbox/{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    async def calls(self) -> int:
        """How many requests sevDesk has got since they were last forgotten."""
        return len(await self.control("GET", "requests"))

    async def people(self, jobs: int) -> list[UUID]:
        """Enough internal users to ask for so many jobs at once."""
        rows = await self.billing.db.fetch(
            """INSERT INTO contacts (last_name, is_internal) SELECT 'Bench', true FROM generate_series(1, $1)
               RETURNING id""",
            -(-jobs // PER_PERSON),
        )
        return [row["id"] for row in rows]

    async def orders(self, kind: str, payloads: Sequence[Mapping[str, Any]]) -> list[tuple[str, bytes]]:
        """Job ids and payloads, ready to be enqueued, spread over enough people."""
        people, now = await self.people(len(payloads)), time.time_ns() // 1_000_000
        made = []
        for place, payload in enumerate(payloads):
            k = {**payload, "requested_by": str(people[place // PER_PERSON])}
            made.append((str(uuid4()), json.dumps({"t": None, "f": kind, "a": [], "k": k, "et": now}).encode()))
        return made

    async def noops(self, count: int, **payload: Any) -> list[tuple[str, bytes]]:
        """Orders for jobs that do nothing, each about another invoice."""
        return await self.orders("noop", [{"invoice_id": str(uuid4()), **payload} for _ in range(count)])

    async def enqueue(self, orders: Sequence[tuple[str, bytes]]) -> float:
        """All at once; answers with the time.time() before the first."""
        started = time.time()
        score = int(started * 1000)
        async with self.billing.redis.pipeline(transaction=False) as pipe:
            for job_id, raw in orders:
                pipe.set(f"arq:job:{job_id}", raw, nx=True, px=604_800_000)
                pipe.zadd("arq:queue", {job_id: score}, nx=True)
            pipe.publish("arq:wake", "1")
            await pipe.execute()
        return started

    async def drained(self, seconds: float = 600) -> None:
        """Wait until neither Redis nor the queue holds a job, which is when all have ended."""
        left = "SELECT EXISTS (SELECT FROM sevdesk_queue)"
        async with asyncio.timeout(seconds):
            while await self.billing.redis.zcard("arq:queue") or await self.billing.db.fetchval(left):  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def ledger(self, orders: Sequence[tuple[str, bytes]]) -> list[asyncpg.Record]:
        """The rows of these jobs, all of which must be done after one attempt."""
        rows = await self.billing.db.fetch(
            """SELECT job_id, state, attempt, error, result,
                      extract(epoch FROM started_at)::float8 AS started,
                      extract(epoch FROM finished_at)::float8 AS finished
               FROM sevdesk_jobs WHERE job_id = ANY ($1)""",
            [job_id for job_id, _ in orders],
        )
        wrong = [dict(row) for row in rows if (row["state"], row["attempt"]) != ("done", 1)]
        assert len(rows) == len(orders) and not wrong, (len(rows), len(orders), wrong[:3])
        return rows

    async def stock_jobs(self, child: Child, job: str, orders: Sequence[tuple[Any, ...]]) -> float:
        """Seconds from arq's bulk enqueueing to the start of the last job; each must have started."""
        before = len((await child.facts())["starts"])
        raws = [(uuid4().hex, serialize_job(job, order, {}, None, timestamp_ms())) for order in orders]
        started = time.time()
        async with self.billing.redis.pipeline(transaction=False) as pipe:
            for job_id, raw in raws:
                pipe.psetex(f"arq:job:{job_id}", 86_400_000, raw)
                pipe.zadd("arq:queue", {job_id: int(started * 1000)})
            await pipe.execute()
        await self.drained()
        starts = (await child.facts())["starts"][before:]
        assert len(starts) == len(orders), child.log.read_text()[-2000:]
        return max(starts) - started

    async def run(self, orders: Sequence[tuple[str, bytes]]) -> float:
        """Seconds from the enqueueing of all to the end of the last."""
        started = await self.enqueue(orders)
        await self.drained()
        return max(row["finished"] for row in await self.ledger(orders)) - started

    async def commands(self) -> int:
        """Commands Redis has carried out so far."""
        return int((await self.billing.redis.info("stats"))["total_commands_processed"])


@dataclass
class Ground:
    """The servers, and how large to measure."""

    services: Services
    template: str
    folder: Path
    quick: bool

    def size(self, full: int, quick: int) -> int:
        """A size or a number of repetitions."""
        return quick if self.quick else full

    @asynccontextmanager
    async def place(self, latency: str = "0,0") -> AsyncIterator[Place]:
        """A fresh place; what a benchmark left running in it is killed at the end."""
        name = f"bench_{secrets.token_hex(6)}"
        url = await asyncio.to_thread(local.create_database, self.services, name, template=self.template)
        sandbox, found = await _sandbox(latency, self.folder)
        try:
            async with (
                asyncpg.create_pool(url, min_size=1, max_size=4) as pool,
                redis.asyncio.Redis.from_url(self.services.redis_url) as client,
            ):
                await client.flushdb()
                admin = await pool.fetchval(
                    "INSERT INTO contacts (last_name, is_internal, is_admin) VALUES ('Chefin', true, true) RETURNING id"
                )
                # No scheduled sync comes in between.
                await pool.execute(
                    "UPDATE sevdesk_config SET template_eb_ar = $1, payment_sync_interval_minutes = 1440", LAYOUT
                )
                await pool.execute("INSERT INTO sevdesk_schedules VALUES ('payments', now() + interval '2 days')")
                billing = Billing(pool, client, admin)
                sevdesk = found["SEVDESK_BASE_URL"].removesuffix("/api/v1")
                place = Place(url, self.services.redis_url, billing, sevdesk, found["SEVDESK_API_TOKEN"], self.folder)
                try:
                    yield place
                finally:
                    await asyncio.gather(*(child.stop(signal.SIGKILL) for child in place.children))
        finally:
            sandbox.terminate()
            await sandbox.wait()
            await asyncio.to_thread(local.drop_database, self.services, name)


async def _sandbox(latency: str, folder: Path) -> tuple[asyncio.subprocess.Process, dict[str, str]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "worker", "sandbox", "--latency", latency,
        cwd=folder, env={"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(ROOT)}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    lines = [(await asyncio.wait_for(process.stdout.readline(), 20)).decode().strip() for _ in range(2)]
    return process, dict(line.split("=", 1) for line in lines)


async def on_places(
    ground: Ground, wanted: set[str], benches: Mapping[str, Callable[[Ground, Place], Awaitable[list[Row]]]]
) -> list[Row]:
    """Whichever are wanted, each on a place of its own."""
    rows: list[Row] = []
    for number, measure in benches.items():
        if number in wanted:
            async with ground.place() as place:
                rows += await measure(ground, place)
    return rows


async def interleaved(times: int, **sides: Callable[[], Awaitable[float]]) -> dict[str, list[float]]:
    """Each side in turn, `times` over; every second round the other way round, so that drift hits all alike."""
    samples: dict[str, list[float]] = {name: [] for name in sides}
    for wait_for_turn in range(times):
        for name in list(sides) if wait_for_turn % 2 == 0 else list(sides)[::-1]:
            samples[name].append(await sides[name]())
    return samples
