"""What the report of a month says: its invoices' way to payment, open claims, payments, parked jobs, drift, exports."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime

from worker.domain.dates import BERLIN, FIRST_DAY, LAST_DAY
from worker.store import Store
from worker.store.rows import ClockRow, Row

# Rows of one table that are written out; the page says how many more there are.
MAX_ROWS = 50


@dataclass(frozen=True, slots=True)
class MonthReport:
    """Rows of `sql/queries/report.sql`; pipeline, payments and exports of the month, the rest as of `at`."""

    month: str
    first: date
    last: date
    at: datetime
    differences: list[Row]
    pipeline: list[Row]
    open_claims: list[Row]
    payments: list[Row]
    parked: list[Row]
    last_reconciliation: Row | None
    drift: list[Row]
    exports: list[Row]


def days_of(month: str) -> tuple[date, date]:
    """First and last day of a month such as 2026-11. Raises `ValueError` for anything else."""
    if not re.fullmatch(r"\d{4}-\d\d", month, re.ASCII):
        raise ValueError
    first = date.fromisoformat(f"{month}-01")
    if not FIRST_DAY <= first <= LAST_DAY:
        raise ValueError
    return first, first.replace(day=monthrange(first.year, first.month)[1])


async def read_month(store: Store, month: str | None) -> MonthReport:
    """The report; of the present month in Berlin if none is given. Reads by indexes, changes nothing."""
    clock: ClockRow = await store.query("clock")
    named = month or f"{clock['now'].astimezone(BERLIN):%Y-%m}"
    first, last = days_of(named)
    return MonthReport(
        named,
        first,
        last,
        clock["now"],
        differences=await store.query("notices_in_money", most=MAX_ROWS),
        pipeline=await store.query("pipeline_of_period", first=first, last=last),
        open_claims=await store.query("open_claims"),
        payments=await store.query("payments_by_day_of_period", first=first, last=last),
        parked=await store.query("parked_by_code"),
        last_reconciliation=await store.query("last_reconciliation"),
        drift=await store.query("drift_notices", most=MAX_ROWS),
        exports=await store.query("exports_about", first=first, last=last, most=MAX_ROWS),
    )
