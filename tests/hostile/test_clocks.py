"""Clocks that are wrong, jump, or change to summer and winter time."""

import asyncio
import re
from datetime import date, timedelta
from pathlib import Path

import pytest
from chaos.children import Nursery
from chaos.lane import lane
from chaos.ledgers import copies_of, mails_about
from flow.books import pay
from flow.clocks import shift, with_own_clock
from hostile.trouble import ask, complaints, count

import worker
from sevdesk_client.sandbox.account.formats import berlin_day
from worker.local.services import Services

# Where the machine's clock is read, and what for. All that decides asks Postgres, or counts seconds.
READERS = {
    "evidence/bundle.py": "when a bundle was made, for its reader",
    "maintenance/maintenance.py": "a job's id",
    "observability/otel.py": "the start of spans",
    "operator/checks_postgres.py": "compared with Postgres' clock",
    "operator/checks_services.py": "ages of what Redis was told, for the reader",
    "operator/checks_views.py": "whether a view shows the clock for updated_at",
    "operator/health.py": "ages of what Redis was told, for the reader",
    "operator/situation.py": "ages, for the reader",
    "cli/rehearse.py": "when a report was made, for its reader",
    "cli/status_view.py": "ages, for the reader",
    "queue/inbox.py": "the time of signatures, which may be off by a day",
    "store/clock_watch.py": "compared with Postgres' clock",
    "store/listener.py": "when an event was heard, for the reader",
}
CLOCK = re.compile(r"\b(datetime\.now|date\.today|time\.time|time_ns|utcnow)\(")
DAY_BEFORE = """
-- In the hour after midnight an hour less is another day, on which today's invoices are none yet.
CREATE FUNCTION shifted.day_before() RETURNS trigger LANGUAGE plpgsql
    AS 'BEGIN NEW.issue_date := NEW.issue_date - 1; RETURN NEW; END';
CREATE TRIGGER day_before BEFORE INSERT ON billing_invoices FOR EACH ROW EXECUTE FUNCTION shifted.day_before();
"""
NIGHTS = (date(2026, 3, 29), date(2026, 10, 25))


def test_machine_clock_decides_nothing() -> None:
    """Nobody else reads it."""
    folder = Path(worker.__file__).parent
    found = {
        str(path.relative_to(folder))
        for path in folder.rglob("*.py")
        if CLOCK.search(path.read_text()) and path.relative_to(folder).parts[0] not in ("demo", "local")
    }
    assert found == set(READERS)


@pytest.mark.parametrize("by", ["1 hour", "-1 hour"])
async def test_wrong_postgres_clock_is_survived(by: str, services: Services, template: str, home: Nursery) -> None:
    """It jumps by an hour while jobs are at work, and later back; nothing is lost or doubled."""
    async with lane(services, template, home, 1) as place:
        await with_own_clock(place.billing.db)
        await place.billing.db.execute(DAY_BEFORE)
        # In the first hour of a day in Berlin, an hour back is the day before the invoices'.
        workers = [await place.worker(CHECK_LEVELS="issue_date_in_future=off") for _ in range(2)]
        work = await ask(place)
        await work.begun()
        await shift(place.billing.db, by)
        more = await ask(place)
        await asyncio.sleep(3)
        if by.startswith("-"):
            await shift(place.billing.db, "0")
        # The log is read by its times, so where these went back its order is odd.
        found = [*await work.findings(), *await more.findings()]
        assert [text for text in found if by.startswith("1") or "odd: " not in text] == []
        for subject in (*work.subjects, *more.subjects):
            again = await place.billing.do("send_invoice", invoice_id=subject.invoice)
            assert again["state"] == "done", again["error"]
            assert mails_about(place, copies_of(place, subject)) == 1
        # Each worker tells each jump in one line; forward or back, there and, after -1 hour, back again.
        jumps = 2 if by.startswith("-") else 1
        assert [count(worker, "clock.jumped") for worker in workers] == [jumps, jumps]
        assert [text for text in complaints(*workers) if "clock.jumped" not in text] == []


async def test_days_stay_days_over_both_nights(services: Services, template: str, home: Nursery) -> None:
    """Invoices issued and paid around the nights in which Berlin's clocks change keep their days."""
    async with lane(services, template, home, 1) as place:
        await place.worker(ISSUE_DATE_MAX_AGE=36_500, GONE_AFTER=0)
        days = [night + timedelta(days=step) for night in NIGHTS for step in (-1, 0, 1)]
        subjects = {day: await place.subject() for day in days}
        for day, subject in subjects.items():
            await place.billing.db.execute(
                "UPDATE billing_invoices SET issue_date = $2 WHERE id = $1", subject.invoice, day
            )
            done = await place.billing.do("publish_invoice", invoice_id=subject.invoice)
            assert done["state"] == "done", done["error"]
            [copy] = copies_of(place, subject)
            assert berlin_day(copy.fields.invoice_date) == day
            await pay(place.sevdesk, str(copy.id), "119.00", day.isoformat())
        assert (await place.billing.do("sync_payments", full=True))["state"] == "done"
        for day, subject in subjects.items():
            paid = await place.billing.db.fetchval(
                "SELECT (paid_at AT TIME ZONE 'Europe/Berlin')::date FROM billing_invoices WHERE id = $1",
                subject.invoice,
            )
            assert paid == day
