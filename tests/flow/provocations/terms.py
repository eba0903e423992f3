"""What is wrong with an invoice's terms: Skonto, and who its contact person is."""

from decimal import Decimal
from typing import Any

from flow.books import control
from flow.provocations.table import provokes
from flow.stage import Stage


@provokes("skonto_invalid", percent="2", days="15", term="14")
async def later_than_the_payment_term(stage: Stage) -> Any:
    invoice = await stage.billing.usual_invoice(skonto_percent=Decimal(2), skonto_days=15)
    return await stage.billing.do("publish_invoice", invoice_id=invoice)


@provokes("skonto_not_kept", percent="2.5", days="10", kept_percent="2", kept_days="10")
async def decimals_that_sevdesk_cuts_off(stage: Stage) -> Any:
    await control(stage.sevdesk, "PUT", "switches", {"skonto_decimals": "cut"})
    invoice = await stage.billing.usual_invoice(skonto_percent=Decimal("2.5"), skonto_days=10)
    return await stage.billing.do("publish_invoice", invoice_id=invoice)


@provokes("contact_person_not_listed", wanted="77", known="2000001, 2000002")
async def somebody_who_has_left(stage: Stage) -> Any:
    await stage.billing.db.execute("UPDATE sevdesk_config SET contact_person_eb = '77'")
    return await stage.billing.do("publish_invoice", invoice_id=await stage.billing.usual_invoice())
