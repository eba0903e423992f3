"""Predicts the sums that sevDesk will compute from the positions, and whether it will accept the invoice. Pure.

Every fact about sevDesk has its source: *official* is its OpenAPI document, *measured* is a live account seen by
an independent project (*one report* where only one saw it), *inferred* is ours. The saved draft is compared all the
same; the prediction prevents that a draft is written which cannot be right.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from iso4217 import Currency

from worker.domain.invoice import Invoice, Item
from worker.domain.problems import Problem, problem
from worker.domain.tax_rules import percent, wrong_rate, wrong_rule

CENT = Decimal("0.01")

# How sevDesk rounds currencies without cents is not established; the draft shows it. Of three decimals two are kept.
_DECIMALS_OF = {each.code: each.exponent for each in Currency if each.exponent is not None}  # gold has no decimals

# Net prices with four decimals are accepted and used unrounded (one report). Five were never tried. Quantities are
# floats (official); how many decimals are kept is not known. EN 16931-1:2026 allows four for both.
_DECIMALS = 4

# Postgres' `numeric` also holds NaN, Infinity and huge numbers; below these bounds Decimal computes exactly and never
# raises. Of a position's figures, and of totals.
_TOO_LARGE = Decimal(10**9)
_TOO_LARGE_TOTAL = Decimal(10**12)

# Advance, partial and final invoices. AR and TR need tax rule 1 or 11, and all three the account's own currency
# (official). That ER needs the same rules is inferred: it closes a chain of AR or TR.
_CHAINED_TYPES = frozenset({"AR", "TR", "ER"})
_CHAINED_RULES = frozenset({1, 11})
_ACCOUNT_CURRENCY = "EUR"


@dataclass(frozen=True, slots=True)
class Sums:
    """Totals in the invoice's currency."""

    net: Decimal
    tax: Decimal
    gross: Decimal

    def __str__(self) -> str:
        return f"net {figure(self.net)}, tax {figure(self.tax)}, gross {figure(self.gross)}"


def predict(items: Iterable[Item], currency: str) -> Sums:
    """The sums that sevDesk will show for these net positions (`showNet` true, no discounts).

    Each position is rounded by itself, then the positions are added (measured, one report: gross 4.94 and -2.47 at 19 %
    give tax 0.40, on the total it would be 0.39). Net prices of four decimals are not rounded first (measured, one
    report: 355.9626 at 7 % is 380.88). Inferred, because no recorded case tells the difference: the tax is taken from
    the rounded net of the position, and halves go away from zero, for negative positions too. Never raises for
    positions in which `first_problem` finds nothing.
    """
    unit = smallest_unit(currency)
    net = tax = Decimal(0) * unit
    for item in items:
        position_net = _rounded(item.quantity * item.unit_price, unit)
        net += position_net
        tax += _rounded(position_net * item.tax_rate / 100, unit)
    return Sums(net, tax, net + tax)


def is_amount(total: Decimal | None) -> bool:
    """A number that can be compared and added; `numeric` columns hold others, too, and a view's may hold nulls."""
    return total is not None and total.is_finite() and abs(total) < _TOO_LARGE_TOTAL


def are_computable(items: Iterable[Item]) -> bool:
    """Whether `predict` may be called."""
    return all(map(_is_computable, items))


def _is_computable(item: Item) -> bool:
    figures: tuple[Decimal | None, ...] = (item.quantity, item.unit_price, item.tax_rate)
    return all(figure is not None and figure.is_finite() and abs(figure) < _TOO_LARGE for figure in figures)


def first_problem(invoice: Invoice, sevdesk_type: str) -> Problem | None:
    """The first reason why sevDesk would refuse the invoice or compute other sums; None if there is none.

    `sevdesk_type` is the invoiceType it is sent as (`RE`, `AR`, `ER`).
    """
    checks = (_no_positions, _wrong_currency, wrong_rule, _wrong_position, wrong_rate, _no_totals, _negative_total)
    for check in checks:
        if found := check(invoice):
            return found
    return _wrong_type(invoice, sevdesk_type) or _wrong_sums(invoice)


def e_invoice_rounding(invoice: Invoice) -> list[Problem]:
    """The rates whose tax is too far from what EN 16931 computes: from the rate's net total (BR-S-09).

    The rules' text wants the same cent, but the official schematron takes what is less than 1.00 off, so that only many
    positions are refused. To be called only where `first_problem` finds nothing.
    """
    return rounding_faults(invoice.items, invoice.currency) if invoice.is_e_invoice else []


def rounding_faults(items: Sequence[Item], currency: str) -> list[Problem]:
    """What `e_invoice_rounding` finds, of any electronic document with these positions."""
    found = []
    for rate in sorted({item.tax_rate for item in items}):
        sums = predict((item for item in items if item.tax_rate == rate), currency)
        if breaks_br_s_09(sums.net, sums.tax, rate):
            from_total = _rounded(sums.net * rate / 100, CENT)
            figures = {"by_position": figure(sums.tax), "from_total": figure(from_total)}
            found.append(problem("e_invoice_rounding", rate=percent(rate), currency=currency, **figures))
    return found


def breaks_br_s_09(net: Decimal, tax: Decimal, rate: Decimal) -> bool:
    """True if the schematron refuses the tax of a rate (per cent): it is 1.00 or more off that of the net sum.

    It compares without signs, computes in floating point, and rounds to cents in every currency (EN 16931 in
    Factur-X 1.09.2). Its BR-CO-17 also takes exactly 1.00, so that it refuses nothing more.
    """
    from_total = math.floor(float(abs(net)) * float(rate) + 0.5) / 100
    return not float(abs(tax) - 1) < from_total < float(abs(tax) + 1)


def smallest_unit(currency: str) -> Decimal:
    """What sums are rounded to."""
    return Decimal(1) if _DECIMALS_OF.get(currency) == 0 else CENT


def _no_positions(invoice: Invoice) -> Problem | None:
    """Official since 2023-07-24; measured text: `The given document must have at least one position`."""
    return None if invoice.items else problem("positions_missing")


def _wrong_currency(invoice: Invoice) -> Problem | None:
    """Official: a code of ISO 4217; measured text when it is missing: `Currency is required.`"""
    if invoice.currency in _DECIMALS_OF:
        return None
    return problem("currency_invalid", currency=repr(invoice.currency[:10]))


def _wrong_position(invoice: Invoice) -> Problem | None:
    return next(filter(None, map(_position_problem, invoice.items)), None)


def _position_problem(item: Item) -> Problem | None:
    if not _is_computable(item):
        return problem("position_figure_invalid", position=item.position)
    if not item.name.strip():
        return problem("position_name_missing", position=item.position)
    if item.quantity == 0:
        return problem("position_quantity_zero", position=item.position)
    if item.unit_price != round(item.unit_price, _DECIMALS):
        return problem("position_price_decimals", position=item.position, price=f"{item.unit_price.normalize():f}")
    if item.quantity != round(item.quantity, _DECIMALS):
        return problem("position_quantity_decimals", position=item.position, quantity=f"{item.quantity.normalize():f}")
    return None


def _no_totals(invoice: Invoice) -> Problem | None:
    totals = {name: getattr(invoice, name) for name in ("net_amount", "tax_amount", "gross_amount")}
    wrong = ", ".join(f"{name} {total:.3G}" for name, total in totals.items() if not is_amount(total))
    return problem("totals_invalid", totals=wrong) if wrong else None


def _negative_total(invoice: Invoice) -> Problem | None:
    """An invoice below zero is a credit note, which sevDesk keeps as another kind of document (official)."""
    if invoice.gross_amount >= 0:
        return None
    return problem("total_negative", gross=figure(invoice.gross_amount), currency=invoice.currency)


def _wrong_type(invoice: Invoice, sevdesk_type: str) -> Problem | None:
    if sevdesk_type not in _CHAINED_TYPES:
        return None
    given = {"type": sevdesk_type, "kind": invoice.document_kind}
    if invoice.tax_rule not in _CHAINED_RULES:
        return problem("type_needs_rule", tax_rule=invoice.tax_rule, **given)
    if invoice.currency != _ACCOUNT_CURRENCY:
        return problem("type_needs_currency", currency=invoice.currency, **given)
    return None


def _wrong_sums(invoice: Invoice) -> Problem | None:
    expected, stated = predict(invoice.items, invoice.currency), stated_sums(invoice)
    return None if expected == stated else sums_problem("sums_differ", expected, stated, invoice.currency)


def stated_sums(invoice: Invoice) -> Sums:
    return Sums(invoice.net_amount, invoice.tax_amount, invoice.gross_amount)


def sums_problem(code: str, found: Sums, stated: Sums, currency: str, **more: object) -> Problem:
    """A problem whose parameters are both sets of totals, and `more`."""
    figures = {name: figure(getattr(found, name)) for name in ("net", "tax", "gross")}
    figures |= {f"stated_{name}": figure(getattr(stated, name)) for name in ("net", "tax", "gross")}
    return problem(code, currency=currency, **figures, **more)


def _rounded(amount: Decimal, unit: Decimal) -> Decimal:
    return amount.quantize(unit, ROUND_HALF_UP)


def figure(amount: Decimal | None) -> str:
    """With two decimals, or with all of them if there are more than two; a view may show a null."""
    if amount is None:
        return "–"
    short = f"{amount:.2f}"
    return short if Decimal(short) == amount else f"{amount:f}"
