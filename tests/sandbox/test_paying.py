"""Payments and cancellations: statuses, dates, refusals."""

import pytest

from tests.sandbox.sandbox_client import Json, SandboxClient, ref

MARCH = 1774915200  # 2026-03-31 in Berlin


def booking(amount: Json, kind: str = "FULL_PAYMENT", **rest: Json) -> Json:
    return {"amount": amount, "date": MARCH, "type": kind, "checkAccount": ref(5000001, "CheckAccount"), **rest}


async def status(sandbox: SandboxClient, ident: str) -> tuple[str, Json, str | None]:
    shown = await sandbox.invoice(ident)
    return shown["status"], shown["paidAmount"], shown["payDate"]


async def test_payments_add_up(sandbox: SandboxClient) -> None:
    """Partly is 750 without a date, fully 1000 with it."""
    ident = await sandbox.open_id()
    await sandbox.pay(ident, "19.5", date="2026-03-01")
    assert await status(sandbox, ident) == ("750", 19.5, None)
    assert await sandbox.objects("GET", f"/Invoice/{ident}/getIsPartiallyPaid") is True
    await sandbox.pay(ident, "99.5", date="2026-03-31")
    assert await status(sandbox, ident) == ("1000", 119, "2026-03-31T00:00:00+02:00")
    assert await sandbox.objects("GET", f"/Invoice/{ident}/getIsPartiallyPaid") is False


@pytest.mark.parametrize(
    ("amount", "kind", "expected"),
    [
        ("116.62", "skonto", ("1000", 116.62, "2026-03-31T00:00:00+02:00")),
        ("120", "payment", ("1000", 120, "2026-03-31T00:00:00+02:00")),
        ("118.99", "payment", ("750", 118.99, None)),
    ],
)
async def test_unequal_payments(
    sandbox: SandboxClient, amount: str, kind: str, expected: tuple[str, Json, str]
) -> None:
    """Skonto closes with less, an overpayment with more, a cent too little stays open."""
    ident = await sandbox.open_id()
    await sandbox.pay(ident, amount, kind=kind, date="2026-03-31")
    assert await status(sandbox, ident) == expected


async def test_partly_paid_before_2024(sandbox: SandboxClient) -> None:
    """By switch a partly paid invoice stays at 200, and only getIsPartiallyPaid tells."""
    await sandbox.switch(partial_status=200)
    ident = await sandbox.open_id()
    await sandbox.pay(ident, "10")
    assert await status(sandbox, ident) == ("200", 10, None)
    assert await sandbox.objects("GET", f"/Invoice/{ident}/getIsPartiallyPaid") is True


async def test_unlinking_opens_again(sandbox: SandboxClient) -> None:
    """Nothing paid, no date, status 200; the transaction stays, unbooked."""
    ident = await sandbox.open_id()
    await sandbox.pay(ident, "119")
    await sandbox.control("POST", "/unlink", json={"invoice_id": ident})
    assert await status(sandbox, ident) == ("200", 0, None)
    [transaction] = await sandbox.objects("GET", "/CheckAccountTransaction?isBooked=true")
    assert transaction["status"] == "100"
    assert await sandbox.objects("DELETE", f"/CheckAccountTransaction/{transaction['id']}") == [None]


async def test_chargebacks_reopen(sandbox: SandboxClient) -> None:
    """Money that goes back leaves the invoice partly paid or open."""
    ident = await sandbox.open_id()
    await sandbox.pay(ident, "119")
    await sandbox.pay(ident, "-19")
    assert await status(sandbox, ident) == ("750", 100, None)
    await sandbox.pay(ident, "-100")
    assert await status(sandbox, ident) == ("200", 0, None)


async def test_booking_answers_a_log(sandbox: SandboxClient) -> None:
    """bookAmount answers an InvoiceLog, enshrines, and takes its date in unix seconds."""
    await sandbox.switch(send_by_enshrines=False)
    ident = await sandbox.open_id()
    log = await sandbox.objects("PUT", f"/Invoice/{ident}/bookAmount", json=booking("119.00"))
    assert (log["objectName"], log["fromStatus"], log["toStatus"]) == ("InvoiceLog", "200", "1000")
    assert (log["amountPayed"], log["invoice"]) == ("119", ref(ident, "Invoice"))
    assert await status(sandbox, ident) == ("1000", 119, "2026-03-31T00:00:00+02:00")
    assert (await sandbox.invoice(ident))["enshrined"] is not None


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (booking(118), None, "Payment difference amount must be 0.0"),
        (booking(119, date="2026-03-31"), None, "amount, date and type are required"),
        (booking(119, checkAccount=ref(5000002, "CheckAccount")), None, "checkAccountTransaction is required"),
        (booking(119, type="CASH"), None, "amount, date and type are required"),
    ],
)
async def test_wrong_bookings_are_refused(sandbox: SandboxClient, body: Json, code: int | None, message: str) -> None:
    """422, and nothing is paid."""
    ident = await sandbox.open_id()
    error = await sandbox.error("PUT", f"/Invoice/{ident}/bookAmount", 422, json=body)
    assert error["code"] == code and error["message"].startswith(message)
    assert await status(sandbox, ident) == ("200", 0, None)


async def test_bookings_need_their_transaction(sandbox: SandboxClient) -> None:
    """One that is named must be there."""
    body = booking(119, checkAccountTransaction=ref(7, "CheckAccountTransaction"))
    error = await sandbox.error("PUT", f"/Invoice/{await sandbox.open_id()}/bookAmount", 404, json=body)
    assert error["code"] == 151


async def test_bookings_need_an_open_invoice(sandbox: SandboxClient) -> None:
    """A draft cannot be paid, a paid invoice not again."""
    ident = await sandbox.draft_id()
    error = await sandbox.error("PUT", f"/Invoice/{ident}/bookAmount", 422, json=booking(119))
    assert error["message"] == "A draft can not be paid"
    await sandbox.send_by(ident)
    await sandbox.pay(ident, "119")
    assert (await sandbox.error("PUT", f"/Invoice/{ident}/bookAmount", 422, json=booking(0)))["code"] == 750


async def test_reset_to_open(sandbox: SandboxClient) -> None:
    """Unlinks; refused for open invoices and, by switch, for enshrined ones."""
    ident = await sandbox.open_id()
    await sandbox.error("PUT", f"/Invoice/{ident}/resetToOpen", 422)
    await sandbox.pay(ident, "119")
    await sandbox.switch(reset_enshrined="refuse")
    error = await sandbox.error("PUT", f"/Invoice/{ident}/resetToOpen", 422)
    assert error["message"] == "Already enshrined"
    await sandbox.switch(reset_enshrined="allow")
    await sandbox.objects("PUT", f"/Invoice/{ident}/resetToOpen")
    assert await status(sandbox, ident) == ("200", 0, None)


async def test_open_invoice_gets_storno(sandbox: SandboxClient) -> None:
    """The SR is final at once with every sum turned round; the source becomes 1000 without a payment date."""
    ident = await sandbox.open_id(customerInternalNote="INV-1", timeToPay=14)
    storno = await sandbox.objects("POST", f"/Invoice/{ident}/cancelInvoice", 201)
    assert (storno["invoiceType"], storno["status"], storno["origin"]) == ("SR", "1000", ref(ident, "Invoice"))
    assert (storno["sumNet"], storno["sumTax"], storno["sumGross"]) == ("-100", "-19", "-119")
    assert storno["header"] == "Stornorechnung Nr. RE-1001 zur Rechnung Nr. RE-1000"
    assert (storno["customerInternalNote"], storno["sendDate"], storno["payDate"]) == ("INV-1", None, None)
    assert storno["enshrined"] is not None and storno["contact"]["objectName"] == "Contact"
    assert await status(sandbox, ident) == ("1000", 0, None)
    [position] = await sandbox.objects("GET", f"/Invoice/{storno['id']}/getPositions")
    assert (position["quantity"], position["sumNetAccounting"]) == ("-1", "-100")


async def test_storno_speaks_the_language(sandbox: SandboxClient) -> None:
    """The header is in the document's language."""
    ident = await sandbox.open_id()
    language = {"key": "language", "value": "en_GB"}
    await sandbox.objects("PUT", f"/Invoice/{ident}/changeParameter", json=language)
    storno = await sandbox.objects("POST", f"/Invoice/{ident}/cancelInvoice", 201)
    assert storno["header"] == "Cancellation Invoice No. RE-1001 to Invoice No. RE-1000"


async def test_second_cancel_is_refused(sandbox: SandboxClient) -> None:
    """422/421, and no second SR."""
    ident = await sandbox.open_id()
    await sandbox.objects("POST", f"/Invoice/{ident}/cancelInvoice", 201)
    error = await sandbox.error("POST", f"/Invoice/{ident}/cancelInvoice", 422)
    assert (error["code"], error["message"]) == (421, "invoice already canceled")
    assert (await sandbox.counts())["invoices"] == 2


async def test_partly_paid_cancel_hides_error(sandbox: SandboxClient) -> None:
    """HTTP 200 with code 390 inside, and nothing cancelled."""
    ident = await sandbox.open_id()
    await sandbox.pay(ident, "10")
    error = await sandbox.error("POST", f"/Invoice/{ident}/cancelInvoice", 200)
    assert error["code"] == 390 and error["message"].startswith("Partially Paid Invoices")
    assert await status(sandbox, ident) == ("750", 10, None)


async def test_paid_cancel_gives_credit_note(sandbox: SandboxClient) -> None:
    """A draft credit note, the source untouched; again is 422/170 with the existing one."""
    ident = await sandbox.open_id()
    await sandbox.pay(ident, "119", date="2026-03-31")
    before = await sandbox.invoice(ident)
    note = await sandbox.objects("POST", f"/Invoice/{ident}/cancelInvoice", 201)
    assert (note["objectName"], note["status"], note["bookingCategory"]) == ("CreditNote", "100", "UNDERACHIEVEMENT")
    assert await sandbox.invoice(ident) == before
    error = await sandbox.error("POST", f"/Invoice/{ident}/cancelInvoice", 422)
    assert error["code"] == 170 and error["data"]["objects"][0]["id"] == note["id"]
    assert (await sandbox.error("PUT", f"/Invoice/{ident}/resetToOpen", 422))["code"] == 170
    assert (await sandbox.objects("GET", f"/CreditNote/{note['id']}"))[0] == note


@pytest.mark.parametrize(("choice", "http_status"), [("storno", 201), ("refuse", 422)])
async def test_paid_cancel_by_switch(sandbox: SandboxClient, choice: str, http_status: int) -> None:
    """As the specification reads, an SR after all; or a refusal."""
    await sandbox.switch(cancel_paid=choice)
    ident = await sandbox.open_id()
    await sandbox.pay(ident, "119")
    answer = await sandbox.call("POST", f"/Invoice/{ident}/cancelInvoice", http_status)
    assert choice == "refuse" or answer["objects"]["invoiceType"] == "SR"


async def test_drafts_cannot_be_cancelled(sandbox: SandboxClient) -> None:
    """Nor can a cancellation itself."""
    draft = await sandbox.draft_id()
    await sandbox.error("POST", f"/Invoice/{draft}/cancelInvoice", 422)
    storno = await sandbox.objects("POST", f"/Invoice/{await sandbox.open_id()}/cancelInvoice", 201)
    await sandbox.error("POST", f"/Invoice/{storno['id']}/cancelInvoice", 422)


async def test_wrong_action_is_500(sandbox: SandboxClient) -> None:
    """/cancel is no action, a lower-case model no model, and POST no way to read."""
    ident = await sandbox.open_id()
    for method, path in (("POST", f"/Invoice/{ident}/cancel"), ("GET", "/invoice"), ("POST", f"/Invoice/{ident}")):
        assert (await sandbox.error(method, path, 500))["message"] == "wrong HTTP Type"
