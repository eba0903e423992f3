"""When the next payment sync and the next full sweep are due. Pure; the clock is given."""

from datetime import UTC, datetime

from croniter import croniter

from worker.domain.dates import BERLIN

DAY_MINUTES = 24 * 60
# A sync may be running, and one may have been missed; the third in a row is a fault.
MISSED_SYNCS = 3
ALLOWED = (
    "1 to 59 minutes that divide an hour (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30), "
    "or whole hours that divide a day (60, 120, 180, 240, 360, 480, 720, 1440)"
)


def is_allowed(minutes: int) -> bool:
    """True for intervals that fall on the same minutes every hour, or on the same hours every day."""
    if minutes < 60:
        return minutes > 0 and 60 % minutes == 0
    return minutes % 60 == 0 and DAY_MINUTES % minutes == 0


def next_run(minutes: int, after: datetime) -> datetime:
    """The first scheduled time later than `after` (aware), in UTC. Raises ValueError if the interval is not allowed.

    Minute intervals fall on the same minutes in every time zone. Hour intervals follow the Berlin clock: the hour that
    it skips in spring has no run, the hour that it repeats in autumn has two.
    """
    if not is_allowed(minutes):
        raise ValueError(f"payment_sync_interval_minutes is {minutes}; allowed are {ALLOWED}")
    # Counted in UTC, where no hour is missing, because croniter moves a missing hour's run to the next hour.
    every = f"*/{minutes} * * * *" if minutes < 60 else "0 * * * *"
    ticks = croniter(every, after.astimezone(UTC)).all_next(datetime)
    return next(tick for tick in ticks if is_scheduled(minutes, tick))


def is_scheduled(minutes: int, moment: datetime) -> bool:
    """True if the interval has a run at `moment`, which is aware. A stored time without belongs to an older setting."""
    local = moment.astimezone(BERLIN)
    whole = local.second == local.microsecond == 0
    return whole and (local.minute + (60 * local.hour if minutes >= 60 else 0)) % minutes == 0
