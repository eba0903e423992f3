"""What the accounts of SKR03 and SKR04 mean for an outgoing invoice. Pure.

Sources, and how strong they are: DATEV's charts (SKR03 article 11174, SKR04 article 11175, 2025) are the authority; the
numbers here were taken from two public transcriptions that agree (Odoo's `l10n_de` templates, Haufe's "Das richtige
Konto") and, for money accounts 1200/1800 and clearing accounts 1723/3320, from sevDesk's OpenAPI document (official).
Which account sevDesk picks for a tax rule is *not established*; its help says that it picks an automatic account for
the ordinary cases, and a general account with a tax key, or the account of a cost centre, for the others. So what
contradicts the tax rate, or the legal ground of a zero rate, is a fault. What the chart does not name for the case is a
note, which becomes a fault unless the export does it regularly (`worker/datev/conventions.py`).

The revenue accounts of both charts end in the same three digits (8400 and 4400), except for small businesses.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from worker.datev.messages import Message, message

SKR03, SKR04 = "SKR03", "SKR04"
CHARTS = {"03": SKR03, "04": SKR04}  # header field 27 (official)


class AccountKind(StrEnum):
    """What an account is for, as far as outgoing invoices and their payments are concerned."""

    DEBTOR = "debtor"  # personal accounts beginning with 1 to 6: 10000-69999 at four digits (official)
    CREDITOR = "creditor"  # beginning with 7 to 9
    RECEIVABLE = "receivable"  # collective account, in exports without personal accounts
    MONEY = "money"
    REVENUE = "revenue"
    TAX = "tax"
    OTHER = "other"


class AccountAndKey(NamedTuple):
    """An account number and a tax key (BU-Schlüssel), as written in a posting."""

    account: str
    key: str


@dataclass(frozen=True, slots=True)
class Account:
    """What the chart says of an account."""

    kind: AccountKind
    rate: Decimal | None = None  # per cent, where the account implies it
    tax_rules: frozenset[int] = frozenset()  # sevDesk tax rules the account is made for; empty: any
    named: bool = True  # the chart names this account; False: it only lies in a range of accounts
    advance: bool = False  # Erhaltene Anzahlungen
    reduces: bool = False  # Erlösschmälerungen, Boni, Rabatte: where a credit note may stand


@dataclass(frozen=True, slots=True)
class AccountCheck:
    """The tax rate that a posting's account stands for, and what is wrong (`fault`) or unusual (`note`)."""

    rate: Decimal | None
    fault: Message | None = None
    note: Message | None = None


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
_GENERAL = 200  # Erlöse: no tax is computed unless a tax key says so
# The same of accounts for what reduces revenue.
_REDUCTIONS: dict[int, tuple[Decimal | None, frozenset[int]]] = {
    700: (None, frozenset()), 701: (_0, frozenset({4})), 702: (_0, frozenset({4})), 703: (_0, frozenset({1, 4})),
    704: (_0, frozenset({1, 4})), 705: (_0, frozenset({2})), 710: (_7, _GERMAN), 720: (_19, _GERMAN),
    724: (_0, frozenset({3})), 725: (_7, _GERMAN), 726: (_19, _GERMAN), 727: (None, frozenset({17, 18, 19, 20})),
    750: (_7, _GERMAN), 760: (_19, _GERMAN), 769: (None, frozenset()), 770: (None, frozenset()),
    780: (_7, _GERMAN), 790: (_19, _GERMAN),
}  # fmt: skip
# Accounts that the charts name. Those between them lie in the range too, but are unlikely choices.
_NAMED = frozenset({
    100, 105, 110, 120, 125, 130, 135, 139, 140, 150, 160, 165, 290, 300, 310, 315, 320, 331, 335, 336, 337, 338, 339,
    340, 400, 410,
})  # fmt: skip
# Tax rules with rate zero that exclude each other in the tax return, so that an account for another one is a fault.
_EXCLUSIVE = frozenset({2, 3, 5, 11, 21})

# Tax keys with a fixed meaning (DATEV; every transcription seen agrees).
_KEY_RATES = {"1": _0, "2": _7, "3": _19, "5": _16, "11": _0}
_INPUT_TAX_KEYS = ("7", "8", "9")
_AUTOMATIC_OFF = "40"  # hebt die Automatik auf
# First digit of a key of two that marks a Generalumkehr -> the digit of what it reverses (DATEV).
_REVERSING = {"2": "0", "6": "1", "7": "5", "8": "4"}


@dataclass(frozen=True, slots=True)
class _Chart:
    revenue: int  # first account of the revenue class
    small_business: int
    receivables: range
    money: tuple[range, ...]
    tax: range
    advances: range  # Erhaltene Anzahlungen
    rates: dict[int, Decimal]  # of tax and advance payment accounts that imply one


_CHARTS = {
    SKR03: _Chart(
        revenue=8000,
        small_business=8195,
        receivables=range(1400, 1450),
        money=(range(1000, 1400), range(1590, 1591), range(1720, 1730)),
        tax=range(1760, 1790),
        advances=range(1710, 1720),
        rates={1771: _7, 1776: _19, 1711: _7, 1718: _19},
    ),
    SKR04: _Chart(
        revenue=4000,
        small_business=4185,
        receivables=range(1200, 1250),
        money=(range(1370, 1371), range(1460, 1486), range(1550, 1900), range(3320, 3330)),
        tax=range(3800, 3820),
        advances=range(3250, 3280),
        rates={3801: _7, 3806: _19, 3260: _7, 3272: _19},
    ),
}


def classify(number: str, length: int, chart: str) -> Account:
    """What the account is. `length` is the header's account length; beyond four digits zeros follow (8400 is 84000).

    `chart` is `SKR03` or `SKR04`.
    """
    digits = number.lstrip("0")
    if len(digits) == length + 1:
        return Account(AccountKind.DEBTOR if digits[0] in "123456" else AccountKind.CREDITOR)
    if len(digits) > length + 1:
        return Account(AccountKind.OTHER)
    standard, individual = divmod(int(digits or 0), 10 ** (length - 4))
    accounts = _CHARTS[chart]
    if standard in accounts.receivables:
        return Account(AccountKind.RECEIVABLE)
    if any(standard in span for span in accounts.money):
        return Account(AccountKind.MONEY)
    rate = accounts.rates.get(standard)
    if standard in accounts.tax:
        return Account(AccountKind.TAX, rate)
    if standard in accounts.advances:
        return Account(AccountKind.REVENUE, rate, named=rate is not None, advance=True)
    # 700-799 are reductions of revenue (Erlösschmälerungen): of a payment (Skonto), or a credit note. From 800 on:
    # assets sold, withdrawals, other income.
    if standard - accounts.revenue in _REDUCTIONS and not individual:
        rate, tax_rules = _REDUCTIONS[standard - accounts.revenue]
        return Account(AccountKind.OTHER, rate, tax_rules, reduces=True)
    if accounts.revenue <= standard < accounts.revenue + 700:
        return Account(AccountKind.REVENUE, named=False) if individual else _revenue(standard, accounts)
    return Account(AccountKind.OTHER)


def _revenue(standard: int, accounts: _Chart) -> Account:
    if standard == accounts.small_business:
        return Account(AccountKind.REVENUE, _0, frozenset({11}))
    suffix = standard - accounts.revenue
    for span, rate, tax_rules in _REVENUE:
        if suffix in span:
            return Account(AccountKind.REVENUE, rate, tax_rules, suffix in _NAMED)
    return Account(AccountKind.REVENUE, named=suffix == _GENERAL)


def kept_apart(one: Account, other: Account) -> bool:
    """True if the VAT return states the two apart for sure, so that moving revenue between them changes it."""
    known = all((each.named or each.rate is not None) and not each.advance for each in (one, other))
    return known and (one.kind, one.rate, one.tax_rules) != (other.kind, other.rate, other.tax_rules)


def without_reversal(key: str) -> str:
    """A BU-Schlüssel without leading zeros and without the digit of a Generalumkehr: 23 reverses 3, 20 none, 80 40."""
    key = key.lstrip("0")
    return f"{_REVERSING[key[0]]}{key[1]}".lstrip("0") if is_reversal(key) else key


def is_reversal(key: str) -> bool:
    """True for a BU-Schlüssel that means a Generalumkehr."""
    key = key.lstrip("0")
    return len(key) == 2 and key[0] in _REVERSING


def check_account(
    account: Account, written: AccountAndKey, tax_rule: int, rates: frozenset[Decimal], *, tax_posted: bool = False
) -> AccountCheck:
    """Checks the account and tax key of a posting for a document of this tax rule and these rates.

    `written` holds the key `without_reversal`; `tax_posted` says that the document's tax has postings of its own.
    """
    number, key = written
    if account.kind not in (AccountKind.REVENUE, AccountKind.TAX):
        return AccountCheck(None, fault=message("account_not_revenue", account=number))
    if key in _INPUT_TAX_KEYS:
        return AccountCheck(account.rate, fault=message("key_input_tax", key=key, account=number))
    key_rate = _KEY_RATES.get(key)
    if account.rate is not None and key_rate is not None and account.rate != key_rate:
        return AccountCheck(account.rate, fault=message("key_contradicts", key=key, account=number))
    rate = key_rate if account.rate is None else account.rate
    if account.kind is AccountKind.REVENUE and (fault := _tax_fault(account, written, key_rate, rates, tax_posted)):
        return AccountCheck(rate, fault=fault)
    if rate is None:
        general = account.kind is AccountKind.REVENUE and account.named and not account.tax_rules and not key
        intended = tax_rule in account.tax_rules or (tax_posted and general)
        return AccountCheck(None, note=None if intended else message("account_without_rate", account=number))
    if rate not in rates:
        return AccountCheck(rate, fault=message("account_rate", account=number, rate=rate, rates=rates))
    if account.tax_rules and tax_rule not in account.tax_rules:
        unfit = message("account_tax_rule", account=number, tax_rule=tax_rule)
        if account.tax_rules & _EXCLUSIVE and tax_rule in _EXCLUSIVE and rate == 0:
            return AccountCheck(rate, fault=unfit)
        return AccountCheck(rate, note=unfit)
    if account.rate is not None and key and not (key == _AUTOMATIC_OFF and _is_automatic(account) and tax_posted):
        return AccountCheck(rate, note=message("key_misplaced", key=key, account=number))
    return AccountCheck(rate, note=None if account.named else message("account_unnamed", account=number))


def _is_automatic(account: Account) -> bool:
    """True for an Automatikkonto, which takes the tax out of the gross amounts posted to it."""
    return account.kind is AccountKind.REVENUE and bool(account.rate)


def _tax_fault(
    account: Account, written: AccountAndKey, key_rate: Decimal | None, rates: frozenset[Decimal], tax_posted: bool
) -> Message | None:
    """A fault unless the tax is computed exactly once: by the account, by the key, or in postings of its own."""
    number, key = written
    off = key == _AUTOMATIC_OFF
    if tax_posted and ((_is_automatic(account) and not off) or key_rate):
        return message("tax_twice", account=number)
    if tax_posted or not all(rates):
        return None
    if off and _is_automatic(account):
        return message("key_turns_off_tax", key=key, account=number)
    if account.rate is None and account.named and not account.tax_rules and key in ("", _AUTOMATIC_OFF):
        return message("tax_missing", account=number)
    return None
