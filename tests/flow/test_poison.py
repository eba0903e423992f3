"""What a careless or hostile producer may leave in Redis: each becomes a rejected row, and the worker goes on."""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from flow.billing import Billing, parameters
from flow.conftest import RunWorker
from flow.poisons import INVALID, POISON, Entry, Poison, job_of, now_ms
from flow.waiting import PATIENCE
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from worker.domain.problems import Problem
from worker.queue.inbox import InboxWorker

Logs = list[Any]


@pytest.fixture
async def logs() -> AsyncIterator[Logs]:
    """Every log line of the test, with what is bound around it."""
    with capture_logs(processors=[merge_contextvars]) as lines:
        yield lines


class Office:
    """A customer, and an invoice that no poison may publish."""

    def __init__(self, billing: Billing, customer: UUID, bait: UUID) -> None:
        self.billing, self.customer, self.bait = billing, customer, bait

    @property
    def job(self) -> dict[str, Any]:
        """The fields of a job that would publish the bait, if it were not spoilt."""
        return job_of(self.bait, self.billing.admin)

    async def good(self) -> str:
        """Enqueue the publication of a new invoice."""
        invoice = await self.billing.invoice(self.customer)
        return await self.billing.enqueue("publish_invoice", invoice_id=invoice)

    async def put(self, entry: Entry) -> None:
        """Payload and member in one MULTI, as producers do, and a wake-up."""
        await entry.put(self.billing.redis)

    async def assert_rejected(self, entry: Entry, poison: Poison, logs: Logs) -> None:
        """A row and a log line with the problem, the digest where there are bytes, and nothing left in Redis."""
        row = await self.billing.ended(entry.job_id)
        named = parameters(row)
        assert (row["state"], row["problem"]) == ("rejected", poison.code)
        assert not poison.part or any(poison.part in value for value in named.values()), named
        assert named.get("sha256") == (hashlib.sha256(entry.raw or b"").hexdigest() if poison.digest else None)
        assert row["error"] == Problem(row["problem"], named).cause()
        await self.assert_gone(entry)
        lines = [line for line in logs if line["event"] == "job.rejected" and line.get("job_id") == entry.job_id]
        assert [line["reason"] for line in lines] == [row["error"]]

    async def assert_gone(self, entry: Entry) -> None:
        """No payload, no claim, no place in the queue."""
        redis = self.billing.redis
        keys = [prefix + entry.member for prefix in (b"arq:job:", b"arq:in-progress:", b"arq:retry:")]
        for _ in range(6000):
            if not await redis.exists(*keys) and await redis.zscore("arq:queue", entry.member) is None:
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"{entry.job_id} is still in Redis")

    async def assert_done(self, job_id: str) -> None:
        row = await self.billing.ended(job_id)
        assert (row["state"], row["error"]) == ("done", None)

    async def assert_bait_untouched(self) -> None:
        """No spoilt job was carried out by halves; what could be understood was refused in the invoice's log."""
        assert (await self.billing.row(self.bait))["accounting_sync_status"] == "not_synced"
        assert set(await self.billing.events(self.bait)) <= {"rejected"}


@pytest.fixture
async def office(billing: Billing) -> Office:
    """One customer for all invoices, so that each costs few calls."""
    customer = await billing.deal(await billing.company())
    return Office(billing, customer, await billing.invoice(customer))


async def test_each_poison_is_rejected(office: Office, worker: object, logs: Logs, subtests: pytest.Subtests) -> None:
    """One worker meets every poison by itself and publishes a good invoice after each."""
    for name, poison in POISON.items():
        with subtests.test(msg=name):
            entry = poison.make(office.job)
            await office.put(entry)
            await office.billing.ended(entry.job_id)
            await office.assert_done(await office.good())
            await office.assert_rejected(entry, poison, logs)
    await office.assert_bait_untouched()
    assert not troubles(logs)


TROUBLES = {"job.unexpected_error", "job.crashed", "maintenance.unexpected_error", "inbox.unexpected_error"} | {
    f"{name}.lost" for name in ("redis", "postgres", "locks")
}


def troubles(logs: Logs) -> list[str]:
    """Events that say a poison got further than it should."""
    return [line["event"] for line in logs if line["event"] in TROUBLES]


async def test_poisoned_batch_holds_nobody_up(office: Office, worker: object, logs: Logs) -> None:
    """All poison at once between twenty good jobs: all good ones are done, all poison is rejected."""
    entries = {name: poison.make(office.job) for name, poison in POISON.items()}
    good: list[str] = []
    for n, entry in enumerate(entries.values()):
        await office.put(entry)
        if n % 2 == 0 and len(good) < 20:
            good.append(await office.good())
    assert len(good) == 20
    for job_id in good:
        await office.assert_done(job_id)
    for name, entry in entries.items():
        await office.assert_rejected(entry, POISON[name], logs)
    await office.assert_bait_untouched()
    assert not troubles(logs)


WRONG_TYPES = {
    "list": ("RPUSH", "x"),
    "set": ("SADD", "x"),
    "hash": ("HSET", "f", "publish_invoice"),
    "stream": ("XADD", "*", "f", "publish_invoice"),
}


async def test_payload_of_wrong_type_is_rejected(office: Office, worker: object, subtests: pytest.Subtests) -> None:
    """Under the payload's key lies something that is no string."""
    for name, (command, *arguments) in WRONG_TYPES.items():
        with subtests.test(msg=name):
            entry = Entry(None)
            put: Any = office.billing.redis.execute_command
            await put(command, b"arq:job:" + entry.member, *arguments)
            await office.put(entry)
            row = await office.billing.ended(entry.job_id)
            assert (row["state"], row["problem"]) == ("rejected", "entry_payload_missing")
            await office.assert_gone(entry)
            await office.assert_done(await office.good())


SCORES: dict[str, Callable[[], float]] = {
    "zero": lambda: 0.0,
    "in seconds": time.time,
    "negative": lambda: -1.0,
    "a fraction": lambda: now_ms() - 0.5,
}


async def test_early_score_simply_runs(office: Office, worker: object, subtests: pytest.Subtests) -> None:
    """A score long past is a mistake that harms nobody: the job is due."""
    for name, score in SCORES.items():
        with subtests.test(msg=name):
            invoice = await office.billing.invoice(office.customer)
            job = office.job | {"k": office.job["k"] | {"invoice_id": str(invoice)}}
            entry = Entry(json.dumps(job).encode(), score=score())
            await office.put(entry)
            await office.assert_done(entry.job_id)
            assert (await office.billing.row(invoice))["accounting_sync_status"] == "synced"
            await office.assert_gone(entry)


async def test_endless_past_score_ends(office: Office, worker: object) -> None:
    """Minus infinity is a number to Redis, but no integer: the worker must not stumble over it."""
    entry = Entry(json.dumps(office.job).encode(), score=float("-inf"))
    await office.put(entry)
    await office.assert_done(await office.good())
    assert (await office.billing.ended(entry.job_id))["state"] in ("done", "rejected")
    await office.assert_gone(entry)


async def test_claim_of_wrong_type_holds_nobody_up(office: Office, worker: object) -> None:
    """Where arq keeps its claim lies a list; the job may wait for a person, the others may not."""
    entry = Entry(json.dumps(office.job).encode())
    push: Any = office.billing.redis.rpush
    await push("arq:in-progress:" + entry.job_id, "x")
    await office.put(entry)
    await office.assert_done(await office.good())


async def test_same_poison_again_goes_quietly(office: Office, worker: object, logs: Logs) -> None:
    """A producer that repeats itself gets one row and one log line, and Redis stays clean."""
    entry = Entry(b"nonsense")
    for _ in range(3):
        await office.put(entry)
        await office.billing.ended(entry.job_id)
        await office.assert_gone(entry)
    await office.assert_done(await office.good())
    assert len([line for line in logs if line["event"] == "job.rejected"]) == 1


async def test_spoilt_copy_harms_no_known_job(office: Office, worker: object) -> None:
    """The ledger has the job: what lies in Redis under its id by then does not matter."""
    job_id = await office.good()
    await office.assert_done(job_id)
    await office.put(Entry(b"nonsense", job_id.encode()))
    await office.assert_gone(Entry(None, job_id.encode()))
    await office.assert_done(job_id)


async def test_entry_that_has_gone_is_no_poison(
    office: Office, run_worker: RunWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis is emptied after its names were read: nothing is rejected, and the id stays free to be asked for again."""
    emptied, take = asyncio.Event(), InboxWorker._take_page

    async def empty_first(inbox: InboxWorker, page: Sequence[bytes], **given: bool) -> bool:
        if not emptied.is_set():
            await office.billing.redis.flushdb()
            emptied.set()
        return await take(inbox, page, **given)

    monkeypatch.setattr(InboxWorker, "_take_page", empty_first)
    invoice = await office.billing.invoice(office.customer)
    job_id = await office.billing.enqueue("publish_invoice", invoice_id=invoice)
    async with run_worker(), asyncio.timeout(PATIENCE):
        await emptied.wait()
        await office.assert_done(await office.good())
        assert await office.billing.job(job_id) is None
        await office.billing.enqueue("publish_invoice", invoice_id=invoice, job_id=job_id)
        await office.assert_done(job_id)


# -- the outbox: rows that the billing system may leave ---------------------------------------------------------------


OUTBOX = {
    # name: (kind, payload as JSON, the problem's code, a part of its parameters)
    "payload as a list": ("publish_invoice", "[]", INVALID, "payload: "),
    "payload as text": ("publish_invoice", '"x"', INVALID, "payload: "),
    "payload as null": ("publish_invoice", "null", INVALID, "payload: "),
    "unknown kind": ("frobnicate", "{}", "kind_unknown", "'frobnicate'"),
    "a kind of 9000 letters": ("x" * 9000, "{}", "kind_unknown", "'xxx"),
    "a number of 10,000 digits": ("sync_payments", '{"n": 1e10000}', INVALID, "n: Extra inputs"),
    "nested 2000 deep": ("sync_payments", '{"n": ' + "[" * 2000 + "]" * 2000 + "}", INVALID, "n: Extra inputs"),
}


@pytest.mark.parametrize(
    ("kind", "payload", "code", "part"),
    [pytest.param(*each, id=name) for name, each in OUTBOX.items()],
)
async def test_odd_request_is_rejected(
    office: Office, worker: object, logs: Logs, kind: str, payload: str, code: str, part: str
) -> None:
    """A request that cannot be understood ends, or is refused to its author; the requests behind it are heard."""
    ask = "SELECT sevdesk_request_job($1, $2::jsonb)"
    job_id = None
    try:
        job_id = await office.billing.db.fetchval(ask, kind, payload)
    except asyncpg.PostgresError as refused:
        assert refused.sqlstate == "22023", "invalid_parameter_value, said by the function itself"
    invoice = await office.billing.invoice(office.customer)
    good = await office.billing.request("publish_invoice", invoice_id=invoice)
    await office.assert_done(good)
    if job_id is not None:
        row = await office.billing.ended(job_id)
        assert (row["state"], row["problem"]) == ("rejected", code)
        assert any(part in value for value in parameters(row).values())
    assert not troubles(logs)


@pytest.mark.parametrize(("kind", "payload"), [(None, "{}"), ("sync_payments", None), ("sync_payments", "null")])
async def test_request_of_nothing_is_refused(office: Office, kind: str | None, payload: str | None) -> None:
    """Null is an input that no worker could read, like any other."""
    with pytest.raises(asyncpg.InvalidParameterValueError, match="kind must be a name"):
        await office.billing.db.fetchval("SELECT sevdesk_request_job($1, $2::jsonb)", kind, payload)


@pytest.mark.parametrize("key", ["a\nb", "x" * 201, ""], ids=["line break", "too long", "empty"])
async def test_odd_idempotency_key_is_no_trap(office: Office, worker: object, key: str) -> None:
    """The key becomes the job id: either it is refused at once, or the job runs under it."""
    invoice = await office.billing.invoice(office.customer)
    try:
        job_id = await office.billing.request("publish_invoice", key=key, invoice_id=invoice)
    except asyncpg.PostgresError as refused:
        assert refused.sqlstate == "22023", "invalid_parameter_value, said by the function itself"
    else:
        await office.assert_done(job_id)
