"""Whether an invoice falls under the duty to issue e-invoices (§ 14 Abs. 2 UStG, in force by § 27 Abs. 38 UStG). Pure.

From 2027-01-01 on for sellers with a turnover of more than 800,000 EUR in the year before, from 2028-01-01 on for all.
The day of issue counts, not that of the supply. Advances are invoices like any other (§ 14 Abs. 5 Satz 1 UStG). A
cancellation or credit note follows its invoice: sevDesk makes it as an e-invoice if that is one.
"""

from datetime import date
from decimal import Decimal
from enum import StrEnum

from worker.domain.eu_vat import GERMANY, member_state, territory_outside
from worker.domain.invoice import Invoice, Party, PartyKind
from worker.domain.money import are_computable, is_amount, predict
from worker.domain.tax_rules import SMALL_BUSINESS

FIRST_DAY = date(2027, 1, 1)  # of the duty, for the larger companies
SMALL_AMOUNT = Decimal(250)  # EUR gross, § 33 UStDV; of another currency's amounts nobody knows, so they count
NEVER_SMALL = frozenset({3, 5})  # § 33 Satz 3 UStDV: not under § 6a and § 13b UStG
# § 14 Abs. 2 Satz 2 Nr. 1 wants it for supplies taxable in Germany that § 4 Nr. 8 to 29 do not exempt: domestic ones,
# those with a German buyer under rules 2 and 3 (§ 4 Nr. 1 is not in that list), and § 13b (§ 14a Abs. 5).
RULES_UNDER_DUTY = frozenset({1, 2, 3, 5})
_TAX_FREE = 4  # sevDesk's rule for § 4 UStG; exports and intra-EU supplies have rules of their own (official)


class DutyMode(StrEnum):
    """What happens to an ordinary invoice under the duty: a warning, a question, or an e-invoice is made of it."""

    WARN = "warn"
    PARK = "park"
    AUTO = "auto"


class Exemption(StrEnum):
    """Why an invoice may be an ordinary one."""

    PERSON = "the recipient is a person"
    ABROAD = "the recipient is abroad"  # so are Büsingen and Helgoland (§ 1 Abs. 2 UStG)
    SMALL_BUSINESS = "the seller is a small business (§ 19 UStG)"
    TAX_FREE = "the supply is exempt (§ 4 Nr. 8 to 29 UStG)"
    NOT_TAXABLE = "the supply is not taxable in Germany"
    SMALL_AMOUNT = "the gross amount is at most 250 EUR"


def exemption(invoice: Invoice, party: Party, *, deducts: bool) -> Exemption | None:
    """The first reason why the duty does not hold, whatever the day; None if it holds.

    `deducts`: advances were invoiced before, so that the total is only the rest of what the supply costs.
    """
    if party.kind is not PartyKind.COMPANY:
        return Exemption.PERSON
    country = (party.country_code or "").strip()
    if country and (member_state(country) != GERMANY or territory_outside(country, party.zip)):
        return Exemption.ABROAD
    if invoice.tax_rule not in RULES_UNDER_DUTY:
        reasons = {SMALL_BUSINESS: Exemption.SMALL_BUSINESS, _TAX_FREE: Exemption.TAX_FREE}
        return reasons.get(invoice.tax_rule, Exemption.NOT_TAXABLE)
    total = _total(invoice, deducts)
    may_be_small = invoice.currency == "EUR" and invoice.tax_rule not in NEVER_SMALL
    if may_be_small and is_amount(total) and total <= SMALL_AMOUNT:
        return Exemption.SMALL_AMOUNT
    return None


def duty_since(
    invoice: Invoice, party: Party, since: date | None, today: date, *, deducts: bool = False
) -> date | None:
    """`since`, if an ordinary invoice issued now would break the duty; else None.

    An invoice is issued when it goes out: one that is dated before `since` and published after it falls under the duty.
    """
    if since is None or max(invoice.issue_date, today) < since:
        return None
    return None if exemption(invoice, party, deducts=deducts) else since


def _total(invoice: Invoice, deducts: bool) -> Decimal:
    """The gross amount, of a final invoice before its deductions (a discount among them errs towards the duty)."""
    if not deducts or not are_computable(invoice.items):
        return invoice.gross_amount
    supplied = [item for item in invoice.items if item.quantity * item.unit_price > 0]
    return predict(supplied, invoice.currency).gross
