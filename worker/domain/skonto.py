"""Skonto: a discount for early payment, as percentage and days after the invoice date. Pure."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from worker.domain.dates import FIRST_DAY, LAST_DAY, LONGEST_TERM
from worker.domain.invoice import Invoice
from worker.domain.money import CENT
from worker.domain.problems import Problem, problem
from worker.domain.tax_rules import german_percent


@dataclass(frozen=True, slots=True)
class Skonto:
    """What the customer may take off, and the last day (in Berlin) on which the payment may arrive."""

    percent: Decimal
    until: date

    def expected(self, gross: Decimal) -> Decimal:
        """What is then to be paid; the discount is rounded to the cent, half up."""
        return gross - (gross * self.percent / 100).quantize(CENT, ROUND_HALF_UP)

    @property
    def sentence(self) -> str:
        """For the document, in German."""
        return f"Bei Zahlung bis zum {self.until:%d.%m.%Y} gewähren wir {german_percent(self.percent)} Skonto."


def skonto(percentage: Decimal | None, days: int | None, issued: date | None) -> Skonto | None:
    """The terms; None if there are none, or not both, or one that no invoice can have."""
    if not percentage or days is None or issued is None or not FIRST_DAY <= issued <= LAST_DAY:
        return None
    possible = _is_percentage(percentage) and 0 <= days <= LONGEST_TERM
    return Skonto(percentage, issued + timedelta(days=days)) if possible else None


def skonto_percent(percentage: Decimal | None, days: int | None) -> Decimal:
    """The percentage to send; 0 without terms, and where `wrong_skonto` finds something in it."""
    return percentage if percentage is not None and days is not None and _is_percentage(percentage) else Decimal(0)


def skonto_days(percentage: Decimal | None, days: int | None) -> int | None:
    """The days to send; None without a percentage."""
    return days if skonto_percent(percentage, days) else None


def wrong_skonto(invoice: Invoice) -> Problem | None:
    """Percentage above 0 and below 100 with at most two decimals, and 0 days up to the payment term; both or none."""
    percentage, days = invoice.skonto_percent, invoice.skonto_days
    if percentage is None and days is None:
        return None
    term = LONGEST_TERM if invoice.payment_term_days is None else invoice.payment_term_days
    if percentage is not None and days is not None and _is_percentage(percentage) and 0 <= days <= term:
        return None
    given = "–" if percentage is None else f"{percentage:.6g}"
    return problem("skonto_invalid", percent=given, days="–" if days is None else days, term=term)


def _is_percentage(value: Decimal) -> bool:
    return value.is_finite() and 0 < value < 100 and value == round(value, 2)


def with_skonto(text: str | None, percentage: Decimal | None, days: int | None, issued: date) -> str | None:
    """The closing text with the sentence about the discount, if there is one."""
    terms = skonto(percentage, days, issued)
    return "\n".join(filter(None, (text, terms.sentence))) if terms else text
