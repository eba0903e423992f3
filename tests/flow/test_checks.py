"""What is checked before a document is made, and what each check does: park, warn or nothing."""

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from flow.billing import Billing, parameters
from flow.books import calls, forget_calls, order_fault, state
from flow.operators import Operator
from pypdf import PdfReader

from sevdesk_client.sandbox.http.server import Running
from worker.domain.check_levels import Level
from worker.domain.problems import Problem
from worker.settings import Settings
from worker.steps.sevdesk_account import NOT_LISTED

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


async def test_corrected_warning_is_settled(
    billing: Billing, run_worker: Any, settings: Settings, tmp_path: Path
) -> None:
    """What was warned of and corrected before the publication wants nobody's attention; what still holds does."""
    invoice = await to_austria(billing, vat_id=None)
    await billing.db.execute("UPDATE billing_invoice_items SET unit = 'Fass'")
    operator = Operator(settings, tmp_path)
    async with run_worker(check_levels={"unit_unknown": Level.WARN}):
        job = await billing.do("publish_invoice", invoice_id=invoice)
        assert (job["state"], job["problem"]) == ("parked", "vat_id_missing")
        await billing.db.execute("UPDATE billing_invoice_items SET unit = 'h'")
        await billing.db.execute("UPDATE companies SET vat_id = 'ATU12345675'")
        await billing.retry(job["job_id"])
        assert (await billing.ended(job["job_id"]))["state"] == "done"
        assert (await billing.event(invoice, "legal_warning_settled"))["problem"] == "unit_unknown"
        assert (await operator.run("why", str(invoice)))[0] == 0
        other = await invoice_with_unit(billing, "Fass")
        await billing.do("publish_invoice", invoice_id=other)
        await billing.do("publish_invoice", invoice_id=other)
        assert (await operator.run("why", str(other)))[0] == 3
    assert (await billing.events(other)).count("legal_warning") == 1


async def test_preview_shows_warnings(billing: Billing, settings: Settings, tmp_path: Path) -> None:
    """A line for each, as text and in JSON; what parks stands where it always did."""
    invoice = await invoice_with_unit(billing, "Fass")
    operator = Operator(settings, tmp_path)
    code, said, _ = await operator.run("preview", str(invoice), "--offline")
    assert code == 3 and "no unit for “Fass”" in " ".join(said.split())
    shown = await operator.json("preview", str(invoice), "--offline", CHECK_LEVELS="unit_unknown=warn")
    assert shown["problem"] is None and "no unit for “Fass”" in shown["warnings"][0]


AUSTRIAN = {"items": (("4", "25", "0"),), "tax_amount": "0.00", "gross_amount": "100.00", "tax_rule": 3}


async def to_austria(billing: Billing, **columns: Any) -> Any:
    """A tax-free delivery to a company in Austria with these columns."""
    given = {"country_code": "AT", "vat_id": "ATU12345675"} | columns
    return await billing.invoice(await billing.deal(await billing.company(**given)), **AUSTRIAN)


async def test_vat_id_stands_on_contact_and_document(billing: Billing, worker: object, sevdesk: Running) -> None:
    """As its authority writes it; the notice stays; sevDesk is not asked about its tax rules for nothing."""
    job = await billing.do("publish_invoice", invoice_id=await to_austria(billing, vat_id="atu 1234 5675"))
    assert (job["state"], job["error"]) == ("done", None)
    there = await state(sevdesk)
    [contact], [document] = there["contacts"], there["invoices"]
    assert contact["vatNumber"] == "ATU12345675"
    assert document["taxText"] == (
        "Steuerfreie innergemeinschaftliche Lieferung (§ 4 Nr. 1b UStG); USt-IdNr. des Kunden: ATU12345675"
    )
    printed = await billing.db.fetchval("SELECT content FROM sevdesk_documents")
    assert "ATU12345675" in "".join(page.extract_text() for page in PdfReader(BytesIO(printed)).pages)
    assert "GET /TaxRule" not in await calls(sevdesk)


async def test_missing_vat_id_parks_before_any_write(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Both languages name the paragraph; with the id the same job goes on."""
    invoice = await to_austria(billing, vat_id=None)
    job = await billing.do("publish_invoice", invoice_id=invoice)
    assert (job["state"], job["problem"]) == ("parked", "vat_id_missing")
    found = Problem(job["problem"], parameters(job))
    assert all("§ 6a Abs. 1 Satz 1 Nr. 4, § 14a Abs. 3 UStG" in found.cause(lang) for lang in ("en", "de"))
    assert found.cause("de").endswith("sevDesk führt die Regel für: EU.")
    assert [call for call in await calls(sevdesk) if not call.startswith("GET")] == []
    await billing.db.execute("UPDATE companies SET vat_id = 'ATU12345675'")
    await billing.retry(job["job_id"])
    assert (await billing.ended(job["job_id"]))["state"] == "done"


async def test_confirmed_check_becomes_a_warning(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Where a person may know better, `--as confirmed` publishes it, and the event log keeps what was found."""
    invoice = await to_austria(billing, vat_id="ATU12345678")
    job = await billing.do("publish_invoice", invoice_id=invoice)
    assert (job["state"], job["problem"]) == ("parked", "vat_id_invalid")
    await billing.retry(job["job_id"], "confirmed")
    assert (await billing.ended(job["job_id"]))["state"] == "done"
    assert (await billing.event(invoice, "legal_warning"))["problem"] == "vat_id_invalid"


async def test_tax_rules_are_asked_for_once(billing: Billing, worker: object, sevdesk: Running) -> None:
    """The account's list is a second opinion in the message, kept like its units."""
    for _ in range(2):
        await billing.do("publish_invoice", invoice_id=await to_austria(billing, vat_id=None))
    assert (await calls(sevdesk)).count("GET /TaxRule") == 1


async def test_list_of_tax_rules_may_fail(billing: Billing, worker: object, sevdesk: Running) -> None:
    """It is in no specification: an account that refuses it is not asked again, and the law's verdict stands."""
    await order_fault(sevdesk, "status", "GET /TaxRule", status=404, times=9)
    for _ in range(2):
        job = await billing.do("publish_invoice", invoice_id=await to_austria(billing, vat_id=None))
        assert (job["problem"], parameters(job)["listed"]) == ("vat_id_missing", NOT_LISTED)
    assert (await calls(sevdesk)).count("GET /TaxRule") == 1


async def test_preview_shows_tax_warnings(billing: Billing, settings: Settings, tmp_path: Path) -> None:
    """Before anything is published: what only warns as warnings, what parks as the problem."""
    swiss = await billing.invoice(await billing.deal(await billing.company(country_code="CH")))
    operator = Operator(settings, tmp_path)
    shown = await operator.json("preview", str(swiss))
    assert shown["problem"] is None
    assert "§ 14c Abs. 1 UStG" in shown["warnings"][0] and "sevDesk lists the rule for: DE." in shown["warnings"][0]
    code, said, _ = await operator.run("preview", str(await to_austria(billing, vat_id=None)), "--offline")
    assert code == 3 and "§ 14a Abs. 3 UStG" in " ".join(said.split())
