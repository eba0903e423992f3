"""Finalising, mailing, enshrining, and the numbers that come with it."""

import pytest

from sevdesk_client.sandbox.account.master_data import COUNTRIES
from tests.sandbox.sandbox_client import Json, SandboxClient, line, ref, send

MAIL = {"toEmail": "kunde@example.com", "subject": "Ihre Rechnung", "text": "Anbei."}


async def test_send_by_finalises(sandbox: SandboxClient) -> None:
    """Number, status 200, sendDate, sendType and, in this account, enshrined."""
    ident = await sandbox.draft_id()
    before = await sandbox.invoice(ident)
    assert (before["invoiceNumber"], before["sendType"], before["sendDate"]) == (None, "0", None)
    sent = (await sandbox.send_by(ident))["objects"]
    assert (sent["invoiceNumber"], sent["status"], sent["sendType"]) == ("RE-1000", "200", "VPDF")
    assert sent["sendDate"] is not None and sent["enshrined"] is not None


async def test_numbers_run_without_gaps(sandbox: SandboxClient) -> None:
    """Drafts take none, and two drafts see the same next one."""
    path = "/SevSequence/Factory/getByType?objectType=Invoice&type=RE"
    one, two = await sandbox.draft_id(), await sandbox.draft_id()
    assert (await sandbox.objects("GET", path))["nextSequence"] == "1000"
    assert await sandbox.objects("GET", "/Invoice/Factory/getNextInvoiceNumber") == "RE-1000"
    numbers = [(await sandbox.send_by(ident))["objects"]["invoiceNumber"] for ident in (two, one)]
    assert numbers == ["RE-1000", "RE-1001"]


async def test_own_numbers_are_kept(sandbox: SandboxClient) -> None:
    """A free one stays, a taken one is silently replaced, and the sequence passes what was chosen by hand."""
    first = await sandbox.draft_id(invoiceNumber="RE-1000")
    twin = await sandbox.draft_id(invoiceNumber="RE-1000")
    assert (await sandbox.send_by(first))["objects"]["invoiceNumber"] == "RE-1000"
    assert (await sandbox.send_by(twin))["objects"]["invoiceNumber"] == "RE-1001"
    assert [each["id"] for each in await sandbox.objects("GET", "/Invoice?invoiceNumber=RE-1000")] == [first]


async def test_number_formats_are_filled(sandbox: SandboxClient) -> None:
    """Placeholders of the sequence's format become year, month and count."""
    await sandbox.switch(number_format="R-%YYYY-%MM-%NUMBER")
    day = sandbox.running.sandbox.account.today()
    sent = (await sandbox.send_by(await sandbox.draft_id()))["objects"]
    assert sent["invoiceNumber"] == f"R-{day:%Y-%m}-1000"


@pytest.mark.parametrize(
    ("switch", "send_type", "enshrined"),
    [(True, "VPR", True), (False, "VPDF", False), ("VPDF", "VPDF", True), ("VPDF", "VPR", False)],
)
async def test_enshrining_by_switch(sandbox: SandboxClient, switch: Json, send_type: str, enshrined: bool) -> None:
    """Always, never, or by the send type: reports disagree."""
    await sandbox.switch(send_by_enshrines=switch)
    sent = (await sandbox.send_by(await sandbox.draft_id(), send_type))["objects"]
    assert (sent["enshrined"] is not None) is enshrined


async def test_send_draft_changes_nothing(sandbox: SandboxClient) -> None:
    """sendDraft true answers the draft as it is."""
    ident = await sandbox.draft_id()
    path = f"/Invoice/{ident}/sendBy"
    shown = await sandbox.objects("PUT", path, json={"sendType": "VPDF", "sendDraft": True})
    assert (shown["status"], shown["invoiceNumber"]) == ("100", None)


@pytest.mark.parametrize("body", [{}, {"sendType": "VPDF"}, {"sendType": "FAX", "sendDraft": False}])
async def test_send_by_needs_its_keys(sandbox: SandboxClient, body: Json) -> None:
    """A known sendType and sendDraft; otherwise nothing happens."""
    ident = await sandbox.draft_id()
    await sandbox.error("PUT", f"/Invoice/{ident}/sendBy", 422, json=body)
    assert (await sandbox.invoice(ident))["status"] == "100"


async def test_sending_again_keeps_number(sandbox: SandboxClient) -> None:
    """A second sendBy moves sendType and update but not number or status; by switch it is refused."""
    ident = await sandbox.open_id()
    again = (await sandbox.send_by(ident, "VPR"))["objects"]
    assert (again["invoiceNumber"], again["status"], again["sendType"]) == ("RE-1000", "200", "VPR")
    await sandbox.switch(repeat_send_by="refuse")
    await sandbox.send_by(ident, "VM", status=422)
    assert (await sandbox.invoice(ident))["sendType"] == "VPR"


@pytest.mark.parametrize(
    ("rule", "rate", "code"),
    [
        *((1, 19, None), (1, 7, None), (1, 0, None), (1, 16, 7100)),
        *((3, 19, None), (4, 19, 7100), (4, 0, None), (11, 0, 7100)),
    ],
)
async def test_tax_rules_refuse_late(sandbox: SandboxClient, rule: int, rate: int, code: int | None) -> None:
    """A rate its rule does not know is saved and refused at sendBy with 7100; so is rule 11 in a normal account."""
    ident = await sandbox.draft_id(taxRule=ref(rule, "TaxRule"), lines=[line(rate=rate)])
    answer = await sandbox.send_by(ident, status=200 if code is None else 422)
    assert code is None or answer["error"]["code"] == code
    assert (await sandbox.invoice(ident))["status"] == ("200" if code is None else "100")


@pytest.mark.parametrize(
    ("country", "rate", "code"),
    [("at", 20, None), ("at", 10, None), ("at", 8, 7100), ("fr", 20, None), ("de", 19, 7100), ("ch", 8, 7100)],
)
async def test_shop_rates_are_the_countrys(sandbox: SandboxClient, country: str, rate: int, code: int | None) -> None:
    """One Stop Shop takes the standard and reduced rates of the address's country, and no other country's customers."""
    ident = next(ident for ident, (own, _) in COUNTRIES.items() if own == country)
    where = {"taxRule": ref(18, "TaxRule"), "addressCountry": ref(ident, "StaticCountry")}
    draft = await sandbox.draft_id(**where, lines=[line(rate=rate)])
    answer = await sandbox.send_by(draft, status=200 if code is None else 422)
    assert code is None or answer["error"]["code"] == code


async def test_tax_rules_at_save(sandbox: SandboxClient) -> None:
    """By switch the same refusal comes at saveInvoice; a small business knows rule 11 alone."""
    with pytest.raises(AssertionError, match="7100"):  # nor may an invoice that says so itself have any
        await sandbox.open_id(smallSettlement=True)
    await sandbox.switch(tax_rule_check="save", small_business=True)
    await sandbox.draft(taxRule=ref(11, "TaxRule"), lines=[line(rate=0)])
    with pytest.raises(AssertionError, match="7100"):
        await sandbox.draft()


async def test_missing_addresses_by_switch(sandbox: SandboxClient) -> None:
    """Refused at sendBy, or by switch finalised blank: reports disagree."""
    nowhere = dict.fromkeys(("addressName", "addressStreet", "addressZip", "addressCity"))
    ident = await sandbox.draft_id(**nowhere)
    await sandbox.send_by(ident, status=422)
    assert (await sandbox.invoice(ident))["invoiceNumber"] is None
    await sandbox.switch(missing_address="blank")
    await sandbox.send_by(ident)


async def test_mail_finalises_and_stays(sandbox: SandboxClient) -> None:
    """sendViaEmail answers 201 with the mail, gives the number, and the sandbox remembers it."""
    ident = await sandbox.draft_id()
    mail = await sandbox.objects("POST", f"/Invoice/{ident}/sendViaEmail", 201, json=MAIL)
    assert (mail["objectName"], mail["object"], mail["to"]) == ("Email", ref(ident, "Invoice"), MAIL["toEmail"])
    invoice = await sandbox.invoice(ident)
    assert (invoice["sendType"], invoice["status"], invoice["invoiceNumber"]) == ("VM", "200", "RE-1000")
    assert (await sandbox.control("GET", "/state?only=mails"))["mails"] == [{**mail, "sendXml": False}]


@pytest.mark.parametrize("body", [{}, {**MAIL, "toEmail": "nobody"}, {**MAIL, "text": ""}])
async def test_mail_needs_its_keys(sandbox: SandboxClient, body: Json) -> None:
    """Without recipient, subject or text nothing is sent or finalised."""
    ident = await sandbox.draft_id()
    await sandbox.error("POST", f"/Invoice/{ident}/sendViaEmail", 422, json=body)
    assert (await sandbox.counts())["mails"] == 0
    assert (await sandbox.invoice(ident))["status"] == "100"


async def test_enshrine_is_final(sandbox: SandboxClient) -> None:
    """Not for drafts, once, and with null as its answer."""
    await sandbox.switch(send_by_enshrines=False)
    ident = await sandbox.draft_id()
    await sandbox.error("PUT", f"/Invoice/{ident}/enshrine", 422)
    await sandbox.send_by(ident)
    assert await sandbox.objects("PUT", f"/Invoice/{ident}/enshrine") is None
    assert (await sandbox.error("PUT", f"/Invoice/{ident}/enshrine", 422))["message"] == "Already enshrined"


async def test_reset_to_draft(sandbox: SandboxClient) -> None:
    """Back from open unless enshrined; then it can be deleted."""
    fixed = await sandbox.open_id()
    error = await sandbox.error("PUT", f"/Invoice/{fixed}/resetToDraft", 422)
    assert error["message"] == "Already enshrined"
    await sandbox.switch(send_by_enshrines=False)
    ident = await sandbox.open_id()
    shown = await sandbox.objects("PUT", f"/Invoice/{ident}/resetToDraft")
    assert (shown["status"], shown["sendDate"]) == ("100", None)
    await sandbox.objects("DELETE", f"/Invoice/{ident}")


async def test_e_invoice_lacks_are_listed(sandbox: SandboxClient) -> None:
    """400/830 with what is missing, at finalising; complete data pass."""
    contact = await sandbox.contact(buyerReference="-")
    method = ref(21919, "PaymentMethod")
    invoice = {"contact": ref(contact, "Contact"), "propertyIsEInvoice": True, "paymentMethod": method}
    ident = await sandbox.draft_id(**invoice, addressCity=None)
    error = (await sandbox.call("PUT", f"/Invoice/{ident}/sendBy", 400, json=send()))["error"]
    assert (error["code"], error["data"]) == (830, {"missing information": ["document_addressCity", "contact_email"]})
    way = {"contact": ref(contact, "Contact"), "type": "EMAIL", "value": "a@example.com"}
    await sandbox.objects("POST", "/CommunicationWay", 201, json={**way, "key": ref(8, "CommunicationWayKey")})
    await sandbox.send_by(await sandbox.draft_id(**invoice))
