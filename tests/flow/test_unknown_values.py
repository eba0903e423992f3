"""A row that holds a word which the worker does not know is named; no command ends in a traceback, and others go on."""

from pathlib import Path
from uuid import UUID

import pytest
from flow.billing import Billing, time_to_day
from flow.operators import Operator

from sevdesk_client.sandbox.http.server import Running
from worker.settings import Settings

COLUMNS = (
    *("accounting_sync_status", "document_status", "claim_status", "document_kind", "final_invoice_form"),
    *("tax_rule", "currency"),
)
FREE = """
    DO $$ DECLARE each record; BEGIN
        FOR each IN SELECT conrelid::regclass AS t, conname FROM pg_constraint
                    WHERE contype = 'c' AND conrelid IN ('billing_invoices'::regclass, 'deals'::regclass)
        LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', each.t, each.conname); END LOOP;
    END $$
"""


@pytest.fixture
def operator(settings: Settings, tmp_path: Path) -> Operator:
    """The operator, who knows the worker's settings."""
    return Operator(settings, tmp_path)


async def spoilt_book(billing: Billing) -> dict[str, UUID]:
    """A published invoice for each column, which then holds an unknown value, and a good one under ''."""
    await billing.db.execute(FREE)
    book = {}
    for column in ("", *COLUMNS):
        book[column] = await billing.usual_invoice()
        assert (await billing.do("publish_invoice", invoice_id=book[column]))["state"] == "done"
    for column in COLUMNS:
        value = "99" if column == "tax_rule" else "'mañana'"
        await billing.db.execute(f"UPDATE billing_invoices SET {column} = {value} WHERE id = $1", book[column])  # noqa: S608 - ours
    return book


async def test_commands_name_unknown_values(
    billing: Billing, worker: object, sevdesk: Running, operator: Operator, tmp_path: Path
) -> None:
    """Those about all invoices go on, and those about one say a sentence."""
    book = await spoilt_book(billing)
    compared = await operator.json("reconcile", code=3)
    named = {UUID(each["invoice_id"]) for each in compared["findings"]}
    assert {book[column] for column in COLUMNS[:3]} <= named and book[""] not in named
    for command in (("status",), ("jobs",), ("doctor",), ("reconcile", "--html", str(tmp_path / "report.html"))):
        await operator.run(*command)
    for column, invoice in book.items():
        bundle = str(tmp_path / f"{column}.zip")
        commands = ("why",), ("show",), ("preview", "--offline"), ("show", "--bundle", bundle)
        for command, *options in commands:
            code, _, err = await operator.run(command, str(invoice), *options)
            assert code in (0, 3), (column, command, err)
    _, out, err = await operator.run("preview", str(book["claim_status"]), "--offline")
    assert err == "" and "claim_status" in out and "sql/billing/tables.sql" in " ".join(out.split())


async def test_unknown_problem_is_told(billing: Billing, worker: object, operator: Operator) -> None:
    """The job was parked by another release: what that one said is repeated."""
    invoice = await billing.usual_invoice(head_text="")
    job_id = await billing.enqueue("send_invoice", invoice_id=invoice)
    assert (await billing.ended(job_id))["state"] == "parked"
    for change in ("problem = 'of_tomorrow'", "problem = 'partly_paid', problem_parameters = '{}'", "kind = 'dream'"):
        await billing.db.execute(f"UPDATE sevdesk_jobs SET {change}, error = 'So it was.'")  # noqa: S608 - ours
        for command in (("why", job_id), ("why", str(invoice)), ("show", str(invoice)), ("jobs",), ("status",)):
            code, out, err = await operator.run(*command)
            assert code in (0, 3), err
            assert "So it was." in out or command[0] != "why"


@pytest.mark.usefixtures("quick_exports")
async def test_export_goes_on(billing: Billing, worker: object, sevdesk: Running) -> None:
    """The DATEV export compares the others, and does not fail for one."""
    await spoilt_book(billing)
    today = time_to_day().isoformat()
    job = await billing.do("export_datev", start_date=today, end_date=today)
    assert (job["state"], job["error"]) == ("done", None)
