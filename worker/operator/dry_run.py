"""Publishing with its writes stopped: the runner and its steps as they are, on a store that records nothing.

sevDesk is a `ForecastAccount`, or any account that may be written to, such as that of a sandbox.
"""

import asyncio
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, cast
from uuid import UUID

from sevdesk_client.errors import Refused, SevDeskError
from worker.domain.events import LegalWarning
from worker.domain.invoice import ContactLink, Party, PartyKind
from worker.domain.jobs import Kind
from worker.domain.ledger import Change, Job
from worker.domain.outcome import Done, NotYet, Outcome, Parked, Rejected, Retry
from worker.domain.payloads import Payload
from worker.domain.problems import Problem, problem, recorded
from worker.gate.gate import HeldBack
from worker.handlers.write_once import Stop
from worker.observability.metrics import Metrics
from worker.operator.forecast import UNKNOWN, ForecastAccount, ForecastClient
from worker.runner.runner import Runner
from worker.settings import Settings
from worker.steps import e_invoice, pdf
from worker.steps.check import PUBLISHABLE
from worker.steps.sevdesk_account import SevdeskAccount
from worker.steps.step import Intent, Step, StepContext, StepResult
from worker.store import LockSession, Store
from worker.store.connection import run_statement
from worker.store.locks import OTHERS_LOCK_SECONDS
from worker.store.rows import Row

ROOT = Path(__file__).parents[2]
DRY_RUN = "dry run"  # the id of a job that is in no ledger
# Steps that read the finalized document.
READ_DOCUMENT = frozenset({pdf.PDF.name, pdf.XML.name, e_invoice.E_INVOICE.name})
VERDICTS: dict[type[Outcome], str] = {
    Done: "publishes", NotYet: "waits", Retry: "waits", Parked: "parks", Rejected: "rejects",
}  # fmt: skip


class ReadingStore(Store):
    """Reads in transactions that Postgres lets write nothing, and keeps what `record` is given in memory."""

    def __init__(self, store: Store) -> None:
        super().__init__(store.pool, pooled=store.pooled)
        self.warnings: list[LegalWarning] = []
        self.links: dict[tuple[PartyKind, UUID], ContactLink] = {}

    async def query(self, statement: str, /, **values: Any) -> Any:
        if statement == "waits_begin_anew":  # left to the workers
            return None
        async with self.pool.acquire() as connection, connection.transaction(readonly=True):
            return await run_statement(connection, statement, **values)

    async def load_contact_link(self, party: Party) -> ContactLink | None:
        """As it would be now, had the dry run written."""
        known = self.links.get((party.kind, party.id))
        return known or await super().load_contact_link(party)

    async def is_in_doubt(self, subject: str) -> bool:
        """True unless it is known that no write to the subject is open or was refused (`PageStore` knows)."""
        return True

    async def account_on_record(self, account_id: str, job_id: str) -> str:
        """As it is; nothing is written down."""
        return (await self.query("account"))["account_id"] or account_id

    async def note_other_account(self, account_id: str, worker: str) -> None:
        """Nothing is written down."""

    async def record(self, job: Job, changes: Sequence[Change] = (), **given: Any) -> set[UUID]:
        events = [event for change in changes for event in change.events]
        self.warnings += [event for event in events if isinstance(event, LegalWarning)]
        return {change.invoice_id for change in changes}


class NoLocks:
    """Nothing is locked, and what others have locked is no hindrance: they hold it for seconds."""

    alive = True

    async def hold(self, subject: str, patience: float) -> bool:
        return True

    async def release(self, subject: str) -> None:
        pass


class OthersLocks(NoLocks):
    """Nothing is locked, but what another process has locked is waited for, as a job would."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def hold(self, subject: str, patience: float) -> bool:
        deadline = monotonic() + patience
        while await self._store.query("is_locked", subject=subject):
            if (left := deadline - monotonic()) <= 0:
                return False
            await asyncio.sleep(min(OTHERS_LOCK_SECONDS, left))
        return True


@dataclass(frozen=True, slots=True)
class Forecast:
    """How publishing would end. `writes`: the calls it would make, in their order."""

    outcome: Outcome
    writes: tuple[str, ...]
    warnings: tuple[LegalWarning, ...]
    unknown: tuple[str, ...]  # what only sevDesk knows and was not asked
    error: SevDeskError | None = None  # why sevDesk could not be asked
    context: StepContext | None = field(default=None, repr=False)  # after the last step that ended

    @property
    def problem(self) -> Problem | None:
        return None if isinstance(self.outcome, Done) else self.outcome.problem

    @property
    def verdict(self) -> str:
        return VERDICTS[type(self.outcome)]


class DryRunner(Runner):
    """Runs a `publish_invoice` job that is in no ledger. One invoice at a time."""

    def __init__(
        self, store: ReadingStore, account: SevdeskAccount, settings: Settings, locks: NoLocks | None = None
    ) -> None:
        super().__init__(store, cast(LockSession, locks or NoLocks()), account, settings, Metrics())
        self.reading = store
        self.forecast = account.forecast if isinstance(account, ForecastAccount) else None
        self._begin()

    def _begin(self) -> None:
        self._writes: list[str] = []
        self._error: SevDeskError | None = None
        self._context: StepContext | None = None
        self.reading.warnings = []
        if self.forecast:
            self.forecast.begin()

    async def publish(self, invoice_id: UUID, requested_by: UUID | None = None) -> Forecast:
        """What a new job of this invoice would come to, once it starts."""
        self._begin()
        payload = {"invoice_id": str(invoice_id)}
        about = (invoice_id, requested_by, None, f"invoice:{invoice_id}")
        outcome = await self._execute(Job(DRY_RUN, "publish_invoice", payload, "operator", *about, 0, 0, ()))
        return Forecast(
            outcome=outcome,
            writes=tuple(self._writes),
            warnings=tuple(self.reading.warnings),
            unknown=tuple(self.forecast.unknown) if self.forecast else (),
            error=self._error,
            context=self._context,
        )

    async def _steps(self, job: Job, kind: Kind, payload: Payload, account: SevdeskAccount) -> Outcome:
        try:
            return await super()._steps(job, kind, payload, account)
        except SevDeskError as error:
            if not isinstance(error, Refused | HeldBack):
                self._error = error
            raise

    def _unexpected(self, error: Exception) -> Outcome:
        return unexpected(error)

    async def _look_and_leap(self, job: Job, context: StepContext, step: Step, account: SevdeskAccount) -> StepContext:
        if step is PUBLISHABLE:
            context = context.but(warned=frozenset())  # what has been said before is said again
        if self.forecast:
            if step.name in READ_DOCUMENT and (self.forecast.finalizes or not self.forecast.real):
                return context
            self.forecast.look_at(context)
        self._context = await super()._look_and_leap(job, context, step, account)
        if self._context.link is not None:
            party = self._context.party
            self.reading.links[party.kind, party.id] = self._context.link
        return self._context

    async def _leap(
        self, job: Job, context: StepContext, step: Step, intent: Intent, account: SevdeskAccount
    ) -> tuple[StepResult, int]:
        """No intent is stored."""
        await account.client.wait_for_turn()
        if self.forecast:
            await self._stop_if_refused_before(step.subject(context), intent, self.forecast)
        self._writes.append(intent.action)
        try:
            return await step.leap(intent, account), 0
        except SevDeskError as error:
            error.redact(context.private_texts)
            raise

    async def _stop_if_refused_before(self, subject: str, intent: Intent, forecast: ForecastClient) -> None:
        """What sevDesk refused the last time, it is taken to refuse again; of templates its list decides."""
        if not await self.reading.is_in_doubt(subject) or (intent.action == "change_parameter" and forecast.real):
            return
        about = {"subject": subject, "request_sha256": intent.request_sha256}
        if intent.action == "save_invoice" and not forecast.real:
            draft = await self.reading.query("draft_saved_before", invoice_id=intent.context.invoice.id, **about)
            forecast.draft_id = draft or UNKNOWN
        refused: Row | None = await self.reading.query("refused_before", action=intent.action, **about)
        known = None if refused is None else recorded(refused["problem"], refused["problem_parameters"])
        if known is not None:
            raise Stop(Parked(known))


def unexpected(error: Exception) -> Retry:
    """As the runner ends such an attempt. It names the line that raised it, and nothing of what the error says."""
    lines = [
        f" ({path.relative_to(ROOT)}:{frame.lineno})"
        for frame in traceback.extract_tb(error.__traceback__)
        if (path := Path(frame.filename)).is_relative_to(ROOT / "worker")
    ]
    return Retry(problem("unexpected_error", error=type(error).__name__ + "".join(lines[-1:])))
