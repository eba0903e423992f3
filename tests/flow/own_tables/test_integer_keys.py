"""Tables with integer keys and several tenants: `sql/billing/examples/integer_keys.sql`, and what doctor says."""

import secrets
from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import asyncpg
import psycopg
import pytest
import redis.asyncio
from flow.billing import Billing
from flow.books import pay, state
from flow.conftest import RunWorker
from flow.holding import HoldableSevdesk
from flow.operators import Operator
from flow.own_tables.doctoring import checks

from worker.demo.own_tables import VIEWS
from worker.local import services as local
from worker.local.services import Services
from worker.store.migrate import migrate
from worker.store.sql_files import sql_dir

# Two tenants with the same numbers; ours has a project of a company, and a bill of a person without a project.
ROWS = """
    INSERT INTO erp.employee (employee_id, tenant_id, display_name, role) VALUES (1, 1, 'Otto', 'admin'), (2, 2, 'Anna', 'admin');
    INSERT INTO erp.customer (customer_id, tenant_id, kind, firm, given_name, family_name, mail, street, postcode, town) VALUES
        (1, 1, 'business', 'Fremd AG', NULL, NULL, 'a@example.com', 'Weg 1', '20095', 'Hamburg'),
        (2, 2, 'business', 'Bäckerei GmbH', NULL, NULL, 'b@example.com', 'Weg 2', '10115', 'Berlin'),
        (3, 2, 'consumer', NULL, 'Zoë', 'Größmann', 'c@example.com', 'Weg 3', '50667', 'Köln');
    INSERT INTO erp.project (project_id, tenant_id, customer_id, kind) VALUES (1, 1, 1, 'consulting'), (2, 2, 2, 'consulting');
    INSERT INTO erp.bill (bill_id, tenant_id, bill_no, project_id, customer_id, kind, state, net_cent, vat_cent, total_cent, billed_on)
    SELECT id, tenant, no, project, customer, 'instalment', 'released', 10000, 1900, 11900, current_date
    FROM (VALUES (1, 1, 'R-1', 1, 1), (2, 2, 'R-1', 2, 2), (3, 2, 'R-2', NULL, 3)) AS b (id, tenant, no, project, customer);
    INSERT INTO erp.bill_line SELECT bill_id, 1, 'Beratung', 4, NULL, 2500, 19 FROM erp.bill;
"""  # noqa: E501 - a table


@pytest.fixture(scope="module")
def own_template(services: Services) -> Iterator[str]:
    """A migrated database with this example's tables and views."""
    name = f"keys_{secrets.token_hex(4)}"
    url = local.create_database(services, name)
    with psycopg.connect(url) as owner:
        owner.execute((sql_dir() / "billing" / "examples" / "integer_keys.sql").read_bytes())
    migrate(url, billing_schema=VIEWS)
    yield name
    local.drop_database(services, name)


@pytest.fixture
async def billing_on_views(database_url: str, redis_url: str) -> AsyncIterator[Billing]:
    """The billing system with its rows, which reads the views and writes its tables."""
    path = {"search_path": f"{VIEWS}, public"}
    async with (
        asyncpg.create_pool(database_url, min_size=1, max_size=5, server_settings=path) as pool,
        redis.asyncio.Redis.from_url(redis_url) as client,
    ):
        await pool.execute(ROWS)
        yield Billing(pool, client, await pool.fetchval("SELECT id FROM contacts WHERE is_admin"))


async def bill(billing: Billing, number: str) -> UUID:
    """The id under which the worker knows it."""
    return await billing.db.fetchval("SELECT id FROM billing_invoices WHERE invoice_number = $1", number)


async def test_one_tenant_is_published(
    billing: Billing, role_url: str, run_worker: RunWorker, sevdesk: HoldableSevdesk, operator: Operator
) -> None:
    """Under the role, doctor warns of nothing; a company and a person get theirs; the other tenant's rows stay."""
    async with run_worker(database_url=role_url, database_lock_url=None):
        for number in ("R-1", "R-2"):
            job = await billing.do("publish_invoice", invoice_id=await bill(billing, number))
            assert (job["state"], job["error"]) == ("done", None)
        [paid] = [each["id"] for each in (await state(sevdesk))["invoices"] if each["customerInternalNote"] == "R-1"]
        await pay(sevdesk, paid, "119.00")
        assert (await billing.do("sync_payments"))["state"] == "done"
        found = await checks(operator, DATABASE_URL=role_url)
    assert {name for name, check in found.items() if check["level"] == "warn"} <= {"workers", "redis disk"}
    for name in ("hand-back", "event log", "billing values", "billing indexes", "invoice numbers", "rights"):
        assert found[name]["level"] == "ok", found[name]
    statement = "SELECT state::text, payment::text, paid_cent, sevdesk_id FROM erp.bill ORDER BY bill_id"
    foreign, ours, persons = [tuple(row) for row in await billing.db.fetch(statement)]
    assert foreign == ("released", "unpaid", 0, None)
    assert ours == ("released", "paid", 11900, int(paid)) and persons[:3] == ("released", "unpaid", 0)
    contacts = {each["customerNumber"][:5] for each in (await state(sevdesk))["contacts"]}
    assert contacts == {"R1-C-", "R1-P-"}


async def test_earlier_rows_are_adopted(
    billing: Billing, role_url: str, run_worker: RunWorker, sevdesk: HoldableSevdesk
) -> None:
    """What another integration has published and left with sevDesk's id, a number there, is linked."""
    async with run_worker(database_url=role_url, database_lock_url=None):
        invoice = await bill(billing, "R-1")
        assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
        await billing.db.execute("UPDATE erp.bill SET provider = NULL, sync_status = 'queued', sevdesk_no = NULL")
        await billing.db.execute("DELETE FROM sevdesk_contacts")
        job = await billing.do("adopt")
        assert job["state"] == "done" and '"linked": 1' in job["result"] and '"contacts_linked": 1' in job["result"]
        assert (await billing.row(invoice))["external_invoice_number"] is not None


def view_of_bills(*changed: tuple[str, str]) -> str:
    """The view of invoices made anew, with other expressions."""
    text = (sql_dir() / "billing" / "examples" / "integer_keys.sql").read_text()
    start = text.index(f"CREATE VIEW {VIEWS}.billing_invoices")
    made = text[start : text.index(";", start)]
    for before, after in changed:
        assert before in made
        made = made.replace(before, after)
    return f"DROP VIEW {VIEWS}.billing_invoices CASCADE; {made}; {TRIGGER}"


TRIGGER = f"""CREATE TRIGGER hand_back INSTEAD OF UPDATE ON {VIEWS}.billing_invoices
              FOR EACH ROW EXECUTE FUNCTION {VIEWS}.hand_back()"""
PROJECT = "md5('project:' || project_id::text)::uuid AS deal_id"
LOOKED_UP = """(SELECT md5('project:' || p.project_id::text)::uuid FROM erp.project p
                WHERE p.project_id = bill.project_id) AS deal_id"""
# What somebody writes at first -> the check that says so, its level, and its words.
FAULTS = {
    "key": (
        view_of_bills((PROJECT, "project_id AS deal_id")),
        "billing tables", "fail", "deal_id is bigint, not uuid (the worker's keys are uuids.",
    ),
    "number": (
        view_of_bills(("sevdesk_id::text AS external_id", "sevdesk_id AS external_id")),
        "billing tables", "fail", 'external_id is bigint, not text (write "column"::text)',
    ),
    "enum": (
        view_of_bills(("'EUR'::text AS currency", "kind AS currency")),
        "billing tables", "fail", "currency is erp.bill_kind, not text (write CASE",
    ),
    "subquery": (
        view_of_bills((PROJECT, LOOKED_UP)),
        "billing indexes", "warn", "For billing_invoices_deal no index can",
    ),
    "no uniqueness": (
        "ALTER TABLE erp.bill DROP CONSTRAINT bill_tenant_id_bill_no_key; CREATE INDEX ON erp.bill (bill_no)",
        "invoice numbers", "fail", "two invoices could share a marker",
    ),
    "two tenants": (
        view_of_bills(("WHERE tenant_id = 2", "")),
        "invoice numbers", "fail", "two invoices could share a marker",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
async def test_first_tries_are_named(fault: str, operator: Operator, billing: Billing) -> None:
    """Keys and other numbers as they are, enums, references looked up by a subquery, numbers of several tenants."""
    plant, name, level, words = FAULTS[fault]
    await billing.db.execute(plant)
    check = (await checks(operator, 1 if level == "fail" else 0))[name]
    assert check["level"] == level and words in check["detail"], check
    assert "SubPlan" not in (check["next_step"] or "")


async def test_trigger_of_change_time_is_fine(operator: Operator, billing: Billing) -> None:
    """A table may set the time of its last change itself, as long as it is the right time."""
    for clock, level in (("now() AT TIME ZONE 'UTC'", "ok"), ("now() AT TIME ZONE 'Asia/Tokyo'", "fail")):
        await billing.db.execute(
            f"""CREATE OR REPLACE FUNCTION erp.touch() RETURNS trigger LANGUAGE plpgsql AS $f$
                BEGIN NEW.modified := {clock}; RETURN NEW; END $f$;
                CREATE OR REPLACE TRIGGER touch BEFORE UPDATE ON erp.bill FOR EACH ROW EXECUTE FUNCTION erp.touch()"""
        )
        check = (await checks(operator, int(level == "fail")))["hand-back"]
        assert check["level"] == level, check
