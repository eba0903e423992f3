"""What saveInvoice takes and refuses."""

from typing import Any

import pytest

from tests.sandbox.sandbox_client import SandboxClient, line, ref, save_body, without

SAVE = "/Invoice/Factory/saveInvoice"


async def refused(sandbox: SandboxClient, status: int, body: Any) -> Any:
    """The error of a save that changed nothing."""
    error = await sandbox.error("POST", SAVE, status, json=body)
    assert (await sandbox.counts())["invoices"] == 0
    return error


async def body(sandbox: SandboxClient, **invoice: Any) -> Any:
    contact = ref(await sandbox.contact(), "Contact")
    return save_body(**{"contact": contact, **invoice})


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        # A period without its beginning, and one that ends before it.
        ({"deliveryDateUntil": "2026-10-31"}, 422, "deliveryDateUntil needs a deliveryDate"),
        (
            {"deliveryDate": "2026-10-31", "deliveryDateUntil": "2026-10-30"},
            422,
            "The deliveryDateUntil must not be before the deliveryDate",
        ),
        # Quoted by two peers.
        ({"status": 200}, 422, "New invoices must be created with status 100"),
        ({"status": None}, 422, "New invoices must be created with status 100"),
        # Captured for a missing objectName or mapAll, quoted for an integer.
        ({"mapAll": False}, 400, "invoice expected array with 'id' and 'objectName'. array given"),
        ({"objectName": "invoice"}, 400, "invoice expected array with 'id' and 'objectName'. array given"),
        ({"contact": 7}, 400, "contact expected array with 'id' and 'objectName'. integer given"),
        ({"contact": {"id": 7}}, 400, "contact expected array with 'id' and 'objectName'. array given"),
        ({"currency": None}, 422, "Currency is required."),
        ({"taxRule": None, "taxType": "noUst"}, 422, "Could not find taxType"),
        # SQL, because a column may not be null.
        ({"discount": None}, 500, "SQLSTATE[23000]: Integrity constraint violation: 1048 Column 'discount'"),
        ({"taxRate": None}, 500, "SQLSTATE[23000]: Integrity constraint violation: 1048 Column 'tax"),
        # Wording of the sandbox's own.
        ({"contactPerson": None}, 422, "contactPerson is missing or invalid"),
        ({"contactPerson": ref(1, "SevUser")}, 422, "contactPerson is missing or invalid"),
        ({"contact": ref(7, "Contact")}, 404, "No Model_Contact with the id 7 was found"),
        ({"invoiceDate": "2026-10-01T00:00:00+02:00"}, 422, "invoiceDate is not a valid date"),
        # Seen were unix seconds and yyyy-mm-dd, and a date-time is official for one of them.
        ({"deliveryDate": "01.10.2026"}, 422, "deliveryDate is not a valid date"),
        ({"deliveryDate": 1790805600, "deliveryDateUntil": "2026-10-31T00:00:00+01:00"}, 422, "deliveryDateUntil is"),
        ({"invoiceDate": "next week"}, 422, "invoiceDate is not a valid date"),
        ({"invoiceType": "SR"}, 422, "invoiceType 'SR' can not be created here"),
        ({"invoiceType": "AR", "taxRule": ref(17, "TaxRule")}, 422, "invoiceType AR is not supported"),
    ],
)
async def test_wrong_heads_are_refused(sandbox: SandboxClient, change: Any, status: int, message: str) -> None:
    """Each refusal with its status and text, and nothing was saved."""
    error = await refused(sandbox, status, await body(sandbox, **change))
    assert error["message"].startswith(message)


@pytest.mark.parametrize(
    "key", ["taxRate", "invoiceDate", "taxText", "currency", "contact", "contactPerson", "taxRule", "invoiceType"]
)
async def test_missing_heads_are_refused(sandbox: SandboxClient, key: str) -> None:
    """Every key that live use found necessary is."""
    response = await sandbox.http.post(sandbox.running.base_url + SAVE, json=without(await body(sandbox), key))
    assert response.status_code >= 400 and "error" in response.json()


@pytest.mark.parametrize("key", ["taxType", "addressCountry", "header", "timeToPay", "showNet", "customerInternalNote"])
async def test_optional_heads_may_be_missing(sandbox: SandboxClient, key: str) -> None:
    """What the specification demands and live use does not is not needed."""
    saved = await sandbox.objects("POST", SAVE, 201, json=without(await body(sandbox), key))
    assert saved["invoice"]["status"] == "100"


@pytest.mark.parametrize(
    ("lines", "status", "message"),
    [
        ([], 422, "The given document must have at least one position"),
        (None, 422, "The given document must have at least one position"),
        ([line(objectName="Pos")], 400, "invoicePos expected array"),
        ([line(mapAll=None)], 400, "invoicePos expected array"),
        ([line(unity=1)], 400, "unity expected array with 'id' and 'objectName'. integer given"),
        ([line(unity=ref(12345, "Unity"))], 404, "No Model_Unity"),
        ([line(name="")], 422, "The position needs a name"),
        ([line(quantity="many")], 422, "quantity is not a number"),
        ([line(price=None)], 500, "SQLSTATE[23000]"),
        ([line(price="NaN")], 422, "price is not a number"),
        (["text"], 400, "array expected"),
    ],
)
async def test_wrong_positions_are_refused(sandbox: SandboxClient, lines: Any, status: int, message: str) -> None:
    """Positions need their keys, a unit, a name and numbers; one at least."""
    whole = {**await body(sandbox), "invoicePosSave": lines}
    assert (await refused(sandbox, status, whole))["message"].startswith(message)


async def test_reference_errors_are_short(sandbox: SandboxClient) -> None:
    """The misleading reference error comes in the short envelope, without responseCode."""
    error = await refused(sandbox, 400, {"invoice": {"objectName": "Invoice"}})
    assert sorted(error) == ["code", "data", "exceptionUUID", "message"]


async def test_forms_save_like_json(sandbox: SandboxClient) -> None:
    """A form-urlencoded body is read with PHP's bracket keys."""
    contact = await sandbox.contact()
    form = {
        "name": "Formular GmbH",
        "category[id]": "3",
        "category[objectName]": "Category",
        "parent[id]": contact,
        "parent[objectName]": "Contact",
    }
    made = await sandbox.objects("POST", "/Contact", 201, data=form)
    assert (made["name"], made["category"]["id"], made["parent"]["id"]) == ("Formular GmbH", "3", contact)


async def test_drafts_can_be_changed(sandbox: SandboxClient) -> None:
    """saveInvoice with an id keeps what is not sent, adds, changes and deletes positions."""
    saved = await sandbox.draft(lines=[line(10), line(20)], header="Alt", customerInternalNote="INV-1")
    ident, (first, second) = saved["invoice"]["id"], [each["id"] for each in saved["invoicePos"]]
    change = {
        "invoice": {"id": ident, "objectName": "Invoice", "mapAll": True, "header": "Neu"},
        "invoicePosSave": [line(30), {**line(40), "id": first}],
        "invoicePosDelete": ref(second, "InvoicePos"),
    }
    changed = await sandbox.objects("POST", SAVE, 201, json=change)
    assert (changed["invoice"]["header"], changed["invoice"]["customerInternalNote"]) == ("Neu", "INV-1")
    assert sorted(each["price"] for each in changed["invoicePos"]) == [30, 40]
    assert changed["invoice"]["sumNet"] == "70"
    assert (await sandbox.counts())["invoices"] == 1


async def test_final_invoices_stay_unchanged(sandbox: SandboxClient) -> None:
    """saveInvoice with the id of an open invoice is refused."""
    ident = await sandbox.open_id()
    change = {"invoice": {"id": ident, "objectName": "Invoice", "mapAll": True, "header": "Neu"}}
    await sandbox.error("POST", SAVE, 422, json=change)
    assert (await sandbox.invoice(ident))["header"] is None


async def test_default_address_is_copied(sandbox: SandboxClient) -> None:
    """takeDefaultAddress takes the contact's first address, and nothing where there is none."""
    keys = ("addressName", "addressStreet", "addressZip", "addressCity")
    contact = await sandbox.contact()
    bare = {**without(save_body(contact=ref(contact, "Contact")), *keys), "takeDefaultAddress": True}
    assert (await sandbox.objects("POST", SAVE, 201, json=bare))["invoice"]["address"] is None
    home = {"contact": ref(contact, "Contact"), "country": ref(2, "StaticCountry"), "category": ref(47, "Category")}
    place = {"street": "Ring 1", "zip": "1010", "city": "Wien"}
    await sandbox.objects("POST", "/ContactAddress", 201, json={**home, **place})
    invoice = (await sandbox.objects("POST", SAVE, 201, json=bare))["invoice"]
    assert invoice["address"] == "Muster GmbH\nRing 1\n1010 Wien" and invoice["addressCountry"]["id"] == "2"


async def test_drafts_can_be_deleted(sandbox: SandboxClient) -> None:
    """DELETE answers [null] for a draft, which is gone then, and 409/159 for anything else."""
    draft, final = await sandbox.draft_id(), await sandbox.open_id()
    assert await sandbox.objects("DELETE", f"/Invoice/{draft}") == [None]
    error = await sandbox.error("GET", f"/Invoice/{draft}", 404)
    assert (error["code"], error["message"]) == (151, f"No Model_Invoice with the id {draft} was found")
    error = await sandbox.error("DELETE", f"/Invoice/{final}", 409)
    assert (error["code"], error["responseCode"]) == (159, 409)
    assert error["message"] == "Invoice can only be deleted in status 100 but is status 200"


async def test_taken_number_is_refused(sandbox: SandboxClient) -> None:
    """By switch a duplicate number is the number lock's time-out at saveInvoice."""
    await sandbox.switch(duplicate_number="refuse")
    await sandbox.draft(invoiceNumber="R-1")
    error = await sandbox.error("POST", SAVE, 422, json=await body(sandbox, invoiceNumber="R-1"))
    assert error["message"] == "Invoice: Correct number abort. Timeout"


async def test_trailing_keys_by_switch(sandbox: SandboxClient) -> None:
    """As documented, but not as lived: the four trailing keys are demanded."""
    whole = await body(sandbox)
    await sandbox.switch(trailing_keys_required=True)
    await sandbox.objects("POST", SAVE, 201, json=whole)
    del whole["takeDefaultAddress"]
    await sandbox.error("POST", SAVE, 422, json=whole)


async def test_open_address_can_change(sandbox: SandboxClient) -> None:
    """The undocumented PUT changes the address of an invoice that is not enshrined, and no other."""
    await sandbox.switch(send_by_enshrines=False)
    ident = await sandbox.open_id()
    changed = await sandbox.objects("PUT", f"/Invoice/{ident}", json={"addressCity": "Köln"})
    assert changed["addressCity"] == "Köln"
    await sandbox.call("PUT", f"/Invoice/{ident}/enshrine")
    error = await sandbox.error("PUT", f"/Invoice/{ident}", 422, json={"addressCity": "Bonn"})
    assert error["message"] == "Already enshrined"


async def test_sql_faults_by_switch(sandbox: SandboxClient) -> None:
    """A missing column is 400 with the SQL state in errorCode, as captured."""
    await sandbox.switch(sql_faults=400)
    error = await refused(sandbox, 400, await body(sandbox, taxRate=None))
    assert (error["message"], error["errorCode"], error["code"], error["data"]) == ("Bad Request", 23000, None, None)


async def test_final_invoices_come_last(sandbox: SandboxClient) -> None:
    """Dated before an advance or partial invoice of its contact, an ER is refused; a cancelled one does not count."""
    contact = ref(await sandbox.contact(), "Contact")
    for kind in ("AR", "TR"):
        advance = await sandbox.open_id(contact=contact, invoiceType=kind, invoiceDate="2026-10-02")
        early = save_body(contact=contact, invoiceType="ER", invoiceDate="2026-10-01")
        error = await sandbox.error("POST", SAVE, 422, json=early)
        assert error["message"].startswith("The invoiceDate of a final invoice must not be before")
        await sandbox.draft(contact=contact, invoiceType="ER", invoiceDate="2026-10-02")
        await sandbox.draft(contact=contact, invoiceType="RE", invoiceDate="2026-10-01")
        await sandbox.draft(invoiceType="ER", invoiceDate="2026-10-01")  # of another contact
        await sandbox.objects("POST", f"/Invoice/{advance}/cancelInvoice", 201)
        await sandbox.objects("POST", SAVE, 201, json=early)
    await sandbox.draft(contact=contact, invoiceType="AR", invoiceDate="2026-10-02")
    await sandbox.switch(final_dates="any")
    await sandbox.objects("POST", SAVE, 201, json=early)
