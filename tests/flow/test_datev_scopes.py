"""Whatever an export is ordered with, right books have no finding in it, and its report says what it did not judge."""

import json
from typing import Any

import pytest
from flow.billing import Billing, time_to_day
from flow.books import control, pay

from sevdesk_client.sandbox.http.server import Running

pytestmark = pytest.mark.usefixtures("quick_exports")

SCOPES = ("E", "X", "T", "C", "D", "ET", "XT", "EXTCD")


async def books(billing: Billing, sevdesk: Running) -> None:
    """Of today: one open, one paid in two parts, one paid in part, a Storno, a credit note."""
    numbers = [await billing.usual_invoice() for _ in range(5)]
    for invoice in numbers:
        assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
    ids = [(await billing.row(invoice))["external_id"] for invoice in numbers]
    for at, amounts in ((1, ("19", "100")), (2, ("50",)), (4, ("119",))):
        for amount in amounts:
            await pay(sevdesk, ids[at], amount)
            await billing.do("sync_payments")
    assert (await billing.do("cancel_invoice", invoice_id=numbers[3], reason="test"))["state"] == "done"
    job = await billing.do("credit_invoice", invoice_id=numbers[4], reason="Mangel", positions=[{"position": 1}])
    assert (job["state"], job["error"]) == ("done", None)


async def report(billing: Billing, **order: Any) -> Any:
    """The report on an export of today."""
    today = time_to_day().isoformat()
    job = await billing.do("export_datev", start_date=today, end_date=today, **order)
    assert (job["state"], job["error"]) == ("done", None)
    return json.loads(
        await billing.db.fetchval("SELECT report FROM sevdesk_datev_exports WHERE job_id = $1", job["job_id"])
    )


@pytest.mark.parametrize("chart", ["SKR03", "SKR04"])
async def test_no_order_has_false_findings(billing: Billing, worker: object, sevdesk: Running, chart: str) -> None:
    """Scope by pay date by chart, and each planted fault is found where earnings are judged."""
    await control(sevdesk, "PUT", "switches", {"datev_chart": chart})
    await billing.do("update_config", datev_chart_of_accounts=chart)
    await books(billing, sevdesk)
    for by_pay_date in (False, True):
        for scope in SCOPES:
            found = await report(billing, scope=scope, by_pay_date=by_pay_date)
            assert found["findings"] == [], (scope, by_pay_date)
            assert found["documents"]["expected"] == found["documents"]["matched"]
            judged = {part for part, about in found["judged"].items() if about["state"] == "judged"}
            expected = {"E": "documents", "T": "payments"}
            assert judged == {part for letter, part in expected.items() if letter in scope}
        for fault in ("posting_missing", "posting_doubled", "posting_unknown", "wrong_amount", "wrong_side"):
            await control(sevdesk, "PUT", "switches", {"datev_faults": [fault]})
            assert (await report(billing, scope="E", by_pay_date=by_pay_date))["counts"], (fault, by_pay_date)
        await control(sevdesk, "PUT", "switches", {"datev_faults": []})


async def test_paid_and_credited_whole_is_no_finding(billing: Billing, worker: object, sevdesk: Running) -> None:
    """By pay date, without its payments: nothing counts as paid here any more, and sevDesk still shows it as paid."""
    invoice = await billing.usual_invoice()
    assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
    await pay(sevdesk, (await billing.row(invoice))["external_id"], "119")
    await billing.do("sync_payments")
    job = await billing.do("cancel_invoice", invoice_id=invoice, reason="Mangel", refund=True)
    assert (job["state"], job["error"]) == ("done", None)
    for scope in ("E", "ET"):
        found = await report(billing, scope=scope, by_pay_date=True)
        assert (found["findings"], found["postings"]) == ([], {"E": 1, "ET": 2}[scope])


@pytest.mark.parametrize("layout", ["official", "observed"])
async def test_broken_texts_lose_no_posting(billing: Billing, worker: object, sevdesk: Running, layout: str) -> None:
    """Line breaks inside the texts of an export are noted, and every posting is matched."""
    await control(sevdesk, "PUT", "switches", {"datev_layout": layout, "datev_faults": ["line_breaks"]})
    await books(billing, sevdesk)
    found = await report(billing, scope="ET")
    assert found["findings"] == [] and found["documents"]["matched"] == found["documents"]["expected"] == 7
    assert "line_breaks" in {note["code"] for note in found["notes"]}


@pytest.mark.parametrize(
    ("layout", "state"), [("official", "judged"), ("folder", "judged"), ("observed", "not_judged")]
)
async def test_images_are_judged_by_their_links(
    billing: Billing, worker: object, sevdesk: Running, layout: str, state: str
) -> None:
    """Each posting's image is there; in a package of their own they are not judged."""
    await control(sevdesk, "PUT", "switches", {"datev_layout": layout})
    await billing.do("publish_invoice", invoice_id=await billing.usual_invoice())
    found = await report(billing, include_images=True)
    assert (found["findings"], found["judged"]["images"]["state"]) == ([], state)
