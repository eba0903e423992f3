"""Accounts, tax keys and debtors: what contradicts the chart or the rest of the export is found, and nothing else."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from random import Random

import pytest

from tests.unit.extf_writer import BookingStyle, Head, Line, Month, check, month, ordinary
from worker.datev.documents import Document, Payment, TaxSubtotal
from worker.datev.report import Report

AT_19 = (TaxSubtotal(Decimal(19), Decimal(100), Decimal(19)),)  # one position at 19 %


@pytest.mark.parametrize(
    ("contra", "key", "words"),
    [
        # Revenue at the other rate, without tax, of another chart, and no revenue at all.
        ("8300", "", "Konto 8300 steht für 7 %"),
        ("8125", "", "Konto 8125 steht für 0 %"),
        ("4400", "", "Konto 4400 ist kein Erlöskonto"),
        ("4980", "", "Konto 4980 ist kein Erlöskonto"),
        # A general account whose key says the other rate; an automatic account with a contradicting key.
        ("8200", "2", "Konto 8200 steht für 7 %"),
        ("8400", "2", "widerspricht dem Automatikkonto"),
    ],
)
def test_wrong_account_is_named(contra: str, key: str, words: str) -> None:
    """An account that contradicts the tax rate is a finding although the sum is right."""
    day = date(2026, 10, 5)
    document = Document("RE-1", "invoice", day, Decimal(119), AT_19, 1)
    line = Line(Decimal(119), "S", "10001", contra, day, "RE-1", key)
    report = check(Month(Head(), BookingStyle(), [document]), [line])
    assert report.counts == {"account": 1}
    assert words in report.findings.found[0].text


def booked(
    count: int, contra: str, key: str = "", *, usual: int = 0, subtotals: tuple[TaxSubtotal, ...] = AT_19
) -> Report:
    """A month of documents of one kind: the first `usual` on 8400, then `count` on another account or key."""
    day, gross = date(2026, 10, 5), sum((each.net + each.tax for each in subtotals), Decimal(0))
    made = Month(Head(), BookingStyle())
    for number in range(usual + count):
        rule = 1 if subtotals is AT_19 else 2
        made.documents.append(Document(f"RE-{number}", "invoice", day, gross, subtotals, rule, customer=number))
        line = Line(gross, "S", f"{10001 + number}", "8400", day, f"RE-{number}")
        made.lines.append(line if number < usual else replace(line, contra=contra, key=key))
    return check(made)


@pytest.mark.parametrize(
    ("contra", "key"),
    [
        ("8200", "3"),  # a general account with the key for 19 %
        ("8200", "0003"),
        ("8410", ""),  # another automatic account
        ("8315", ""),  # EU deliveries taxed here
        ("1718", ""),  # an advance payment
    ],
)
def test_accounts_named_for_it_are_right(contra: str, key: str) -> None:
    """Where the chart names several accounts, all are taken, unless the export usually takes another one."""
    assert booked(1, contra, key).counts == {}
    assert booked(2, contra, key, usual=2).counts == {}
    slip = booked(2, contra, key, usual=3)
    assert slip.counts == {"account": 2} and slip.matched == 3
    assert "3 gleichartige Belege stehen auf Konto 8400" in slip.findings.found[0].text
    assert booked(3, contra, key, usual=5).counts == {}


@pytest.mark.parametrize(
    ("contra", "key"),
    [
        ("8401", ""),  # next to the one meant
        ("8201", "3"),
        ("8405", "3"),  # a key where the account knows its tax
        ("8400", "3"),
        ("8400", "40"),  # tells the account not to know its tax
        ("8450", ""),  # an individual account, for instance of a cost centre
        ("8200", "101"),  # a key that we do not know
    ],
)
def test_unusual_accounts_need_three_documents(contra: str, key: str) -> None:
    """An account that the chart does not name for the case is a finding, unless three documents stand on it."""
    for others in (0, 5):
        assert booked(2, contra, key, usual=others).counts == {"account": 2}
    if key != "40":  # without tax nothing is right, however often
        convention = booked(3, contra, key, usual=5)
        assert (convention.counts, convention.findings.note_counts["account"]) == ({}, 1)


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ([("100", "8400", "40"), ("19", "1776", "")], None),
        ([("100", "8200", ""), ("19", "1776", "")], None),
        ([("100", "8400", ""), ("19", "1776", "")], "errechnet die Steuer, die daneben noch einmal gebucht ist"),
        ([("100", "8200", "3"), ("19", "1776", "")], "errechnet die Steuer, die daneben noch einmal gebucht ist"),
        ([("119", "8400", "40")], "hebt die Automatik"),
        ([("119", "8200", "")], "errechnet ohne BU-Schlüssel keine Steuer"),
        ([("119", "8400", "9")], "steht für Vorsteuer"),
        ([("101", "8400", "40"), ("18", "1776", "")], "Auf Steuerkonten stehen 18,00"),
    ],
)
def test_tax_is_computed_once(lines: list[tuple[str, str, str]], fault: str | None) -> None:
    """By the account, by its key, or in a posting of its own: a finding unless exactly one of them does it."""
    day = date(2026, 10, 5)
    made = Month(Head(), BookingStyle(), [Document("RE-1", "invoice", day, Decimal(119), AT_19, 1)])
    found = check(made, [Line(Decimal(amount), "S", "10001", to, day, "RE-1", key) for amount, to, key in lines])
    assert [fault in finding.text for finding in found.findings.found if fault] == [True] * bool(fault)
    assert bool(found.counts) is bool(fault)


def test_zero_rate_grounds_exclude_each_other() -> None:
    """An export on the account for reverse charge is a fault; on a general tax-free account it is unusual."""
    free = (TaxSubtotal(Decimal(0), Decimal(100), Decimal(0)),)
    assert booked(1, "8120", subtotals=free).counts == {}
    assert booked(3, "8337", subtotals=free).counts == {"account": 3}
    assert booked(1, "8100", subtotals=free).counts == {"account": 1}
    assert booked(3, "8100", subtotals=free).counts == {}


@pytest.mark.parametrize(
    ("account", "key", "fault"),
    [
        ("8720", "", None),  # Erlösschmälerungen 19 %
        ("8760", "", None),  # Boni
        ("8700", "3", None),
        ("8700", "", "errechnet ohne BU-Schlüssel keine Steuer"),
        ("8710", "", "Konto 8710 steht für 7 %"),
        ("8736", "", "Konto 8736 ist kein Erlöskonto"),  # Skonti
    ],
)
def test_credit_notes_may_stand_on_reductions(account: str, key: str, fault: str | None) -> None:
    """Beside invoices on revenue accounts; an invoice may not."""
    usual = booked(5, "8400")
    assert usual.counts == {}
    day, minus = date(2026, 10, 5), (TaxSubtotal(Decimal(19), Decimal(-100), Decimal(-19)),)
    made = Month(Head(), BookingStyle())
    for at in range(5):
        made.documents.append(Document(f"RE-{at}", "invoice", day, Decimal(119), AT_19, 1))
        made.lines.append(Line(Decimal(119), "S", "10001", "8400", day, f"RE-{at}"))
    made.documents.append(Document("GU-1", "credit_note", day, Decimal(-119), minus, 1))
    note = Line(Decimal(119), "H", "10001", account, day, "GU-1", key)
    found = check(made, [*made.lines, note]).findings.found
    assert [fault in each.text for each in found if fault] == [True] * bool(fault) and bool(found) is bool(fault)
    invoice = replace(made.lines[0], contra=account, key=key)
    assert check(made, [invoice, *made.lines[1:], replace(note, contra="8400", key="")]).counts["account"] == 1


@pytest.mark.parametrize("chart", ["03", "04"])
def test_final_invoice_takes_back_among_others(chart: str) -> None:
    """The account of advances is right for taking them back, however many ordinary invoices stand on revenue."""
    day = date(2026, 10, 5)
    revenue, advances = ("8400", "1718") if chart == "03" else ("4400", "3272")
    made = Month(Head(chart=chart), BookingStyle(chart))
    for at in range(6):
        made.documents.append(Document(f"RE-{at}", "invoice", day, Decimal(119), AT_19, 1))
        made.lines.append(Line(Decimal(119) + 119 * (at == 0), "S", "10001", revenue, day, f"RE-{at}"))
    back = Line(Decimal(119), "H", "10001", advances, day, "RE-0")
    assert check(made, [*made.lines, back]).counts == {}
    ordinary_one = replace(made.lines[1], contra=advances)
    assert check(made, [made.lines[0], ordinary_one, *made.lines[2:], back]).counts == {"account": 1}


@pytest.mark.parametrize(
    ("account", "contra", "found"),
    [
        ("8400", "8337", {"account": 1}),  # to reverse charge
        ("8300", "8400", {"account": 1}),
        ("8400", "1776", {"account": 1}),
        ("8400", "8410", {}),  # the same tax
        ("1718", "8400", {}),  # an advance becomes revenue
        ("8400", "8500", {}),  # the chart does not tell
        ("1776", "1789", {}),  # closing of the tax accounts
        ("10001", "10002", {}),
        ("70001", "4930", {}),
    ],
)
def test_moved_revenue_is_found(account: str, contra: str, found: dict[str, int]) -> None:
    """Revenue that moves where the tax return keeps it apart, under a document's number or none; else it is counted."""
    day = date(2026, 10, 5)
    made = Month(Head(), BookingStyle(), [Document("RE-1", "invoice", day, Decimal(119), AT_19, 1)])
    usual = Line(Decimal(119), "S", "10001", "8400", day, "RE-1")
    for number in ("RE-1", "UMB-1", ""):
        report = check(made, [usual, Line(Decimal(50), "S", account, contra, day, number)])
        assert (report.counts, report.matched, len(report.findings.notes)) == (found, 1, int(not found))


@pytest.mark.parametrize(
    ("contra", "key", "reversing"),
    [("8400", "", "20"), ("8400", "", "0020"), ("8200", "3", "23"), ("8400", "40", "80")],
)
def test_reversing_keys_are_known(contra: str, key: str, reversing: str) -> None:
    """The Generalumkehr of each kind of key; 80 reverses 40, with the tax in a posting of its own."""
    day, net = date(2026, 10, 5), Decimal(100 if key == "40" else 119)
    minus = (TaxSubtotal(Decimal(19), Decimal(-100), Decimal(-19)),)
    storno = Document("SR-1", "cancellation", day, Decimal(-119), minus, 1, cancels="RE-1")
    made = Month(Head(), BookingStyle(), [Document("RE-1", "invoice", day, Decimal(119), AT_19, 1), storno])
    lines = [Line(net, "S", "10001", contra, day, "RE-1", key), Line(net, "S", "10001", contra, day, "SR-1", reversing)]
    if key == "40":
        lines += [
            replace(line, amount=Decimal(19), contra="1776", key="20" * bool(at)) for at, line in enumerate(lines)
        ]
    assert check(made, lines).findings.found == []


@pytest.mark.parametrize("mark", [{"reversal": True}, {"key": "20"}])
@pytest.mark.parametrize("side", ["S", "H"])
def test_generalumkehr_may_stand_on_either_side(mark: dict[str, object], side: str) -> None:
    """On the side of what it reverses or, as at DATEV, on the other; by its own number or the invoice's."""
    day, minus = date(2026, 10, 5), (TaxSubtotal(Decimal(19), Decimal(-100), Decimal(-19)),)
    storno = Document("SR-1", "cancellation", day, Decimal(-119), minus, 1, cancels="RE-1")
    made = Month(Head(), BookingStyle(), [Document("RE-1", "invoice", day, Decimal(119), AT_19, 1), storno])
    line = Line(Decimal(119), "S", "10001", "8400", day, "RE-1")
    money = Line(Decimal(119), "S", "1200", "10001", day, "RE-1")
    for number in ("SR-1", "RE-1"):
        back = [replace(each, number=number, side=side, **mark) for each in (line, money)]  # type: ignore[arg-type]
        back[1] = replace(back[1], number="RE-1")
        assert check(made, [line, back[0]]).findings.found == []
        assert check(made, [line, money, *back]).findings.found == []
        assert check(made, [line, replace(back[0], amount=Decimal("119.01"))]).counts["amount"] == 1


def customers(*documents: tuple[int, str, str]) -> Report:
    """Invoices as (customer, debtor of the invoice, debtor of its payment or empty), and three customers more."""
    day = date(2026, 10, 5)
    made = Month(Head(), BookingStyle())
    for at, (customer, debtor, payer) in enumerate((*documents, *((n, str(10000 + n), "") for n in (91, 92, 93)))):
        made.documents.append(Document(f"RE-{at}", "invoice", day, Decimal(119), AT_19, 1, customer=customer))
        made.lines.append(Line(Decimal(119), "S", debtor, "8400", day, f"RE-{at}"))
        if payer:
            made.payments.append(Payment(f"RE-{at}", Decimal(119), day))
            made.lines.append(Line(Decimal(119), "S", "1200", payer, day, f"RE-{at}"))
    return check(made)


@pytest.mark.parametrize(
    ("documents", "words"),
    [
        ([(1, "10001", "10001"), (1, "10001", ""), (2, "10002", "10002")], None),
        ([(1, "10001", "10002")], "Beleg und Zahlungen stehen auf verschiedenen Debitoren: 10001, 10002"),
        ([(1, "10001", ""), (1, "10001", ""), (1, "10077", "")], "Debitor 10077; sonst stehen solche Belege auf 10001"),
        ([(1, "10001", ""), (2, "10001", "")], "Debitor 10001 steht für zwei Kunden: RE-0, RE-1"),
        ([(1, "10000", ""), (2, "10000", ""), (3, "10000", "")], None),  # a collective debtor
        ([(1, "1400", ""), (2, "1400", ""), (3, "1401", "")], "Debitor 1401; sonst stehen solche Belege auf 1400"),
        (
            [(1, "10001", "")] * 3 + [(1, "10002", "")] * 3,
            None,
        ),  # three documents on each
    ],
)
def test_debtors_belong_to_customers(documents: list[tuple[int, str, str]], words: str | None) -> None:
    """One customer has one account, and an account has one customer, as far as the export can show it."""
    report = customers(*documents)
    assert [finding.text for finding in report.findings.found] == ([f"{words}."] if words else [])
    assert report.matched == report.documents - bool(words)


def test_master_data_name_the_debtors() -> None:
    """A debtor missing in the export's own list is a finding, unless the list plainly holds only some debtors."""
    made = ordinary()
    listed = {line.account for line in made.lines if line.account.startswith("10")}
    debtors = Head(category="16", name="Debitoren/Kreditoren").written() + "\r\nName;Konto\r\n"
    invoices = {document.number for document in made.documents if document.kind == "invoice"}
    used = next(line.account for line in made.lines if line.number in invoices and line.account in listed)

    def with_list(accounts: Iterable[str]) -> dict[str, int]:
        content = debtors + "".join(f"x;{account}\r\n" for account in accounts)
        return check(made, more={"EXTF_Debitoren.csv": content.encode()}).counts

    assert with_list(listed) == {}
    assert with_list(listed - {used})["account"] >= 1
    assert with_list(["10999"]) == {}


SLIPS = ("next account", "other rate", "any account", "tax key", "payer")


def slipped(made: Month, slip: str, chance: Random) -> list[Line] | None:
    """The month with one wrong account or tax key; None if it has no line for this slip."""
    main = "contra" if made.style.debtor_first else "account"
    # Of rule 17 the chart names two accounts; which one is right depends on the customer's country.
    ambiguous = {document.number for document in made.documents if document.tax_rule == 17}
    payments = [i for i, line in enumerate(made.lines) if line.text == "Zahlung"]
    ours = [i for i, x in enumerate(made.lines) if x.number[:2] in ("RE", "SR") and x.number not in ambiguous]
    at = chance.choice((payments if slip == "payer" else sorted({*ours} - {*payments})) or [-1])
    if at < 0:
        return None
    line, zeros = made.lines[at], "0" * (made.style.length - 4)
    account = int(getattr(line, main))
    if slip == "payer":
        return made.replaced(at, contra=str(int(line.contra) + 1))
    if slip == "tax key":
        return made.replaced(at, key=chance.choice([key for key in ("", "2", "3", "8", "9", "40") if key != line.key]))
    if slip == "other rate":
        other = {"400": "300", "300": "400"}.get(str(account)[1:4], "400")
        return made.replaced(at, **{main: f"{account}"[0] + other + zeros})
    step = 1 if slip == "next account" else chance.randrange(1, 600) * 10 ** len(zeros)
    return made.replaced(at, **{main: str(account + step)})


def test_wrong_accounts_are_found_in_any_month() -> None:
    """Fifty months, as all exporters book: no finding as they are, and at least one for one slip of each kind."""
    tried = 0
    for seed in range(50):
        made, chance = month(seed, 15), Random(seed)
        assert check(made).counts == {}
        for slip in SLIPS:
            lines = slipped(made, slip, chance)
            if lines is not None:
                assert check(made, lines).counts, (seed, slip)
                tried += 1
    assert tried > 45 * len(SLIPS)
