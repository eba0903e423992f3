"""Compares the money that is posted with our payments, document by document. Pure."""

from collections.abc import Callable, Iterable
from decimal import Decimal

from worker.datev.accounts import AccountKind
from worker.datev.documents import ZERO, Document, Payment
from worker.datev.messages import Message, message
from worker.datev.posted import Posted, PostingSide, at_number

# Payments without a day of one document beyond this number are not tried in all combinations; their sum may be any.
_MOST_UNDATED = 10


class Settlements:
    """What is posted against money, or deducted, under each document number; and our payments."""

    def __init__(self, payments: Iterable[Payment] | None) -> None:
        """`payments` None: they are not known, or were not asked for, so nothing is compared."""
        self.known = payments is not None
        self.payments: dict[str, list[Payment]] = {}
        for payment in payments or ():
            self.payments.setdefault(payment.number, []).append(payment)
        self.posted: dict[str, Posted] = {}
        self.expected = self.matched = 0  # document numbers

    def add_money(self, number: str, side: PostingSide) -> None:
        """Takes a posting whose account is money and whose contra account is a claim."""
        posted = at_number(self.posted, number, side)
        posted.deductions += side.posting.discount
        posted.add(side, side.account, side.number, -side.credited)

    def add_deduction(self, number: str, side: PostingSide, amount: Decimal) -> None:
        """Takes what reduces a claim without money: Skonto, with or without a posting of its tax, and fees."""
        at_number(self.posted, number, side).deductions += amount

    def compare_all(self, compare: Callable[[str, list[Payment], Posted | None], bool]) -> None:
        """Calls `compare` for each document number with payments or money; counts those that it finds right."""
        for number in {*self.payments, *self.posted}:
            payments, posted = self.payments.get(number, []), self.posted.get(number)
            certain = sum((payment.amount for payment in payments if payment.day is not None), ZERO)
            if posted is not None and not posted.sums and not certain:
                continue  # only a deduction
            right = compare(number, payments, posted)
            if payments and (posted is not None or ZERO not in (possible_sums(payments) or (ZERO,))):
                self.expected += 1
                self.matched += right


def payment_difference(payments: list[Payment], posted: Posted, deductions: Decimal = ZERO) -> Message | None:
    """How the money that is posted differs from our payments; None if it may be theirs.

    Of a payment without a day the period is not known, so each of them may be in the sum or not.
    """
    total, possible = posted.total, possible_sums(payments)
    if possible is None or not possible.isdisjoint((total, total + deductions)):
        return None
    expected = sum(payment.amount for payment in payments)
    return message("payment_doubled" if total == 2 * expected else "payment_amount", posted=total, expected=expected)


def possible_sums(payments: list[Payment]) -> set[Decimal] | None:
    """What the period's payments of one document may add up to; None if it may be anything."""
    undated = [payment.amount for payment in payments if payment.day is None]
    if len(undated) > _MOST_UNDATED:
        return None
    possible = {sum((payment.amount for payment in payments if payment.day is not None), ZERO)}
    for amount in undated:
        possible |= {each + amount for each in possible}
    return possible


def is_skonto_tax(side: PostingSide, document: Document | None, *, cancelled: bool) -> bool:
    """True for tax that is taken back from an invoice which nothing cancels: the tax of its Skonto."""
    return (
        side.account.kind is AccountKind.TAX
        and document is not None
        and document.kind == "invoice"
        and document.gross > 0 > side.credited
        and not cancelled
    )
