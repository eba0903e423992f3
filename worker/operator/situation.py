"""Reads what `worker/operator/diagnosis.py` explains, one row per statement."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from worker.domain.agreement import Registered, of_workers
from worker.maintenance.agreement import registered
from worker.operator.aftermath import MAX_NOTICES, left_by
from worker.operator.connections import redis_state
from worker.operator.diagnosis import Situation
from worker.operator.leader import silent_leader
from worker.operator.lookup import Found
from worker.operator.rows import AccountRow, DecidingJobRow, InvoiceHeadRow, JobAheadRow, OpenWriteRow
from worker.settings import JobLimit, Settings, read_job_limit
from worker.store import Store

GONE_AFTER, PERSON_JOB_LIMIT = "GONE_AFTER", "PERSON_JOB_LIMIT"  # settings


async def gather(store: Store, found: Found, settings: Settings) -> Situation:
    """Read about a job, or about an invoice and the job that decides what happens next to it.

    Raises one of `CONNECTION_LOST`.
    """
    job: DecidingJobRow | None = await store.query("deciding_job", job_id=found.job_id, invoice_id=found.invoice_id)
    ahead: JobAheadRow | None = None
    if job is not None:
        ahead = await store.query("job_ahead", order_key=job["order_key"], seq=job["seq"])
    invoice: InvoiceHeadRow | None = None
    if found.invoice_id is not None:
        invoice = await store.query("invoice_head", invoice_id=found.invoice_id)
    redis = await redis_state(settings)
    subject = job["order_key"] if job else f"invoice:{found.invoice_id}"
    intent: OpenWriteRow | None = await store.query(
        "open_intent_about", job_id=job["job_id"] if job else None, subject=subject
    )
    account: AccountRow = await store.query("account")
    workers = await registered(store)
    gone_after, limit = of_workers(workers, GONE_AFTER), job_limit(workers, settings)
    return Situation(
        now=datetime.now(UTC),
        invoice=invoice,
        job=job,
        ahead=ahead,
        intent=intent,
        limited_for=await _limited_for(store, job, limit),
        limit=f"{limit.jobs}/{limit.seconds:.0f}",
        account=account,
        notices=[]
        if found.invoice_id is None
        else await store.query("open_notices", invoice_id=found.invoice_id, most=MAX_NOTICES),
        sevdesk=redis["sevdesk"],
        gone_after=settings.gone_after if gone_after is None else float(gone_after),
        silent_leader=silent_leader(await store.query("leader")),
        workers=len(workers),
        left=await left_by(store, await store.query("whole_job", job_id=job["job_id"])) if job and not invoice else (),
    )


def job_limit(workers: Sequence[Registered], settings: Settings) -> JobLimit:
    """The limit that the workers keep, or if none runs the one in this command's settings."""
    told = of_workers(workers, PERSON_JOB_LIMIT)
    return settings.person_job_limit if told is None else read_job_limit(told)


async def limited_for(store: Store, person: UUID, limit: JobLimit) -> float | None:
    """Seconds until the person may start another job; None or negative: now."""
    about = {"limit_jobs": limit.jobs, "limit_seconds": limit.seconds}
    seconds: float | None = await store.query("limited_for", person=person, **about)
    return seconds


async def _limited_for(store: Store, job: DecidingJobRow | None, limit: JobLimit) -> float | None:
    """None if this job is not held back by the limit, which holds only for jobs that have never started."""
    if job is None or job["requested_by"] is None or job["started_at"] is not None:
        return None
    return await limited_for(store, job["requested_by"], limit)
