"""GET /Invoice: pages, filters, and filters that do nothing."""

import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from sevdesk_client.sandbox.http.server import running
from tests.sandbox.sandbox_client import TOKEN, SandboxClient, ref


async def idents(sandbox: SandboxClient, query: str) -> list[str]:
    return [each["id"] for each in await sandbox.objects("GET", f"/Invoice?{query}")]


async def test_notes_match_exactly(sandbox: SandboxClient) -> None:
    """customerInternalNote works; the documented spelling does not and returns everything."""
    one, ten = [await sandbox.draft_id(customerInternalNote=note) for note in ("INV-1", "INV-10")]
    assert await idents(sandbox, "customerInternalNote=INV-1") == [one]
    assert await idents(sandbox, "customerInternalNote=INV-2") == []
    assert await idents(sandbox, "customerIntenalNote=INV-1") == [ten, one]


async def test_note_finds_cancellation_too(sandbox: SandboxClient) -> None:
    """RE and SR share the note, newest first."""
    ident = await sandbox.open_id(customerInternalNote="INV-1")
    storno = (await sandbox.objects("POST", f"/Invoice/{ident}/cancelInvoice", 201))["id"]
    assert await idents(sandbox, "customerInternalNote=INV-1") == [storno, ident]
    assert await idents(sandbox, f"origin[id]={ident}&origin[objectName]=Invoice") == [storno]
    assert await idents(sandbox, "invoiceType=RE") == [ident]


@pytest.mark.parametrize("name", ["customerInternalNote", "updateAfter", "status", "contact[id]"])
async def test_switched_off_filters_do_nothing(sandbox: SandboxClient, name: str) -> None:
    """Whichever filter is named in ignored_filters returns the whole list."""
    await sandbox.draft()
    query = {name: "4000000000", "contact[objectName]": "Contact"}
    assert await sandbox.objects("GET", "/Invoice", params=query) == []
    await sandbox.switch(ignored_filters=[name])
    assert len(await sandbox.objects("GET", "/Invoice", params=query)) == 1


async def test_status_takes_one_value(sandbox: SandboxClient) -> None:
    """One value or PHP's array; a comma list is not understood and ignored."""
    draft, final = await sandbox.draft_id(), await sandbox.open_id()
    assert await idents(sandbox, "status=100") == [draft]
    assert await idents(sandbox, "status=200") == [final]
    assert await idents(sandbox, "status[0]=100&status[1]=200") == [final, draft]
    assert await idents(sandbox, "status=750,1000") == [final, draft]


async def test_contact_filter_needs_its_pair(sandbox: SandboxClient) -> None:
    """contact[id] alone is ignored."""
    contact = await sandbox.contact()
    mine = await sandbox.draft_id(contact=ref(contact, "Contact"))
    other = await sandbox.draft_id()
    assert await idents(sandbox, f"contact[id]={contact}&contact[objectName]=Contact") == [mine]
    assert await idents(sandbox, f"contact[id]={contact}") == [other, mine]


async def test_pages_cover_everything_once(sandbox: SandboxClient) -> None:
    """100 by default, 1000 at most, no flag for more; total is a string."""
    await sandbox.control("POST", "/seed", json={"invoices": 1203})
    assert len(await idents(sandbox, "")) == 100
    pages = [await idents(sandbox, f"limit=1000&offset={offset}") for offset in (0, 1000, 2000)]
    assert [len(page) for page in pages] == [1000, 203, 0]
    assert len({ident for page in pages for ident in page}) == 1203
    counted = await sandbox.call("GET", "/Invoice?countAll=true&limit=1&status=200")
    assert (counted["total"], len(counted["objects"])) == ("1203", 1)


async def test_large_limits_by_switch(sandbox: SandboxClient) -> None:
    """ "limit must be 1-1000": others are refused, or by switch cut."""
    await sandbox.control("POST", "/seed", json={"invoices": 1001})
    for limit in (0, 1001):
        await sandbox.error("GET", f"/Invoice?limit={limit}", 400)
    await sandbox.switch(over_limit="cap")
    assert [len(await idents(sandbox, f"limit={limit}")) for limit in (0, 1001)] == [1, 1000]


async def test_update_after_sees_changes() -> None:
    """Only what changed in a later second than asked for, in unix seconds."""
    now = datetime(2026, 11, 1, 12, 0, 0, 400_000, tzinfo=UTC)
    async with (
        running(token=TOKEN, clock=lambda: now) as found,
        httpx.AsyncClient(headers={"Authorization": TOKEN}) as http,
    ):
        sandbox = SandboxClient(found, http)
        early, late = await sandbox.draft_id(), await sandbox.draft_id()
        start = int(now.timestamp())
        assert await idents(sandbox, f"updateAfter={start}") == []
        assert await idents(sandbox, f"updateAfter={start - 1}") == [late, early]
        now += timedelta(seconds=5)
        await sandbox.send_by(early)
        assert await idents(sandbox, f"updateAfter={start}") == [early]
        assert (await sandbox.invoice(early))["update"] == "2026-11-01T13:00:05+01:00"
        assert await idents(sandbox, "updateAfter=2026-11-01") == []


@pytest.mark.parametrize("change", ["sendBy", "changeParameter", "pay", "unlink", "cancel", "sendViaEmail"])
async def test_every_change_moves_update(sandbox: SandboxClient, change: str) -> None:
    """Whatever happens to an invoice, updateAfter shows it."""
    ident = await sandbox.open_id()
    sandbox.running.sandbox.account.clock = lambda: datetime.now(UTC) + timedelta(hours=1)
    since = int(time.time()) + 60
    assert await idents(sandbox, f"updateAfter={since}") == []
    mail = {"toEmail": "a@example.com", "subject": "s", "text": "t"}
    changes = {
        "sendBy": sandbox.send_by(ident),
        "changeParameter": sandbox.call(
            "PUT", f"/Invoice/{ident}/changeParameter", json={"key": "language", "value": "en_GB"}
        ),
        "pay": sandbox.pay(ident, "10"),
        "unlink": sandbox.control("POST", "/unlink", json={"invoice_id": ident}),
        "cancel": sandbox.call("POST", f"/Invoice/{ident}/cancelInvoice", 201),
        "sendViaEmail": sandbox.call("POST", f"/Invoice/{ident}/sendViaEmail", 201, json=mail),
    }
    for name, call in changes.items():
        if name == change:
            await call
        else:
            call.close()
    assert ident in await idents(sandbox, f"updateAfter={since}")


async def test_dates_are_unix_seconds(sandbox: SandboxClient) -> None:
    """startDate and endDate in unix seconds work, ISO dates give nothing."""
    ident = await sandbox.draft_id(invoiceDate="2026-10-01")
    midnight = 1790805600
    assert await idents(sandbox, f"startDate={midnight}&endDate={midnight}") == [ident]
    assert await idents(sandbox, f"startDate={midnight + 1}") == []
    assert await idents(sandbox, "startDate=2026-10-01") == []


async def test_embed_expands_references(sandbox: SandboxClient) -> None:
    """Named references come in full, the others stay short."""
    await sandbox.draft()
    [shown] = await sandbox.objects("GET", "/Invoice?embed=contact,addressCountry")
    assert shown["contact"]["name"] == "Muster GmbH" and shown["addressCountry"]["code"] == "de"
    assert shown["contactPerson"] == ref("2000001", "SevUser")


@pytest.mark.parametrize("model", ["Order", "Part", "Tag", "VoucherPos", "PrivateTransactionRule"])
async def test_unused_models_have_empty_lists(sandbox: SandboxClient, model: str) -> None:
    """Not an error, which a program that reads the whole account would repeat."""
    assert await sandbox.objects("GET", f"/{model}?limit=10&name=x") == []
    assert (await sandbox.call("GET", f"/{model}?countAll=true")) == {"total": "0", "objects": []}


@pytest.mark.parametrize("model", ["Order", "Part", "Tag", "Voucher"])
async def test_unused_models_know_no_id(sandbox: SandboxClient, model: str) -> None:
    """404/151, as for an invoice that is gone."""
    assert (await sandbox.error("GET", f"/{model}/7", 404))["code"] == 151


READABLE = {
    *("/ReceiptGuidance/forAllAccounts", "/ReceiptGuidance/forRevenue", "/ReceiptGuidance/forExpense"),
    *("/Contact/Factory/findContactsByCustomFieldValue", "/Textparser/fetchDictionaryEntriesByType"),
    *("/Export/invoiceCsv", "/Export/contactListCsv", "/Report/invoicelist", "/CheckAccount/5000001"),
}
MISSING = {"/Order/7/getPositions": 404, "/Part/7/getStock": 404, "/ReceiptGuidance/forTaxRule?taxRule=X": 422}


@pytest.mark.parametrize(("path", "status"), [*((path, 200) for path in sorted(READABLE)), *MISSING.items()])
async def test_official_reads_never_fail(sandbox: SandboxClient, path: str, status: int) -> None:
    """What the specification knows and the account has nothing of is no server error."""
    await sandbox.call("GET", path, status)


async def test_bank_account_has_a_balance(sandbox: SandboxClient) -> None:
    """The sum of the transactions up to the day, as text."""
    await sandbox.pay(await sandbox.open_id(), "50", date="2026-10-02")
    path = "/CheckAccount/5000001/getBalanceAtDate"
    assert await sandbox.objects("GET", f"{path}?date=2026-10-01") == "0"
    assert await sandbox.objects("GET", f"{path}?date=2026-10-02") == "50"


async def test_reminder_is_a_document(sandbox: SandboxClient) -> None:
    """MA with the invoice's note and number and a rising dunning level; by switch listed only when asked for."""
    ident = await sandbox.open_id(customerInternalNote="INV-1")
    asked = {"invoice": ref(ident, "Invoice")}
    made = [await sandbox.objects("POST", "/Invoice/Factory/createInvoiceReminder", json=asked) for _ in range(2)]
    assert [(each["invoiceType"], each["dunningLevel"]) for each in made] == [("MA", "1"), ("MA", "2")]
    assert made[0]["origin"]["id"] == ident and made[0]["reminderTotal"] == "119"
    assert (await sandbox.invoice(ident))["dunningLevel"] == "2"
    both = [made[1]["id"], made[0]["id"], ident]
    assert await idents(sandbox, "customerInternalNote=INV-1") == both
    await sandbox.switch(reminders_listed=False)
    assert await idents(sandbox, "customerInternalNote=INV-1") == [ident]
    assert await idents(sandbox, "customerInternalNote=INV-1&showAll=true") == both
    draft = {"invoice": ref(await sandbox.draft_id(), "Invoice")}
    await sandbox.error("POST", "/Invoice/Factory/createInvoiceReminder", 422, json=draft)
    await sandbox.error("POST", f"/Invoice/{made[0]['id']}/cancelInvoice", 422)


async def test_value_types_by_switch(sandbox: SandboxClient) -> None:
    """Sums as text and paidAmount as number, or the other way round."""
    ident = await sandbox.open_id()
    usual = await sandbox.invoice(ident)
    assert (usual["sumGross"], usual["paidAmount"]) == ("119", 0)
    await sandbox.switch(value_types="swapped")
    swapped = await sandbox.invoice(ident)
    assert (swapped["sumGross"], swapped["paidAmount"]) == (119, "0")


async def test_saved_vouchers_are_listed(sandbox: SandboxClient) -> None:
    """Newest first, and one by its id."""
    body = {"voucher": {"objectName": "Voucher", "mapAll": True, "status": 50}}
    saved = [await sandbox.objects("POST", "/Voucher/Factory/saveVoucher", 201, json=body) for _ in range(2)]
    old, new = [each["voucher"]["id"] for each in saved]
    assert [each["id"] for each in await sandbox.objects("GET", "/Voucher")] == [new, old]
    assert [each["id"] for each in await sandbox.objects("GET", "/Voucher?limit=1&offset=1")] == [old]
    assert await sandbox.objects("GET", f"/Voucher/{old}") == [{"id": old, "objectName": "Voucher", "status": "50"}]


async def test_tax_rules_name_their_countries(sandbox: SandboxClient) -> None:
    """Ids and country types as captured; the usual rule is the one that cancellations show in full."""
    rules = {each["id"]: each for each in await sandbox.objects("GET", "/TaxRule")}
    assert sorted(map(int, rules)) == [1, 2, 3, 4, 5, *range(8, 23)]
    assert {ident for ident, each in rules.items() if each["countryContactType"] == "DE"} == {"1", "4", "11", "22"}
    assert {ident for ident, each in rules.items() if each["countryContactType"] == "NOT_EU"} == {"2", "17"}
    cancelled = await sandbox.objects("POST", f"/Invoice/{await sandbox.open_id()}/cancelInvoice", 201)
    assert cancelled["taxRule"] == rules["1"]
