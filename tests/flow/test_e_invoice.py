"""An e-invoice goes out: required data, the XML beside the PDF, judged by the rules and compared with the invoice."""

from collections.abc import Iterator
from datetime import date
from hashlib import sha256
from typing import Any

import pytest
from flow.billing import Billing
from flow.books import control, pay, state
from flow.stage import Stage
from structlog.testing import capture_logs

from sevdesk_client.sandbox.http.server import Running
from worker.domain.check_levels import Level
from worker.einvoice import pdf_text, validation
from worker.operator.checks_here import installation_checks
from worker.operator.readiness import NO_RULES, readiness_of, report
from worker.settings import Settings
from worker.store import Store


async def test_e_invoice_is_published_with_xml(billing: Billing, worker: object) -> None:
    """PDF and XML are stored, and the layout is set once sevDesk takes it."""
    invoice = await billing.usual_invoice(is_e_invoice=True)
    job = await billing.do("publish_invoice", invoice_id=invoice)
    assert (job["state"], job["error"]) == ("done", None)
    assert await billing.events(invoice) == [
        "contact_linked", "address_written", "email_written", "drafted", "finalized", "template_set",
        "pdf_stored", "xml_stored", "e_invoice_checked",
    ]  # fmt: skip
    xml = await billing.db.fetchval(
        "SELECT content FROM sevdesk_documents WHERE invoice_id = $1 AND kind = 'invoice_xml'", invoice
    )
    assert b"CrossIndustryInvoice" in xml
    checked = await billing.event(invoice, "e_invoice_checked")
    assert (checked["verdict"], checked["findings"]) == ("valid", [])
    assert checked["sha256"] == sha256(xml).hexdigest()
    assert checked["rules"].startswith("EN 16931 in Factur-X 1.0")


async def test_e_invoice_needs_an_e_mail_address(billing: Billing, worker: object) -> None:
    """Refused before the first call, with the next step."""
    deal = await billing.deal(await billing.company(email=None))
    job = await billing.do("publish_invoice", invoice_id=await billing.invoice(deal, is_e_invoice=True))
    assert (job["state"], job["problem"]) == ("parked", "e_invoice_missing_email")


async def test_missing_company_data_is_named(billing: Billing, worker: object, sevdesk: Running) -> None:
    """What sevDesk misses in its own settings stands in the sentence the admin reads."""
    await control(sevdesk, "PUT", "switches", {"e_invoice_missing": ["sevClient_bankIban"]})
    invoice = await billing.usual_invoice(is_e_invoice=True)
    job = await billing.do("publish_invoice", invoice_id=invoice)
    assert (job["state"], job["problem"]) == ("parked", "e_invoice_data_missing")
    assert "sevClient_bankIban" in job["error"]


async def test_ordinary_invoice_stores_no_xml(billing: Billing, worker: object) -> None:
    """XML is for e-invoices only."""
    invoice = await billing.usual_invoice()
    await billing.do("publish_invoice", invoice_id=invoice)
    assert "xml_stored" not in await billing.events(invoice)


FORMAT, MANDATORY, CONTENT = "(format)", "(business rule on a mandatory field)", "(content)"
# Fault of the sandbox's XML -> the job's problem, and what one of the findings begins with.
FAULTS = {
    "not_well_formed": ("e_invoice_invalid", f"XML {FORMAT}"),
    "entity_bomb": ("e_invoice_invalid", f"XML {FORMAT}"),
    "unknown_element": ("e_invoice_invalid", f"XSD {FORMAT}"),
    "guideline_unknown": ("e_invoice_invalid", "FX-SCH-A-000556 (business rule)"),
    "number_missing": ("e_invoice_invalid", f"BR-02 {MANDATORY}"),
    "gross_wrong": ("e_invoice_invalid", f"BR-CO-15 {MANDATORY}"),
    "tax_wrong": ("e_invoice_invalid", f"BR-CO-17 {MANDATORY}"),
    "line_lost": ("e_invoice_invalid", f"BR-CO-10 {MANDATORY}"),
    "period_reversed": ("e_invoice_invalid", f"BR-29 {MANDATORY}"),
    "seller_ids_missing": ("e_invoice_invalid", f"BR-S-02 {MANDATORY}"),
    "other_number": ("e_invoice_differs", f"content {CONTENT}: invoice number"),
    "other_buyer": ("e_invoice_differs", f"content {CONTENT}: buyer's name"),
    "other_vat_id": ("e_invoice_differs", f"content {CONTENT}: buyer's VAT id"),
    "other_quantity": ("e_invoice_differs", f"content {CONTENT}: quantity of line 1"),
    "other_date": ("e_invoice_differs", f"content {CONTENT}: date"),
    "other_unit": ("e_invoice_differs", f"content {CONTENT}: unit of line 1"),
    "other_country": ("e_invoice_differs", f"content {CONTENT}: country of delivery"),
    "direct_debit": ("e_invoice_differs", f"content {CONTENT}: payment method"),
    "other_payee": ("e_invoice_differs", f"content {CONTENT}: payee"),
    "iban_wrong": ("e_invoice_differs", f"content {CONTENT}: check digits of the seller's IBAN"),
    "prepaid": ("e_invoice_differs", f"content {CONTENT}: amount due"),
    "other_skonto": ("e_invoice_differs", f"content {CONTENT}: Skonto"),
    "exempt": ("e_invoice_differs", f"content {CONTENT}: reason for the zero rate (VAT category)"),
    "zero_group_missing": ("e_invoice_invalid", f"BR-Z-01 {MANDATORY}"),
    "pdf_differs": ("e_invoice_differs", f"content {CONTENT}: invoice number (PDF)"),
    "pdf_other_iban": ("e_invoice_differs", f"content {CONTENT}: seller's IBAN (PDF)"),
    "pdf_other_seller": ("e_invoice_differs", f"content {CONTENT}: seller (PDF)"),
}
TWO: Any = {"items": (("2", "25", "19"),) * 2}
ZERO: Any = {"items": (("4", "25", "19"), ("1", "1", "0")), "net_amount": "101.00", "gross_amount": "120.00"}

REVERSE_CHARGE: Any = {"tax_rule": 5, "items": (("1", "100", "0"),), "tax_amount": "0", "gross_amount": "100.00"}
SPECIAL = {"zero_group_missing": ZERO, "exempt": REVERSE_CHARGE}


@pytest.mark.parametrize("fault", FAULTS)
async def test_each_fault_stops_the_mail(billing: Billing, worker: object, sevdesk: Running, fault: str) -> None:
    """Publishing parks, and so does the mail, until the document is right."""
    await control(sevdesk, "PUT", "switches", {"e_invoice_faults": [fault]})
    about, (code, finding) = SPECIAL.get(fault, TWO), FAULTS[fault]
    deal = await billing.deal(await billing.company(vat_id="DE136695976" if fault == "exempt" else None))
    invoice = await billing.invoice(deal, is_e_invoice=True, **about)
    for kind in ("publish_invoice", "send_invoice"):
        job = await billing.do(kind, invoice_id=invoice)
        assert (job["state"], job["problem"]) == ("parked", code), job["error"]
        told = (await billing.event(invoice, "e_invoice_checked"))["findings"]
        assert [each for each in told if each.startswith(finding)], told
    assert (await state(sevdesk))["mails"] == []
    await control(sevdesk, "PUT", "switches", {"e_invoice_faults": []})
    assert (await billing.do("send_invoice", invoice_id=invoice))["state"] == "done"


@pytest.mark.parametrize(("fault", "stored"), [("other_number", set()), ("pdf_differs", {"invoice_xml"})])
async def test_nothing_of_others_is_stored(
    billing: Billing, worker: object, sevdesk: Running, fault: str, stored: set[str]
) -> None:
    """The XML of another invoice, beside or inside the PDF: neither publishing nor fetching keeps it."""
    await control(sevdesk, "PUT", "switches", {"e_invoice_faults": [fault]})
    invoice = await billing.usual_invoice(is_e_invoice=True)
    for kind in ("publish_invoice", "fetch_invoice_pdf", "send_invoice"):
        job = await billing.do(kind, invoice_id=invoice)
        assert (job["state"], job["problem"]) == ("parked", "e_invoice_differs"), kind
    kinds = await billing.db.fetch("SELECT DISTINCT kind FROM sevdesk_documents WHERE invoice_id = $1", invoice)
    assert {row["kind"] for row in kinds} == stored


async def test_byte_order_mark_is_no_fault(billing: Billing, worker: object, sevdesk: Running) -> None:
    """XML may begin with one, and the rules judge what follows."""
    await control(sevdesk, "PUT", "switches", {"e_invoice_faults": ["byte_order_mark"]})
    invoice = await billing.usual_invoice(is_e_invoice=True)
    assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
    assert (await billing.event(invoice, "e_invoice_checked"))["verdict"] == "valid"


async def test_granted_skonto_is_no_fault(billing: Billing, worker: object, sevdesk: Running) -> None:
    """What the XML says of it is what the job granted."""
    await control(sevdesk, "PUT", "switches", {"e_invoice_faults": ["other_skonto"]})
    invoice = await billing.usual_invoice(is_e_invoice=True)
    job = await billing.do("publish_invoice", invoice_id=invoice, skonto_percent="50", skonto_days=10)
    assert (job["state"], job["error"]) == ("done", None)
    assert (await billing.do("send_invoice", invoice_id=invoice))["state"] == "done"


async def test_lower_case_country_is_no_fault(billing: Billing, worker: object, sevdesk: Running) -> None:
    """The billing system may write it so; the XML has capitals."""
    invoice = await billing.invoice(await billing.deal(await billing.company(country_code="de")), is_e_invoice=True)
    assert (await billing.do("publish_invoice", invoice_id=invoice))["error"] is None


async def test_xml_made_anew_is_judged_anew(billing: Billing, worker: object, sevdesk: Running) -> None:
    """What sevDesk mails is not what passed when it was published: neither mail nor resend goes, until it is right."""
    invoice = await billing.usual_invoice(is_e_invoice=True)
    assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
    await control(sevdesk, "PUT", "switches", {"e_invoice_faults": ["gross_wrong"]})
    job = await billing.do("send_invoice", invoice_id=invoice)
    assert (job["state"], job["problem"]) == ("parked", "e_invoice_invalid")
    assert (await state(sevdesk))["mails"] == []
    await control(sevdesk, "PUT", "switches", {"e_invoice_faults": []})
    assert (await billing.do("send_invoice", invoice_id=invoice))["state"] == "done"
    judged = (await billing.events(invoice)).count("e_invoice_checked")
    assert (await billing.do("send_invoice", invoice_id=invoice, resend=True))["state"] == "done"
    assert (await billing.events(invoice)).count("e_invoice_checked") == judged
    await control(sevdesk, "PUT", "switches", {"e_invoice_faults": ["other_buyer"]})
    job = await billing.do("send_invoice", invoice_id=invoice, resend=True)
    assert (job["problem"], len((await state(sevdesk))["mails"])) == ("e_invoice_differs", 2)


# Faults in the XML inside the PDF of a correction.
SPOILT = ("not_well_formed", "gross_wrong", "tax_wrong", "other_number", "other_buyer", "other_date", "line_lost",
          "other_reference", "self_billed", "other_place")  # fmt: skip


async def test_spoilt_cancellations_are_not_mailed(billing: Billing, worker: object, sevdesk: Running) -> None:
    """The invoice is cancelled, and its Storno is mailed once the XML in its PDF is right."""
    for fault in SPOILT:
        await control(sevdesk, "PUT", "switches", {"e_invoice_faults": []})
        invoice = await billing.usual_invoice(is_e_invoice=True)
        assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
        await control(sevdesk, "PUT", "switches", {"e_invoice_faults": [fault]})
        job = await billing.do("cancel_invoice", invoice_id=invoice, reason="Irrtum", notify=True)
        assert (job["problem"], (await state(sevdesk))["mails"]) == ("cancellation_invalid", []), fault
        assert (await billing.row(invoice))["claim_status"] == "cancelled"
    await control(sevdesk, "PUT", "switches", {"e_invoice_faults": []})
    await billing.retry(job["job_id"])
    assert (await billing.ended(job["job_id"]))["state"] == "done"
    checked = await billing.event(invoice, "e_invoice_checked")
    assert (checked["document"], checked["verdict"], len((await state(sevdesk))["mails"])) == (
        "cancellation", "valid", 1,
    )  # fmt: skip


async def test_corrections_are_judged_by_the_published_invoice(billing: Billing, worker: object) -> None:
    """A tax rule that was changed in the billing system since then is not what the Storno says."""
    deal = await billing.deal(await billing.company(vat_id="DE136695976"))
    invoice = await billing.invoice(deal, is_e_invoice=True, **REVERSE_CHARGE)
    assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
    await billing.db.execute("UPDATE billing_invoices SET tax_rule = 1")
    job = await billing.do("cancel_invoice", invoice_id=invoice, reason="Irrtum", notify=True)
    assert (job["state"], job["error"]) == ("done", None)


async def test_spoilt_credit_notes_are_not_mailed(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Each of them, until the XML in its PDF is right."""
    invoice = await billing.usual_invoice(is_e_invoice=True)
    assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
    await pay(sevdesk, (await billing.row(invoice))["external_id"], "119.00")
    part: Any = [{"position": 1, "quantity": "0.1"}]
    for fault in SPOILT:
        await control(sevdesk, "PUT", "switches", {"e_invoice_faults": [fault]})
        job = await billing.do("credit_invoice", invoice_id=invoice, reason="Mangel", positions=part, notify=True)
        assert (job["problem"], (await state(sevdesk))["mails"]) == ("credit_note_invalid", []), (fault, job["error"])
    await control(sevdesk, "PUT", "switches", {"e_invoice_faults": []})
    await billing.retry(job["job_id"])
    assert (await billing.ended(job["job_id"]))["state"] == "done"
    assert len((await state(sevdesk))["mails"]) == 1


async def test_person_lets_an_invoice_pass(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Confirmed once, the mail goes without another question."""
    await control(sevdesk, "PUT", "switches", {"e_invoice_faults": ["other_number"]})
    invoice = await billing.usual_invoice(is_e_invoice=True)
    job = await billing.do("publish_invoice", invoice_id=invoice)
    await billing.retry(job["job_id"], "confirmed")
    assert (await billing.ended(job["job_id"]))["state"] == "done"
    assert (await billing.event(invoice, "e_invoice_checked"))["verdict"] == "let_pass"
    assert (await billing.do("send_invoice", invoice_id=invoice))["state"] == "done"


async def test_setting_makes_it_a_warning(stage: Stage) -> None:
    """CHECK_LEVELS lets the document pass, and the event has what was found."""
    await control(stage.sevdesk, "PUT", "switches", {"e_invoice_faults": ["other_buyer"]})
    invoice = await stage.billing.usual_invoice(is_e_invoice=True)
    async with stage.run_worker(check_levels={"e_invoice_differs": Level.WARN}):
        assert (await stage.billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
    checked = await stage.billing.event(invoice, "e_invoice_checked")
    assert (checked["verdict"], checked["findings"]) == ("let_pass", [f"content {CONTENT}: buyer's name"])


def forget_packages() -> None:
    """What was found out about installed packages."""
    for known in (
        validation.missing_packages,
        validation._rules_process,
        pdf_text.reads_pdfs,
        pdf_text._process,
        pdf_text._say_unreadable,
    ):
        known.cache_clear()


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """An installation without the extra `einvoice`, until `bare.undo()` and `forget_packages()`."""
    for module in (validation, pdf_text):
        monkeypatch.setattr(module, "find_spec", lambda name: None)
    forget_packages()
    yield monkeypatch
    forget_packages()


async def test_worker_compares_without_the_rules(
    billing: Billing, worker: object, sevdesk: Running, bare: pytest.MonkeyPatch
) -> None:
    """Without the extra the XML is compared all the same; nothing is called valid, and what is missing is said once."""
    with capture_logs() as lines:
        for is_e_invoice in (False, True, True):
            invoice = await billing.usual_invoice(is_e_invoice=is_e_invoice)
            assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
        checked = await billing.event(invoice, "e_invoice_checked")
        assert (checked["verdict"], checked["rules"]) == ("compared", None)
        assert (await billing.do("send_invoice", invoice_id=invoice))["state"] == "done"
        assert (await billing.events(invoice)).count("e_invoice_checked") == 1
        await billing.do("cancel_invoice", invoice_id=invoice, reason="Irrtum", notify=True)
    checked = await billing.event(invoice, "e_invoice_checked")
    assert (checked["document"], checked["verdict"], checked["rules"]) == ("cancellation", "not_judged", None)
    said = [line["event"] for line in lines if line["log_level"] == "warning"]
    assert sorted(said) == ["e_invoice.rules_not_checked", "pdf.not_compared"]
    await control(sevdesk, "PUT", "switches", {"e_invoice_faults": ["other_buyer"]})
    invoice = await billing.usual_invoice(is_e_invoice=True)
    assert (await billing.do("publish_invoice", invoice_id=invoice))["problem"] == "e_invoice_differs"


async def test_rules_that_come_later_judge_before_the_mail(
    billing: Billing, worker: object, sevdesk: Running, bare: pytest.MonkeyPatch
) -> None:
    """What was published by a worker without the rules, and is mailed by one that has them."""
    right, wrong = [await billing.usual_invoice(is_e_invoice=True) for _ in range(2)]
    assert (await billing.do("publish_invoice", invoice_id=right))["state"] == "done"
    await control(sevdesk, "PUT", "switches", {"e_invoice_faults": ["seller_ids_missing"]})
    assert (await billing.do("publish_invoice", invoice_id=wrong))["state"] == "done"
    bare.undo()
    forget_packages()
    assert (await billing.do("send_invoice", invoice_id=wrong))["problem"] == "e_invoice_invalid"
    await control(sevdesk, "PUT", "switches", {"e_invoice_faults": []})
    assert (await billing.do("send_invoice", invoice_id=right))["state"] == "done"
    assert (await billing.event(right, "e_invoice_checked"))["verdict"] == "valid"


async def test_operator_is_told_that_the_rules_are_missing(
    billing: Billing, settings: Settings, bare: pytest.MonkeyPatch
) -> None:
    """By doctor where the duty is looked after, and by the page of `readiness`."""
    looked_after = settings.model_copy(update={"e_invoice_from": date(2027, 1, 1)})
    [check] = installation_checks(looked_after)
    assert (check.level, "not be judged" in check.detail) == ("warn", True)
    assert installation_checks(settings)[0].level == "ok"
    store = await Store.connect(settings.database_url, size=1)
    try:
        assert NO_RULES in report(await readiness_of(store, looked_after, None))
        bare.undo()
        forget_packages()
        assert NO_RULES not in report(await readiness_of(store, looked_after, None))
    finally:
        await store.close()
    assert "are installed" in installation_checks(looked_after)[0].detail
