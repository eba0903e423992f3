"""Where a final invoice and the advances of its deal do not fit. Checks that only warn by default park here."""

from typing import Any

from flow.provocations.table import provokes
from flow.stage import Stage

from worker.domain.check_levels import Level

WORK = ("10", "100", "19")
PLAIN = {"net_amount": "1000", "tax_amount": "190", "gross_amount": "1190"}
TOO_LITTLE = {"net_amount": "901", "tax_amount": "171.19", "gross_amount": "1072.19"}
EXACT = {"net_amount": "900", "tax_amount": "171", "gross_amount": "1071"}


async def publish(stage: Stage, deal: Any, **columns: Any) -> Any:
    """An invoice of the deal; without columns an advance over 119.00 EUR."""
    return await stage.billing.do("publish_invoice", invoice_id=await stage.billing.invoice(deal, **columns))


async def of_deal(stage: Stage, *invoices: dict[str, Any]) -> Any:
    """The last of these, published one after another."""
    deal = await stage.billing.deal(await stage.billing.company())
    return [await publish(stage, deal, **columns) for columns in invoices][-1]


@provokes("advances_not_deducted", worker={"check_levels": {}})
async def final_invoice_over_all(stage: Stage) -> Any:
    return await of_deal(stage, {}, {"document_kind": "SR", "items": (WORK,), **PLAIN})


@provokes("advances_differ", rates="19%: 99.00 / 100.00 EUR")
async def one_euro_is_forgotten(stage: Stage) -> Any:
    return await of_deal(stage, {}, {"document_kind": "SR", "items": (WORK, ("-1", "99", "19")), **TOO_LITTLE})


@provokes("advance_after_final", worker={"check_levels": {"advance_after_final": Level.PARK}})
async def advance_that_comes_late(stage: Stage) -> Any:
    return await of_deal(stage, {"document_kind": "SR", "items": (WORK,), **PLAIN}, {})


@provokes("advance_tax_differs", worker={"check_levels": {"advance_tax_differs": Level.PARK}},
          taxes="19%: 3.81 / 3.82 EUR")  # fmt: skip
async def two_advances_in_one_position(stage: Stage) -> Any:
    advance = {"items": (("1", "10.03", "19"),), "net_amount": "10.03", "tax_amount": "1.91", "gross_amount": "11.94"}
    sums = {"net_amount": "979.94", "tax_amount": "186.19", "gross_amount": "1166.13"}
    return await of_deal(
        stage, advance, advance, {"document_kind": "SR", "items": (WORK, ("-1", "20.06", "19")), **sums}
    )


@provokes("advance_cancelled_after_final", worker={"check_levels": {"advance_cancelled_after_final": Level.PARK}})
async def advance_that_was_deducted(stage: Stage) -> Any:
    deal = await stage.billing.deal(await stage.billing.company())
    advance = (await publish(stage, deal))["invoice_id"]
    await publish(stage, deal, document_kind="SR", items=(WORK, ("-4", "25", "19")), **EXACT)
    return await stage.billing.do("cancel_invoice", invoice_id=advance, reason="wrong")


@provokes("e_invoice_deducts_advances", worker={"check_levels": {"e_invoice_deducts_advances": Level.PARK}})
async def electronic_final_invoice(stage: Stage) -> Any:
    final = {"document_kind": "SR", "items": (WORK, ("-4", "25", "19")), "is_e_invoice": True, **EXACT}
    return await of_deal(stage, {}, final)
