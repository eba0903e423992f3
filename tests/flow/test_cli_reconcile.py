"""`reconcile` finds every planted difference and no other, and requests the repairs that jobs can make."""

import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest
from flow.billing import Billing
from flow.books import calls, control, forget_calls, pay
from flow.conftest import RunWorker
from flow.drifts import PLANTED, BothSystems, partly_paid
from flow.operators import Operator

from sevdesk_client.sandbox.http.server import Running
from worker.operator.connections import open_account
from worker.reconcile.read import read_documents
from worker.settings import Settings


@pytest.fixture
def systems(billing: Billing, sevdesk: Running, settings: Settings, run_worker: RunWorker) -> BothSystems:
    """Both systems, which agree."""
    return BothSystems(billing, sevdesk, settings, run_worker)


async def test_every_planted_difference_is_found(systems: BothSystems) -> None:
    """All of them once, under their own names, and no sound one; what jobs can repair is repaired after --fix."""
    invoices = await systems.publish(2 * len(PLANTED))
    for invoice, difference in zip(invoices, PLANTED, strict=False):
        await difference(systems, invoice)
    planted = dict(zip(invoices, PLANTED.values(), strict=False))
    found = await systems.compare()
    assert {f.invoice_id: (f.drift.value, f.repair) for f in found.findings} == planted
    assert len(found.findings) == len(planted)
    assert set(found.counts) == {"existence", "number", "status", "gross", "paid", "contact", "pdf"}
    assert all(f.next_step for f in found.findings)
    await assert_repaired(systems, planted)


async def assert_repaired(systems: BothSystems, planted: dict[UUID, tuple[str, str | None]]) -> None:
    """After --fix and a working worker only that is left which a person must decide."""
    asked = await systems.fix()
    repairable = {invoice for invoice, (_, repair) in planted.items() if repair}
    assert len(asked) == len(repairable)
    async with systems.run_worker():
        assert {(await systems.billing.ended(job))["state"] for job in asked} == {"done"}
    left = {f.invoice_id for f in (await systems.compare()).findings}
    assert left == set(planted) - repairable


async def test_equal_systems_have_no_difference(systems: BothSystems) -> None:
    """Paid, partly paid, Skonto, overpaid, cancelled, parked, made by hand, changed recipients: no false alarm."""
    billing, sevdesk = systems.billing, systems.sevdesk
    invoices = await systems.publish(8)
    await control(sevdesk, "POST", "seed", {"invoices": 30, "prefix": "HAND-"})
    wrong = await billing.usual_invoice(gross_amount="120.00")
    draft = await billing.usual_invoice()
    for invoice, amount in zip(invoices, ("119", "50", "130"), strict=False):
        await pay(sevdesk, str((await systems.sevdesk_invoice(invoice)).id), amount)
    await pay(sevdesk, str((await systems.sevdesk_invoice(invoices[3])).id), "115", kind="skonto")
    await control(sevdesk, "POST", "cancel", {"invoice_id": str((await systems.sevdesk_invoice(invoices[4])).id)})
    async with systems.run_worker():
        await billing.do("publish_invoice", invoice_id=wrong)
        await billing.do("cancel_invoice", invoice_id=invoices[5], reason="Doppelt", notify=True)
        await billing.do("cancel_invoice", invoice_id=draft, reason="Doppelt")
        await billing.do("sync_payments")
        await billing.do("send_invoice", invoice_id=invoices[6])
        await billing.do("fetch_invoice_pdf", invoice_id=invoices[7])
    await billing.db.execute("UPDATE sevdesk_contacts SET contact_id = contact_id || '0'")
    found = await systems.compare()
    assert [(f.drift, f.ours, f.theirs) for f in found.findings] == []
    assert found.invoices == 8 and found.documents == 8 + 30 + 2


async def test_what_is_changing_is_left_out(systems: BothSystems) -> None:
    """Neither an invoice with an unfinished job nor a row that changed after the comparison began is a difference."""
    first, second = await systems.publish(2)
    for invoice in (first, second):
        await partly_paid(systems, invoice)
    await systems.billing.request("fetch_invoice_pdf", invoice_id=first)
    await systems.change_row(second, "updated_at = now() + interval '1 minute'")
    found = await systems.compare()
    assert (found.findings, found.changing) == ((), 2)
    await systems.change_row(second, "updated_at = now()")
    assert [f.invoice_id for f in (await systems.compare()).findings] == [second]


async def test_change_while_reading_is_left_out(systems: BothSystems) -> None:
    """A document that changed in sevDesk after the comparison began is left to the payment sync."""
    (invoice,) = await systems.publish(1)
    await partly_paid(systems, invoice)
    copy = await systems.sevdesk_invoice(invoice)
    copy.update = copy.update + timedelta(minutes=1)
    assert (await systems.compare()).findings == ()


async def test_documents_are_read_by_pages(systems: BothSystems) -> None:
    """2,500 documents cost three calls, and no invoice is asked for by itself."""
    await systems.publish(2)
    await control(systems.sevdesk, "POST", "seed", {"invoices": 2500})
    await forget_calls(systems.sevdesk)
    found = await systems.compare()
    assert found.documents == 2502 and found.calls == 3
    assert await calls(systems.sevdesk) == ["GET /Invoice"] * 3


async def test_deletion_while_reading_hides_nothing(systems: BothSystems) -> None:
    """Documents that move up to a page that was read already are read all the same."""
    await control(systems.sevdesk, "POST", "seed", {"invoices": 2500})
    account = systems.sevdesk.sandbox.account
    async with open_account(systems.settings) as sevdesk:
        list_invoices, newest = sevdesk.client.list_invoices, sorted(account.invoices, reverse=True)

        async def listed(**asked: object) -> object:
            page = await list_invoices(**asked)  # type: ignore[arg-type]
            if asked["offset"] == 0 and newest[0] in account.invoices:
                for ident in newest[:5]:
                    account.remove(account.invoices[ident])
            return page

        sevdesk.client.list_invoices = listed  # type: ignore[method-assign,assignment]
        documents, requests = await read_documents(sevdesk.client)
    assert all(documents.get(str(ident)) for ident in newest[5:])
    assert requests > 3


async def test_command_tells_and_reports(systems: BothSystems, tmp_path: Path) -> None:
    """Exit 3 and a table, JSON, a report that needs no other file, and the last result in status."""
    number = "<b>&R1"
    (invoice,) = await systems.publish(1, invoice_number=number)
    operator = Operator(systems.settings, tmp_path)
    code, said, _ = await operator.run("reconcile")
    assert code == 0 and "1 linked invoice and 1 document in sevDesk (1 call) compared: no difference." in said
    await partly_paid(systems, invoice)
    answer = await operator.json("reconcile", "--html", "drift.html", code=3)
    assert answer["drift"] == {"paid": 1} and answer["repairs_asked"] == []
    assert answer["findings"][0]["invoice_number"] == number
    assert (tmp_path / "drift.html").stat().st_mode & 0o777 == 0o600
    page = (tmp_path / "drift.html").read_text()
    assert "1 difference: jobs can repair 1, a person must act on 0." in page and "&lt;b&gt;&amp;R1" in page
    assert not re.search(r"https?:|<script|src=|@import|url\(", page)
    code, said, _ = await operator.run("reconcile", "--fix")
    assert code == 3 and number in said and "1 repair job asked for." in said
    assert (await operator.json("status", code=3))["last_reconciliation"]["drift"] == {"paid": 1}
    assert Decimal((await systems.billing.row(invoice))["paid_amount"]) == 0  # only the job writes
    asked = await systems.billing.db.fetch("SELECT kind, state FROM sevdesk_jobs WHERE job_id LIKE 'reconcile:%'")
    assert [tuple(row) for row in asked] == [("sync_payments", "requested")]


async def test_unreadable_sevdesk_is_one_sentence(systems: BothSystems, tmp_path: Path) -> None:
    """Without a token, or with a wrong one, nothing is compared and nothing is stored."""
    operator = Operator(systems.settings, tmp_path)
    code, said, problem = await operator.run("reconcile", SEVDESK_API_TOKEN="")
    assert (code, said) == (2, "") and "SEVDESK_API_TOKEN is not set" in problem
    code, said, problem = await operator.run("reconcile", SEVDESK_API_TOKEN="0" * 32)
    assert (code, said) == (1, "") and "Nothing was compared" in problem and "0" * 32 not in problem
    assert (await operator.json("status"))["last_reconciliation"] is None
