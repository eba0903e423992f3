"""The sandbox's answers have the keys and JSON types that others recorded."""

import json
from typing import Any

import pytest

from tests.client.samples import answer
from tests.sandbox.sandbox_client import SandboxClient, line, ref


def kinds(value: Any) -> Any:
    """Keys and types; of a list its first element."""
    if isinstance(value, dict):
        return {key: kinds(each) for key, each in value.items()}
    if isinstance(value, list):
        return [kinds(value[0])] if value else []
    return "number" if type(value) in (int, float) else type(value).__name__


def differences(recorded: Any, ours: Any, path: str = "") -> list[str]:
    """What was recorded and is missing or of another type in ours; null and a value may stand for each other."""
    if isinstance(recorded, dict) and isinstance(ours, dict):
        lacking = [f"{path}.{key} is missing" for key in recorded if key not in ours]
        pairs = ((recorded[key], ours[key], f"{path}.{key}") for key in recorded if key in ours)
        return lacking + [each for pair in pairs for each in differences(*pair)]
    if isinstance(recorded, list) and isinstance(ours, list):
        return differences(recorded[0], ours[0], f"{path}[]") if recorded and ours else []
    return [] if recorded == ours or "NoneType" in (recorded, ours) else [f"{path}: {recorded} is {ours} here"]


def assert_like(sample: str, ours: Any) -> None:
    recorded = json.loads(answer(sample))
    assert recorded.keys() == ours.keys()
    assert differences(kinds(recorded), kinds(ours)) == []


def test_differences_finds_wrong_types() -> None:
    """The comparison itself sees a missing key and a number where a string belongs."""
    assert differences({"a": "str", "b": "str"}, {"a": "int"}) == [".b is missing", ".a: str is int here"]


async def test_contact_answers_match_recordings(sandbox: SandboxClient) -> None:
    """Contact, address and communication way answer as captured, the address with its contact in full."""
    body = {"name": "Muster GmbH", "category": ref(3, "Category"), "buyerReference": "-"}
    contact = await sandbox.call("POST", "/Contact", 201, json=body)
    assert_like("contact_created", contact)
    owner = {"contact": ref(contact["objects"]["id"], "Contact")}
    address = {**owner, "country": ref(1, "StaticCountry"), "category": ref(47, "Category"), "street": "Musterweg 1"}
    written = await sandbox.call("POST", "/ContactAddress", 201, json=address)
    assert_like("contact_address_created_contact_expanded", written)
    way = {**owner, "type": "EMAIL", "value": "a@example.com", "key": ref(8, "CommunicationWayKey"), "main": True}
    assert_like("communication_way_created", await sandbox.call("POST", "/CommunicationWay", 201, json=way))
    assert_like("contact_list", await sandbox.call("GET", "/Contact"))


async def test_invoice_answers_match_recordings(sandbox: SandboxClient) -> None:
    """A draft, the same invoice finalised, and its cancellation look as captured."""
    ident = await sandbox.draft_id(timeToPay=14, deliveryDate="2026-10-01", deliveryDateUntil="2026-10-31")
    assert_like("invoice_draft", await sandbox.call("GET", f"/Invoice/{ident}"))
    assert_like("invoice_sent_by", await sandbox.send_by(ident))
    assert_like("invoice_open_enshrined", await sandbox.call("GET", f"/Invoice/{ident}"))
    cancelled = await sandbox.call("POST", f"/Invoice/{ident}/cancelInvoice", 201)
    assert_like("invoice_cancelled_contact_expanded", cancelled)


async def test_save_answer_matches_recording(sandbox: SandboxClient) -> None:
    """saveInvoice answers 201 with numbers in its positions, and true for the quantity 1."""
    method = ref(114251, "PaymentMethod")
    lines = [line(quantity=3), line(quantity="1")]
    saved = await sandbox.draft(lines=lines, propertyIsEInvoice=True, paymentMethod=method)
    assert_like("invoice_saved_quantity_true", {"objects": saved})
    first, second = saved["invoicePos"]
    assert (first["quantity"], second["quantity"]) == (3, True) and second["quantity"] is True
    assert (first["taxRate"], first["sumTax"], saved["invoice"]["propertyIsEInvoice"]) == ("19.00", 57, "1")


async def test_reads_answer_strings_throughout(sandbox: SandboxClient) -> None:
    """Only paidAmount is a number, and the e-invoice flag is gone."""
    ident = await sandbox.draft_id(propertyIsEInvoice=True)
    shown = await sandbox.invoice(ident)
    assert {key for key, value in shown.items() if not isinstance(value, str | dict | None)} == {"paidAmount"}
    assert "propertyIsEInvoice" not in shown and "paymentMethod" not in shown and "origin" not in shown
    [position] = await sandbox.objects("GET", f"/Invoice/{ident}/getPositions")
    assert (position["quantity"], position["price"], position["taxRate"]) == ("1", "100", "19")


@pytest.mark.parametrize(
    ("day", "shown"),
    [
        ("2026-10-01", "2026-10-01T00:00:00+02:00"),
        ("31.12.2026", "2026-12-31T00:00:00+01:00"),
        (1790805600, "2026-10-01T00:00:00+02:00"),
        ("1790805600", "2026-10-01T00:00:00+02:00"),
        ("2026-10-25T12:00:00", "2026-10-25T12:00:00+01:00"),
    ],
)
async def test_dates_carry_berlin_offset(sandbox: SandboxClient, day: str | int, shown: str) -> None:
    """Every accepted form comes back as ISO with the offset of its season."""
    assert (await sandbox.draft(invoiceDate=day))["invoice"]["invoiceDate"] == shown


@pytest.mark.parametrize("day", ["2026-10-01", 1790805600, "2026-09-30T22:00:00.000Z", "2026-10-01T00:00:00+02:00"])
async def test_delivery_takes_a_zone(sandbox: SandboxClient, day: str | int) -> None:
    """Of all the dates this one alone is a date-time in the specification, so generated clients send it so."""
    assert (await sandbox.draft(deliveryDate=day))["invoice"]["deliveryDate"] == "2026-10-01T00:00:00+02:00"


async def test_lists_of_the_account_match(sandbox: SandboxClient) -> None:
    """Users, countries, payment methods, templates and version answer as known."""
    assert_like("users", await sandbox.call("GET", "/SevUser"))
    assert_like("countries", await sandbox.call("GET", "/StaticCountry"))
    assert_like("payment_methods", await sandbox.call("GET", "/PaymentMethod"))
    assert_like("templates_wrapped", await sandbox.call("GET", "/DocServer/getTemplatesWithThumb?type=Invoice"))
    assert_like("version", await sandbox.call("GET", "/Tools/bookkeepingSystemVersion"))
    assert [each["id"] for each in await sandbox.objects("GET", "/StaticCountry?code=GB")] == ["8", "16"]


async def test_expanded_references_hold_secrets(sandbox: SandboxClient) -> None:
    """By switch a write answer carries bank data and the last login, so that scrubbing can be tested."""
    await sandbox.switch(expand_references=True)
    invoice = (await sandbox.draft())["invoice"]
    assert invoice["sevClient"]["bankIban"].startswith("DE") and "lastLoginIp" in invoice["contactPerson"]


@pytest.mark.parametrize(
    ("path", "version", "known"),
    [
        ("/Invoice", "default", None),
        ("/Invoice", "1.0", None),
        ("/Voucher", "2.0", None),
        ("/Invoice", "3.0", "[1.0, 2.0]"),
        ("/Invoice/Factory/getNextInvoiceNumber", "1.0", None),
        ("/Invoice/Factory/getNextInvoiceNumber", "2.0", "[1.0]"),
        ("/Tools/bookkeepingSystemVersion", "default", None),
        ("/Tools/bookkeepingSystemVersion", "2.0", "[]"),
        ("/Contact", "1.0", "[]"),
    ],
)
async def test_versions_of_resources(sandbox: SandboxClient, path: str, version: str, known: str | None) -> None:
    """A version that a resource does not have is refused with those that it has."""
    headers = {"X-Version": version}
    if known is None:
        await sandbox.objects("GET", path, headers=headers)
    else:
        assert (await sandbox.error("GET", path, 400, headers=headers))["message"].endswith(known)
