"""sync_payments: read sevDesk's invoices page by page, compare them with our claims, and record what differs."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, suppress
from datetime import datetime, timedelta
from functools import reduce
from typing import Any, Literal
from uuid import UUID

import structlog

from sevdesk_client.errors import NotFound
from sevdesk_client.models import Invoice as SevInvoice
from sevdesk_client.sending import Hits
from worker.adopt import other_program
from worker.domain import lifecycle
from worker.domain.events import DeletedInSevdesk, Event, MissingInSevdesk, SentByHand
from worker.domain.ledger import Change, Job
from worker.domain.outcome import Done, Outcome, Parked, Rejected
from worker.domain.payloads import SyncPayments
from worker.domain.problems import Problem, problem
from worker.handlers.handler import HandlerContext
from worker.handlers.mass_change import CODE, MassChange
from worker.steps import payments
from worker.steps.pages import read_pages
from worker.steps.payments import Receivable
from worker.steps.sevdesk_account import SevdeskAccount
from worker.steps.unmarked import cancellations_of
from worker.store import InvoiceChanged, Store
from worker.store.rows import (
    FinishedRunRow,
    OtherProviderRow,
    ReceivableRow,
    StartedRunRow,
    UnknownValue,
    from_row,
    handback_of,
)

log = structlog.get_logger()

BATCH = 10_000  # rows of ours read by one statement: a few hundred kilobytes
# `update` has whole seconds and is set before the change can be read; a slow write takes seconds (measured: 3-4). Two
# minutes also cover a switch between sevDesk's own servers; the cost is a few rows that are compared for nothing.
OVERLAP = timedelta(minutes=2)
COUNTS: tuple[Literal["pages", "seen", "changed"], ...] = ("pages", "seen", "changed")  # of a run
# How often a page is compared if jobs keep changing its invoices in between; each such job takes seconds.
MAX_COMPARISONS = 5
MOST_NAMED = 5  # of the invoices that one sentence is about


async def sync_payments(context: HandlerContext, job: Job, payload: SyncPayments) -> Outcome:
    """One run over everything that changed since the last one, or over the part of the book that was asked for."""
    limit, gone_after = context.settings.mass_change_limit, context.settings.gone_after
    return await Sync(context.store, context.sevdesk, job, limit, gone_after).run(payload)


class Sync:
    """One run. It can be stopped and repeated at any point: the watermark moves last, and a second comparison of the
    same state changes nothing.
    """

    def __init__(
        self, store: Store, account: SevdeskAccount, job: Job, mass_change_limit: int = 20, gone_after: float = 0.0
    ) -> None:
        self.store, self.account, self.job, self.gone_after = store, account, job, gone_after
        self.missing = 0  # invoices that wait for a second look
        self.mass_change = MassChange(store, job, mass_change_limit)
        self.unresolved: list[Parked] = []  # what only a person can explain
        self.seen: set[str] = set()  # external ids of our invoices on the pages read
        self.gone: set[str] = set()  # those that sevDesk had deleted when they were looked at once more
        self.feed_limit: datetime | None = None  # in a full sweep: the feed should have found changes until then
        self.missed = 0  # changes that the feed should have found and did not
        self.first_page_at: datetime | None = None  # by sevDesk's clock
        self.started_at: datetime | None = None
        self.shared = False  # another program publishes invoices too
        self.written_since: set[str] = set()  # external ids of our invoices that were written since `started_at`

    async def run(self, payload: SyncPayments) -> Outcome:
        """Raises `SevDeskError`, `InvoiceChanged` or one of `CONNECTION_LOST`; then the run is repeated."""
        joined: FinishedRunRow | None = await self.store.query(
            "run_to_join", scope=payload.scope, job_id=self.job.job_id
        )
        if joined is not None:
            return await self._join(joined)
        if payload.invoice_id is not None:
            return await self._single_invoice(payload.invoice_id)
        if payload.party_id is not None:
            return await self._customer(payload)
        if payload.full:
            return await self._full()
        if payload.missing:
            return await self._second_looks()
        days = (payload.start_date, payload.end_date) if payload.start_date and payload.end_date else None
        return await (self._range(payload.scope, {"days": days}) if days else self._feed())

    async def _join(self, joined: FinishedRunRow) -> Outcome:
        """Use the run that was active when this job was requested, and read what changed since it read its pages."""
        since = await self._feed()
        if not isinstance(since, Done):
            return since
        return Done({**since.result, "joined": joined["job_id"]} | {k: joined[k] + since.result[k] for k in COUNTS})

    async def _single_invoice(self, invoice_id: UUID) -> Outcome:
        row = await self.store.query("external_id_of", invoice_id=invoice_id)
        if row is None:
            return Rejected(problem("invoice_not_found", invoice_id=invoice_id))
        if row["external_id"] is None:
            if (other := await self._other_provider(invoice_id)) is not None:
                return Rejected(other)
            return Rejected(problem("payment_state_missing", invoice_id=invoice_id))
        # One that a person asks about is never too many.
        self.mass_change = MassChange(self.store, self.job, limit=1, counts=False)
        changed = await self._compare_by_id(row["external_id"]) + await self._record_kept()
        return self.unresolved[0] if self.unresolved else Done({"seen": 1, "changed": changed, "missing": self.missing})

    async def _compare_by_id(self, external_id: str) -> int:
        """Compare one invoice; `_gone` if sevDesk does not have it. Returns how many changed."""
        self.gone.discard(external_id)
        with suppress(NotFound):
            remote = await self.account.client.get_invoice(external_id)
            await self.store.query("forget_missing", external_id=external_id)
            changed = await self._record_page([remote])
            if external_id not in self.gone:
                return changed
        return sum([await self._gone(known) for known in (await self._receivables([external_id])).values()])

    async def _gone(self, known: Receivable) -> int:
        """Record the first look that found nothing, or `DeletedInSevdesk` at the second; 1 if the latter."""
        external_id = known.handback.external_id
        assert external_id is not None  # it was read by that
        await self.store.clock.look()  # a clock that was set would make the first look an old one
        since = await self.store.query(
            "missing_for", invoice_id=known.invoice_id, external_id=external_id, gone_after=self.gone_after
        )
        decided = self.gone_after == 0 or CODE in self.job.confirmed  # a person has looked
        if not decided and (since is None or since < self.gone_after):
            self.missing += 1
            await self.mass_change.doubt()
            if since is None:
                await self.store.record(self.job, [_change(known, MissingInSevdesk(external_id=external_id))])
            return 0
        changes = await self.mass_change.keep([_change(known, DeletedInSevdesk(external_id=external_id))])
        return len(await self.store.record(self.job, changes)) if changes else 0

    async def _second_looks(self) -> Outcome:
        """By id, the invoices that sevDesk did not have `gone_after` seconds ago."""
        run = await self._begin("missing")
        for row in await self.store.query("due_second_looks", gone_after=self.gone_after):
            if self.mass_change.is_too_much:
                self.mass_change.count_unseen()
            else:
                await self._count_page(run["id"], [], await self._compare_by_id(row["external_id"]))
        return await self._too_much(run["id"]) or await self._finished(run["id"])

    async def _customer(self, payload: SyncPayments) -> Outcome:
        link = await self.store.query("contact_of_party", party_id=payload.party_id)
        if link is None:
            return Rejected(problem("party_without_contact", party_id=payload.party_id))
        return await self._range(payload.scope, {"contact_id": link})

    async def _range(self, scope: str, filters: Mapping[str, Any]) -> Outcome:
        """A part of the book; the watermark does not move."""
        run = await self._begin(scope)
        await self._compare_pages(run["id"], filters)
        return await self._too_much(run["id"]) or await self._finished(run["id"])

    async def _too_much(self, run_id: int) -> Outcome | None:
        """Record the changes that were kept, and return None; if they are too many, record none of them.

        A person is asked about them once. Until there is an answer, other runs end without them, and the watermark
        stays before them.
        """
        if self.mass_change.is_too_much:
            await self.store.query("finish_run", run_id=run_id)
            return await self.mass_change.outcome(run_id)
        if kept := self.mass_change.waiting:  # counted before it is recorded: a worker that dies between leaves no gap
            await self.store.query("count_taken_away", run_id=run_id, taken_away=kept)
        if changed := await self._record_kept():
            await self.store.query("count_changed", run_id=run_id, changed=changed)
        if kept != self.mass_change.recorded:
            await self.store.query("count_taken_away", run_id=run_id, taken_away=self.mass_change.recorded)
        if CODE in self.job.confirmed:
            await self.store.query("taken_away_confirmed")
        return None

    async def _record_kept(self) -> int:
        """What a job has changed since it was compared is compared again, as in `_record_page`."""
        changed, left = await self.mass_change.record()
        for _ in range(MAX_COMPARISONS):
            if not left:
                return changed
            for external_id in left:
                changed += await self._compare_by_id(external_id)
            recorded, left = await self.mass_change.record()
            changed += recorded
        raise InvoiceChanged

    async def _feed(self) -> Outcome:
        """What changed since the watermark; without one, everything."""
        since: datetime | None = await self.store.query("watermark")
        run = await self._begin("feed")
        newest = await self._compare_pages(run["id"], {"update_after": since - OVERLAP if since else None})
        if (held := await self._too_much(run["id"])) is not None:
            return held
        # Without the time of the answer, many invoices with one `update` would be read again by each run, for ever.
        read_until = [newest, self.first_page_at and self.first_page_at - OVERLAP]
        if known := [moment for moment in read_until if moment is not None]:
            # Not beyond our own start, in case sevDesk's clock is fast and is corrected later.
            await self.store.query("move_watermark", watermark=min(max(known), run["started_at"]))
        await self.store.query("set_last_sync")
        return await self._finished(run["id"])

    async def _full(self) -> Outcome:
        """The whole book, then by id our invoices that no page showed or that are gone. Reports missed changes."""
        watermark: datetime | None = await self.store.query("watermark")
        self.feed_limit = watermark - OVERLAP if watermark else None  # the feed's next run still finds later changes
        run = await self._begin("full")
        await self._compare_pages(run["id"], {})
        unseen = 0
        async for external_id in self._unseen():
            unseen += 1
            if self.mass_change.is_too_much:
                self.mass_change.count_unseen()
            else:
                await self._count_page(run["id"], [], await self._compare_by_id(external_id))
        if (held := await self._too_much(run["id"])) is not None:
            return held
        if (other := await self._other_provider()) is not None:
            self._unresolved(other)
        if self.missed:
            next_step = "The feed overlooked changes; report this."
            log.warning("payment_sync.missed_changes", missed=self.missed, next_step=next_step)
        await self.store.query("set_last_sync")
        outcome = await self._finished(run["id"])
        return Done({**outcome.result, "missed": self.missed, "by_id": unseen, "missing": self.missing})

    async def _other_provider(self, invoice_id: UUID | None = None) -> Problem | None:
        """Invoices of ours that this run does not see, because the billing system calls them another program's."""
        rows: list[OtherProviderRow] = await self.store.query("given_to_other_provider", invoice_id=invoice_id)
        numbers = ", ".join(row["number"] for row in rows[:MOST_NAMED]) + (", ..." if len(rows) > MOST_NAMED else "")
        return problem("provider_changed", invoices=len(rows), numbers=numbers) if rows else None

    async def _unseen(self) -> AsyncIterator[str]:
        """External ids of our invoices that no page showed or that are gone since, read in batches to limit memory."""
        last = ""
        while True:
            ids = [row["external_id"] for row in await self.store.query("synced_after", last=last, most=BATCH)]
            for external_id in ids:
                if external_id not in self.seen or external_id in self.gone:
                    yield external_id
            if len(ids) < BATCH:
                return
            last = ids[-1]

    async def _begin(self, scope: str) -> StartedRunRow:
        run: StartedRunRow = await self.store.query("start_run", job_id=self.job.job_id, scope=scope)
        self.started_at, self.shared = run["started_at"], run["shared"]
        return run

    async def _compare_pages(self, run_id: int, filters: Mapping[str, Any]) -> datetime | None:
        """Compare and record every page. Returns the newest `update` of the first page.

        Changes made in sevDesk while later pages are read have a later `update` and belong to the next run.
        """

        async def fetch(**place: Any) -> Hits[SevInvoice]:
            page = await self.account.client.list_invoices(**filters, **place)
            self.first_page_at = self.first_page_at or page.at
            return page

        newest: datetime | None = None
        async with aclosing(read_pages("GET /Invoice", fetch)) as found:
            async for page in found:
                newest = newest or max((remote.update for remote in page if remote.update is not None), default=None)
                linked = await other_program.take_over(self.store, self.job, page) if self.shared else 0
                await self._count_page(run_id, page, linked + await self._record_page(page))
        return newest

    async def _count_page(self, run_id: int, page: list[SevInvoice], changed: int) -> None:
        await self.store.query("count_page", run_id=run_id, seen=len(page), changed=changed)
        log.info("payment_sync.page", seen=len(page), changed=changed)

    async def _finished(self, run_id: int) -> Done:
        totals = await self.store.query("finish_run", run_id=run_id)
        return Done({**totals, "unresolved": len(self.unresolved)})

    async def _record_page(self, page: list[SevInvoice]) -> int:
        """Compare one page and record the differences; returns how many invoices changed.

        If a job changes an invoice between comparison and recording, that invoice is compared again, so that the
        watermark never moves past an unrecorded change. Raises `InvoiceChanged` after MAX_COMPARISONS.
        """
        cancelled_by = payments.cancellations(page)
        left, changed = page, 0
        for _ in range(MAX_COMPARISONS):
            changes = await self.mass_change.keep(await self._changes(left, cancelled_by))
            recorded = await self.store.record(self.job, changes, all_or_nothing=False) if changes else set()
            changed += len(recorded)
            outdated = {change.before.external_id for change in changes if change.invoice_id not in recorded}
            left = [remote for remote in left if remote.id in outdated]
            if not left:
                return changed
        raise InvoiceChanged

    async def _changes(self, page: list[SevInvoice], cancelled_by: Mapping[str, SevInvoice]) -> list[Change]:
        receivables = await self._receivables([remote.id for remote in page])
        self.seen |= receivables.keys()
        found = []
        for remote in page:
            if (receivable := receivables.get(remote.id)) is None:
                continue
            change = await self._change(receivable, remote, cancelled_by)
            if change and remote.id in self.written_since:  # the page may be older than what a job recorded since
                change = await self._fresh_change(receivable, remote.id, cancelled_by)
            if change:
                limit = self.feed_limit
                # The feed leaves out what was sent by hand while an own write was open.
                about_money = any(not isinstance(event, SentByHand) for event in change.events)
                self.missed += about_money and bool(limit and remote.update and remote.update <= limit)
                found.append(change)
        return found

    async def _fresh_change(
        self, receivable: Receivable, external_id: str, cancelled_by: Mapping[str, SevInvoice]
    ) -> Change | None:
        """As `_change`, by what sevDesk says now; None also if it was deleted since its page was read (`gone`)."""
        try:
            remote = await self.account.client.get_invoice(external_id)
        except NotFound:
            self.gone.add(external_id)  # a full sweep records it in the same run, any other run leaves it to that
            return None
        return await self._change(receivable, remote, cancelled_by)

    async def _receivables(self, external_ids: Sequence[str]) -> dict[str, Receivable]:
        rows: list[ReceivableRow] = await self.store.query(
            "receivables_by_external_id", external_ids=list(external_ids)
        )
        if (start := self.started_at) is not None:
            self.written_since |= {row["external_id"] for row in rows if (row["accounting_synced_at"] or start) > start}
        known: dict[str, Receivable] = {}
        for row in rows:
            try:
                known[row["external_id"]] = from_row(Receivable, row, handback=handback_of(row))
            except UnknownValue as error:
                self.seen.add(row["external_id"])
                self._unresolved(error.problem)
        return known

    async def _change(
        self, receivable: Receivable, remote: SevInvoice, cancelled_by: Mapping[str, SevInvoice]
    ) -> Change | None:
        """The change of one invoice's claim; None if there is none, or if only a person can decide."""
        if not receivable.is_comparable:
            self._report("receivable_invalid", receivable)
            return None
        if payments.closed_without_day(remote) and remote.id not in cancelled_by:
            cancelled_by = await cancellations_of(remote, receivable.number, self.account)
        if payments.implausible(remote):
            about = {"paid": remote.paid_amount, "gross": receivable.gross, "paid_on": remote.pay_date or "–"}
            self._report("payment_implausible", receivable, currency=remote.currency, **about)
        elif payments.unclear(receivable, remote):
            amounts = {"paid": remote.paid_amount, "gross": remote.sum_gross, "account_gross": remote.account_gross}
            self._report("foreign_payment_unclear", receivable, currency=remote.currency, **amounts)
        elif payments.unexplained(receivable, remote, cancelled_by):
            self._report("closed_without_payment", receivable)
        events = payments.compare(receivable, remote, cancelled_by)
        if remote.id in cancelled_by and (paid := receivable.handback.paid_amount) > 0:
            self._report("cancelled_though_paid", receivable, paid=paid, currency=remote.currency)
        try:
            after = reduce(lifecycle.apply, events, receivable.handback)
        except lifecycle.IllegalTransition as conflict:
            # One invoice that the billing system closed by itself must not stop the sync of all others.
            self._report("payment_state_conflict", receivable, event=conflict.event, status=conflict.status)
            return None
        return Change(receivable.invoice_id, receivable.handback, after, events) if events else None

    def _report(self, code: str, receivable: Receivable, **parameters: object) -> None:
        self._unresolved(problem(code, number=receivable.number, **parameters))

    def _unresolved(self, found: Problem) -> None:
        """Log and count a problem that a person must solve; the run goes on."""
        log.warning("payment_sync.unresolved", problem=found.code, reason=found.cause(), next_step=found.next_step())
        self.unresolved.append(Parked(found))


def _change(known: Receivable, event: Event) -> Change:
    return Change(known.invoice_id, known.handback, lifecycle.apply(known.handback, event), (event,))
