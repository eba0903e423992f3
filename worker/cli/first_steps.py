"""Commands for the first minutes: init, seed."""

from pathlib import Path
from typing import Annotated

import typer

from worker.cli.base import ACT, AsJson, cli, fail, settings, show
from worker.cli.saving import new_private_file

PACKAGE = Path(__file__).resolve().parents[1]


@cli.command(rich_help_panel=ACT)
def init(as_json: AsJson = False) -> None:
    """Write a file .env to fill in, readable by you alone, and say what comes next. Never over an existing one."""
    from worker.store.sql_files import sql_dir

    carried = PACKAGE / "env.example"  # in an installed wheel; a checkout has the file at its top
    template = (carried if carried.is_file() else PACKAGE.parent / ".env.example").read_bytes()
    path = Path.cwd() / ".env"
    with new_private_file(path) as file:
        file.write(template)
    roles = sql_dir() / "roles.sql"
    steps = (
        f"Wrote {path}, which only you can read.",
        "Next:",
        "  1. Set DATABASE_URL (the owner of the tables at first), REDIS_URL and SEVDESK_API_TOKEN in it.",
        "  2. sevdesk-worker migrate",
        f'  3. psql "$OWNER_URL" -f {roles}',
        "     It makes the role sevdesk_worker; give it a password, and let DATABASE_URL name it.",
        "  4. sevdesk-worker doctor",
        "  5. sevdesk-worker run",
    )
    show(as_json, {"file": str(path), "roles": str(roles)}, "\n".join(steps))


@cli.command(rich_help_panel=ACT)
def seed(
    invoices: Annotated[int, typer.Option(help="How many.", min=1, max=100_000)] = 30,
    as_json: AsJson = False,
) -> None:
    """Fill an empty reference database with invented customers and approved invoices, to try the worker on."""
    import psycopg

    from worker.demo.seed import NotEmptyError
    from worker.demo.seed import seed as insert

    if settings().billing_schema:
        fail("seed fills the reference tables; BILLING_SCHEMA says that yours are others.")
    try:
        admin = insert(settings().database_url, invoices)
    except NotEmptyError as error:
        fail(f"{error}. seed is for a database just made by migrate --billing-reference.")
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
        fail("The billing tables are not there; make them: sevdesk-worker migrate --billing-reference.")
    except psycopg.OperationalError:
        fail("Cannot reach Postgres. Check DATABASE_URL.")
    except psycopg.Error as error:
        fail(f"Postgres refuses ({type(error).__name__}); nothing was inserted.")
    text = (
        f"Inserted {invoices} approved invoices, SEED-00001 to SEED-{invoices:05d}, and an admin, {admin}.\n"
        "Next, with a worker running: sevdesk-worker enqueue publish_invoice invoice_id=SEED-00001 --wait"
    )
    show(as_json, {"invoices": invoices, "admin": str(admin)}, text)
