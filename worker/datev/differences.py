"""How the postings of a document differ from its sums: kind of finding and German text. Pure."""

from decimal import Decimal

from worker.datev.documents import Document, gross_at_rate
from worker.datev.report import euros

# How far the sum at one tax rate may be off when the whole document is right: sevDesk may distribute the rounding
# among the rates otherwise than we do.
ROUNDING = Decimal("0.02")


def difference(
    documents: tuple[Document, ...], gross: Decimal, total: Decimal, by_rate: dict[Decimal, Decimal]
) -> tuple[str, str] | None:
    """How the postings differ from the documents' sums: kind of finding and German text; None when they agree.

    `by_rate` is empty where the accounts do not tell the rates.
    """
    text = f"gebucht sind {euros(total)}, der Beleg lautet auf {euros(gross)}"
    if total != gross:
        if gross and total == -gross:
            return "amount", f"Soll und Haben sind vertauscht: {text}"
        if gross and total and total % gross == 0 and total / gross > 1:
            return "doubled", f"Der Beleg ist {total / gross:f}-mal gebucht: {text}"
        return _rate_difference(documents, by_rate, text) or ("amount", f"Falscher Betrag: {text}")
    for rate, amount in by_rate.items():
        expected = gross_at_rate(documents, rate)
        if abs(amount - expected) > ROUNDING:
            return "amount", f"Zum Satz {rate.normalize():f} % sind {euros(amount)} gebucht statt {euros(expected)}"
    return None


def _rate_difference(
    documents: tuple[Document, ...], by_rate: dict[Decimal, Decimal], text: str
) -> tuple[str, str] | None:
    """The finding if the part at exactly one of several tax rates is missing or posted twice."""
    expected = {rate: gross_at_rate(documents, rate) for rate in by_rate}
    wrong = [rate for rate, amount in by_rate.items() if abs(amount - expected[rate]) > ROUNDING]
    if len(by_rate) < 2 or len(wrong) != 1:
        return None
    (rate,) = wrong
    if by_rate[rate] == 0:
        return "missing", f"Der Teil zum Satz {rate.normalize():f} % fehlt: {text}"
    if by_rate[rate] == 2 * expected[rate]:
        return "doubled", f"Der Teil zum Satz {rate.normalize():f} % ist doppelt: {text}"
    return None
