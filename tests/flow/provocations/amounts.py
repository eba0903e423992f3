"""What is wrong with an invoice's positions, sums, currency or tax rule."""

from typing import Any

from flow.books import control
from flow.provocations.table import Provoke, provokes
from flow.stage import Stage

NOTHING = {"net_amount": "0.00", "tax_amount": "0.00", "gross_amount": "0.00"}
UNTAXED = {"net_amount": "100.00", "tax_amount": "0.00", "gross_amount": "100.00"}
Items = tuple[tuple[str, str, str], ...]
USUAL: Items = (("4", "25", "19"),)


def _publishing(items: Items = USUAL, **columns: Any) -> Provoke:
    async def provoke(stage: Stage) -> Any:
        invoice = await stage.billing.usual_invoice(items=items, **columns)
        return await stage.billing.do("publish_invoice", invoice_id=invoice)

    return provoke


def _chained(code: str, rule: int, money: str, **named: str) -> None:
    """sevDesk's invoice type AR, which goes with few tax rules and with EUR only."""
    publishing = _publishing((("4", "25", "0"),), tax_rule=rule, currency=money, **UNTAXED)
    provokes(code, worker={"sevdesk_invoice_type_ar": "AR"}, type="AR", kind="AR", **named)(publishing)


provokes("positions_missing")(_publishing((), **NOTHING))
provokes("currency_invalid", currency="'Euro'")(_publishing(currency="Euro"))
provokes("tax_rule_unknown", tax_rule="99")(_publishing(tax_rule=99))
provokes("oss_not_e_invoice", tax_rule="19")(_publishing(tax_rule=19, is_e_invoice=True))
provokes("unit_unknown", position="1", unit="Fass")(_publishing(unit="Fass"))
provokes("position_figure_invalid", position="1")(_publishing((("1", "NaN", "19"),)))
provokes("position_quantity_zero", position="2")(_publishing((*USUAL, ("0", "25", "19"))))
provokes("position_price_decimals", position="1", price="25.00001")(_publishing((("4", "25.00001", "19"),)))
provokes("position_quantity_decimals", position="1", quantity="0.00001")(_publishing((("0.00001", "25", "19"),)))
provokes("totals_invalid", totals="net_amount NaN, gross_amount Infinity")(
    _publishing(net_amount="NaN", gross_amount="Infinity")
)
provokes("e_invoice_rounding", rate="19%", by_position="2.50", from_total="1.43", currency="EUR")(
    _publishing(
        (("1", "0.03", "19"),) * 250, is_e_invoice=True, net_amount="7.50", tax_amount="2.50", gross_amount="10.00"
    )
)
provokes("tax_rate_not_allowed", position="1", rate="19%", tax_rule="5", allowed="0%")(_publishing(tax_rule=5))
provokes("total_negative", gross="-119.00", currency="EUR")(
    _publishing((("-4", "25", "19"),), net_amount="-100.00", tax_amount="-19.00", gross_amount="-119.00")
)
provokes(
    "sums_differ", net="100.00", tax="19.00", gross="119.00", currency="EUR",
    stated_net="100.00", stated_tax="19.00", stated_gross="120.00",
)(_publishing(gross_amount="120.00"))  # fmt: skip
_chained("type_needs_rule", 3, "EUR", tax_rule="3")
_chained("type_needs_currency", 11, "USD", currency="USD")


@provokes("position_name_missing", position="1")
async def position_without_name(stage: Stage) -> Any:
    invoice = await stage.billing.usual_invoice()
    await stage.billing.db.execute("UPDATE billing_invoice_items SET name = ' '")
    return await stage.billing.do("publish_invoice", invoice_id=invoice)


@provokes("sevdesk_sums_differ", stated_gross="119.00", currency="EUR")
async def sevdesk_rounds_otherwise(stage: Stage) -> Any:
    await control(stage.sevdesk, "PUT", "switches", {"cent_off": True})
    return await stage.billing.do("publish_invoice", invoice_id=await stage.billing.usual_invoice())
