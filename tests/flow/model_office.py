"""An office without queue and network: one `Runner` on a real Postgres, the sandbox in this process, a person beside.

No quarantine is waited out: `pass_quarantine` lets every write that is still under way take effect, at the last moment
at which it may, and then makes the intents written so far old enough to be looked into.
"""

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx
from flow.billing import Billing
from flow.conftest import make_settings

from sevdesk_client.client import SevDeskClient
from sevdesk_client.sandbox.account.records import Invoice as Document
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.http.server import create_app
from worker.observability.metrics import Metrics
from worker.runner.runner import Runner
from worker.steps.sevdesk_account import SevdeskAccount
from worker.store import LockSession, Store

TOKEN = "0" * 32
QUARANTINE = 60.0
ALIVE = ("requested", "queued", "running", "waiting")


@dataclass
class Trouble:
    """One write that goes wrong: `lost` (done, no answer), `dropped` (not done), `late` (done later); then silence."""

    kind: str
    after: int = 0  # writes that go well first
    blind: bool = False  # nothing answers afterwards, until every job has given up


class Wire(httpx.AsyncBaseTransport):
    """The sandbox in this process, with trouble on order."""

    def __init__(self, app: Any) -> None:
        self.inner = httpx.ASGITransport(app=app)
        self.trouble: Trouble | None = None
        self.silent = False
        self.late: list[httpx.Request] = []
        self.done = Counter[
            str
        ]()  # writes that took effect, by the last word of their path or, without one, their verb

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.silent:
            raise httpx.ConnectError("nobody there") if request.method != "GET" else httpx.ReadError("no answer")
        trouble = self.trouble
        if request.method == "GET" or trouble is None:
            return await self._carry(request)
        if trouble.after > 0:
            trouble.after -= 1
            return await self._carry(request)
        self.trouble, self.silent = None, trouble.blind
        if trouble.kind == "lost":
            await self._carry(request)
        if trouble.kind == "late":
            self.late.append(request)
        raise httpx.ReadError("no answer")

    async def commit_late(self) -> None:
        """What was under way takes effect."""
        late, self.late = self.late, []
        for request in late:
            await self._carry(request)

    async def _carry(self, request: httpx.Request) -> httpx.Response:
        answer = await self.inner.handle_async_request(request)
        assert isinstance(answer.stream, httpx.AsyncByteStream)
        body = b"".join([part async for part in answer.stream])
        if request.method != "GET" and answer.is_success and "error" not in json.loads(body):
            word = request.url.path.rpartition("/")[2]
            self.done[request.method if word.isdigit() else word] += 1
        return httpx.Response(answer.status_code, headers=answer.headers, stream=httpx.ByteStream(body))


class Office:
    """Made once for many histories; the recipient is known in sevDesk from the first one on."""

    def __init__(self, store: Store, locks: LockSession, billing: Billing) -> None:
        self.store, self.locks, self.billing = store, locks, billing
        self.hands = timedelta(0)  # what people have done in sevDesk has taken a second each
        app = create_app(TOKEN, clock=lambda: datetime.now(UTC) + self.hands)
        self.account: Account = app.state.sandbox.account
        self.wire = Wire(app)
        self.http = httpx.AsyncClient(transport=self.wire)
        client = SevDeskClient(self.http, TOKEN, base_url="http://sandbox/api/v1", attempts=1)
        settings = make_settings(database_url="postgresql://", redis_url="redis://", write_quarantine=QUARANTINE)
        self.runner = Runner(store, locks, SevdeskAccount(client), settings, Metrics())
        self.ended: list[str] = []  # order keys to free at the next claim
        self.invoice, self.number = UUID(int=0), ""
        self.deleted: list[Document] = []  # by hand, ours
        self.touched = False  # by hand: what is there, or is not, need not be our work

    @classmethod
    async def open(cls, database_url: str) -> "Office":
        """Connect, with one recipient for all invoices."""
        store = await Store.connect(database_url, size=2)
        locks = LockSession(database_url, "model", make_settings(database_url="postgresql://", redis_url="redis://").person_job_limit,
                            lambda: None, lambda: None)  # fmt: skip
        await locks.connect()
        db = await asyncpg.create_pool(database_url, min_size=1, max_size=2)
        admin = await db.fetchval(
            "INSERT INTO contacts (last_name, is_internal, is_admin) VALUES ('Chefin', true, true) RETURNING id"
        )
        await db.execute("UPDATE sevdesk_config SET template_eb_ar = '57986aee6bd2d53306068da1'")
        office = cls(store, locks, Billing(db, None, admin))  # type: ignore[arg-type]
        office.deal = await office.billing.deal(await office.billing.company())
        return office

    async def close(self) -> None:
        """Give everything back."""
        await self.http.aclose()
        await self.locks.close()
        await self.store.close()
        await self.billing.db.close()

    async def begin(self) -> None:
        """A new history: one approved invoice over 119.00 EUR, and empty books."""
        await self.billing.db.execute("""
            DELETE FROM billing_invoices; DELETE FROM sevdesk_intents; DELETE FROM sevdesk_jobs;
            DELETE FROM sevdesk_queue;
            DELETE FROM sevdesk_bounces; DELETE FROM sevdesk_mails; DELETE FROM sevdesk_documents;
            DELETE FROM sevdesk_cancellations; DELETE FROM sevdesk_credit_notes;
            DELETE FROM sevdesk_sync_runs; UPDATE sevdesk_sync_state SET watermark = NULL;
        """)
        for each in list(self.account.invoices.values()):
            self.account.remove(each)
        self.account.credit_notes.clear()
        self.account.mails.clear()
        self.account.transactions.clear()
        self.wire.trouble, self.wire.silent, self.wire.late = None, False, []
        self.wire.done.clear()
        self.deleted, self.hands, self.touched = [], timedelta(0), False
        self.invoice = await self.billing.invoice(self.deal)
        self.number = (await self.billing.row(self.invoice))["invoice_number"]

    # -- jobs ----------------------------------------------------------------------------------------------------------

    async def ask(self, kind: str, **payload: Any) -> str:
        """A job of the admin's, not begun."""
        return await self.billing.request(kind, by=self.billing.admin, **payload)

    async def attempt(self) -> str | None:
        """One attempt of the next job that may start now; None when there is none."""
        claimed, _ = await self.locks.claim(1, self.ended)
        self.ended = [job.order_key for job in claimed]
        for job in claimed:
            await self.runner.run(job)
        return claimed[0].job_id if claimed else None

    async def pass_quarantine(self) -> None:
        """The time of every wait is over."""
        await self.wire.commit_late()
        await self.billing.db.execute("""
            UPDATE sevdesk_intents SET settles_at = clock_timestamp() WHERE closed_at IS NULL;
            UPDATE sevdesk_jobs SET not_before = NULL WHERE state = 'waiting';
            UPDATE sevdesk_queue SET phase = 'ready', due_at = NULL WHERE phase = 'waiting';
        """)

    async def settle(self, after: Callable[[str], Awaitable[None]]) -> None:
        """Until no job can go on without a person."""
        for _ in range(60):
            while (job_id := await self.attempt()) is not None:
                await after(job_id)
            if not await self.alive():
                self.wire.silent = False
                return
            await self.pass_quarantine()
        raise AssertionError("a job does not come to an end")

    async def alive(self) -> int:
        """Jobs that are not at an end, parked ones aside."""
        return await self.billing.db.fetchval("SELECT count(*) FROM sevdesk_jobs WHERE state = ANY ($1)", list(ALIVE))

    async def parked(self) -> list[Any]:
        """Jobs that wait for a person, in the order asked."""
        return await self.billing.db.fetch("SELECT * FROM sevdesk_jobs WHERE state = 'parked' ORDER BY seq")

    # -- sevDesk -------------------------------------------------------------------------------------------------------

    def documents(self, kind: str = "RE") -> list[Document]:
        """The invoices (or, with SR, the cancellations) that bear our number as their mark."""
        return [each for each in self.account.with_note(self.number) if (each.type == "SR") == (kind == "SR")]

    def parts(self) -> list[Any]:
        """Our credit notes over parts of an invoice; those that sevDesk made of a whole one name it as their origin."""
        return [each for each in self.account.credit_notes.values() if each.origin_id is None]

    def delete(self, document: Document) -> None:
        """By hand, in sevDesk's own pages; its mails stay sent."""
        self.deleted.append(document)
        self.touched = True
        self.account.remove(document)

    async def delete_credit_note(self, id: int) -> None:
        """By a client of sevDesk's, as its own pages are one."""
        headers = {"Authorization": TOKEN}
        self.touched = True
        answer = await self.wire.inner.handle_async_request(
            httpx.Request("DELETE", f"http://sandbox/api/v1/CreditNote/{id}", headers=headers)
        )
        assert answer.status_code == 200

    def mails(self, kind: str = "RE") -> list[Any]:
        """What went out for these documents, deleted ones included; SR: also credit notes over the whole."""
        if kind == "CN":
            ids = {str(each.id) for each in self.parts()}
        else:
            ids = {str(each.id) for each in (*self.documents(kind), *(d for d in self.deleted if d.type == kind))}
        if kind == "SR":
            ids |= {str(each.id) for each in self.account.credit_notes.values() if each.origin_id is not None}
        return [mail for mail in self.account.mails if mail["object"]["id"] in ids]
