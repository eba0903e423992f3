"""Where the tax rule does not fit the recipient. Checks that only warn by default park here."""

from typing import Any

from flow.provocations.table import provokes
from flow.stage import Stage

from worker.domain.check_levels import Level

AT_ID, FR_ID, BAD_ID = "ATU12345675", "FR40303265045", "ATU12345678"


def _to(code: str, rule: int, land: str, rate: int = 0, /, *, person: bool = False, **named: str) -> None:
    """An invoice over 100 net to somebody in the country; `vat_id` among `named` is the recipient's."""
    vat_id = named.pop("vat_id", None)

    @provokes(code, worker={"check_levels": {code: Level.PARK}}, **named)
    async def provoke(stage: Stage) -> Any:
        deal = await stage.billing.deal()
        if person:
            party = await stage.billing.person(country_code=land)
        else:
            party = await stage.billing.company(country_code=land, vat_id=vat_id)
        await stage.billing.associate(deal, "contact" if person else "company", party, "invoice_recipient")
        tax = {"net_amount": "100.00", "tax_amount": f"{rate}.00", "gross_amount": f"{100 + rate}.00"}
        invoice = await stage.billing.invoice(deal, items=(("4", "25", str(rate)),), tax_rule=rule, **tax)
        return await stage.billing.do("publish_invoice", invoice_id=invoice)


_to("vat_id_missing", 21, "AT", tax_rule="21", listed="EU", paragraph="§ 3a Abs. 2, § 14a Abs. 1 UStG")
_to("vat_id_of_wrong_country", 3, "AT", vat_id="DE136695976", prefix="DE", listed="EU")
_to("vat_id_invalid", 3, "AT", vat_id=BAD_ID, tax_rule="3")
_to("vat_id_elsewhere", 3, "AT", vat_id=FR_ID, prefix="FR", country="AT", listed="EU")
_to("reverse_charge_to_person", 5, "DE", person=True, tax_rule="5", listed="EU")
_to("export_within_eu", 2, "AT", country="AT", listed="NOT_EU")
_to("untaxed_to_germany", 17, "DE", tax_rule="17", listed="NOT_EU")
_to("untaxed_within_eu", 17, "AT", country="AT", listed="NOT_EU")
_to("german_tax_abroad", 1, "CH", 19, country="CH", listed="DE")
_to("tax_on_exempt_supply", 3, "AT", 19, vat_id=AT_ID, position="1", rate="19%")
_to("zero_rate_without_reason", 1, "DE", position="1")
_to("small_business_shows_tax", 11, "DE", 19, position="1", rate="19%")
_to("oss_to_company", 18, "AT", 20, tax_rule="18", listed="EU")
_to("oss_outside_eu", 19, "CH", 8, person=True, country="CH", listed="EU")
_to("oss_rate_wrong", 18, "AT", 19, person=True, country="AT", rate="19%", standard="20%")
_to("oss_rate_reduced", 20, "AT", 10, person=True, country="AT", rate="10%", standard="20%")
