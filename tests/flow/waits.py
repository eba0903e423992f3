"""Situations in which a publication waits, though nothing is wrong with the invoice."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import NamedTuple
from uuid import UUID

from flow.billing import Billing
from flow.books import order_fault, until
from flow.provocations.publishing import SAVE
from flow.provocations.table import refusal
from flow.to_publish import Scene

from worker.maintenance.leader import LEAD_SECONDS

NEW_CONTACT = "POST /Contact"
ERROR_BUDGET = 8  # of the worker and of the preview: so many refused jobs use it up


class Asked(NamedTuple):
    """The invoice, and the person who asks for its publication; None: the admin."""

    invoice: UUID
    by: UUID | None = None


class Wait(NamedTuple):
    """`lasts`: the obstacle outlives the situation, so that no other one can follow on the same worker."""

    make: Callable[[Scene], AbstractAsyncContextManager[Asked]]
    lasts: bool


WAITS: dict[str, Wait] = {}


def wait(*, lasts: bool = False) -> Callable[[Callable[[Scene], AsyncIterator[Asked]]], None]:
    """Enter a function into the table under its name."""

    def enter(make: Callable[[Scene], AsyncIterator[Asked]]) -> None:
        WAITS[make.__name__] = Wait(asynccontextmanager(make), lasts)

    return enter


async def finish(billing: Billing) -> None:
    """Let every job that waits go on at once, until only parked ones are left."""

    async def none_left() -> bool:
        await billing.db.execute("UPDATE sevdesk_intents SET settles_at = now() WHERE closed_at IS NULL")
        await billing.db.execute("UPDATE sevdesk_queue SET due_at = now() WHERE phase = 'waiting'")
        await asyncio.sleep(0.05)
        return not await billing.db.fetchval("SELECT count(*) FROM sevdesk_queue WHERE phase <> 'parked'")

    await until(none_left)


async def same_customer(scene: Scene) -> tuple[UUID, UUID]:
    """Two invoices, of two deals, to a company that sevDesk does not know yet."""
    company = await scene.billing.company()
    first, second = [await scene.billing.invoice(await scene.billing.deal(company)) for _ in range(2)]
    return first, second


async def lost(scene: Scene, invoice: UUID, call: str) -> str:
    """A job of the invoice that waits to learn what became of a write."""
    await order_fault(scene.sevdesk, "lose_answer", call)
    job_id = await scene.billing.enqueue("publish_invoice", invoice_id=invoice)
    await scene.billing.until_state(job_id, "waiting")
    return job_id


@wait()
async def contact_is_locked(scene: Scene) -> AsyncIterator[Asked]:
    """Another process writes the contact."""
    company = await scene.billing.company()
    invoice = await scene.billing.invoice(await scene.billing.deal(company))
    async with scene.billing.db.acquire() as connection:
        await connection.execute("SELECT pg_advisory_lock(sevdesk_lock_key_v1($1))", f"contact:{company}")
        try:
            yield Asked(invoice)
        finally:
            await connection.execute("SELECT pg_advisory_unlock_all()")


@wait()
async def job_of_the_invoice_runs(scene: Scene) -> AsyncIterator[Asked]:
    invoice = await scene.usual(is_e_invoice=False)
    async with scene.sevdesk.held(SAVE) as hold:
        await scene.billing.enqueue("publish_invoice", invoice_id=invoice)
        await hold.reached()
        yield Asked(invoice)


@wait()
async def job_of_the_invoice_waits(scene: Scene) -> AsyncIterator[Asked]:
    invoice = await scene.usual(is_e_invoice=False)
    await lost(scene, invoice, SAVE)
    yield Asked(invoice)


@wait()
async def contact_in_quarantine(scene: Scene) -> AsyncIterator[Asked]:
    """It may still be made by a job of another invoice."""
    first, second = await same_customer(scene)
    await lost(scene, first, NEW_CONTACT)
    yield Asked(second)


@wait()
async def invoice_in_quarantine(scene: Scene) -> AsyncIterator[Asked]:
    """The job that wrote is parked, so that it is in no new one's way; its write may still take effect."""
    invoice = await scene.usual(is_e_invoice=False)
    await scene.billing.put_into("parked", await lost(scene, invoice, SAVE))
    yield Asked(invoice)


@wait()
async def advance_under_way(scene: Scene) -> AsyncIterator[Asked]:
    deal = await scene.billing.deal(await scene.billing.company())
    advance = await scene.billing.invoice(deal)
    final = await scene.billing.invoice(deal, document_kind="SR", items=(("1", "200", "19"), ("-1", "100", "19")))
    async with scene.sevdesk.held(SAVE) as hold:
        await scene.billing.enqueue("publish_invoice", invoice_id=advance)
        await hold.reached()
        yield Asked(final)


@wait()
async def person_at_the_limit(scene: Scene) -> AsyncIterator[Asked]:
    person, limit = await scene.billing.person(is_internal=True), scene.settings.person_job_limit
    await scene.billing.db.execute(
        """INSERT INTO sevdesk_person_starts (person_id, starts, given)
           SELECT $1, array_fill(now(), ARRAY[$2::int]), array_fill(now(), ARRAY[$2::int])""",
        person, limit.jobs,
    )  # fmt: skip
    yield Asked(await scene.usual(is_e_invoice=False), person)
    await scene.billing.db.execute("DELETE FROM sevdesk_person_starts WHERE person_id = $1", person)


@asynccontextmanager
async def other_token(scene: Scene) -> AsyncIterator[None]:
    """SevDesk refuses the token; afterwards a test of the connection finds that it takes it again."""
    sandbox = scene.sevdesk.sandbox
    right, sandbox.token = sandbox.token, "another"
    try:
        yield
    finally:
        sandbox.token = right
        assert (await scene.billing.do("test_connection"))["state"] == "done"


@wait()
async def token_is_refused(scene: Scene) -> AsyncIterator[Asked]:
    """Nobody has noticed yet, so that the first job parks."""
    invoice = await scene.usual(is_e_invoice=False)
    async with other_token(scene):
        yield Asked(invoice)


@wait()
async def token_was_refused(scene: Scene) -> AsyncIterator[Asked]:
    first, second = [await scene.usual(is_e_invoice=False) for _ in range(2)]
    async with other_token(scene):
        assert (await scene.billing.do("publish_invoice", invoice_id=first))["problem"] == "token_refused"
        yield Asked(second)


@wait(lasts=True)
async def sevdesk_wants_a_pause(scene: Scene) -> AsyncIterator[Asked]:
    first, second = [await scene.usual(is_e_invoice=False) for _ in range(2)]
    await order_fault(scene.sevdesk, "status", "GET /Contact", status=429, headers={"Retry-After": "600"})
    job_id = await scene.billing.enqueue("publish_invoice", invoice_id=first)
    await scene.billing.until_state(job_id, "waiting")
    yield Asked(second)


@wait(lasts=True)
async def errors_used_up(scene: Scene) -> AsyncIterator[Asked]:
    await order_fault(scene.sevdesk, "status", "GET /Contact", status=400, body=refusal(), times=None)
    for _ in range(ERROR_BUDGET):
        await scene.billing.do("publish_invoice", invoice_id=await scene.usual(is_e_invoice=False))
    yield Asked(await scene.usual(is_e_invoice=False))


@wait(lasts=True)
async def account_is_another(scene: Scene) -> AsyncIterator[Asked]:
    await scene.billing.db.execute("UPDATE sevdesk_config SET account_id = 'another'")
    yield Asked(await scene.usual(is_e_invoice=False))


@wait(lasts=True)
async def database_was_restored(scene: Scene) -> AsyncIterator[Asked]:
    await scene.billing.db.execute("UPDATE sevdesk_restores SET noticed_at = now()")
    await asyncio.sleep(2 * LEAD_SECONDS)  # the worker reads that so often
    yield Asked(await scene.usual(is_e_invoice=False))
