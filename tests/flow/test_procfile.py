"""The Procfile runs as it stands: release migrates, worker works, SIGTERM ends it."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL
from pathlib import Path

import asyncpg
from flow.billing import Billing
from flow.processes import ROOT, environment

from worker.settings import Settings

BIN = Path(sys.executable).parent


async def honcho(settings: Settings, process: str) -> asyncio.subprocess.Process:
    """`honcho start PROCESS` in the checkout, with nothing but settings in the environment."""
    given = environment(settings, {}) | {"PATH": f"{BIN}{os.pathsep}/usr/bin{os.pathsep}/bin"}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "honcho", "-f", str(ROOT / "Procfile"), "start", process,
        cwd=ROOT, env=given, stdout=DEVNULL, stderr=DEVNULL,
    )  # fmt: skip


async def test_procfile_publishes_an_invoice(settings: Settings, billing: Billing) -> None:
    """From an unmigrated ledger to a published invoice and a clean end."""
    connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(settings.database_url)
    for table in await connection.fetch("SELECT tablename FROM pg_tables WHERE tablename ~ '^sevdesk'"):
        await connection.execute(f'DROP TABLE "{table["tablename"]}" CASCADE')
    for function in await connection.fetch("SELECT oid::regprocedure AS f FROM pg_proc WHERE proname ~ '^sevdesk_'"):
        await connection.execute(f"DROP FUNCTION IF EXISTS {function['f']} CASCADE")
    for sequence in await connection.fetch("SELECT sequencename FROM pg_sequences WHERE sequencename ~ '^sevdesk_'"):
        await connection.execute(f'DROP SEQUENCE "{sequence["sequencename"]}"')
    await connection.close()
    async with asyncio.timeout(60):
        release = await honcho(settings, "release")
        assert await release.wait() == 0
        worker = await honcho(settings, "worker")
        try:
            job = await billing.do("publish_invoice", invoice_id=await billing.usual_invoice())
            assert (job["state"], job["error"]) == ("done", None)
        finally:
            worker.send_signal(signal.SIGTERM)
            await worker.wait()
