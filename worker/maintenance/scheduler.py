"""Starts the payment sync and the nightly full sweep when they are due, by Postgres' clock."""

from datetime import datetime, timedelta
from typing import Any

import structlog

from worker.domain import schedule
from worker.store import Store
from worker.store.rows import ClockRow, ConfigRow

log = structlog.get_logger()

# The full sweep finds changes that the feed missed; at 100,000 invoices it takes a hundred calls.
PAYMENTS, FULL_SWEEP = "payments", "full_sweep"
# A new installation reads payments at once, so that an operator sees within seconds whether the connection works.
FIRST_SYNC_AFTER = timedelta(0)


async def start_due(store: Store) -> bool:
    """Start the due ones, and correct the next time if the interval has changed. True if one was started."""
    config: ConfigRow = await store.query("config")
    clock: ClockRow = await store.query("clock")
    minutes, now = config["payment_sync_interval_minutes"], clock["now"]
    started = False
    for name, every, payload in ((PAYMENTS, minutes, {}), (FULL_SWEEP, schedule.DAY_MINUTES, {"full": True})):
        try:
            started |= await _start_if_due(store, now, name, every, payload)
        except ValueError as error:
            log.warning("schedule.invalid", reason=str(error), next_step="Set an allowed interval by update_config.")
    return started


async def _start_if_due(store: Store, now: datetime, name: str, minutes: int, payload: dict[str, Any]) -> bool:
    upcoming = schedule.next_run(minutes, now)
    due = await store.query("schedule", name=name)
    if due is None and name == PAYMENTS:
        due = min(now + FIRST_SYNC_AFTER, upcoming)
        await store.query("set_schedule", name=name, next_run_at=due)
    if due is not None and due <= now:  # also if the interval has changed since it was planned
        await store.query(
            "start_scheduled",
            name=name,
            due=due,
            next_run_at=upcoming,
            job_id=f"{name}:{now:%Y%m%dT%H%M%S%f}",
            kind="sync_payments",
            payload=payload,
        )
        return True
    if due is None or due > upcoming or not schedule.is_scheduled(minutes, due):
        await store.query("set_schedule", name=name, next_run_at=upcoming)
    return False
