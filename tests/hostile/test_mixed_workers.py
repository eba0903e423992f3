"""Workers of different settings and versions on one database."""

import random
from pathlib import Path

import pytest
from chaos.children import Nursery
from chaos.lane import Lane, lane
from flow.billing import Billing
from flow.operators import Operator
from hostile.trouble import Work, ask, complaints

from worker.local.services import Services
from worker.settings import Settings

SETTINGS = (
    {"WORKER_MAX_JOBS": 1, "WRITE_QUARANTINE": 1.8},
    {"WORKER_MAX_JOBS": 20, "WRITE_QUARANTINE": 5, "PERSON_JOB_LIMIT": "2/1", "GONE_AFTER": 1},
    {"LOG_LEVEL": "WARNING", "RETENTION_DAYS": 30, "SHUTDOWN_GRACE": 0, "ERROR_BUDGET": 1000, "MASS_CHANGE_LIMIT": 0},
)
# What a later release's migrations may do while these workers run, and what its workers may have written.
LATER = """
ALTER TABLE sevdesk_jobs ADD COLUMN later text DEFAULT 'x';
ALTER TABLE sevdesk_queue ADD COLUMN later text;
ALTER TABLE sevdesk_intents ADD COLUMN later integer DEFAULT 1;
ALTER TABLE billing_invoices ADD COLUMN later text;
CREATE TABLE sevdesk_later (id bigint PRIMARY KEY);
"""


async def kill_in_turn(place: Lane, work: Work, kills: int) -> None:
    """Workers of all settings; one after the other is killed and started again with other settings."""
    chance = random.Random(kills)
    living = [await place.worker(**given) for given in SETTINGS]
    await work.begun()
    for number in range(kills):
        victim = chance.randrange(len(living))
        await living[victim].kill()
        living[victim] = await place.worker(**SETTINGS[number % len(SETTINGS)])


@pytest.mark.parametrize("kills", [3, pytest.param(40, marks=pytest.mark.long)])
async def test_settings_may_differ(kills: int, services: Services, template: str, home: Nursery) -> None:
    """Slots, quarantines, limits: the strictest holds where it matters, and each thing is done once."""
    async with lane(services, template, home, 1) as place:
        work = await ask(place, 2 + kills)
        await kill_in_turn(place, work, kills)
        assert await work.findings() == []


async def test_later_tables_disturb_nobody(services: Services, template: str, home: Nursery) -> None:
    """A later release's migrations come while workers of this one are at work."""
    async with lane(services, template, home, 1) as place:
        worker = await place.worker()
        work = await ask(place)
        await work.begun()
        await place.billing.db.execute(LATER)
        more = await ask(place)
        assert [*await work.findings(), *await more.findings()] == []
        assert complaints(worker) == []


async def test_later_problems_are_shown(settings: Settings, billing: Billing, tmp_path: Path) -> None:
    """A problem code and an event of a later release, in the ledger and the log: every command shows them."""
    operator = Operator(settings, tmp_path)
    invoice = await billing.usual_invoice()
    job_id = await billing.request("publish_invoice", invoice_id=invoice)
    await billing.put_into("parked", job_id, problem="of_a_later_release")
    await billing.db.execute(
        """INSERT INTO billing_invoice_event_log (invoice_id, event_type, payload)
           VALUES ($1, 'sung_to_sleep', '{"by": "a later release"}')""",
        invoice,
    )
    for command in (("status",), ("jobs",), ("why", job_id), ("why", str(invoice)), ("show", job_id),
                    ("show", str(invoice)), ("doctor",)):  # fmt: skip
        code, said, err = await operator.run(*command)
        assert code in (0, 1, 3) and "Traceback" not in err, (command, err)
        assert code != 1 or command == ("doctor",), (command, said, err)
