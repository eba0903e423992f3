"""Whether a final invoice accounts for the advances of its deal, so that their VAT is shown once. Pure.

A final invoice bills everything and deducts the advances with their tax (Endrechnung, § 14 Abs. 5 Satz 2 UStG), or
bills only the rest (Restrechnung, UStAE 14.8 Abs. 11). Tax that it shows again is owed again (§ 14c Abs. 1 UStG).
The deductions of a deal's final invoices are their negative positions, taken together.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from worker.domain.dates import FINAL
from worker.domain.invoice import FinalInvoiceForm, Invoice, Item
from worker.domain.money import Sums, are_computable, figure, predict
from worker.domain.problems import Problem, problem
from worker.domain.tax_rules import percent

ADVANCE = "AR"  # `document_kind` of an advance (Abschlagsrechnung)
# The problems that other jobs of the deal decide on, by the kind of the invoice.
CODES = {ADVANCE: ("advance_after_final",), FINAL: ("advances_not_deducted", "advances_differ", "advance_tax_differs")}

# Which other invoices of the deal matter to one of a kind.
COMPARED = {ADVANCE: [FINAL], FINAL: [ADVANCE, FINAL]}

_Rate = tuple[str, Decimal]  # currency and tax rate


@dataclass(frozen=True, slots=True)
class DealInvoice:
    """Another invoice of the same deal: published and not cancelled, or being published.

    `items` are the positions of its document, without texts.
    """

    number: str  # ours
    document_kind: str
    issue_date: date
    currency: str
    items: tuple[Item, ...]
    published: bool
    # Of one that is not published. With a write of unknown outcome it is both: it may be finalized without knowing of
    # this one.
    asked_before: bool  # its job came in before this one
    begun_before: bool  # its job is running and began before this one
    due_in: float = 0.0  # seconds until its job goes on, if that waits
    left_to_other: bool = False  # there is no job: another program publishes it, and may have done so
    credited: Mapping[int, Decimal] = field(default_factory=dict)  # position and net, as of `credit.Credit.amounts`


@dataclass(frozen=True, slots=True)
class Advance:
    """A published advance. `sums`: without what was credited; None where ours cannot be computed."""

    number: str
    issue_date: date
    currency: str
    sums: Sums | None

    def __str__(self) -> str:
        amounts = f"{figure(self.sums.net)} + {figure(self.sums.tax)}" if self.sums else "?"
        return f"{self.number} ({self.issue_date}): {amounts} {self.currency}"


@dataclass(frozen=True, slots=True)
class RateReckoning:
    """At one tax rate: net and tax of all advances, and what earlier final invoices and this one deduct of them.

    What was credited of an advance, or of a deduction, is not part of it.
    """

    rate: Decimal
    currency: str
    advances: Decimal
    deducted_before: Decimal
    deducted: Decimal
    advances_tax: Decimal
    deducted_tax: Decimal  # by earlier final invoices, too

    @property
    def agrees(self) -> bool:
        """The net does. The tax may still differ by cents where one position deducts several advances."""
        return self.advances == self.deducted_before + self.deducted

    @property
    def taxes(self) -> str:
        return f"{percent(self.rate)}: {figure(self.deducted_tax)} / {figure(self.advances_tax)} {self.currency}"

    def __str__(self) -> str:
        deducted = figure(self.deducted_before + self.deducted)
        return f"{percent(self.rate)}: {deducted} / {figure(self.advances)} {self.currency}"


@dataclass(frozen=True, slots=True)
class Reckoning:
    """The advances of a final invoice's deal, and what is deducted of them."""

    advances: tuple[Advance, ...]
    rates: tuple[RateReckoning, ...]

    @property
    def agrees(self) -> bool:
        return all(advance.sums for advance in self.advances) and all(rate.agrees for rate in self.rates)

    @property
    def deducts(self) -> bool:
        return any(rate.deducted or rate.deducted_before for rate in self.rates)


def reckoning(invoice: Invoice, others: Iterable[DealInvoice]) -> Reckoning | None:
    """None if it is no final invoice, or its deal has no published advance. Its positions must be computable."""
    published = [other for other in others if other.published]
    advances = [other for other in published if other.document_kind == ADVANCE]
    finals = [other for other in published if other.document_kind == FINAL]
    if invoice.document_kind != FINAL or not advances:
        return None
    found: dict[_Rate, list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 5)  # the figures of `RateReckoning`
    columns: tuple[Sequence[DealInvoice | Invoice], ...] = (advances, finals, (invoice,))
    for column, documents in enumerate(columns):
        for document in documents:
            for rate, sums in _sums(document, deductions_only=column > 0):
                figures, sign = found[document.currency, rate], -1 if column else 1
                figures[column] += sign * sums.net
                figures[4 if column else 3] += sign * sums.tax
    rates = tuple(RateReckoning(rate, currency, *found[currency, rate]) for currency, rate in sorted(found))
    return Reckoning(tuple(map(_advance, advances)), rates)


def _sums(document: Invoice | DealInvoice, *, deductions_only: bool) -> Iterator[tuple[Decimal, Sums]]:
    """Tax rate and sums of the positions, each rounded as on its document; nothing if they cannot be computed.

    Without what was credited of them, which is rounded as on the credit notes (`domain/credit.py`).
    """
    if are_computable(document.items):
        for item in document.items:
            if not deductions_only or item.quantity * item.unit_price < 0:
                yield item.tax_rate, predict((item,), document.currency)
                if isinstance(document, DealInvoice) and (credited := document.credited.get(item.position)):
                    off = replace(item, quantity=Decimal(-1), unit_price=credited)
                    yield item.tax_rate, predict((off,), document.currency)


def _advance(other: DealInvoice) -> Advance:
    if not are_computable(other.items):
        return Advance(other.number, other.issue_date, other.currency, None)
    left = [sums for _, sums in _sums(other, deductions_only=False)]
    net, tax = (sum((getattr(sums, part) for sums in left), Decimal(0)) for part in ("net", "tax"))
    return Advance(other.number, other.issue_date, other.currency, Sums(net, tax, net + tax))


def findings(invoice: Invoice, form: FinalInvoiceForm, others: Iterable[DealInvoice]) -> list[Problem]:
    """What speaks against publishing the final invoice or the advance now. Its positions must be computable."""
    others = tuple(others)
    if invoice.document_kind == ADVANCE:
        return _after_final(invoice, others)
    found = reckoning(invoice, others)
    if found is None or form is FinalInvoiceForm.REMAINDER:
        return []
    listed = {"number": invoice.number, "advances": "; ".join(map(str, found.advances))}
    if not found.deducts and not found.agrees:
        return [problem("advances_not_deducted", **listed)]
    problems = [] if found.agrees else [problem("advances_differ", rates="; ".join(map(str, found.rates)), **listed)]
    taxes = [rate.taxes for rate in found.rates if rate.advances_tax != rate.deducted_tax]
    if found.agrees and taxes:
        problems.append(problem("advance_tax_differs", number=invoice.number, taxes="; ".join(taxes)))
    if invoice.is_e_invoice and any(rate.deducted for rate in found.rates):
        problems.append(problem("e_invoice_deducts_advances", number=invoice.number))
    return problems


def _after_final(invoice: Invoice, others: Iterable[DealInvoice]) -> list[Problem]:
    """A final invoice that is published does not account for this advance."""
    finals = [other.number for other in others if other.document_kind == FINAL and other.published]
    return [problem("advance_after_final", number=invoice.number, finals=", ".join(finals))] if finals else []


def awaited(invoice: Invoice, form: FinalInvoiceForm, others: Iterable[DealInvoice]) -> DealInvoice | None:
    """An invoice under way whose end must be known first, because one of the two has to account for the other.

    A final invoice that deducts waits for all advances, and for the final invoices that were asked for before it; one
    over the remainder for the advances that were asked for before it, which would come after it else. An advance waits
    for a final invoice that is running and began before it; one that only waits will see the advance. Both wait for
    one with a write of unknown outcome, also if its job is parked.
    """
    under_way = [other for other in others if not other.published]
    if invoice.document_kind == ADVANCE:
        awaits = [other for other in under_way if other.document_kind == FINAL and other.begun_before]
    elif form is FinalInvoiceForm.DEDUCT:
        awaits = [other for other in under_way if other.document_kind == ADVANCE or other.asked_before]
    else:
        awaits = [other for other in under_way if other.document_kind == ADVANCE and other.asked_before]
    return next(iter(awaits), None)
