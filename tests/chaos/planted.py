"""Bugs that the sweep must catch, planted in a worker process before it runs. The product knows nothing of them."""

import asyncio
import os
from collections.abc import Callable
from typing import Any

import asyncpg

from sevdesk_client.client import SevDeskClient
from worker.app import App
from worker.domain.ledger import AttemptEnd
from worker.runner.runner import Runner
from worker.store import LockSession, Store
from worker.store.connection import prepare, run_statement


def die_with(lifeline: int) -> None:
    """End the worker when its launcher is gone."""
    original = App.run

    async def run(self: App) -> None:
        asyncio.get_running_loop().add_reader(lifeline, os._exit, 1)
        await original(self)

    _replace(App, "run", run)


def _replace(owner: type, name: str, bug: Any) -> None:
    assert hasattr(owner, name), f"{owner.__name__} has no {name} any more"
    setattr(owner, name, bug)


def skip_look_up() -> None:
    """Nobody asks sevDesk what is there already."""

    async def nothing(self: SevDeskClient, *args: Any, **options: Any) -> list[Any]:
        return []

    for name in ("find_invoices", "find_contacts", "list_contact_addresses", "list_communication_ways"):
        _replace(SevDeskClient, name, nothing)


def skip_quarantine() -> None:
    """An open intent is always old enough."""
    original = Store.open_intent_of

    async def open_intent_of(self: Store, subject: str) -> Any:
        row = await original(self, subject)
        if row is not None:
            assert "settles_in" in row
        return row and {**row, "settles_in": -1e6}

    _replace(Store, "open_intent_of", open_intent_of)


def write_before_intent() -> None:
    """The call is made first, and put on record when it has answered."""

    async def leap(self: Runner, job: Any, case: Any, step: Any, intent: Any, account: Any) -> Any:
        told = await step.leap(intent, account)
        intent_id = await self.locks.open_intent(
            subject=step.subject(case),
            job_id=job.job_id,
            step=step.name,
            action=intent.action,
            summary=intent.summary,
            request_sha256=intent.request_sha256,
            quarantine=self.settings.write_quarantine,
            earlier=case.open_intent.id if case.open_intent else None,
        )
        return told, intent_id

    _replace(Runner, "_leap", leap)


def drop_claim() -> None:
    """The job is taken, but its lock is not kept."""
    claim, hold = LockSession.claim, LockSession.hold

    async def give_back(self: LockSession) -> None:
        async with self._session() as connection:
            await connection.execute("SELECT pg_advisory_unlock_all()")

    async def claim_and_unlock(self: LockSession, *args: Any, **options: Any) -> Any:
        taken = await claim(self, *args, **options)
        if taken[0]:
            await give_back(self)
        return taken

    async def hold_and_unlock(self: LockSession, subject: str, patience: float = 0.0) -> bool:
        held = await hold(self, subject, patience)
        await give_back(self)
        return held

    _replace(LockSession, "claim", claim_and_unlock)
    _replace(LockSession, "hold", hold_and_unlock)


def acknowledge_early() -> None:
    """The ledger says done before anything is."""
    original = Runner._execute

    async def execute(self: Runner, job: Any) -> Any:
        await self.store.record(job, ending=AttemptEnd("done"))
        return await original(self, job)

    _replace(Runner, "_execute", execute)


class Forgetful(set[str]):
    """Does not say what is in it, when a claim asks."""

    def __iter__(self) -> Any:
        return iter(())


def forget_held() -> None:
    """The process leaves it to Postgres to tell what it holds; but session locks are re-entrant."""
    original = LockSession.__init__

    def init(self: LockSession, *args: Any) -> None:
        original(self, *args)
        self.held = Forgetful()

    async def hold(self: LockSession, subject: str, patience: float = 0.0) -> bool:
        async with self._session() as connection:
            self.held.add(subject)
            return bool(await run_statement(connection, "lock_subject", subject=subject))

    async def open_intent(self: LockSession, **intent: Any) -> int:
        async with self._session() as connection:
            return await _open_intent(connection, self._worker, intent)

    _replace(LockSession, "__init__", init)
    _replace(LockSession, "hold", hold)
    _replace(LockSession, "open_intent", open_intent)


def go_on_without_locks() -> None:
    """The lock session ends, and what runs goes on; intents find another connection."""
    connect = LockSession.connect

    async def connect_for_ever(self: LockSession) -> None:
        await connect(self)
        self.lives = True  # type: ignore[attr-defined]

    async def open_intent(self: LockSession, **intent: Any) -> int:
        connection = await asyncpg.connect(self._url)
        await prepare(connection)
        try:
            return await _open_intent(connection, self._worker, intent)
        finally:
            await connection.close()

    _replace(App, "_locks_lost", lambda self: None)
    _replace(LockSession, "connect", connect_for_ever)
    _replace(LockSession, "alive", property(lambda self: hasattr(self, "lives")))
    _replace(LockSession, "open_intent", open_intent)


async def _open_intent(connection: Any, worker: str, intent: dict[str, Any]) -> int:
    given = {"found": "found_not_done", "addresses": None, **intent, "summary": dict(intent["summary"])}
    number: int = await run_statement(connection, "open_intent", worker=worker, **given)
    return number


BUGS: dict[str, Callable[[], None]] = {
    bug.__name__: bug
    for bug in (
        skip_look_up,
        skip_quarantine,
        write_before_intent,
        drop_claim,
        acknowledge_early,
        forget_held,
        go_on_without_locks,
    )
}
