"""An ordinary invoice under the duty to issue e-invoices is warned about, parked, or made one."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from flow.billing import Billing, time_to_day
from flow.books import calls, pay, state
from flow.operators import Operator
from flow.stage import Stage

from sevdesk_client.sandbox.http.server import Running
from worker.domain.e_invoice_duty import DutyMode
from worker.settings import Settings

LARGE: Any = {
    "items": (("4", "250", "19"),),
    "net_amount": "1000.00",
    "tax_amount": "190.00",
    "gross_amount": "1190.00",
}
TODAY = time_to_day()


def duty(mode: DutyMode, *, days: int = 0) -> dict[str, Any]:
    """Settings by which the duty began so many days ago."""
    return {"e_invoice_from": TODAY - timedelta(days=days), "e_invoice_mode": mode}


async def made(sevdesk: Running) -> list[bool]:
    """Whether each document in sevDesk is an e-invoice."""
    return [each["eInvoice"] for each in (await state(sevdesk))["invoices"]]


async def test_warning_is_an_event(stage: Stage) -> None:
    """Once for each invoice; small amounts, persons and earlier days are left in peace."""
    billing = stage.billing
    warned, small = await billing.usual_invoice(**LARGE), await billing.usual_invoice()
    person = await billing.person()
    of_person = await billing.invoice(contact_id=person, **LARGE)
    async with stage.run_worker(**duty(DutyMode.WARN)):
        for invoice in (warned, warned, small, of_person):
            assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
    early = await billing.usual_invoice(**LARGE)
    async with stage.run_worker(**duty(DutyMode.WARN, days=-1)):
        assert (await billing.do("publish_invoice", invoice_id=early))["state"] == "done"
    assert [(await billing.events(each)).count("legal_warning") for each in (warned, small, of_person, early)] == [
        1, 0, 0, 0,
    ]  # fmt: skip
    assert (await billing.event(warned, "legal_warning"))["problem"] == "e_invoice_required"
    assert await made(stage.sevdesk) == [False] * 4


async def test_backdated_invoice_is_issued_today(stage: Stage) -> None:
    """It goes out under the duty, whatever date stands on it."""
    invoice = await stage.billing.usual_invoice(issue_date=TODAY - timedelta(days=40), **LARGE)
    async with stage.run_worker(**duty(DutyMode.PARK)):
        assert (await stage.billing.do("publish_invoice", invoice_id=invoice))["problem"] == "e_invoice_required"


async def test_parked_invoice_waits_for_a_person(stage: Stage) -> None:
    """Nothing is written before; a confirmed one is published as it is, and so is a corrected one."""
    billing = stage.billing
    confirmed, corrected = await billing.usual_invoice(**LARGE), await billing.usual_invoice(**LARGE)
    async with stage.run_worker(**duty(DutyMode.PARK)):
        jobs = [await billing.do("publish_invoice", invoice_id=each) for each in (confirmed, corrected)]
        assert {(job["state"], job["problem"]) for job in jobs} == {("parked", "e_invoice_required")}
        assert [call for call in await calls(stage.sevdesk) if not call.startswith("GET")] == []
        await billing.retry(jobs[0]["job_id"], "confirmed")
        assert (await billing.ended(jobs[0]["job_id"]))["state"] == "done"
        await billing.db.execute("UPDATE billing_invoices SET is_e_invoice = true WHERE id = $1", corrected)
        await billing.retry(jobs[1]["job_id"])
        assert (await billing.ended(jobs[1]["job_id"]))["state"] == "done"
    assert sorted(await made(stage.sevdesk)) == [False, True]


@pytest.mark.parametrize("kind", ["AR", "SR"])
async def test_auto_makes_an_e_invoice(stage: Stage, kind: str) -> None:
    """Advance or final: with XML and verdict, and mailed without a question by workers of any setting."""
    billing = stage.billing
    invoice = await billing.usual_invoice(document_kind=kind, **LARGE)
    async with stage.run_worker(**duty(DutyMode.AUTO)):
        assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
    assert (await billing.event(invoice, "drafted"))["e_invoice_by_duty"] is True
    assert (await billing.event(invoice, "e_invoice_checked"))["verdict"] == "valid"
    async with stage.run_worker():
        for job in ("publish_invoice", "send_invoice", "fetch_invoice_pdf"):
            assert (await billing.do(job, invoice_id=invoice))["state"] == "done"
    assert await made(stage.sevdesk) == [True]
    assert "changed_after_publication" not in await billing.events(invoice)


async def test_auto_asks_for_what_is_missing(stage: Stage) -> None:
    """A recipient without e-mail address stops before anything is written."""
    deal = await stage.billing.deal(await stage.billing.company(email=None))
    invoice = await stage.billing.invoice(deal, **LARGE)
    async with stage.run_worker(**duty(DutyMode.AUTO)):
        job = await stage.billing.do("publish_invoice", invoice_id=invoice)
    assert (job["state"], job["problem"]) == ("parked", "e_invoice_missing_email")


async def test_corrections_follow_their_invoice(stage: Stage) -> None:
    """Credit note and cancellation of an invoice that the duty made an e-invoice are e-invoices, too."""
    billing = stage.billing
    credited, cancelled = await billing.usual_invoice(**LARGE), await billing.usual_invoice(**LARGE)
    async with stage.run_worker(**duty(DutyMode.AUTO)):
        for invoice in (credited, cancelled):
            assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
    async with stage.run_worker():
        await pay(stage.sevdesk, await stage.there(credited), "1190.00", str(TODAY))
        part = [{"position": 1, "quantity": "1"}]
        job = await billing.do("credit_invoice", invoice_id=credited, reason="Rückgabe", positions=part)
        assert job["state"] == "done", job["error"]
        assert (await billing.do("cancel_invoice", invoice_id=cancelled, reason="falsch"))["state"] == "done"
    assert await made(stage.sevdesk) == [True] * 3  # two invoices, and the cancellation
    [note] = stage.sevdesk.sandbox.account.credit_notes.values()
    assert note.fields.is_e_invoice


async def test_xml_goes_to_public_buyers(billing: Billing, worker: object, sevdesk: Running) -> None:
    """The mail ledger has what was attached; the job may say otherwise, and others get the PDF."""
    public = await billing.deal(await billing.company(buyer_reference="04011000-12345-03"))
    cases = [(public, None, True), (public, False, False), (await billing.deal(await billing.company()), None, False)]
    for deal, asked, expected in cases:
        invoice = await billing.invoice(deal, is_e_invoice=True)
        assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
        wanted = {} if asked is None else {"send_xml": asked}
        assert (await billing.do("send_invoice", invoice_id=invoice, **wanted))["state"] == "done"
        assert (await state(sevdesk))["mails"][-1]["sendXml"] is expected
        mail = await billing.db.fetchrow("SELECT * FROM sevdesk_mails WHERE invoice_id = $1", invoice)
        kind = "invoice_xml" if expected else "invoice_pdf"
        stored = "SELECT sha256 FROM sevdesk_documents WHERE invoice_id = $1 AND kind = $2"
        digest = await billing.db.fetchval(stored, invoice, kind)
        assert [mail["xml_sha256"], mail["pdf_sha256"]] == ([digest, None] if expected else [None, digest])


async def test_verdict_is_stored_with_the_document(
    billing: Billing, worker: object, settings: Settings, tmp_path: Path
) -> None:
    """The row of the XML says by which rules it passed; `show` and the evidence name XML and PDF."""
    invoice = await billing.usual_invoice(is_e_invoice=True)
    await billing.do("publish_invoice", invoice_id=invoice)
    row = await billing.db.fetchrow("SELECT * FROM sevdesk_documents WHERE kind = 'invoice_xml'")
    checked = await billing.event(invoice, "e_invoice_checked")
    assert (row["verdict"], row["rules"], row["findings"]) == ("valid", checked["rules"], "[]")
    assert row["judged_at"] is not None and row["sha256"] == checked["sha256"]
    operator, bundle = Operator(settings, tmp_path), tmp_path / "evidence.zip"
    shown = await operator.json("show", str(invoice))
    documents = {each["what"]: each["detail"] for each in shown["timeline"] if each["source"] == "document"}
    assert documents.keys() == {"invoice_pdf", "invoice_xml"} and documents["invoice_xml"]["rules"] == row["rules"]
    await operator.json("show", str(invoice), "--bundle", str(bundle))
    with ZipFile(bundle) as archive:
        names = {name.rpartition("-")[2] for name in archive.namelist() if name.startswith("documents/")}
        assert names == {"invoice_pdf.pdf", "invoice_xml.xml"}
        assert b'"verdict":"valid"' in archive.read("records.jsonl")
