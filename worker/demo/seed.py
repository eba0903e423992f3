"""Rows for trying the worker: approved invoices in an empty database with the billing reference tables."""

from datetime import UTC, date, datetime, timedelta
from itertools import cycle, islice
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.rows import dict_row

from worker.demo.billing_system import insert_rows
from worker.demo.month import BillingMonth, Row, billing_month

# Of these none may have a row.
TABLES = ("contacts", "companies", "deals", "billing_invoices")
# Invoice dates lie on this many days up to today.
DAYS = 28


class NotEmptyError(Exception):
    """The database holds rows of its own; the message names the table."""


def seed(database_url: str, invoices: int) -> UUID:
    """Insert so many approved invoices in one transaction, with all they refer to; returns an admin's contact id.

    Raises `NotEmptyError`, or `psycopg.Error`: UndefinedTable if the billing tables are not there.
    """
    month = billing_month()
    with psycopg.connect(database_url, row_factory=dict_row) as connection:
        for table in TABLES:
            if connection.execute(f"SELECT FROM {table} LIMIT 1".encode()).fetchone() is not None:
                raise NotEmptyError(f"The table {table} is not empty, so nothing was inserted")
        insert_rows(connection, seed_rows(month, invoices, datetime.now(UTC).date()))
    return month.admin_id


def seed_rows(month: BillingMonth, invoices: int, today: date) -> dict[str, list[Row]]:
    """The month's customers and deals, and copies of its advances with recent dates and numbers of their own.

    Final invoices are left out, because they must account for the advances of their deal.
    """
    samples = [plan for plan in month.plans if plan.row["document_kind"] == "AR" and not plan.is_refused]
    items = month.tables["billing_invoice_items"]
    tables: dict[str, list[Row]] = {
        table: rows for table, rows in month.tables.items() if table != "billing_document_templates"
    }
    made: list[tuple[Row, list[Row]]] = []
    for number, plan in enumerate(islice(cycle(samples), invoices), 1):
        invoice_id, issued = uuid4(), today - timedelta(days=(invoices - number) % DAYS)
        changed: dict[str, Any] = {
            "id": invoice_id,
            "invoice_number": f"SEED-{number:05d}",
            "issue_date": issued,
            "document_template_id": None,  # the account's default layout
            **dict.fromkeys(("created_at", "updated_at"), datetime.now(UTC)),
        }
        copied = [
            {**item, "id": uuid4(), "invoice_id": invoice_id} for item in items if item["invoice_id"] == plan.invoice_id
        ]
        made.append((plan.row | changed, copied))
    tables["billing_invoices"] = [row for row, _ in made]
    tables["billing_invoice_items"] = [item for _, copied in made for item in copied]
    return tables
