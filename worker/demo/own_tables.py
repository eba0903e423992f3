"""Billing tables of another form than the worker's, with the views that stand for them: `sql/billing/examples`."""

from typing import Any

import psycopg

from worker.store.sql_files import sql_dir

VIEWS = "sevdesk_views"  # the example's schema


def create_example(owner: psycopg.Connection[Any]) -> None:
    """Create them in an empty database, with what lets a billing system insert rows through the views."""
    for name in ("camel_case", "camel_case_writing"):
        owner.execute((sql_dir() / "billing" / "examples" / f"{name}.sql").read_bytes())
