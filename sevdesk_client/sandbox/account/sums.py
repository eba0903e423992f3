"""What sevDesk computes: positions rounded half up to the cent, then added (field notes, live; one report).

Written from first principles and on purpose not shared with anybody who predicts these sums.
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


@dataclass(frozen=True, slots=True)
class Discount:
    """A discount (or, with a negative value, a surcharge) on the whole document, by percent or amount."""

    text: str
    percentage: bool
    value: Decimal

    def amount(self, base: Decimal) -> Decimal:
        """What it takes off the given base, unrounded."""
        return base * self.value / 100 if self.percentage else self.value


def cents(amount: Decimal) -> Decimal:
    """Rounded to the cent, half away from zero."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def taxed(base: Decimal, rate: Decimal, show_net: bool) -> Sums:
    """Sums of one base that is net (showNet "1") or gross (showNet "0"), at a rate in percent."""
    if show_net:
        net = cents(base)
        tax = cents(net * rate / 100)
        return Sums(net, tax, net + tax)
    gross = cents(base)
    net = cents(gross / (1 + rate / 100))
    return Sums(net, gross - net, gross)


def line(quantity: Decimal, price: Decimal, percent_off: Decimal, rate: Decimal, show_net: bool) -> Sums:
    """Sums of one position, its own discount (percent) taken off first."""
    base = quantity * price
    off = base * percent_off / 100
    sums = taxed(base - off, rate, show_net)
    return Sums(sums.net, sums.tax, sums.gross, cents(off))


def by_rate(
    lines: Iterable[tuple[Decimal, Sums, Decimal]], discounts: Iterable[Discount], show_net: bool, by_total: bool
) -> tuple[dict[Decimal, Sums], Decimal]:
    """Sums per tax rate, and the discount taken off, from (rate, sums, unrounded base) per position.

    `by_total` rounds once per rate instead of once per position: the captures fit both, so it is a switch.
    A document discount is spread over the rates and always taxed on the total (live, one report).
    """
    rates: dict[Decimal, Sums] = {}
    bases: dict[Decimal, Decimal] = {}
    for rate, sums, base in lines:
        rates[rate] = rates.get(rate, Sums()) + sums
        bases[rate] = bases.get(rate, ZERO) + base
    if by_total:
        rates = {rate: taxed(base, rate, show_net) for rate, base in bases.items()}
    off = sum((each.amount(sum(bases.values(), ZERO)) for each in discounts), ZERO)
    if off:
        rates = _discounted(rates, off, show_net)
    return rates, cents(off)


def _discounted(rates: dict[Decimal, Sums], off: Decimal, show_net: bool) -> dict[Decimal, Sums]:
    """Each rate's share of the discount taken off its base."""
    bases = {rate: sums.net if show_net else sums.gross for rate, sums in rates.items()}
    total = sum(bases.values(), ZERO)
    shares = {rate: off * base / total if total else off / len(bases) for rate, base in bases.items()}
    return {rate: taxed(base - shares[rate], rate, show_net) for rate, base in bases.items()}
