"""How sevDesk computes sums: each position rounded half up to the cent, then added (field notes, live; one report).

Shares no code with the worker's prediction of these sums, so that the two check each other.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Sums:
    """Net, tax and gross of a position or a document, and the discount taken off, in the document's currency."""

    net: Decimal = ZERO
    tax: Decimal = ZERO
    gross: Decimal = ZERO
    discount: Decimal = ZERO

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(
            self.net + other.net, self.tax + other.tax, self.gross + other.gross, self.discount + other.discount
        )

    def __neg__(self) -> "Sums":
        return Sums(-self.net, -self.tax, -self.gross, -self.discount)

    def converted(self, rate: Decimal) -> "Sums":
        """In another currency, of which one unit of this one costs `rate`; net and tax still add up to gross."""
        tax, gross = round_cents(self.tax * rate), round_cents(self.gross * rate)
        return Sums(gross - tax, tax, gross, round_cents(self.discount * rate))


NO_SUMS = Sums()


@dataclass(frozen=True, slots=True)
class Discount:
    """A discount (or, with a negative value, a surcharge) on the whole document, by percent or amount."""

    text: str
    percentage: bool
    value: Decimal

    def amount(self, base: Decimal) -> Decimal:
        """What it takes off `base`, unrounded."""
        return base * self.value / 100 if self.percentage else self.value


def round_cents(amount: Decimal) -> Decimal:
    """Round to the cent, half away from zero."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def sums_with_tax(base: Decimal, rate: Decimal, show_net: bool) -> Sums:
    """Sums of a base that is net (`show_net`) or gross, at a rate in percent."""
    if show_net:
        net = round_cents(base)
        tax = round_cents(net * rate / 100)
        return Sums(net, tax, net + tax)
    gross = round_cents(base)
    net = round_cents(gross / (1 + rate / 100))
    return Sums(net, gross - net, gross)


def position_sums(quantity: Decimal, price: Decimal, percent_off: Decimal, rate: Decimal, show_net: bool) -> Sums:
    """Sums of one position; its own discount (percent) is taken off first."""
    base = quantity * price
    off = base * percent_off / 100
    sums = sums_with_tax(base - off, rate, show_net)
    return Sums(sums.net, sums.tax, sums.gross, round_cents(off))


def sums_by_rate(
    lines: Iterable[tuple[Decimal, Sums, Decimal]], discounts: Iterable[Discount], show_net: bool, by_total: bool
) -> tuple[dict[Decimal, Sums], Decimal]:
    """Sums per tax rate, and the discount taken off, from (rate, sums, unrounded base) per position.

    `by_total` rounds once per rate instead of once per position (switch `rounding`: the captures fit both).
    A document discount is spread over the rates and always taxed on the total (live, one report).
    """
    rates: dict[Decimal, Sums] = {}
    bases: dict[Decimal, Decimal] = {}
    for rate, sums, base in lines:
        rates[rate] = rates.get(rate, Sums()) + sums
        bases[rate] = bases.get(rate, ZERO) + base
    if by_total:
        rates = {rate: sums_with_tax(base, rate, show_net) for rate, base in bases.items()}
    off = sum((each.amount(sum(bases.values(), ZERO)) for each in discounts), ZERO)
    if off:
        rates = _discounted(rates, off, show_net)
    return rates, round_cents(off)


def _discounted(rates: dict[Decimal, Sums], off: Decimal, show_net: bool) -> dict[Decimal, Sums]:
    """Take each rate's share of the discount off its base."""
    bases = {rate: sums.net if show_net else sums.gross for rate, sums in rates.items()}
    total = sum(bases.values(), ZERO)
    shares = {rate: off * base / total if total else off / len(bases) for rate, base in bases.items()}
    return {rate: sums_with_tax(base - shares[rate], rate, show_net) for rate, base in bases.items()}
