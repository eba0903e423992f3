"""Jobs that are not about one invoice: one handler each. Invoice jobs are strings of steps, see `steps/plan.py`.

A handler reads, decides and records through the store as it goes; it must be safe to start again at any point.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from worker import admin, jobs
from worker.datev.export import Export
from worker.outcome import Outcome
from worker.settings import Settings
from worker.steps.desk import Desk
from worker.store import Job, LockSession, Store
from worker.sync import Sync


@dataclass(frozen=True, slots=True)
class Office:
    """What a handler works with. `desk` is None only for kinds that need no sevDesk."""

    store: Store
    locks: LockSession
    desk: Desk | None
    settings: Settings
    stopping: Callable[[], bool]  # between two steps: hand back with `NotYet(0.0, ...)`

    @property
    def sevdesk(self) -> Desk:
        """For the kinds the runner lets through only with a token."""
        assert self.desk is not None
        return self.desk


Handler = Callable[[Office, Job, Any], Awaitable[Outcome]]


async def sync_payments(office: Office, job: Job, payload: jobs.SyncPayments) -> Outcome:
    """See `worker/sync.py`."""
    return await Sync(office.store, office.sevdesk).run(job, payload)


async def export_datev(office: Office, job: Job, payload: jobs.ExportDatev) -> Outcome:
    """See `worker/datev/export.py`."""
    return await Export(office.store, office.locks, office.sevdesk, office.settings).run(job, payload)


async def test_connection(office: Office, job: Job, payload: jobs.TestConnection) -> Outcome:
    """See `worker/admin.py`."""
    return await admin.test_connection(office.store, office.sevdesk.client, job)


async def refresh_templates(office: Office, job: Job, payload: jobs.RefreshTemplates) -> Outcome:
    """See `worker/admin.py`."""
    return await admin.refresh_templates(office.store, office.sevdesk.client, payload)


async def update_config(office: Office, job: Job, payload: jobs.UpdateConfig) -> Outcome:
    """See `worker/admin.py`."""
    return await admin.update_config(office.store, job, payload)


HANDLERS: Mapping[str, Handler] = {
    "sync_payments": sync_payments,
    "export_datev": export_datev,
    "test_connection": test_connection,
    "refresh_templates": refresh_templates,
    "update_config": update_config,
}
