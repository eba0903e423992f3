"""What is wrong with an e-invoice, before it is made and in its XML."""

from datetime import date
from typing import Any

from flow.books import control, pay
from flow.provocations.table import provokes
from flow.stage import Stage

from worker.domain.check_levels import Level
from worker.domain.e_invoice_duty import DutyMode

UNTAXED = {"net_amount": "100.00", "tax_amount": "0.00", "gross_amount": "100.00"}
WRONG_LEITWEG_ID = "04011000-12345-35"


async def _publish(stage: Stage, company: dict[str, Any] | None = None, **columns: Any) -> Any:
    deal = await stage.billing.deal(await stage.billing.company(**company or {}))
    invoice = await stage.billing.invoice(deal, is_e_invoice=True, **columns)
    return await stage.billing.do("publish_invoice", invoice_id=invoice)


async def _spoilt(stage: Stage, fault: str) -> Any:
    await control(stage.sevdesk, "PUT", "switches", {"e_invoice_faults": [fault]})
    return await _publish(stage)


@provokes("e_invoice_invalid", count="1")
async def invalid(stage: Stage) -> Any:
    return await _spoilt(stage, "unknown_element")


@provokes("e_invoice_differs", count="1", differences="xml_number")
async def differing(stage: Stage) -> Any:
    return await _spoilt(stage, "other_number")


@provokes("e_invoice_rule_broken", rule="BR-AE-02")
async def reverse_charge_without_vat_id(stage: Stage) -> Any:
    return await _publish(stage, items=(("4", "25", "0"),), tax_rule=5, **UNTAXED)


@provokes("e_invoice_required", worker={"e_invoice_from": date(2026, 1, 1), "e_invoice_mode": DutyMode.PARK})
async def ordinary_under_the_duty(stage: Stage) -> Any:
    gross = {"net_amount": "1000.00", "tax_amount": "190.00", "gross_amount": "1190.00"}
    invoice = await stage.billing.usual_invoice(items=(("4", "250", "19"),), **gross)
    return await stage.billing.do("publish_invoice", invoice_id=invoice)


@provokes("credit_note_invalid", count="1")
async def credit_note_with_a_foreign_element(stage: Stage) -> Any:
    invoice = await stage.published(is_e_invoice=True)
    await pay(stage.sevdesk, await stage.there(invoice), "119.00")
    await control(stage.sevdesk, "PUT", "switches", {"e_invoice_faults": ["unknown_element"]})
    part = [{"position": 1, "quantity": "1"}]
    return await stage.billing.do("credit_invoice", invoice_id=invoice, reason="Rückgabe", positions=part)


@provokes("cancellation_invalid", count="1")
async def cancellation_with_a_foreign_element(stage: Stage) -> Any:
    invoice = await stage.published(is_e_invoice=True)
    await control(stage.sevdesk, "PUT", "switches", {"e_invoice_faults": ["unknown_element"]})
    return await stage.billing.do("cancel_invoice", invoice_id=invoice, reason="Irrtum", notify=True)


@provokes("leitweg_id_invalid")
async def wrong_check_digits(stage: Stage) -> Any:
    return await _publish(stage, {"buyer_reference": WRONG_LEITWEG_ID})


@provokes("buyer_reference_missing", worker={"check_levels": {"buyer_reference_missing": Level.PARK}})
async def city_without_reference(stage: Stage) -> Any:
    return await _publish(stage, {"name": "Stadt Musterhausen"})
