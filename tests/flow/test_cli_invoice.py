"""show, preview and mapping: one invoice from all sides, and what would be sent."""

from pathlib import Path
from typing import Any

import pytest
from flow.billing import Billing
from flow.books import calls, forget_calls, order_fault, pay, state
from flow.conftest import RunWorker
from flow.operators import Operator

from sevdesk_client import bodies
from sevdesk_client.client import SevDeskClient
from sevdesk_client.sandbox.http.server import Running
from worker.settings import Settings


@pytest.fixture
def operator(settings: Settings, billing: Billing, tmp_path: Path) -> Operator:
    """At a database with a billing system in it."""
    return Operator(settings, tmp_path)


async def test_show_tells_the_story(
    operator: Operator, billing: Billing, run_worker: RunWorker, sevdesk: Running
) -> None:
    """Events, jobs, writes, documents and mails of one invoice, oldest first, whichever number it is asked by."""
    invoice, other = await billing.usual_invoice(), await billing.usual_invoice()
    async with run_worker():
        await billing.do("publish_invoice", invoice_id=other)
        await billing.do("publish_invoice", invoice_id=invoice)
        await billing.do("send_invoice", invoice_id=invoice)
        row = await billing.row(invoice)
        await pay(sevdesk, row["external_id"], "50")
        await billing.do("sync_payments")
    found = await operator.json("show", row["invoice_number"])
    assert found["invoice"]["paid_amount"] == "50"
    assert [job["kind"] for job in found["jobs"]] == ["publish_invoice", "send_invoice"]
    told = [(entry["source"], entry["what"]) for entry in found["timeline"]]
    assert told[0] == ("job", "publish_invoice asked") and told[-1] == ("event", "payment_synced")
    assert [what for source, what in told if source == "event"] == await billing.events(invoice)
    assert [what for source, what in told if source == "write"] == [
        "save_invoice", "change_parameter", "send_by", "send_via_email",
    ]  # fmt: skip
    assert ("document", "invoice_pdf") in told and ("mail", "invoice mailed") in told
    moments = [entry["at"] for entry in found["timeline"]]
    assert moments == sorted(moments)
    for key in (str(invoice), row["external_invoice_number"], row["external_id"]):
        assert (await operator.json("show", key))["invoice"] == found["invoice"]
    code, said, _ = await operator.run("show", row["invoice_number"])
    assert code == 0 and "to rechnung@example.com" in said and "finalized" in said


async def test_unknown_invoice_is_said(operator: Operator) -> None:
    """No such number: exit 1 and one sentence."""
    for command in (("show",), ("preview", "--offline")):
        code, said, problem = await operator.run(*command, "INV-nope")
        assert (code, said) == (1, "") and problem.startswith("No invoice has the number or id 'INV-nope'.")


async def test_preview_is_what_is_sent(
    operator: Operator, billing: Billing, run_worker: RunWorker, sevdesk: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The previewed body equals, key by key, the one the worker then sends; and previewing writes nothing."""
    first, invoice = (
        await billing.usual_invoice(),
        await billing.usual_invoice(
            head_text="Guten Tag", service_from=(await billing.db.fetchval("SELECT current_date"))
        ),
    )
    await billing.db.execute(
        "UPDATE billing_invoices SET deal_id = (SELECT deal_id FROM billing_invoices WHERE id = $1)", first
    )
    async with run_worker():
        await billing.do("publish_invoice", invoice_id=first)
        await forget_calls(sevdesk)
        preview = await operator.json("preview", str(invoice))
        assert {call.split()[0] for call in await calls(sevdesk)} == {"GET"}
        sent: list[Any] = []
        save = SevDeskClient.save_invoice

        async def noted(client: SevDeskClient, draft: Any) -> Any:
            sent.append(bodies.save_invoice(draft))
            return await save(client, draft)

        monkeypatch.setattr(SevDeskClient, "save_invoice", noted)
        assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
    assert sent == [preview["body"]]
    assert preview["predicted"] == {"net": "100.00", "tax": "19.00", "gross": "119.00"}
    assert "is the primary company of deal" in preview["recipient_reason"]
    assert preview["problem"] is None and preview["unknown"] == []


async def test_preview_offline_asks_nothing(operator: Operator, billing: Billing, sevdesk: Running) -> None:
    """Without a token and without a call; ids that only sevDesk knows are named."""
    invoice = await billing.usual_invoice()
    preview = await operator.json("preview", str(invoice), "--offline", SEVDESK_API_TOKEN="")
    assert await calls(sevdesk) == []
    assert preview["body"]["invoice"]["contact"] == {"id": 0, "objectName": "Contact"}
    assert preview["body"]["invoice"]["addressCountry"]["id"] == 1
    assert [what.partition(":")[0] for what in preview["unknown"]] == ["contact", "contactPerson", "template"]
    assert (await operator.run("preview", str(invoice), SEVDESK_API_TOKEN=""))[0] == 2


async def test_preview_says_what_would_stop(operator: Operator, billing: Billing, sevdesk: Running) -> None:
    """Wrong sums and a missing recipient: exit 3 with cause and next step, as the job would say it."""
    invoice = await billing.usual_invoice(gross_amount="120.00")
    wrong = await operator.json("preview", str(invoice), "--offline", code=3)
    assert (wrong["problem"]["code"], wrong["problem"]["actor"]) == ("sums_differ", "billing")
    figures = wrong["problem"]["parameters"]
    assert (figures["gross"], figures["stated_gross"]) == ("119.00", "120.00")
    assert "add up to" in wrong["problem"]["cause"]
    publish = f"sevdesk-worker enqueue publish_invoice invoice_id={wrong['invoice_number']}."
    assert wrong["problem"]["next_step"].endswith(publish)
    assert wrong["predicted"]["gross"] == "119.00" and wrong["body"]
    lost = await billing.invoice(await billing.deal())
    code, said, _ = await operator.run("preview", str(lost), "--offline")
    assert code == 3 and "recipient      none" in said and "POST" not in said
    await order_fault(sevdesk, "status", "GET /*", status=503, body="down", times=None)
    code, said, problem = await operator.run("preview", str(await billing.usual_invoice()), WRITE_QUARANTINE="1")
    assert (code, said) == (1, "") and "--offline" in problem


async def test_mapping_tells_the_truth(
    operator: Operator, billing: Billing, run_worker: RunWorker, sevdesk: Running
) -> None:
    """What the table says fills a field is what stands in sevDesk's books after a publication."""
    rows = {(row["ours"], row["theirs"]) for row in await operator.json("mapping")}
    assert {("billing_invoices.invoice_number", "invoice.customerInternalNote"), ("contacts.last_name", "familyname"),
            ("billing_invoices.external_id", "id"), ("billing_invoice_items.unit", "invoicePosSave[].unity.id"),
            ("billing_invoices.claim_status", "paidAmount"), ("companies.email", "toEmail")} <= rows  # fmt: skip
    deal = await billing.deal(await billing.company(name="Kartograph GmbH"))
    async with run_worker():
        await billing.do("publish_invoice", invoice_id=await billing.invoice(deal, head_text="Oben", foot_text="Unten"))
    (there,) = (await state(sevdesk))["invoices"]
    assert (there["headText"], there["footText"], there["addressName"]) == ("Oben", "Unten", "Kartograph GmbH")
    assert {("billing_invoices.head_text", "invoice.headText"), ("billing_invoices.foot_text", "invoice.footText"),
            ("companies.name", "invoice.addressName")} <= rows  # fmt: skip
    code, said, _ = await operator.run("mapping")
    assert code == 0 and "invoice.customerInternalNote" in said


async def test_bundle_is_verified_offline(operator: Operator, billing: Billing, worker: object) -> None:
    """Written, found untouched; one altered byte is noticed."""
    invoice = await billing.usual_invoice()
    await billing.do("publish_invoice", invoice_id=invoice)
    made = await operator.json("show", str(invoice), "--bundle", "proof.zip")
    assert (await operator.json("verify", "proof.zip", "--seal", made["seal"]))["problems"] == []
    code, _, said = await operator.run("show", str(invoice), "--bundle", "proof.zip")
    assert code == 1 and "proof.zip is there already, and stays as it is." in said
    path = operator.folder / "proof.zip"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert (await operator.json("verify", "proof.zip", code=3))["problems"]
