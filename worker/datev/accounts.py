"""What the accounts of SKR03 and SKR04 mean for an outgoing invoice. Pure.

Sources, and how strong they are: DATEV's charts (SKR03 article 11174, SKR04 article 11175, 2025) are the authority; the
numbers here were taken from two public transcriptions that agree (Odoo's `l10n_de` templates, Haufe's "Das richtige
Konto") and, for money accounts 1200/1800 and clearing accounts 1723/3320, from sevDesk's OpenAPI document (official).
Which account sevDesk picks for a tax rule is *not established*; its help says that it picks an automatic account for
the ordinary cases, and a general account with a tax key, or the account of a cost centre, for the others. So: what
contradicts the tax rate (or the legal ground of a zero rate) is wrong; what the chart does not name for it is odd, and
wrong unless it is the export's habit (`worker/datev/conventions.py`).

The revenue accounts of both charts end in the same three digits (8400 and 4400, 8125 and 4125), small businesses aside.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

SKR03, SKR04 = "SKR03", "SKR04"
CHARTS = {"03": SKR03, "04": SKR04}  # header field 27 (official)


class Kind(StrEnum):
    """The side of an outgoing invoice that an account stands for."""

    DEBTOR = "debtor"  # personal accounts beginning with 1 to 6: 10000-69999 at four digits (official)
    CREDITOR = "creditor"  # beginning with 7 to 9
    RECEIVABLE = "receivable"  # collective account, for exports without personal accounts
    MONEY = "money"
    REVENUE = "revenue"
    TAX = "tax"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Account:
    """`rate` is per cent and fixed by the account; `rules` are the sevDesk tax rules it is made for (empty: any)."""

    kind: Kind
    rate: Decimal | None = None
    rules: frozenset[int] = frozenset()
    named: bool = True  # by the chart itself, not only through the range it lies in
    advance: bool = False  # money received for what is yet to be delivered


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a posting's account says against a document: the rate it counts for, and what is wrong or odd about it."""

    rate: Decimal | None
    fault: str | None = None
    note: str | None = None


_0, _7, _16, _19 = (Decimal(rate) for rate in (0, 7, 16, 19))

# Last three digits of a revenue account -> rate and tax rules. 1 taxable, 2 export, 3 intra-EU delivery, 4 exempt,
# 5 reverse charge (13b), 11 small business, 17 not taxable here, 18-20 One Stop Shop, 21 reverse charge (18b).
_GERMAN = frozenset({1, 3})
_REVENUE: list[tuple[range, Decimal | None, frozenset[int]]] = [
    (range(100, 120), _0, frozenset({1, 4})),
    (range(120, 125), _0, frozenset({2})),
    (range(125, 136), _0, frozenset({3})),
    (range(138, 170), _0, frozenset({1, 4})),
    (range(290, 291), _0, frozenset({1})),  # zero rate since 2023 (photovoltaics)
    (range(300, 315), _7, _GERMAN),
    (range(315, 320), _19, _GERMAN),
    (range(320, 335), None, frozenset({17, 18, 19, 20})),  # the rate of the customer's country
    (range(335, 336), _0, frozenset({5})),
    (range(336, 337), _0, frozenset({17, 21})),
    (range(337, 338), _0, frozenset({5})),
    (range(338, 339), _0, frozenset({17})),
    (range(339, 340), _0, frozenset({17, 20, 21})),
    (range(340, 350), _16, _GERMAN),
    (range(400, 411), _19, _GERMAN),
]
_GENERAL = 200  # Erlöse: computes no tax unless a tax key says so
# The accounts that the charts name themselves; those between them belong to the range, but few would pick them.
_NAMED = frozenset({
    100, 105, 110, 120, 125, 130, 135, 139, 140, 150, 160, 165, 290, 300, 310, 315, 320, 331, 335, 336, 337, 338, 339,
    340, 400, 410,
})  # fmt: skip
# Grounds of a zero rate that exclude each other in the tax return, so that one in place of another is wrong.
_EXCLUSIVE = frozenset({2, 3, 5, 11, 21})

# Tax keys whose meaning has been the same for decades (DATEV; agreed by every transcription seen).
_KEY_RATES = {"1": _0, "2": _7, "3": _19, "5": _16, "11": _0}
_INPUT_TAX_KEYS = ("7", "8", "9")
_AUTOMATIC_OFF = "40"


@dataclass(frozen=True, slots=True)
class _Chart:
    revenue: int  # the class's first account
    small_business: int
    receivables: range
    money: tuple[range, ...]
    tax: range
    fixed: dict[int, Decimal]  # tax and advance payment accounts that name their rate


_CHARTS = {
    SKR03: _Chart(
        revenue=8000,
        small_business=8195,
        receivables=range(1400, 1450),
        money=(range(1000, 1400), range(1590, 1591), range(1720, 1730)),
        tax=range(1760, 1790),
        fixed={1771: _7, 1776: _19, 1711: _7, 1718: _19},
    ),
    SKR04: _Chart(
        revenue=4000,
        small_business=4185,
        receivables=range(1200, 1250),
        money=(range(1370, 1371), range(1460, 1486), range(1550, 1900), range(3320, 3330)),
        tax=range(3800, 3820),
        fixed={3801: _7, 3806: _19, 3260: _7, 3272: _19},
    ),
}
_ADVANCES = {SKR03: range(1710, 1720), SKR04: range(3250, 3280)}  # Erhaltene Anzahlungen


def classify(number: str, length: int, chart: str) -> Account:
    """The account's meaning. `length` is the header's account length; longer charts append zeros (8400 is 84000)."""
    digits = number.lstrip("0")
    if len(digits) == length + 1:
        return Account(Kind.DEBTOR if digits[0] in "123456" else Kind.CREDITOR)
    if len(digits) > length + 1:
        return Account(Kind.OTHER)
    whole, own = divmod(int(digits or 0), 10 ** (length - 4))
    book = _CHARTS[chart]
    if whole in book.receivables:
        return Account(Kind.RECEIVABLE)
    if any(whole in span for span in book.money):
        return Account(Kind.MONEY)
    if whole in book.tax:
        return Account(Kind.TAX, book.fixed.get(whole))
    if whole in _ADVANCES[chart]:
        return Account(Kind.REVENUE, book.fixed.get(whole), named=whole in book.fixed, advance=True)
    # Allowances (700-799) reduce a payment; 800 and above is assets sold, withdrawals and other income.
    if book.revenue <= whole < book.revenue + 700:
        return Account(Kind.REVENUE, named=False) if own else _revenue(whole, book)
    return Account(Kind.OTHER)


def _revenue(whole: int, book: _Chart) -> Account:
    if whole == book.small_business:
        return Account(Kind.REVENUE, _0, frozenset({11}))
    for span, rate, rules in _REVENUE:
        if whole - book.revenue in span:
            return Account(Kind.REVENUE, rate, rules, whole - book.revenue in _NAMED)
    return Account(Kind.REVENUE, named=whole - book.revenue == _GENERAL)


def tax_key(written: str) -> str:
    """A BU-Schlüssel without leading zeros and the mark of a Generalumkehr: 2x is the tax key x turned round."""
    key = written.lstrip("0")
    return key[1:] if len(key) == 2 and key.startswith("2") else key


def judge(
    account: Account, number: str, key: str, rule: int, rates: frozenset[Decimal], *, tax_beside: bool = False
) -> Verdict:
    """A posting on this account with this `tax_key`, for a document of this tax rule and these rates.

    `tax_beside` says that the document's tax has postings of its own.
    """
    if account.kind not in (Kind.REVENUE, Kind.TAX):
        return Verdict(None, fault=f"Konto {number} ist kein Erlöskonto")
    if key in _INPUT_TAX_KEYS:
        return Verdict(account.rate, fault=f"BU-Schlüssel {key} auf Konto {number} steht für Vorsteuer")
    by_key = _KEY_RATES.get(key)
    if account.rate is not None and by_key is not None and account.rate != by_key:
        return Verdict(account.rate, fault=f"BU-Schlüssel {key} widerspricht dem Automatikkonto {number}")
    rate = by_key if account.rate is None else account.rate
    if account.kind is Kind.REVENUE and (fault := _tax_fault(account, number, key, by_key, rates, tax_beside)):
        return Verdict(rate, fault=fault)
    if rate is None:
        general = account.kind is Kind.REVENUE and account.named and not account.rules and not key
        meant = rule in account.rules or (tax_beside and general)
        return Verdict(None, note=None if meant else f"Konto {number} legt keinen Steuersatz fest")
    if rate not in rates:
        return Verdict(rate, fault=f"Konto {number} steht für {_percent(rate)}, der Beleg für {_listed(rates)}")
    if account.rules and rule not in account.rules:
        told = f"Konto {number} passt nicht zum Steuergrund des Belegs (sevDesk-Steuerregel {rule})"
        if account.rules & _EXCLUSIVE and rule in _EXCLUSIVE and rate == 0:
            return Verdict(rate, fault=told)
        return Verdict(rate, note=told)
    if account.rate is not None and key and not (key == _AUTOMATIC_OFF and _computes(account) and tax_beside):
        return Verdict(rate, note=f"BU-Schlüssel {key} gehört nicht auf das Konto {number}")
    return Verdict(rate, note=None if account.named else f"Konto {number} ist im Kontenrahmen nicht benannt")


def _computes(account: Account) -> bool:
    """Whether it is an automatic account that takes tax out of what is posted to it."""
    return account.kind is Kind.REVENUE and bool(account.rate)


def _tax_fault(
    account: Account, number: str, key: str, by_key: Decimal | None, rates: frozenset[Decimal], tax_beside: bool
) -> str | None:
    """The tax is computed once: by the account, by the key, or in postings beside it."""
    off = key == _AUTOMATIC_OFF
    if tax_beside and ((_computes(account) and not off) or by_key):
        return f"Konto {number} errechnet die Steuer, die daneben noch einmal gebucht ist"
    if tax_beside or not all(rates):
        return None
    if off and _computes(account):
        return f"BU-Schlüssel {key} hebt die Automatik von Konto {number} auf, und die Steuer ist nicht gebucht"
    if account.rate is None and account.named and not account.rules and key in ("", _AUTOMATIC_OFF):
        return f"Konto {number} errechnet ohne BU-Schlüssel keine Steuer"
    return None


def _percent(rate: Decimal) -> str:
    return f"{rate.normalize():f} %".replace(".", ",")


def _listed(rates: frozenset[Decimal]) -> str:
    return " und ".join(_percent(rate) for rate in sorted(rates)) or "keinen Satz"
