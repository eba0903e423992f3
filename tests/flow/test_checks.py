"""What is checked before a document is made, and what each check does: park, warn or nothing."""

from pathlib import Path
from typing import Any

import pytest
from flow.billing import Billing, parameters
from flow.books import calls, forget_calls, state
from flow.operators import Operator

from sevdesk_client.sandbox.http.server import Running
from worker.domain.check_levels import Level
from worker.settings import Settings

UNITS = {"Tage": "13", "h": "9", "Std.": "9", "qm": "2", "pauschal": "7", None: "1", "Stk.": "1", " ": "1"}


async def invoice_with_unit(billing: Billing, unit: str | None) -> Any:
    """Over one position with this unit."""
    return await billing.usual_invoice(unit=unit)


@pytest.mark.parametrize("unit", UNITS)
async def test_unit_stands_on_the_document(
    unit: str | None, billing: Billing, worker: object, sevdesk: Running
) -> None:
    """Two days are two days in sevDesk, and no unit at all is piece."""
    job = await billing.do("publish_invoice", invoice_id=await invoice_with_unit(billing, unit))
    assert (job["state"], job["error"]) == ("done", None)
    [document] = (await state(sevdesk))["invoices"]
    assert document["positions"][0]["unity"]["id"] == UNITS[unit]


async def test_units_are_asked_for_once(billing: Billing, worker: object, sevdesk: Running) -> None:
    """The account's units are kept like its countries; an invoice without units asks for none."""
    await billing.do("publish_invoice", invoice_id=await invoice_with_unit(billing, None))
    assert "GET /Unity" not in await calls(sevdesk)
    await forget_calls(sevdesk)
    for _ in range(2):
        await billing.do("publish_invoice", invoice_id=await invoice_with_unit(billing, "Tage"))
    assert (await calls(sevdesk)).count("GET /Unity") == 1


async def test_unknown_unit_parks_before_any_write(billing: Billing, worker: object, sevdesk: Running) -> None:
    """The position, its unit and the account's units are named; nothing is made in sevDesk."""
    job = await billing.do("publish_invoice", invoice_id=await invoice_with_unit(billing, "Fass"))
    assert (job["state"], job["problem"]) == ("parked", "unit_unknown")
    told = parameters(job)
    assert (told["position"], told["unit"]) == ("1", "Fass") and "Tag(e)" in told["known"]
    assert [call for call in await calls(sevdesk) if not call.startswith("GET")] == []


async def test_level_decides_what_a_check_does(billing: Billing, run_worker: Any, sevdesk: Running) -> None:
    """With `warn` it is published as piece and an event says so, once; with `off` nobody says anything."""
    warned, silent = [await invoice_with_unit(billing, "Fass") for _ in range(2)]
    async with run_worker(check_levels={"unit_unknown": Level.WARN}):
        assert (await billing.do("publish_invoice", invoice_id=warned))["state"] == "done"
        assert (await billing.do("publish_invoice", invoice_id=warned))["state"] == "done"
    async with run_worker(check_levels={"unit_unknown": Level.OFF}):
        assert (await billing.do("publish_invoice", invoice_id=silent))["state"] == "done"
    assert (await billing.events(warned)).count("legal_warning") == 1
    event = await billing.event(warned, "legal_warning")
    assert event["problem"] == "unit_unknown" and event["parameters"]["unit"] == "Fass" and "“Fass”" in event["reason"]
    assert "legal_warning" not in await billing.events(silent)
    assert {each["positions"][0]["unity"]["id"] for each in (await state(sevdesk))["invoices"]} == {"1"}


async def test_preview_shows_warnings(billing: Billing, settings: Settings, tmp_path: Path) -> None:
    """A line for each, as text and in JSON; what parks stands where it always did."""
    invoice = await invoice_with_unit(billing, "Fass")
    operator = Operator(settings, tmp_path)
    code, said, _ = await operator.run("preview", str(invoice), "--offline")
    assert code == 3 and "no unit for “Fass”" in " ".join(said.split())
    shown = await operator.json("preview", str(invoice), "--offline", CHECK_LEVELS="unit_unknown=warn")
    assert shown["problem"] is None and "no unit for “Fass”" in shown["warnings"][0]
