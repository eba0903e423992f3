"""What the tax of an e-invoice may be off is what the official schematron lets pass, neither more nor less."""

import re
from decimal import Decimal
from random import Random

import pytest

from tests.sandbox.sandbox_client import SandboxClient, line
from tests.unit.test_e_invoice_rules import e_invoice, sandbox
from worker.domain.money import CENT, breaks_br_s_09
from worker.einvoice.validation import validate

__all__ = ["sandbox"]  # a fixture

# Around the tolerance, with halves of a cent, on both sides of zero; and where net and tax have different signs.
CASES = [
    *[(Decimal(net), Decimal(rate), Decimal(off)) for net in ("0.50", "1.15", "6.96", "100.00", "-6.96", "12345678.50")
      for rate in ("7", "19") for off in ("0", "0.99", "1.00", "1.01", "-0.99", "-1.00", "-1.01")],
    (Decimal("0.10"), Decimal(19), Decimal("-1.01")),
    (Decimal("0.10"), Decimal(19), Decimal("-1.04")),
]  # fmt: skip


def by_chance(count: int) -> list[tuple[Decimal, Decimal, Decimal]]:
    """Nets whose tax ends in half a cent or anywhere, and differences about 1.00."""
    chance = Random(15)
    return [
        (chance.randint(-10**7, 10**7) * CENT, chance.choice((Decimal(7), Decimal(19), Decimal("5.5"))),
         chance.choice((-1, 1)) * Decimal(chance.choice((98, 99, 100, 101))) / 100)
        for _ in range(count)
    ]  # fmt: skip


async def refused(sandbox: SandboxClient, cases: list[tuple[Decimal, Decimal, Decimal]]) -> list[bool]:
    """Whether the rules about the tax of a rate object to a net sum with the tax that is so far off."""
    xml = str(await sandbox.objects("GET", f"/Invoice/{await e_invoice(sandbox, 1, lines=[line('100')])}/getXml"))
    found = []
    for net, rate, off in cases:
        tax = (net * rate / 100).quantize(CENT) + off
        said = re.sub(r"(<ram:CalculatedAmount>)[^<]*", rf"\g<1>{tax:f}", xml)
        said = re.sub(r"(<ram:BasisAmount>)[^<]*", rf"\g<1>{net:f}", said)
        said = re.sub(r"(<ram:RateApplicablePercent>)[^<]*", rf"\g<1>{rate:f}", said)
        rules = {each.rule for each in validate(said.encode(), b"").findings if each.fatal}
        found.append(bool(rules & {"BR-S-09", "BR-CO-17"}))
    return found


def ours(cases: list[tuple[Decimal, Decimal, Decimal]]) -> list[bool]:
    """The same by our own computation."""
    return [breaks_br_s_09(net, (net * rate / 100).quantize(CENT) + off, rate) for net, rate, off in cases]


async def test_tolerance_is_the_official_one(sandbox: SandboxClient) -> None:
    """On each side of it, case by case."""
    expected = await refused(sandbox, CASES)
    assert ours(CASES) == expected
    assert {True, False} == set(expected)


@pytest.mark.long
async def test_any_tax_is_judged_alike(sandbox: SandboxClient) -> None:
    """Three hundred sums at random, all close to the tolerance."""
    cases = by_chance(300)
    assert ours(cases) == await refused(sandbox, cases)
