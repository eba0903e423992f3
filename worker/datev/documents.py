"""What our side says: documents and payments, as an export has to show them. Pure."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Share:
    """The part of a document at one tax rate (per cent)."""

    rate: Decimal
    net: Decimal
    tax: Decimal


@dataclass(frozen=True, slots=True)
class Document:
    """A finalized invoice or a cancellation of it (`gross` and shares negative then), as the books must show it."""

    number: str  # sevDesk's, expected as Belegfeld 1
    kind: str  # `invoice` or `cancellation`
    day: date  # a Berlin day
    gross: Decimal
    shares: tuple[Share, ...]
    tax_rule: int  # sevDesk's rule id
    currency: str = "EUR"
    cancels: str | None = None  # number of the cancelled invoice
    party: Hashable | None = None  # whose it is, where that is known
    advance: bool = False  # sent to sevDesk as an Abschlagsrechnung, which has accounts of its own


@dataclass(frozen=True, slots=True)
class Payment:
    """Money that came (or, negative, went back) for a document in the period. `day` None: not known to the day."""

    number: str  # sevDesk's document number
    amount: Decimal
    day: date | None = None
    currency: str = "EUR"


def rates_of(documents: Iterable[Document]) -> frozenset[Decimal]:
    """Every tax rate that occurs."""
    return frozenset(share.rate for document in documents for share in document.shares)


def share_of(documents: Iterable[Document], rate: Decimal) -> Decimal:
    """What the documents come to at one tax rate, gross."""
    return sum((s.net + s.tax for d in documents for s in d.shares if s.rate == rate), Decimal(0))
