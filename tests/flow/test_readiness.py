"""The command readiness: who would stop under the duty to issue e-invoices, and what is known of the seller."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from flow.billing import Billing, time_to_day
from flow.operators import Operator

from worker.settings import Settings

LARGE: Any = {"net_amount": "1000.00", "tax_amount": "190.00", "gross_amount": "1190.00"}


async def test_companies_are_listed_by_field(billing: Billing, settings: Settings, tmp_path: Path) -> None:
    """Those that lack something, with all of it; not persons, other countries, small amounts and the cancelled."""
    yesterday = time_to_day() - timedelta(days=1)
    mute = await billing.company(name="<b>Stumm</b> GmbH", email=None, zip=" ")
    for day in (yesterday, time_to_day()):
        await billing.invoice(await billing.deal(mute), issue_date=day, **LARGE)
    own = await billing.invoice(tax_rule=5)  # under rule 5 small amounts count as well
    builder = await billing.company(name="Bau GmbH", country_code=" de ")
    await billing.associate(own, "company", builder, "invoice_recipient", of="invoice")
    await billing.usual_invoice(**LARGE)  # lacks nothing
    for others, columns in (({"country_code": "AT"}, LARGE), ({}, {}), ({}, LARGE | {"document_status": "cancelled"}),
                            ({}, LARGE | {"tax_rule": 11}), ({"zip": "27498"}, LARGE)):  # fmt: skip
        await billing.invoice(await billing.deal(await billing.company(email=None, **others)), **columns)
    operator = Operator(settings, tmp_path)
    page = tmp_path / "ready.html"
    code, said, error = await operator.run("readiness", "--html", str(page))
    assert code == 3, error
    assert "2 of 3 companies would stop" in " ".join(said.split()) and "not told by the API" in said
    html = page.read_text()
    assert "&lt;b&gt;Stumm&lt;/b&gt; GmbH" in html and "address: zip, e-mail" in html and "not told by the API" in html
    shown = await operator.json("readiness", "--offline", code=3)
    assert (shown["companies"], shown["seller"]) == (3, [])
    assert [(each["lacks"], each["invoices"], each["latest"]) for each in shown["lacking"]] == [
        (["address: zip", "e-mail"], 2, str(time_to_day())),
        (["VAT id"], 1, str(time_to_day())),
    ]
    assert shown["by_field"] == {"address": 1, "e-mail": 1, "VAT id": 1}


async def test_nothing_missing_is_ready(billing: Billing, settings: Settings, tmp_path: Path) -> None:
    """Exit code 0, though the API does not tell everything of the seller."""
    await billing.usual_invoice(**LARGE)
    code, said, error = await Operator(settings, tmp_path).run("readiness")
    assert (code, error) == (0, "")
    assert "0 of 1 companies would stop." in said
