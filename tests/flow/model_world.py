"""A sevDesk and a billing system small and quick enough to live through thousands of histories.

The sync runs without queue and network: `Sync` on a real Postgres, with the sandbox behind an in-process transport.
Every call to either is a point at which a run may be stopped, and every page a moment at which sevDesk may change.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import httpx
from flow.model_claims import BERLIN, PROMISED, Belief, Invoice, Truth

from sevdesk_client.client import SevDeskClient
from sevdesk_client.sandbox.account.records import Invoice as Document
from sevdesk_client.sandbox.account.seed import seed
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.endpoints import cancelling, paying, sending
from sevdesk_client.sandbox.endpoints.errors import Refusal
from sevdesk_client.sandbox.http.server import create_app
from worker.domain.jobs import parse
from worker.domain.ledger import Job
from worker.domain.outcome import Done, Outcome
from worker.handlers.payment_sync import Sync
from worker.steps.payments import berlin_noon
from worker.steps.sevdesk_account import SevdeskAccount
from worker.store import Store

TOKEN = "0" * 32
START = datetime(2026, 10, 24, 21, 59, 30, tzinfo=UTC)  # a minute before a Berlin midnight, in the last night of summer
FRESH = """
    DELETE FROM billing_invoices; DELETE FROM sevdesk_sync_runs; DELETE FROM sevdesk_cancellations;
    DELETE FROM sevdesk_credit_notes;
    DELETE FROM sevdesk_jobs; DELETE FROM sevdesk_queue; UPDATE sevdesk_sync_state SET watermark = NULL;
"""
ROWS = """
    INSERT INTO billing_invoices (id, invoice_number, document_kind, document_status, net_amount, tax_amount,
        gross_amount, issue_date, accounting_provider, external_id, external_invoice_number, accounting_sync_status)
    VALUES ($1, $2, 'AR', 'approved', 100, 19, 119, '2026-10-01', 'sevdesk', $3, $4, 'synced')
"""
# A final invoice over 0, of which nothing is owed since it was published.
ZERO_ROWS = """
    INSERT INTO billing_invoices (id, invoice_number, document_kind, document_status, net_amount, tax_amount,
        gross_amount, issue_date, accounting_provider, external_id, external_invoice_number, accounting_sync_status,
        claim_status, paid_at)
    VALUES ($1, $2, 'SR', 'approved', 0, 0, 0, '2026-10-01', 'sevdesk', $3, $4, 'synced', 'paid', $5)
"""
# Of every third invoice a part is credited from the beginning: with one of the payments it is settled. Of every second
# one of these as much is to be paid back, as if all had come before and gone back since.
CREDITED = Decimal(79)
CREDIT_NOTE = """
    INSERT INTO sevdesk_credit_notes (marker, invoice_id, job_id, external_id, status, net_amount, tax_amount,
                                      gross_amount, refund_due, subtotals, content, reason)
    VALUES ($1, $2, $1, $1, 'finalized', 0, 0, $3, $4, '{}', '{}', 'broken')
"""


class Stopped(BaseException):
    """The worker ends here, as at the end of its grace."""


@dataclass
class Clock:
    """Our time, and how far sevDesk's is ahead of it."""

    now: datetime = START
    skew: timedelta = timedelta(0)

    def sevdesk(self) -> datetime:
        """What sevDesk's clock shows."""
        return self.now + self.skew

    async def look(self) -> bool:
        """As `ClockWatch.look`: nobody sets Postgres' clock here."""
        return False


@dataclass
class Trouble:
    """What shall happen to one run: stopped at its nth point, failing on its nth request, changes before others."""

    stop_at: int | None = None
    fail_at: int | None = None
    during: dict[int, list[Callable[[], None]]] = field(default_factory=dict)
    points: int = 0
    requests: int = 0

    def point(self) -> None:
        """Reached before and after each call."""
        self.points += 1
        if self.points == self.stop_at:
            raise Stopped

    def request(self) -> bool:
        """Before each request: sevDesk changes meanwhile; answers whether this one fails."""
        self.requests += 1
        for change in self.during.get(self.requests, ()):
            change()
        return self.requests == self.fail_at


class Wire(httpx.AsyncBaseTransport):
    """The sandbox in this process, with trouble."""

    def __init__(self, app: Any) -> None:
        self.inner = httpx.ASGITransport(app=app)
        self.trouble = Trouble()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.trouble.point()
        if self.trouble.request():
            raise httpx.ReadError("no answer")
        answer = await self.inner.handle_async_request(request)
        self.trouble.point()
        return answer


class PointedStore(Store):
    """A store whose calls are points, and whose runs begin at the model's time."""

    clock: Clock
    trouble: Trouble

    async def query(self, statement: str, /, **values: Any) -> Any:
        """As the real one, between two points."""
        self.trouble.point()
        answer = await super().query(statement, **values)
        self.trouble.point()
        return {**answer, "started_at": self.clock.now} if statement == "start_run" else answer

    async def record(self, *args: Any, **options: Any) -> set[UUID]:
        """As the real one, between two points."""
        self.trouble.point()
        moved = await super().record(*args, **options)
        self.trouble.point()
        return moved


class World:
    """sevDesk's account, the billing rows, and the model of both."""

    def __init__(self, store: PointedStore, skew: int = 0) -> None:
        self.store, self.clock = store, Clock(skew=timedelta(seconds=skew))
        app = create_app(TOKEN, clock=self.clock.sevdesk)
        self.account: Account = app.state.sandbox.account
        self.wire = Wire(app)
        self.http = httpx.AsyncClient(transport=self.wire)
        self.client = SevDeskClient(self.http, TOKEN, base_url="http://sandbox/api/v1", attempts=1)
        self.invoices: list[Invoice] = []
        self.credited: dict[UUID, Decimal] = {}  # what must be paid back
        self.newest = START - timedelta(days=1)  # of sevDesk's stamps
        self.syncs = 0
        self.read: datetime | None = None  # when, by our clock, a feed last began
        store.clock = self.clock

    async def begin(self, ours: int, foreign: int, zeros: int = 0) -> None:
        """Published invoices of ours over 119.00 EUR, the first `zeros` over 0, foreign ones around them."""
        await self.store.pool.execute(FRESH)
        seed(self.account, foreign // 2, prefix="BEFORE-")
        zeros = min(zeros, ours)
        seed(self.account, zeros, prefix="INV-0-", net="0")
        seed(self.account, ours - zeros, prefix="INV-")
        seed(self.account, foreign - foreign // 2, prefix="AFTER-")
        rows = [
            (uuid4(), each.note, str(each.id), each.number)
            for each in self.account.invoices.values()
            if (each.note or "").startswith("INV-")
        ]
        noon = berlin_noon(START.astimezone(BERLIN).date())
        await self.store.pool.executemany(ROWS, rows[zeros:])
        await self.store.pool.executemany(ZERO_ROWS, [(*row, noon) for row in rows[:zeros]])
        credited = [(note, id, CREDITED, CREDITED * (n % 2)) for n, (id, note, _, _) in enumerate(rows[zeros:][2::3])]
        await self.store.pool.executemany(CREDIT_NOTE, credited)
        self.credited = {id: refund for _, id, _, refund in credited}
        beliefs = [Belief("paid", paid_at=noon)] * zeros + [Belief()] * (ours - zeros)
        self.invoices = [
            Invoice(there, id, replace(belief, number=number), [])
            for (id, _, there, number), belief in zip(rows, beliefs, strict=True)
        ]
        self._notice()

    async def end(self) -> None:
        """Close what was opened."""
        await self.http.aclose()

    # -- sevDesk -------------------------------------------------------------------------------------------------------

    def book(self, which: int, amount: Decimal, *, closes: bool = False) -> None:
        """Money comes, or goes back; sevDesk refuses what cannot be."""
        if document := self._document(which):
            with self._changing():
                paying.pay(self.account, document, amount, self.account.today(), closes=closes)

    def close(self, which: int) -> None:
        """sevDesk closes an invoice over 0 without a day; others it leaves as they are."""
        document = self._document(which)
        if document and document.status == 200 and document.fields.sums.gross == 0:
            with self._changing():
                document.status = 1000
                self.account.touch(document)

    def unlink(self, which: int) -> None:
        """All money goes back."""
        document = self._document(which)
        if document and document.cancelled_by is None and document.status > 100:
            with self._changing():
                paying.unlink(self.account, document)

    def rebook(self, which: int, amount: Decimal, later: timedelta) -> None:
        """A payment is taken back and booked on another day."""
        self.unlink(which)
        if document := self._document(which):
            with self._changing():
                paying.pay(self.account, document, amount, self.account.today() + later, closes=False)

    def cancel(self, which: int) -> None:
        """Cancelled by hand."""
        if document := self._document(which):
            with self._changing():
                cancelling.cancel(self.account, document)

    def renumber(self, which: int) -> None:
        """Somebody gives it another number."""
        if document := self._document(which):
            with self._changing():
                document.number = self.account.take_number()
                self.account.touch(document)

    def send(self, which: int, send_type: str) -> None:
        """Somebody mails, prints or downloads it."""
        if document := self._document(which):
            with self._changing():
                sending.mark_sent(self.account, document, send_type)

    def touch(self, which: int) -> None:
        """Something changes that is not about money."""
        if document := self._document(which):
            with self._changing():
                self.account.touch(document)

    def delete(self, which: int) -> None:
        """Deleted by hand, ours."""
        if document := self._document(which):
            self._remove([document])

    def delete_storno(self, which: int) -> None:
        """The cancellation invoice is deleted by hand, and the invoice stays closed."""
        document = self._document(which)
        if document and document.cancelled_by in self.account.invoices:
            self._remove([self.account.invoices[document.cancelled_by]])

    def foreign_come(self, count: int) -> None:
        """Documents that are none of ours."""
        with self._changing():
            seed(self.account, count, prefix=f"MORE-{len(self.account.invoices)}-")

    def foreign_go(self, count: int) -> None:
        """The newest documents that are none of ours are deleted."""
        foreign = [each for each in self.account.invoices.values() if "INV-" not in (each.note or "")]
        self._remove(foreign[-count:])

    def _document(self, which: int) -> Document | None:
        return self.account.invoices.get(int(self.invoices[which % len(self.invoices)].id))

    def _remove(self, documents: Sequence[Document]) -> None:
        with self._changing():
            for each in documents:
                self.account.remove(each)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        try:
            yield
        except Refusal:
            return
        finally:
            # The sandbox relies on a clock that never goes back; a real database sorts by what is stamped.
            ordered = sorted(self.account.invoices.values(), key=lambda each: each.update)
            self.account.by_update = {each.id: each for each in ordered}
            self._notice()

    def _notice(self) -> None:
        """The model looks at sevDesk after every change."""
        promised = min(self.newest, self.read) - PROMISED if self.read else None
        for invoice in self.invoices:
            truth = self._look(invoice)
            if not invoice.truths or truth != invoice.truth:
                invoice.truths.append(truth)
                dated = truth.update.replace(microsecond=0)
                invoice.behind = not truth.gone and promised is not None and dated <= promised
        stamps = [each.update for each in self.account.invoices.values()]
        self.newest = max([self.newest, *stamps])

    def _look(self, invoice: Invoice) -> Truth:
        document = self.account.invoices.get(int(invoice.id))
        if document is None:
            return replace(invoice.truth, gone=True)
        storno = document.cancelled_by is not None and document.cancelled_by in self.account.invoices
        refund = self.credited.get(invoice.ours)
        credits = {"credited": CREDITED, "refund": refund} if refund is not None else {}
        seen = (document.status, document.paid, document.pay_date, document.number, storno, document.update)
        return Truth(*seen, document.send_type, gross=document.fields.sums.gross, **credits)

    # -- the worker ----------------------------------------------------------------------------------------------------

    async def sync(self, trouble: Trouble | None = None, **payload: Any) -> Outcome | None:
        """One run, as a job; None when it was stopped or failed."""
        trouble = trouble or Trouble()
        self.store.trouble = self.wire.trouble = trouble
        self.syncs += 1
        self.read = self.clock.now if not payload else self.read
        job = await self._job(payload)
        for invoice in self.invoices:
            invoice.forget()
        try:
            return await Sync(self.store, SevdeskAccount(self.client), job).run(parse("sync_payments", payload)[1])  # type: ignore[arg-type]
        except (Stopped, Exception) as problem:
            if isinstance(problem, Stopped) or (trouble.fail_at is not None and trouble.requests >= trouble.fail_at):
                return None
            raise
        finally:
            self.store.trouble = self.wire.trouble = Trouble()

    async def _job(self, payload: dict[str, Any]) -> Job:
        number = f"sync-{self.syncs}"
        statement = """INSERT INTO sevdesk_jobs (job_id, kind, payload, origin, order_key, state, attempt)
                       VALUES ($1, 'sync_payments', $2, 'system', 'kind:sync_payments', 'running', 1)"""
        await self.store.pool.execute(statement, number, payload)
        return Job(number, "sync_payments", payload, "system", None, None, None, "kind:sync_payments", 0, 1, ())

    async def beliefs(self) -> dict[str, Belief]:
        """What the database says of each invoice, by its id in sevDesk."""
        rows = await self.store.pool.fetch("""
            SELECT i.external_id, i.claim_status, i.paid_amount, i.paid_at, i.external_invoice_number,
                   i.accounting_sync_status, i.document_status,
                   (SELECT array_agg(e.event_type ORDER BY e.created_at, e.id) FROM billing_invoice_event_log e
                    WHERE e.invoice_id = i.id)
            FROM billing_invoices i""")
        return {there: Belief(*columns, events=tuple(events or ())) for there, *columns, events in rows}


def done(outcome: Outcome | None) -> dict[str, Any]:
    """The counts of a run that succeeded."""
    assert isinstance(outcome, Done), outcome
    return outcome.result
