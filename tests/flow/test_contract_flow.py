"""All calls about three invoices, recorded between worker and sevDesk and checked against sevDesk's specification.

And the same with everything the demo does, whose worker is a process of its own.
"""

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest
from flow.billing import Billing
from flow.books import pay
from flow.conftest import RunWorker
from flow.test_demo import failed_checks, run_demo, table

from sevdesk_client.sandbox.http.server import Running, listening
from tests.client.contract import ContractProxy, official, proxy_app
from tests.client.contract_deviations import unexplained

OPERATIONS = {
    "GET /SevUser",
    "GET /StaticCountry",
    "GET /PaymentMethod",
    "GET /Contact",
    "POST /Contact",
    "POST /ContactAddress",
    "POST /CommunicationWay",
    "GET /Invoice",
    "GET /Invoice/{id}",
    "POST /Invoice/Factory/saveInvoice",
    "PUT /Invoice/{id}/changeParameter",
    "PUT /Invoice/{id}/sendBy",
    "GET /Invoice/{id}/getPdf",
    "POST /Invoice/{id}/sendViaEmail",
    "POST /Invoice/{id}/cancelInvoice",
}


@pytest.fixture
async def proxy(sevdesk: Running, run_worker: RunWorker) -> AsyncIterator[ContractProxy]:
    """A worker that calls sevDesk through this proxy."""
    proxy = proxy_app(sevdesk.url, official())
    async with listening(proxy) as url, run_worker(sevdesk_base_url=f"{url}/api/v1"):
        yield proxy


async def three_invoices(billing: Billing) -> list[UUID]:
    """An advance invoice to a company, a final one of several lines to a person, and an e-invoice without tax."""
    usual = await billing.usual_invoice()
    deal = await billing.deal()
    await billing.associate(deal, "contact", await billing.person(), "invoice_recipient")
    lines = (("1", "100", "19"), ("0.5", "33.3333", "7"), ("-1", "10", "19"))
    sums = {"net_amount": "106.67", "tax_amount": "18.27", "gross_amount": "124.94"}
    texts = {"head_text": "Sehr geehrter Herr Weiß,", "foot_text": "Vielen Dank."}
    final = await billing.invoice(deal, items=lines, document_kind="SR", **sums, **texts)
    customer = await billing.company(vat_id="ATU12345675", country_code="AT", buyer_reference="K-7")
    untaxed = {"net_amount": "200.00", "tax_amount": "0.00", "gross_amount": "200.00", "tax_rule": 3}
    electronic = await billing.invoice(
        await billing.deal(customer), items=(("2", "100", "0"),), is_e_invoice=True, **untaxed
    )
    return [usual, final, electronic]


async def test_worker_keeps_the_contract(billing: Billing, proxy: ContractProxy, sevdesk: Running) -> None:
    """Published, mailed, paid in part, synchronised and cancelled: nothing but the listed deviations is seen."""
    invoices = await three_invoices(billing)
    for invoice in invoices:
        for kind in ("publish_invoice", "send_invoice"):
            job = await billing.do(kind, invoice_id=invoice)
            assert (job["state"], job["error"]) == ("done", None)
    paid, *unpaid = invoices
    await pay(sevdesk, (await billing.row(paid))["external_id"], "119.00")
    assert (await billing.do("sync_payments"))["state"] == "done"
    assert (await billing.row(paid))["claim_status"] == "paid"
    for invoice in unpaid:
        job = await billing.do("cancel_invoice", invoice_id=invoice, reason="order withdrawn")
        assert (job["state"], job["error"]) == ("done", None)
    assert {exchange.operation for exchange in proxy.exchanges} >= OPERATIONS
    assert unexplained(proxy.violations()) == ""


@pytest.mark.long
async def test_demo_keeps_the_contract(sevdesk: Running, tmp_path: Path) -> None:
    """A whole billing month through the proxy ends as it should, and nothing but the listed deviations is seen."""
    proxy = proxy_app(sevdesk.url, official())
    async with listening(proxy) as url:
        code, said = await run_demo(
            "--out", tmp_path, "--sevdesk-url", f"{url}/api/v1", SEVDESK_API_TOKEN=sevdesk.token
        )
    assert (code, failed_checks(said)) == (0, {}), said
    calls = Counter(exchange.operation for exchange in proxy.exchanges)
    assert len(table(said)) == 33  # of which one parks, and one is sent by post
    assert (calls["POST /Invoice/Factory/saveInvoice"], calls["POST /Invoice/{id}/sendViaEmail"]) == (33, 31)
    assert calls.total() == len(sevdesk.sandbox.requests) > 200  # nobody went round the proxy
    assert unexplained(proxy.violations()) == ""
