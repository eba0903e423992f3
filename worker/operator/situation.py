"""Gathers what `worker/operator/diagnosis.py` explains, in single-row reads."""

from datetime import UTC, datetime
from typing import Any

from worker.cli.lookup import Found
from worker.operator.connections import redis_state
from worker.operator.diagnosis import Scene
from worker.settings import Settings
from worker.store import Store


async def gather(store: Store, found: Found, settings: Settings) -> Scene:
    """The scene of a job, or of the job that decides about an invoice."""
    job: Any = await store.query("deciding_job", job_id=found.job_id, invoice_id=found.invoice_id)
    near_redis = await redis_state(settings.redis_url)
    subject = job["order_key"] if job else f"invoice:{found.invoice_id}"
    return Scene(
        now=datetime.now(UTC),
        invoice=await store.query("invoice_head", invoice_id=found.invoice_id) if found.invoice_id else None,
        job=job,
        ahead=await store.query("job_ahead", order_key=job["order_key"], seq=job["seq"]) if job else None,
        intent=await store.query("open_intent_about", job_id=job["job_id"] if job else None, subject=subject),
        limited_for=await _limited_for(store, job, settings),
        limit=f"{settings.person_job_limit.jobs}/{settings.person_job_limit.seconds:.0f}",
        quarantine=settings.write_quarantine,
        account=await store.query("account"),
        workers=len(near_redis["workers"]) if near_redis["reachable"] else None,
    )


async def _limited_for(store: Store, job: Any, settings: Settings) -> float | None:
    """Only a job that has never started is held back by the limit."""
    if job is None or job["requested_by"] is None or job["started_at"] is not None:
        return None
    limit = settings.person_job_limit
    seconds: float | None = await store.query(
        "limited_for", person=job["requested_by"], limit_jobs=limit.jobs, limit_seconds=limit.seconds
    )
    return seconds
