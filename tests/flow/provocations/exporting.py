"""What keeps a DATEV export from coming about."""

from typing import Any
from uuid import uuid4

from flow.books import control, order_fault
from flow.provocations.table import provokes
from flow.stage import Stage

OCTOBER = {"start_date": "2026-10-01", "end_date": "2026-10-31"}
NOVEMBER = {"start_date": "2026-11-01", "end_date": "2026-11-30"}
START = "GET /Export/createDatevCsvZipExportJob"


async def held(stage: Stage) -> Any:
    """The row of a job whose export sevDesk goes on making."""
    await control(stage.sevdesk, "PUT", "switches", {"datev_job": "hold"})
    return await stage.seen(await stage.billing.enqueue("export_datev", **OCTOBER), "export_in_progress")


async def unclear_start(stage: Stage) -> Any:
    """The row of a job whose order was lost on its way."""
    await order_fault(stage.sevdesk, "lose_answer", START)
    job_id = await stage.lost("export_datev", **OCTOBER)
    await stage.hasten(job_id)
    return await stage.seen(job_id, "export_start_unknown")


@provokes("export_before_restore")
async def export_asked_for_before_a_restore(stage: Stage) -> Any:
    await stage.billing.db.execute("UPDATE sevdesk_restores SET noticed_at = now() + interval '1 h'")
    await stage.billing.db.execute("UPDATE sevdesk_restores SET recovered_at = noticed_at")
    return await stage.billing.do("export_datev", **OCTOBER)


@provokes("export_not_found")
async def no_such_export(stage: Stage) -> Any:
    return await stage.billing.do("export_datev", export_id=uuid4())


@provokes("export_taken")
async def export_of_another_job(stage: Stage) -> Any:
    first = await held(stage)
    export_id = await stage.billing.db.fetchval("SELECT export_id FROM sevdesk_datev_exports")
    job = await stage.billing.do("export_datev", export_id=export_id)
    assert first["job_id"] in job["error"]
    return job


@provokes("export_overlaps")
async def period_that_overlaps(stage: Stage) -> Any:
    await held(stage)
    return await stage.billing.do("export_datev", start_date="2026-10-31", end_date="2026-11-30")


@provokes("export_start_unknown", period="2026-10-01/2026-10-31")
async def start_that_cannot_be_told(stage: Stage) -> Any:
    return await unclear_start(stage)


@provokes("export_job_id_lost", period="2026-10-01/2026-10-31")
async def export_that_runs_unattended(stage: Stage) -> Any:
    job = await unclear_start(stage)
    return await stage.answered(job["job_id"], "done", "export_job_id_lost")


@provokes("export_not_configured")
async def no_accounting_year(stage: Stage) -> Any:
    await control(stage.sevdesk, "PUT", "switches", {"datev_conflict": "always"})
    return await stage.billing.do("export_datev", **OCTOBER)


@provokes("export_never_finished", hours="6")
async def export_without_an_end(stage: Stage) -> Any:
    job = await held(stage)
    await stage.billing.db.execute("UPDATE sevdesk_datev_exports SET started_at = now() - interval '7 hours'")
    await stage.hasten(job["job_id"])
    return await stage.billing.ended(job["job_id"])


@provokes("export_download_refused")
async def link_that_has_run_out(stage: Stage) -> Any:
    await control(stage.sevdesk, "PUT", "switches", {"datev_link_seconds": -1, "datev_polls": 0})
    job_id = await stage.billing.enqueue("export_datev", **OCTOBER)
    await stage.seen(job_id, "export_in_progress")
    await stage.hasten(job_id)
    return await stage.seen(job_id, "export_download_refused")
