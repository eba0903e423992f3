"""The gate: all workers obey a 429, a pause or a refused token; waiting jobs lose no retry; Redis may be down."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, suppress
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flow.billing import Billing, parameters
from flow.books import control, order_fault, state, until
from flow.conftest import RunWorker
from flow.holding import HoldableSevdesk
from flow.operators import Operator
from flow.waiting import PATIENCE, asked, wait_for
from pydantic import SecretStr
from structlog.testing import capture_logs

from sevdesk_client import errors
from sevdesk_client.sandbox.http.server import Running
from sevdesk_client.sending import Call
from sevdesk_client.wire import Request
from worker.app import App
from worker.gate import breaker as breaker_module
from worker.gate.broadcast import account_of
from worker.gate.gate import HeldBack, SevdeskGate
from worker.observability.metrics import Metrics
from worker.operator.connections import open_account_gated
from worker.queue.redis_client import cancel_all, connect_redis
from worker.settings import Settings

READ, WRITE = Request("GET", "/Invoice"), Request("POST", "/Invoice/Factory/saveInvoice")
PAUSE = 2  # seconds
ACCOUNT = ("secret", "https://x")  # token and address
KIND: ContextVar[str | None] = ContextVar("kind", default=None)
Lines = list[dict[str, Any]]
MakeGate = Callable[..., SevdeskGate]


class StampedLog(deque[dict[str, Any]]):
    """sevDesk's request log with the time of each arrival."""

    def append(self, entry: dict[str, Any]) -> None:
        entry["at"] = time.monotonic()
        super().append(entry)


@pytest.fixture
def logs() -> Iterator[Lines]:
    """Every log line."""
    with capture_logs() as lines:
        yield lines


@pytest.fixture
def quick_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first probe comes after half a second, not after ten seconds."""
    monkeypatch.setattr(breaker_module, "FIRST_INTERVAL", 0.5)


@pytest.fixture
def no_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    """No probe is due while the test lasts."""
    monkeypatch.setattr(breaker_module, "FIRST_INTERVAL", 300.0)


async def jobs_of(billing: Billing, count: int) -> list[str]:
    """Publications for one customer each."""
    return [await billing.enqueue("publish_invoice", invoice_id=await billing.usual_invoice()) for _ in range(count)]


async def has_states(billing: Billing, jobs: dict[str, int]) -> bool:
    """Whether so many jobs are in each state."""
    return Counter(row["state"] for row in await billing.db.fetch("SELECT state FROM sevdesk_jobs")) == jobs


async def test_pause_holds_all_workers(
    billing: Billing, run_worker: RunWorker, sevdesk: Running, logs: Lines, gates: list[SevdeskGate]
) -> None:
    """One worker gets the 429; neither of the two calls sevDesk within its Retry-After, and then they do."""
    sevdesk.sandbox.requests = seen = StampedLog()
    async with AsyncExitStack() as stack:
        names = {(await stack.enter_async_context(run_worker(worker_max_jobs=1))).name for _ in range(2)}
        await control(sevdesk, "PUT", "latency", {"write_ms": 200})
        await wait_for(lambda: [line["event"] for line in logs].count("locks.ready") == 2)
        jobs = await jobs_of(billing, 2)
        running = [await billing.until_state(job_id, "running") for job_id in jobs]
        await asked(sevdesk, "/saveInvoice")
        await order_fault(sevdesk, "status", "* *", status=429, headers={"Retry-After": str(PAUSE)})
        await wait_for(lambda: any(entry["status"] == 429 for entry in seen))
        paused_at = next(entry["at"] for entry in seen if entry["status"] == 429)
        await wait_for(lambda: all(gate.rate.pause_left(time.monotonic()) for gate in gates))
        told_at = time.monotonic() + 0.1  # a call that left just before has arrived
        await wait_for(lambda: seen[-1]["at"] > paused_at + PAUSE)
    assert {job["worker"] for job in running} == names
    assert [entry["path"] for entry in seen if told_at < entry["at"] < paused_at + PAUSE] == []
    slowed = [line for line in logs if line["event"] == "gate.slowed"]
    assert [(line["status"], line["pause"]) for line in slowed] == [(429, PAUSE)]


async def test_waiting_costs_neither_try_nor_intent(billing: Billing, worker: App, sevdesk: Running) -> None:
    """In a long pause a waiting job gives its reason, loses no retry, and records no intent."""
    await order_fault(sevdesk, "status", "GET /*", status=429, headers={"Retry-After": "60"})
    early, late = [await billing.until_state((await jobs_of(billing, 1))[0], "waiting") for _ in range(2)]
    assert (early["problem"], early["retries"]) == ("sevdesk_throttled", 1)
    assert "slow down" in early["error"] and "HTTP 429" in parameters(early)["answer"]
    assert (late["problem"], late["error"], late["retries"]) == ("sevdesk_pause", "sevDesk asked for a pause.", 0)
    assert 50 < (late["not_before"] - late["updated_at"]).total_seconds() <= 60
    assert len(sevdesk.sandbox.requests) == 1
    assert await billing.db.fetchval("SELECT count(*) FROM sevdesk_intents") == 0


async def test_pause_is_over_before_the_intent(
    gates: list[SevdeskGate], billing: Billing, worker: App, sevdesk: HoldableSevdesk
) -> None:
    """A pause between two writes of a job is waited out before the second intent; the write then follows at once."""
    async with sevdesk.held("POST /Invoice/Factory/saveInvoice") as hold:
        job_id = (await jobs_of(billing, 1))[0]
        await hold.reached()
        await order_fault(sevdesk, "status", "GET /Tools/*", status=429, headers={"Retry-After": "1"})
        await billing.enqueue("test_connection")
        await wait_for(lambda: any(gate.rate.pause_left(time.monotonic()) for gate in gates))
    assert (await billing.ended(job_id))["state"] == "done"
    intents = await billing.db.fetch("SELECT action, outcome FROM sevdesk_intents WHERE job_id = $1", job_id)
    assert {row["outcome"] for row in intents} == {"done"} and len(intents) == len({row["action"] for row in intents})


async def test_refused_token_is_hardly_used(
    billing: Billing, run_worker: RunWorker, sevdesk: Running, logs: Lines, no_probes: None
) -> None:
    """Fifty jobs, a wrong token: at most a call per slot, one parked job; the rest waits until the token is right."""
    jobs = await jobs_of(billing, 50)
    async with run_worker(sevdesk_api_token=SecretStr("0123456789abcdef0123456789abcdef")) as worker:
        await until(partial(has_states, billing, {"parked": 1, "waiting": 49}))
        assert (await billing.do("update_config", auto_transfer_invoices=False))["state"] == "done"
    statuses = [entry["status"] for entry in sevdesk.sandbox.requests]
    assert set(statuses) == {401} and len(statuses) <= worker.settings.worker_max_jobs
    rows = [await billing.job(job_id) for job_id in jobs]
    assert {row["problem"] for row in rows if row["state"] == "parked"} == {"token_refused"}
    waiting = [row for row in rows if row["state"] == "waiting"]
    assert {(row["problem"], row["retries"]) for row in waiting} == {("token_refused_waiting", 0)}
    assert [line["event"] for line in logs if line["event"].startswith("token.")] == ["token.refused"]
    await billing.make_due(waiting[0]["job_id"])
    async with run_worker():
        assert (await billing.ended(waiting[0]["job_id"]))["state"] == "done"


async def test_one_probe_frees_all_jobs(
    billing: Billing, run_worker: RunWorker, sevdesk: Running, logs: Lines, quick_probes: None, gates: list[SevdeskGate]
) -> None:
    """Two workers, a token refused twice and then accepted: two refused calls, and every waiting job is done."""
    await order_fault(sevdesk, "status", "GET /*", status=401, times=2)
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(run_worker(worker_max_jobs=3))
        jobs = await jobs_of(billing, 1)
        await wait_for(lambda: len(gates) == 2 and all(gate.breaker.is_open for gate in gates))
        jobs += await jobs_of(billing, 7)
        ended = Counter([(await billing.ended(job_id))["state"] for job_id in jobs])
    assert ended == {"parked": 1, "done": 7}
    refused = [entry["status"] for entry in sevdesk.sandbox.requests].count(401)
    assert refused == 2
    assert [line["event"] for line in logs if line["event"].startswith("token.")] == ["token.refused", "token.accepted"]
    assert len((await state(sevdesk))["invoices"]) == 7


async def test_connection_test_passes_the_breaker(
    billing: Billing, run_worker: RunWorker, sevdesk: Running, logs: Lines
) -> None:
    """While the token is refused, an admin's test_connection calls sevDesk; its success closes the breaker."""
    await order_fault(sevdesk, "status", "GET /*", status=401)
    async with run_worker():
        assert (await billing.ended((await jobs_of(billing, 1))[0]))["state"] == "parked"
        tested = await billing.do("test_connection")
        assert '"connected": true' in tested["result"]
        assert (await billing.ended((await jobs_of(billing, 1))[0]))["state"] == "done"
    assert [line["event"] for line in logs if line["event"].startswith("token.")] == ["token.refused", "token.accepted"]


async def test_why_names_the_token(
    billing: Billing, run_worker: RunWorker, settings: Settings, tmp_path: Path, no_probes: None
) -> None:
    """A job that waits for a valid token needs a person, and says what for."""
    wrong = SecretStr("0123456789abcdef0123456789abcdef")
    async with run_worker(sevdesk_api_token=wrong):
        await billing.ended((await jobs_of(billing, 1))[0])
        waits = (await billing.until_state((await jobs_of(billing, 1))[0], "waiting"))["job_id"]
        code, said, _ = await Operator(settings, tmp_path).run("why", waits)
    assert code == 3 and "Set a valid SEVDESK_API_TOKEN" in said


async def test_reconcile_obeys_the_pause(billing: Billing, settings: Settings, sevdesk: Running, worker: App) -> None:
    """The reconcile command obeys a pause that a worker was asked for."""
    await order_fault(sevdesk, "status", "GET /*", status=429, headers={"Retry-After": "60"})
    await billing.until_state((await jobs_of(billing, 1))[0], "waiting")
    await until(lambda: billing.redis.keys("sevdesk:gate:*:pause"))
    async with open_account_gated(settings) as account:
        with pytest.raises(errors.Throttled, match="asked for a pause"):
            await account.client.list_invoices()
    assert len(sevdesk.sandbox.requests) == 1


async def test_forbidden_call_stops_nobody(billing: Billing, worker: App, sevdesk: Running, logs: Lines) -> None:
    """A 403 forbids one call, not the token: that job is parked, and the next one is done."""
    forbidden = {"error": {"message": "The API token is not allowed to do this", "code": None}}
    await order_fault(sevdesk, "status", "GET /Invoice", status=403, body=forbidden)
    first, second = [await billing.ended(job_id) for job_id in await jobs_of(billing, 2)]
    assert {first["state"], second["state"]} == {"parked", "done"}
    assert not any(line["event"].startswith("token.") for line in logs)


# -- the gate alone ----------------------------------------------------------------------------------------------------


class Clock:
    """The gates' clock: it stands still until `run`, so that calls count as sent together, however slow they are."""

    def __init__(self) -> None:
        self._began: float | None = None

    def __call__(self) -> float:
        return 1000.0 + (0.0 if self._began is None else time.monotonic() - self._began)

    def run(self) -> None:
        """Go on from here."""
        self._began = time.monotonic()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that stands still, in place of the machine's."""
    clock = Clock()
    monkeypatch.setattr("worker.gate.gate.monotonic", clock)
    return clock


@pytest.fixture
async def gate_of(redis_url: str, clock: Clock) -> AsyncIterator[MakeGate]:
    """Makes gates like those of separate processes; each listens until the end of the test."""
    async with AsyncExitStack() as stack:

        def make(name: str = "one", url: str = redis_url) -> SevdeskGate:
            redis = connect_redis(url)
            gate = SevdeskGate(redis, *ACCOUNT, name=name, kind=KIND.get, metrics=Metrics())
            stack.push_async_callback(redis.aclose, close_connection_pool=True)
            stack.push_async_callback(cancel_all, asyncio.create_task(gate.listen()))
            stack.push_async_callback(gate.flush)
            return gate

        yield make


def answered(status: int, error: errors.SevDeskError | None = None) -> tuple[Call, errors.SevDeskError | None]:
    """The arguments of `after_call` for an answer with this status."""
    return Call("GET", "/Invoice", status, 0.0, 1, type(error).__name__ if error else "ok"), error


def throttled(retry_after: float | None = None) -> tuple[Call, errors.SevDeskError]:
    """The same for a 429."""
    error = errors.Throttled("GET /Invoice", "slow down", status=429, retry_after=retry_after)
    return answered(429, error)[0], error


async def opened(gate: SevdeskGate, calls: int = 1) -> SevdeskGate:
    """The gate after so many successful calls."""
    for _ in range(calls):
        await gate.before_call(READ)
        gate.after_call(*answered(200))
    return gate


async def listening(billing: Billing, gates: int) -> bool:
    """Whether so many gates hear each other."""
    [(_, count)] = await billing.redis.pubsub_numsub(f"sevdesk:gate:{account_of(*ACCOUNT)}")
    return count == gates


async def test_gate_goes_on_without_redis(gate_of: MakeGate, clock: Clock, logs: Lines) -> None:
    """The 429s cannot be announced: logged once, and this process slows down by itself."""
    gate = await opened(gate_of(url="redis://127.0.0.1:1"))
    for _ in range(3):
        gate.after_call(*throttled(0.01))
    await wait_for(lambda: any(line["event"] == "gate.redis_unavailable" for line in logs))
    clock.run()
    await asyncio.wait_for(gate.before_call(READ), PATIENCE)
    assert gate.rate.limit(clock()) is not None
    assert [line["event"] for line in logs].count("gate.redis_unavailable") == 1


async def test_write_never_waits_after_its_intent(gate_of: MakeGate, clock: Clock) -> None:
    """In a pause `wait_for_turn` waits, but a write whose intent is recorded is held back at once."""
    gate = await opened(gate_of(), calls=10)
    gate.after_call(*throttled(0.3))
    with pytest.raises(errors.Throttled) as held_back:
        await gate.before_call(WRITE)
    assert held_back.value.status is None
    began = clock()
    clock.run()
    await gate.wait_for_turn()
    assert clock() - began >= 0.25
    await gate.before_call(WRITE)


async def test_sync_lets_people_go_first(gate_of: MakeGate, clock: Clock) -> None:
    """A page of the payment sync that came first is sent after everything that people wait for."""
    gate = await opened(gate_of(), calls=40)
    gate.after_call(*throttled(0.05))
    clock.run()
    left: list[str] = []

    async def call(kind: str) -> None:
        KIND.set(kind)
        await (gate.before_call(READ) if kind == "sync_payments" else gate.wait_for_turn())
        left.append(kind)

    page = asyncio.create_task(call("sync_payments"))
    await asyncio.sleep(0)
    await asyncio.gather(page, *(call("publish_invoice") for _ in range(8)))
    assert left == ["publish_invoice"] * 8 + ["sync_payments"]


async def test_decrease_reaches_the_others(gate_of: MakeGate, clock: Clock, billing: Billing) -> None:
    """An idle worker gets the 429; the busy one halves its own rate, and both keep to that."""
    idle, busy = await opened(gate_of("idle")), await opened(gate_of("busy"), calls=60)
    await until(partial(listening, billing, 2))
    idle.after_call(*throttled())
    await wait_for(lambda: busy.rate.pause_left(clock()) > 0.5)
    await wait_for(lambda: idle.rate.limit(clock()) == busy.rate.limit(clock()) == 30)


async def test_newcomer_knows_of_the_trouble(gate_of: MakeGate, clock: Clock) -> None:
    """A worker that starts later knows the rate, the pause and the refused token before it calls."""
    old = await opened(gate_of("old"), calls=40)
    old.after_call(*throttled(30.0))
    old.after_call(*answered(401, errors.TokenRefused("GET /Invoice", "no", status=401)))
    await old.flush()
    new = gate_of("new")
    await new.catch_up()
    assert new.breaker.seconds_until_probe(clock()) > 0 and new.rate.pause_left(clock()) > 10
    assert new.rate.limit(clock()) == pytest.approx(20, rel=0.5)


async def test_lone_server_error_slows_nobody(gate_of: MakeGate, clock: Clock) -> None:
    """sevDesk answers some mistakes of ours with 500; only two 5xx within seconds slow the worker down."""
    gate = await opened(gate_of(), calls=20)
    gate.after_call(*answered(500, errors.Unavailable("GET /Invoice", "no", status=500)))
    assert gate.rate.limit(clock()) is None
    gate.after_call(*answered(502, errors.Unavailable("GET /Invoice", "no", status=502)))
    assert gate.rate.limit(clock()) == 10


async def test_probe_of_an_old_dump_is_over(gate_of: MakeGate, clock: Clock, billing: Billing) -> None:
    """The right to send the next probe, restored without its expiry: after the usual time somebody else has it."""
    await billing.redis.set(f"sevdesk:gate:{account_of(*ACCOUNT)}:probe", "gone")
    gate = gate_of()
    gate.breaker.open(clock(), 10.0, 0.0)

    async def probes() -> bool:
        with suppress(HeldBack):
            await gate.before_call(READ)
            return True
        gate.breaker.open(clock(), 10.0, 0.0)
        return False

    assert not await probes()
    await until(probes)


async def test_gate_survives_nonsense_in_redis(gate_of: MakeGate, clock: Clock, billing: Billing) -> None:
    """Messages and keys that cannot be read are skipped, and later messages are received."""
    account = f"sevdesk:gate:{account_of(*ACCOUNT)}"
    await billing.redis.set(f"{account}:rate", '{"rate": NaN, "seconds": 1e999}', px=5000)
    gate = gate_of()
    await gate.catch_up()
    await until(partial(listening, billing, 1))
    await billing.redis.delete(f"{account}:rate")
    for nonsense in ("[]", "{", '{"from": 1, "subject": "rate", "values": {"rate": "x"}}', "\xff"):
        await billing.redis.publish(account, nonsense)
    await until(partial(listening, billing, 0))  # for a second it hears nothing
    assert gate.rate.limit(clock()) is None
    await until(partial(listening, billing, 1))
    assert gate.rate.limit(clock()) is None
    other = await opened(gate_of("other"), calls=20)
    other.after_call(*throttled())
    await wait_for(lambda: gate.rate.limit(clock()) == 10)
