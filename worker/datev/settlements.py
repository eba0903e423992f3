"""Compares the money that is posted with our payments, document by document. Pure."""

from decimal import Decimal

from worker.datev.accounts import AccountKind
from worker.datev.documents import ZERO, Document, Payment
from worker.datev.messages import Message, message
from worker.datev.posted import Posted, PostingSide

# Payments without a day of one document beyond this number are not tried in all combinations; their sum may be any.
_MOST_UNDATED = 10


def payment_difference(payments: list[Payment], posted: Posted) -> Message | None:
    """How the money that is posted differs from our payments; None if it may be theirs.

    Of a payment without a day the period is not known, so each of them may be in the sum or not.
    """
    total, possible = posted.total, possible_sums(payments)
    if possible is None or not possible.isdisjoint((total, total + posted.deductions)):
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
