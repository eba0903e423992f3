"""init, seed, migrate, sandbox, local: the first minutes of an operator."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from flow.billing import Billing
from flow.conftest import RunWorker
from flow.operators import Operator

from worker.local import services as local
from worker.local.services import Services
from worker.settings import Settings


@pytest.fixture
def operator(settings: Settings, billing: Billing, tmp_path: Path) -> Operator:
    """At a database with a billing system in it."""
    return Operator(settings, tmp_path)


async def test_init_writes_a_private_file(operator: Operator) -> None:
    """Mode 0600, with every setting to fill in, and never over a file or a link that is there."""
    code, said, _ = await operator.run("init")
    file = operator.folder / ".env"
    assert code == 0 and "roles.sql" in said and "sevdesk-worker doctor" in said
    assert file.stat().st_mode & 0o777 == 0o600 and "SEVDESK_API_TOKEN=" in file.read_text()
    file.write_text("mine")
    code, said, problem = await operator.run("init")
    assert (code, said) == (1, "") and "is there already" in problem and file.read_text() == "mine"


async def test_seed_fills_an_empty_database(operator: Operator, services: Services) -> None:
    """The tables are named when they are made; invoices go in once, and not before there are tables."""
    away = {"DATABASE_URL": local.create_database(services, "seeded")}
    try:
        code, said, problem = await operator.run("seed", **away)
        assert (code, said) == (1, "") and "make them: sevdesk-worker migrate --billing-reference" in problem
        code, said, _ = await operator.run("migrate", "--billing-reference", **away)
        assert code == 0 and "Created the billing tables contacts, companies," in said
        assert (await operator.json("seed", "--invoices", "40", **away))["invoices"] == 40
        assert (await operator.json("show", "SEED-00040", **away))["invoice"]["document_status"] == "approved"
        code, said, problem = await operator.run("seed", **away)
        assert (code, said) == (1, "") and "is not empty, so nothing was inserted" in problem
    finally:
        local.drop_database(services, "seeded")


async def test_seeded_invoices_are_published(operator: Operator, billing: Billing, run_worker: RunWorker) -> None:
    """Each kind of seeded invoice goes out: sums, units and dates are right."""
    await billing.db.execute("TRUNCATE contacts, companies, deals, billing_invoices CASCADE")
    await operator.json("seed", "--invoices", "12")
    for row in await billing.db.fetch("SELECT id FROM billing_invoices"):
        await billing.request("publish_invoice", invoice_id=row["id"])
    async with run_worker():
        [last] = await billing.db.fetch("SELECT job_id FROM sevdesk_jobs ORDER BY seq DESC LIMIT 1")
        await billing.ended(last["job_id"])
        for row in await billing.db.fetch("SELECT job_id FROM sevdesk_jobs WHERE kind = 'publish_invoice'"):
            job = await billing.ended(row["job_id"])
            assert job["state"] == "done", job["error"]


def test_sandbox_names_its_extra(tmp_path: Path) -> None:
    """Without the packages of the extra: one sentence with the command that installs them."""
    (tmp_path / "starlette.py").write_text("raise ModuleNotFoundError(name='starlette')")
    done = subprocess.run(
        [sys.executable, "-m", "worker", "sandbox"], capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "The sandbox needs starlette, which is not installed: pip install 'sevdesk-worker[sandbox]'\n"
    )
