"""How the postings of a document differ from its sums. Pure."""

from decimal import Decimal

from worker.datev.documents import Document, gross_at_rate
from worker.datev.messages import Message, message

# How far the sum at one tax rate may be off when the whole document is right: sevDesk may distribute the rounding
# among the rates otherwise than we do.
ROUNDING = Decimal("0.02")


def difference(
    documents: tuple[Document, ...], gross: Decimal, total: Decimal, by_rate: dict[Decimal, Decimal]
) -> Message | None:
    """How the postings differ from the documents' sums; None when they agree.

    `by_rate` is empty where the accounts do not tell the rates.
    """
    sums = {"posted": total, "gross": gross}
    if total != gross:
        if gross and total == -gross:
            return message("sides_swapped", **sums)
        if gross and total and total % gross == 0 and total / gross > 1:
            return message("posting_doubled", times=int(total / gross), **sums)
        return _rate_difference(documents, by_rate, sums) or message("amount_wrong", **sums)
    for rate, amount in by_rate.items():
        expected = gross_at_rate(documents, rate)
        if abs(amount - expected) > ROUNDING:
            return message("amount_at_rate", rate=rate, posted=amount, expected=expected)
    return None


def _rate_difference(
    documents: tuple[Document, ...], by_rate: dict[Decimal, Decimal], sums: dict[str, Decimal]
) -> Message | None:
    """The finding if the part at exactly one of several tax rates is missing or posted twice."""
    expected = {rate: gross_at_rate(documents, rate) for rate in by_rate}
    wrong = [rate for rate, amount in by_rate.items() if abs(amount - expected[rate]) > ROUNDING]
    if len(by_rate) < 2 or len(wrong) != 1:
        return None
    (rate,) = wrong
    if by_rate[rate] == 0:
        return message("rate_missing", rate=rate, **sums)
    if by_rate[rate] == 2 * expected[rate]:
        return message("rate_doubled", rate=rate, **sums)
    return None
