"""Our documents and payments: what a DATEV export of the period has to contain. Pure."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class TaxSubtotal:
    """The part of a document at one tax rate (per cent)."""

    rate: Decimal
    net: Decimal
    tax: Decimal


@dataclass(frozen=True, slots=True)
class Document:
    """A finalized invoice; or a cancellation (Storno) or credit note, whose gross and subtotals are negative."""

    number: str  # sevDesk's document number, expected in Belegfeld 1
    kind: str  # `invoice`, `cancellation` or `credit_note`
    day: date  # a Berlin day
    gross: Decimal
    subtotals: tuple[TaxSubtotal, ...]
    tax_rule: int  # sevDesk's rule id
    currency: str = "EUR"
    account_gross: Decimal | None = None  # in the account's currency, where sevDesk has converted the sums
    cancels: str | None = None  # number of the cancelled invoice
    customer: Hashable | None = None  # any id of the customer; None where it is not known
    comparable: bool = True  # False: ours holds no number or too large a one; gross is 0 then, without subtotals
    issue_day: date | None = None  # by pay date, where `day` is that: the invoice date, which postings may bear as well
    optional: bool = False  # whether an export by pay date has it is not established, nor on which day
    advance: bool = False  # sent to sevDesk as an advance invoice (Abschlagsrechnung), which has accounts of its own


@dataclass(frozen=True, slots=True)
class Payment:
    """Money received for a document in the period; negative when it went back."""

    number: str  # sevDesk's document number
    amount: Decimal
    day: date | None = None  # None: the exact day is not known
    currency: str = "EUR"


def rates_of(documents: Iterable[Document]) -> frozenset[Decimal]:
    return frozenset(subtotal.rate for document in documents for subtotal in document.subtotals)


def gross_at_rate(documents: Iterable[Document], rate: Decimal) -> Decimal:
    return sum((s.net + s.tax for d in documents for s in d.subtotals if s.rate == rate), ZERO)


def subtotals_by_rate(positions: Iterable[tuple[Decimal, Decimal, Decimal]]) -> tuple[TaxSubtotal, ...]:
    """Adds up (rate, net, tax) of each position by rate; net and tax are already rounded to cents."""
    sums: dict[Decimal, tuple[Decimal, Decimal]] = {}
    for rate, net, tax in positions:
        net_before, tax_before = sums.get(rate, (ZERO, ZERO))
        sums[rate] = net_before + net, tax_before + tax
    return tuple(TaxSubtotal(rate, net, tax) for rate, (net, tax) in sorted(sums.items()))
