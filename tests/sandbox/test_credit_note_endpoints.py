"""Credit notes: how they are made, numbered, finalised and paid out, as the specification and one peer say."""

import base64
from typing import Any

import pytest

from tests.sandbox.sandbox_client import SandboxClient, credit_body, line, ref, send

SAVE, FROM_INVOICE = "/CreditNote/Factory/saveCreditNote", "/CreditNote/Factory/createFromInvoice"


async def paid_id(sandbox: SandboxClient, amount: str = "119", **invoice: Any) -> str:
    """The id of an invoice over 119 euro on which money has come."""
    ident = await sandbox.open_id(**invoice)
    await sandbox.pay(ident, amount)
    return ident


async def body_for(sandbox: SandboxClient, ident: str, net: str = "10", **note: Any) -> Any:
    """A body over a part of the invoice."""
    return credit_body(ident, [line(net)], contact=(await sandbox.invoice(ident))["contact"], **note)


async def saved(sandbox: SandboxClient, ident: str, net: str = "10", **note: Any) -> Any:
    """The whole answer of saveCreditNote."""
    return await sandbox.objects("POST", SAVE, 201, json=await body_for(sandbox, ident, net, **note))


async def finished(sandbox: SandboxClient, note_id: str) -> Any:
    """The credit note after sendBy."""
    return await sandbox.objects("PUT", f"/CreditNote/{note_id}/sendBy", json=send())


async def test_part_is_credited_with_positive_sums(sandbox: SandboxClient) -> None:
    """No paidAmount, no origin; quantity is a text; the invoice stays as it is."""
    ident = await paid_id(sandbox)
    before = await sandbox.invoice(ident)
    made = await saved(sandbox, ident)
    note, [position] = made["creditNote"], made["creditNotePos"]
    assert (note["sumNet"], note["sumTax"], note["sumGross"]) == ("10", "1.9", "11.9")
    assert (note["status"], note["sendType"], position["quantity"]) == ("100", None, "1")
    assert not {"paidAmount", "origin"} & note.keys()
    assert await sandbox.invoice(ident) == before
    params = {"creditNote[id]": note["id"], "creditNote[objectName]": "creditNote"}
    assert await sandbox.objects("GET", "/CreditNotePos", params=params) == [position]


async def test_all_together_never_exceed_the_invoice(sandbox: SandboxClient) -> None:
    """Two parts may be credited, a third that is too much may not (455)."""
    ident = await paid_id(sandbox)
    for number in ("GU-1", "GU-2"):
        await saved(sandbox, ident, "50", creditNoteNumber=number)
    body = await body_for(sandbox, ident, "0.01", creditNoteNumber="GU-3")
    assert (await sandbox.error("POST", SAVE, 422, json=body))["code"] == 455


@pytest.mark.parametrize(("choice", "second"), [("keep", "GU-1000"), ("replace", "GU-1001")])
async def test_open_drafts_share_a_number(sandbox: SandboxClient, choice: str, second: str) -> None:
    """The sequence moves when one is enshrined; the second draft keeps its number, or gets the next one then."""
    await sandbox.switch(taken_credit_number=choice)
    drafts = [await sandbox.objects("POST", FROM_INVOICE, 201, json=of(await paid_id(sandbox))) for _ in range(2)]
    assert [each["creditNote"]["creditNoteNumber"] for each in drafts] == ["GU-1000", "GU-1000"]
    numbers = [(await finished(sandbox, each["creditNote"]["id"]))["creditNoteNumber"] for each in drafts]
    assert numbers == ["GU-1000", second]
    params = {"objectType": "CreditNote", "type": "CN"}
    sequence = await sandbox.objects("GET", "/SevSequence/Factory/getByType", params=params)
    assert (sequence["format"], sequence["nextSequence"]) == ("GU-%NUMBER", str(int(second[3:]) + 1))


def of(ident: str) -> Any:
    """createFromInvoice's body."""
    return {"invoice": ref(ident, "Invoice")}


async def test_whole_invoice_is_credited_once(sandbox: SandboxClient) -> None:
    """createFromInvoice also for partly paid ones, over the whole sum, with the origin; again is 170."""
    ident = await paid_id(sandbox, "10")
    made = await sandbox.objects("POST", FROM_INVOICE, 201, json=of(ident))
    note = made["creditNote"]
    assert (note["sumGross"], note["origin"]["id"], made["discount"]) == ("119", ident, [])
    number = (await sandbox.invoice(ident))["invoiceNumber"]
    assert note["header"] == f"Gutschrift Nr. GU-1000 zur Rechnung Nr. {number}"
    assert (await sandbox.error("POST", FROM_INVOICE, 422, json=of(ident)))["code"] == 170
    assert (await sandbox.error("PUT", f"/Invoice/{ident}/resetToOpen", 422))["code"] == 170
    await sandbox.objects("DELETE", f"/CreditNote/{note['id']}")
    await sandbox.objects("POST", FROM_INVOICE, 201, json=of(ident))


async def test_heading_and_day_are_not_as_on_invoices(sandbox: SandboxClient) -> None:
    """A heading is required, and the day is a timestamp or dd.mm.yyyy."""
    ident = await paid_id(sandbox)
    await sandbox.error("POST", SAVE, 500, json=await body_for(sandbox, ident, header=None))
    await sandbox.error("POST", SAVE, 422, json=await body_for(sandbox, ident, creditNoteDate="2026-10-01"))
    await saved(sandbox, ident, creditNoteDate=1790805600)


@pytest.mark.parametrize("kind", ["AR", "TR"])
async def test_advances_have_no_credit_notes(sandbox: SandboxClient, kind: str) -> None:
    """By no way, though they are paid."""
    ident = await paid_id(sandbox, invoiceType=kind)
    await sandbox.error("POST", FROM_INVOICE, 422, json=of(ident))
    await sandbox.error("POST", SAVE, 422, json=await body_for(sandbox, ident))
    await sandbox.error("POST", f"/Invoice/{ident}/cancelInvoice", 422)


async def test_unpaid_invoices_have_none(sandbox: SandboxClient) -> None:
    """Open ones are cancelled instead."""
    ident = await sandbox.open_id()
    await sandbox.error("POST", FROM_INVOICE, 422, json=of(ident))
    await sandbox.error("POST", SAVE, 422, json=await body_for(sandbox, ident))


async def test_period_is_as_on_the_invoice(sandbox: SandboxClient) -> None:
    """An end of the service period must be there exactly if the invoice has one, and not be earlier."""
    ident = await paid_id(sandbox, deliveryDate=1788213600, deliveryDateUntil=1790719200)
    await sandbox.error("POST", SAVE, 422, json=await body_for(sandbox, ident))
    early = await body_for(sandbox, ident, deliveryDate=1788213600, deliveryDateUntil=1790632800)
    await sandbox.error("POST", SAVE, 422, json=early)
    await saved(sandbox, ident, deliveryDate=1788213600, deliveryDateUntil=1790719200)
    plain = await paid_id(sandbox)
    await sandbox.error("POST", SAVE, 422, json=await body_for(sandbox, plain, deliveryDateUntil=1790805600))


async def test_finished_credit_note_stays(sandbox: SandboxClient) -> None:
    """sendBy sets 200; it has a PDF, goes by mail, and cannot be deleted (159)."""
    note = (await saved(sandbox, await paid_id(sandbox)))["creditNote"]
    path = f"/CreditNote/{note['id']}"
    draft = await sandbox.objects("GET", f"{path}/getPdf", params={"preventSendBy": "true"})
    assert draft["filename"] == ".pdf"
    sent = await finished(sandbox, note["id"])
    assert (sent["status"], sent["sendType"], sent["creditNoteNumber"]) == ("200", "VPDF", "GU-1000")
    document = await sandbox.objects("GET", f"{path}/getPdf", params={"preventSendBy": "true"})
    assert base64.b64decode(document["content"]).startswith(b"%PDF") and document["filename"] == "GU-1000.pdf"
    mail = {"toEmail": "a@example.com", "subject": "Gutschrift", "text": "anbei"}
    [sent_mail] = await sandbox.objects("POST", f"{path}/sendViaEmail", 201, json=mail)
    assert sent_mail["object"] == ref(note["id"], "CreditNote")
    [shown] = await sandbox.objects("GET", path)
    assert shown["sendType"] == "VM"
    assert (await sandbox.error("DELETE", path, 409))["code"] == 159


async def test_payout_has_the_transactions_sign(sandbox: SandboxClient) -> None:
    """-11.90 pays 11.90 out."""
    note = (await saved(sandbox, await paid_id(sandbox)))["creditNote"]
    await finished(sandbox, note["id"])
    body = {"amount": 11.9, "date": 1790805600, "type": "FULL_PAYMENT", "checkAccount": ref(5000001, "CheckAccount")}
    path = f"/CreditNote/{note['id']}/bookAmount"
    for change in ({}, {"amount": -10}, {"amount": -11.9, "type": "CASH"}):
        await sandbox.error("PUT", path, 422, json=body | change)
    online = {"amount": -11.9, "checkAccount": ref(5000002, "CheckAccount")}
    await sandbox.error("PUT", path, 422, json=body | online)
    log = await sandbox.objects("PUT", path, json={**body, "amount": -11.9})
    assert (log["fromStatus"], log["toStatus"]) == ("200", "1000")


async def test_negative_sum_is_not_finished(sandbox: SandboxClient) -> None:
    """7100."""
    note = (await saved(sandbox, await paid_id(sandbox), "-1"))["creditNote"]
    assert (await sandbox.error("PUT", f"/CreditNote/{note['id']}/sendBy", 422, json=send()))["code"] == 7100
