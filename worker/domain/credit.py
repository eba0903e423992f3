"""Credit notes over a part of an invoice: their marker, what they credit, and whether they may. Pure.

The parts of a position that are credited one after the other are rounded together: each is over what all parts up to it
come to, rounded as one position, less what the parts before it came to. So all parts of a position are the position,
and none is a cent off for more than a moment. Two halves of 100.06 at 19 % are 9.51 and 9.50 tax, not twice 9.51.
sevDesk rounds each position of a credit note by itself, so that such a part may need a second one over a few cents.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

from worker.domain import events
from worker.domain.invoice import CreditNote, Item
from worker.domain.money import CENT, Sums, predict, smallest_unit
from worker.domain.payloads import CreditPosition
from worker.domain.problems import Problem, problem
from worker.domain.tax_rules import percent

ZERO = Decimal(0)
DRAFTED, FINALIZED, DELETED = "drafted", "finalized", "deleted"  # `CreditNote.status`
MARKER_DIGITS = 12  # hexadecimal: enough for the few credit notes of one invoice
ONE, TEN_THOUSANDTH = Decimal(1), Decimal("0.0001")  # prices have four decimals
ROUNDING = "Rundung"  # name of the position over a few cents
# In smallest units: at a tax rate with one decimal, every rounding error occurs among so many amounts.
FARTHEST = 1000


@dataclass(frozen=True, slots=True)
class Credit:
    """What a credit note has to say: its positions, the sums that sevDesk must show, and those by tax rate.

    `amounts`: of each position of the invoice the net amount, not rounded, that was credited before, and what of it is.
    """

    items: tuple[Item, ...]
    sums: Sums
    by_rate: Mapping[Decimal, Sums]
    amounts: Mapping[int, tuple[Decimal, Decimal]]


def marker_of(invoice_number: str, job_id: str) -> str:
    """How the credit note of a job is found again in sevDesk; the same for every attempt of that job."""
    return f"{invoice_number}/{hashlib.sha256(job_id.encode()).hexdigest()[:MARKER_DIGITS]}"


def is_marked(note: str | None, invoice_number: str) -> bool:
    """Whether a credit note's internal note is a marker of this invoice, and not of one whose number begins alike."""
    number, _, digits = (note or "").rpartition("/")
    return number == invoice_number and len(digits) == MARKER_DIGITS


def credited_before(notes: Iterable[CreditNote], job_id: str) -> dict[int, Decimal]:
    """What was credited of each position before a job's credit note; as it was then, if that is on record."""
    before: dict[int, Decimal] = {}
    for note in notes:
        if note.job_id == job_id and note.status != DELETED:
            return {position: start for position, (start, _) in note.amounts.items()}
        for position, (_, credited) in note.amounts.items() if note.status != DELETED else ():
            before[position] = before.get(position, ZERO) + credited
    return before


def credit_of(
    number: str,
    wanted: Sequence[CreditPosition],
    invoiced: Sequence[Item],
    currency: str,
    before: Mapping[int, Decimal] = MappingProxyType({}),
) -> Credit | Problem:
    """What the wanted positions come to, or why they cannot be credited. `invoiced` are the document's positions."""
    known = {item.position: item for item in invoiced}
    lines: list[Item] = []
    credited: dict[int, Decimal] = {}
    for each in wanted:
        if each.position not in known:
            listed = ", ".join(map(str, sorted(known)))
            return problem("credit_position_unknown", number=number, position=each.position, known=listed)
        item = _item(each, known[each.position])
        start = before.get(each.position, ZERO) + credited.get(each.position, ZERO)
        amount = item.quantity * item.unit_price
        lines += _lines(item, start, start + amount, currency)
        credited[each.position] = credited.get(each.position, ZERO) + amount
    items = tuple(replace(item, position=place) for place, item in enumerate(lines, 1))
    sums = predict(items, currency)
    if sums.gross <= 0:
        return problem("credit_not_positive", number=number, gross=sums.gross, currency=currency)
    amounts = {position: (before.get(position, ZERO), amount) for position, amount in credited.items()}
    return Credit(items, sums, sums_by_rate(items, currency), amounts)


def _item(wanted: CreditPosition, invoiced: Item) -> Item:
    """The tax rate is always the invoice's: sevDesk refuses any other (measured by one peer). So are the signs.

    A discount or deduction is a negative position, of which a part that is credited has to stay negative.
    """
    return replace(
        invoiced,
        name=wanted.name or invoiced.name,
        quantity=(wanted.quantity or invoiced.quantity).copy_sign(invoiced.quantity),
        unit_price=(wanted.unit_price or invoiced.unit_price).copy_sign(invoiced.unit_price),
    )


def _lines(item: Item, start: Decimal, end: Decimal, currency: str) -> tuple[Item, ...]:
    """The part of a position from one net amount to another, as positions whose sums are exactly those of the part."""
    until, before = (predict((replace(item, quantity=ONE, unit_price=amount),), currency) for amount in (end, start))
    net, tax = until.net - before.net, until.tax - before.tax
    wanted, unit = Sums(net, tax, net + tax), smallest_unit(currency).copy_sign(net)
    if predict((item,), currency) == wanted:
        return (item,)
    within = range(min(FARTHEST, int(net / unit)))  # both positions have the sign of the part, if that can be
    for steps in (*(within or (0,)), *range(-1, -FARTHEST, -1)):
        rest = replace(item, name=ROUNDING, quantity=ONE.copy_sign(steps * unit), unit_price=abs(steps * unit))
        lines = (_over(item, net - steps * unit, currency), rest)[: 2 if steps else 1]
        if predict(lines, currency) == wanted:
            return lines
    return (item,)  # not reached at rates of one decimal; at others the limits still hold


def _over(item: Item, net: Decimal, currency: str) -> Item:
    """The position with the price that makes it this net sum; of quantity 1 if no price of four decimals does."""
    priced = replace(item, unit_price=(net / item.quantity).quantize(TEN_THOUSANDTH, ROUND_HALF_UP))
    if predict((priced,), currency).net == net:
        return priced
    return replace(item, quantity=ONE.copy_sign(item.quantity), unit_price=net.copy_sign(net * item.quantity))


def sums_by_rate(items: Iterable[Item], currency: str) -> dict[Decimal, Sums]:
    """The sums of the positions at each tax rate."""
    items = tuple(items)
    rates = sorted({item.tax_rate for item in items})
    return {rate: predict((item for item in items if item.tax_rate == rate), currency) for rate in rates}


def exceeded(
    number: str, credit: Credit, notes: Sequence[CreditNote], by_hand: Decimal, invoiced: Sequence[Item], currency: str
) -> Problem | None:
    """Why the credit notes together would be more than the invoice, at a tax rate or in all; None if they are not.

    `notes` are ours; `by_hand` is the gross sum of those that others made in sevDesk, whose rates are not known.
    """
    limits = sums_by_rate(invoiced, currency)
    invoiced_gross = sum((limit.gross for limit in limits.values()), ZERO)
    in_all = by_hand + sum((note.gross for note in notes), ZERO)
    parts = [_Part("gross", tuple(limits), in_all, credit.sums.gross, invoiced_gross)]
    for rate, asked in credit.by_rate.items():
        before = [note.by_rate.get(rate, (ZERO, ZERO)) for note in notes]
        net, gross = (sum(amounts, ZERO) for amounts in zip((ZERO, ZERO), *before, strict=True))
        # Rounding may leave the gross within its limit and the others not: many positions of 0.02 carry no tax.
        parts.append(_Part("gross", (rate,), gross, asked.gross, limits[rate].gross))
        parts.append(_Part("net", (rate,), net, asked.net, limits[rate].net))
        parts.append(_Part("tax", (rate,), gross - net, asked.tax, limits[rate].tax))
    for part in parts:
        if part.credited + part.asked > max(ZERO, part.invoiced):  # below zero where a rate has deductions only
            figures = {"asked": part.asked, "credited": part.credited, "invoiced": part.invoiced}
            figures["left"] = max(ZERO, part.invoiced - part.credited)
            shown = {name: f"{amount:.2f}" for name, amount in figures.items()}
            about = {"rates": " / ".join(map(percent, part.rates)), "measure": part.measure, "currency": currency}
            return problem("credit_exceeds_invoice", number=number, **about, **shown)
    return None


class _Part(NamedTuple):
    """What must not be exceeded: the net or gross sum or the tax at these tax rates."""

    measure: str
    rates: tuple[Decimal, ...]
    credited: Decimal
    asked: Decimal
    invoiced: Decimal


def net_and_gross(subtotals: Mapping[str, Mapping[str, str]]) -> dict[Decimal, tuple[Decimal, Decimal]]:
    """By tax rate, from `CreditSaved.subtotals`."""
    amounts = {Decimal(rate): (Decimal(each["net"]), Decimal(each["tax"])) for rate, each in subtotals.items()}
    return {rate: (net, net + tax) for rate, (net, tax) in amounts.items()}


def amounts_of(content: Mapping[str, Any]) -> dict[int, tuple[Decimal, Decimal]]:
    """`Credit.amounts`, from `CreditSaved.content`; empty where that does not tell."""
    amounts = content.get("amounts") or {}
    return {int(position): (Decimal(start), Decimal(of)) for position, (start, of) in amounts.items()}


def notes_after(notes: tuple[CreditNote, ...], job_id: str, event: events.Event) -> tuple[CreditNote, ...]:
    """The credit notes of an invoice after an event of this job, whose own note it is about."""
    others = tuple(note for note in notes if note.job_id != job_id)
    own = next((note for note in notes if note.job_id == job_id), None)
    match event:
        case events.CreditSaved(marker=marker, external_id=id, gross=gross):
            by_rate, amounts = net_and_gross(event.subtotals), amounts_of(event.content)
            return (*others, CreditNote(marker, job_id, id, DRAFTED, None, gross, by_rate, amounts))
        case events.CreditDeleted() if own is not None:
            return (*others, replace(own, status=DELETED))
        case events.Credited(number=number, refund_due=due, day=day) if own is not None:
            return (*others, replace(own, status=FINALIZED, number=number, refund_due=due, day=day))
        case events.CreditPdfStored(sha256=sha256) if own is not None:
            return (*others, replace(own, pdf_sha256=sha256))
        case events.CreditMailed() if own is not None:
            return (*others, replace(own, mailed=True))
        case _:
            return notes


def refund_due(gross: Decimal, paid: Decimal, credited_before: Decimal, credited: Decimal) -> Decimal:
    """What must be paid back for a credit note: the part that is not set off against what is still owed."""

    def paid_too_much(credited: Decimal) -> Decimal:
        return min(paid, max(ZERO, paid + credited - gross))

    return paid_too_much(credited_before + credited) - paid_too_much(credited_before)


def refund_due_of_closed(left: Decimal, kept: Decimal, credited: Decimal) -> Decimal:
    """`refund_due` of an invoice that sevDesk closed, on which nothing is owed any more: what was paid for that part.

    `left` is what earlier credit notes left of the gross sum, and `kept` what was paid without what must be paid back
    for them. With Skonto `kept` is less than `left`, and the refund is less in proportion, to the cent; those of all
    credit notes together are what was paid.
    """
    share = credited if left <= kept or left <= ZERO else (credited * kept / left).quantize(CENT, ROUND_HALF_UP)
    return max(ZERO, min(kept, credited, share))
