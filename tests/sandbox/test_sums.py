"""What the sandbox computes, against sums others saw and sums made by hand."""

from typing import Any

import pytest

from tests.sandbox.sandbox_client import SandboxClient, line, ref, save_body


async def sums(sandbox: SandboxClient, lines: list[Any], **invoice: Any) -> tuple[str, str, str]:
    """Net, tax and gross of a saved draft."""
    saved = (await sandbox.draft(lines=lines, **invoice))["invoice"]
    return saved["sumNet"], saved["sumTax"], saved["sumGross"]


@pytest.mark.parametrize(
    ("show_net", "lines", "expected"),
    [
        # Captures.
        ("1", [line(29)], ("29", "5.51", "34.51")),
        ("1", [line(10, 3), line(25)], ("55", "10.45", "65.45")),
        ("0", [line("11.90"), line("5.00", 2)], ("18.4", "3.5", "21.9")),
        ("1", [line("39.2")], ("39.2", "7.45", "46.65")),
        # Live: four decimals at 7 %; a deduction as a position of its own.
        ("1", [line("355.9626", rate=7)], ("355.96", "24.92", "380.88")),
        ("0", [line("4.94"), line("-2.47")], ("2.07", "0.4", "2.47")),
        # By hand: half a cent goes up, per position, away from zero below it.
        ("1", [line("0.125", rate=0)], ("0.13", "0", "0.13")),
        ("1", [line("-0.125", rate=0)], ("-0.13", "0", "-0.13")),
        ("1", [line("0.333", rate=19)] * 3, ("0.99", "0.18", "1.17")),
        ("1", [line("2.5", "0.1", rate=19)], ("0.25", "0.05", "0.3")),
        ("1", [line(100, rate=19), line(100, rate=7), line(100, rate=0)], ("300", "26", "326")),
        ("1", [line("1.50", "-2", rate=19)], ("-3", "-0.57", "-3.57")),
        ("1", [line(100, discount=10)], ("90", "17.1", "107.1")),
    ],
)
async def test_sums_follow_the_notes(
    sandbox: SandboxClient, show_net: str, lines: list[Any], expected: tuple[str, str, str]
) -> None:
    """Per position, half up, then added; written without padding."""
    assert await sums(sandbox, lines, showNet=show_net) == expected


async def test_rounding_on_the_total(sandbox: SandboxClient) -> None:
    """By switch sums are rounded once per rate, which differs by a cent."""
    await sandbox.switch(rounding="total")
    assert await sums(sandbox, [line("0.333", rate=19)] * 3) == ("1", "0.19", "1.19")
    assert await sums(sandbox, [line("4.94"), line("-2.47")], showNet="0") == ("2.08", "0.39", "2.47")


async def test_document_discount_on_the_total(sandbox: SandboxClient) -> None:
    """discountSave deducts from the total: 2.08 and 0.39, a cent off the same deduction as a position (live)."""
    contact = ref(await sandbox.contact(), "Contact")
    off = {"objectName": "Discounts", "mapAll": True, "discount": True, "percentage": False, "value": "2.47"}
    whole = {**save_body([line("4.94")], contact=contact, showNet="0"), "discountSave": [off]}
    saved = (await sandbox.objects("POST", "/Invoice/Factory/saveInvoice", 201, json=whole))["invoice"]
    assert (saved["sumNet"], saved["sumTax"], saved["sumGross"]) == ("2.08", "0.39", "2.47")


@pytest.mark.parametrize(("foreign_sums", "shown"), [("account", "69.73"), ("document", "80")])
async def test_foreign_sums_by_switch(sandbox: SandboxClient, foreign_sums: str, shown: str) -> None:
    """80 USD are 69.73 in the account's currency (one report), or they are not converted; EUR never is."""
    await sandbox.switch(foreign_sums=foreign_sums)
    saved = await sandbox.draft(lines=[line(80, rate=0)], currency="USD")
    invoice, [position] = saved["invoice"], saved["invoicePos"]
    own = "80" if foreign_sums == "account" else "0"
    assert (invoice["sumGross"], invoice["sumGrossForeignCurrency"], invoice["sumGrossAccounting"]) == (
        shown, own, shown
    )  # fmt: skip
    assert (str(position["sumGross"]), str(position["sumGrossForeignCurrency"])) == (shown, own)
    euros = (await sandbox.draft(lines=[line(80, rate=0)]))["invoice"]
    assert (euros["sumGross"], euros["sumGrossForeignCurrency"]) == ("80", "0")


async def test_sums_a_cent_off(sandbox: SandboxClient) -> None:
    """By switch tax and gross are wrong by a cent, for the callers that compare."""
    await sandbox.switch(cent_off=True)
    assert await sums(sandbox, [line(100)]) == ("100", "19.01", "119.01")
