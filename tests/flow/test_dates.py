"""Dates that the law, sevDesk or the calendar objects to are told before anything is sent."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from flow.billing import Billing, time_to_day
from flow.books import calls, control, state
from flow.operators import Operator
from flow.provocations.table import PROVOCATIONS
from flow.stage import Stage

from sevdesk_client.sandbox.account.switches import CHOICES
from sevdesk_client.sandbox.http.server import Running
from worker.domain.check_levels import DEFAULTS, Level
from worker.domain.problems.dates import ENTRIES
from worker.settings import Settings

TODAY = time_to_day()
CODES = [entry.code for entry in ENTRIES]
DAY = timedelta(days=1)


@pytest.mark.parametrize("code", CODES)
async def test_wrong_date_parks_before_any_write(code: str, stage: Stage) -> None:
    """Nothing is made in sevDesk."""
    async with PROVOCATIONS[code].working(stage):
        job = await PROVOCATIONS[code].provoke(stage)
    assert (job["state"], job["problem"]) == ("parked", code)
    assert [call for call in await calls(stage.sevdesk) if not call.startswith("GET")] == []


@pytest.mark.parametrize("code", [code for code in CODES if code in DEFAULTS])
async def test_level_of_a_date_check_counts(code: str, stage: Stage) -> None:
    """With `warn` the invoice is published, and an event names the check."""
    settings = {**(PROVOCATIONS[code].worker or {}), "check_levels": {code: Level.WARN}}
    async with stage.run_worker(**settings):
        job = await PROVOCATIONS[code].provoke(stage)
    if code == "service_dates_reversed":  # sevDesk takes none such
        assert (job["state"], job["problem"]) == ("parked", "sevdesk_refused")
    else:
        assert (job["state"], job["error"]) == ("done", None)
    assert (await stage.billing.event(job["invoice_id"], "legal_warning"))["problem"] == code


# Columns, and the days of service that sevDesk shall be told.
SERVICES: dict[str, tuple[dict[str, Any], tuple[date | None, date | None]]] = {
    "a day": ({"service_from": TODAY - DAY}, (TODAY - DAY, None)),
    "only its end": ({"service_from": None, "service_to": TODAY - DAY}, (TODAY - DAY, None)),
    "a period": ({"service_from": TODAY - DAY, "service_to": TODAY + DAY}, (TODAY - DAY, TODAY + DAY)),
    "none, of an advance": ({"document_kind": "AR"}, (None, None)),
    "to come, of an advance": ({"document_kind": "AR", "service_from": TODAY + DAY}, (None, None)),
    "all to come, of an advance": (
        {"document_kind": "AR", "service_from": TODAY + DAY, "service_to": TODAY + 9 * DAY},
        (None, None),
    ),
    "rendered, of an advance": ({"document_kind": "AR", "service_from": TODAY}, (TODAY, None)),
}


@pytest.mark.parametrize("what", SERVICES)
async def test_service_stands_on_the_document(what: str, billing: Billing, worker: object, sevdesk: Running) -> None:
    """sevDesk is told the day or the period, but not a day to come for an advance."""
    columns, expected = SERVICES[what]
    invoice = await billing.usual_invoice(**{"document_kind": "SR"} | columns)
    job = await billing.do("publish_invoice", invoice_id=invoice)
    assert (job["state"], job["error"]) == ("done", None)
    [document] = (await state(sevdesk))["invoices"]
    days = (document["deliveryDate"], document["deliveryDateUntil"])
    assert tuple(day and date.fromisoformat(day[:10]) for day in days) == expected


@pytest.mark.parametrize("rule", CHOICES["delivery_dates"])
@pytest.mark.parametrize("kind", ["RE", "AR"])
async def test_advance_on_future_service_goes_out(
    rule: str, kind: str, billing: Billing, run_worker: Any, sevdesk: Running
) -> None:
    """Whatever sevDesk demands of delivery dates, and whichever type it goes as."""
    await control(sevdesk, "PUT", "switches", {"delivery_dates": rule})
    invoice = await billing.usual_invoice(service_from=TODAY + DAY, service_to=TODAY + 3 * DAY)
    async with run_worker(sevdesk_invoice_type_ar=kind):
        job = await billing.do("publish_invoice", invoice_id=invoice)
        assert (job["state"], job["error"]) == ("done", None)
        assert (await billing.do("send_invoice", invoice_id=invoice))["state"] == "done"


async def test_right_old_date_is_confirmed(billing: Billing, run_worker: Any, sevdesk: Running) -> None:
    """A person says that the day is right: it is published with it, and nothing is said of it again."""
    day = TODAY - 200 * DAY
    async with run_worker(issue_date_max_age=90):
        job = await billing.do("publish_invoice", invoice_id=await billing.usual_invoice(issue_date=day))
        assert (job["state"], job["problem"]) == ("parked", "issue_date_too_old")
        await billing.retry(job["job_id"], "confirmed")
        assert (await billing.ended(job["job_id"]))["state"] == "done"
    [document] = (await state(sevdesk))["invoices"]
    assert document["invoiceDate"][:10] == day.isoformat()


@pytest.mark.parametrize("day", [TODAY, TODAY - 90 * DAY])
async def test_limits_of_the_issue_date_pass(day: date, billing: Billing, run_worker: Any) -> None:
    """Today, and the oldest day that is allowed."""
    async with run_worker(issue_date_max_age=90):
        job = await billing.do("publish_invoice", invoice_id=await billing.usual_invoice(issue_date=day))
    assert (job["state"], job["error"]) == ("done", None)


IMPOSSIBLE = ["infinity", "-infinity", "20261-01-01", "0044-03-15 BC", "1999-12-31", "2101-01-01"]


@pytest.mark.parametrize("column", ["issue_date", "service_from", "service_to"])
async def test_impossible_days_are_shown_and_previewed(
    column: str, billing: Billing, settings: Settings, tmp_path: Path
) -> None:
    """Every command goes on: `preview` names the column, `show` the day as Postgres has it."""
    invoice = await billing.usual_invoice()
    operator = Operator(settings, tmp_path)
    for day in IMPOSSIBLE:
        await billing.db.execute(f"UPDATE billing_invoices SET {column} = '{day}'")  # noqa: S608 - names are ours
        shown = await operator.json("preview", str(invoice), "--offline", code=3)
        assert (shown["problem"]["code"], shown["problem"]["parameters"]["columns"]) == ("date_out_of_range", column)
        assert shown["body"] is None
        head = (await operator.json("show", str(invoice)))["invoice"]
        assert column != "issue_date" or head["issue_date"] == day
