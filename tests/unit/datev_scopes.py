"""One month's books in the export that each order gives, with postings of the account that are no business of ours."""

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from tests.unit.extf_writer import BookingStyle, Line, Month, accept, archive, month, table
from worker.datev.order import Order
from worker.datev.report import Period, Report

MONEY = {"03": "1200", "04": "1800"}


@dataclass
class Books:
    """A month of business, booked by one chart, with credit notes' and foreign postings."""

    made: Month
    chart: str

    @property
    def period(self) -> Period:
        """The month."""
        return Period(self.made.head.first, self.made.head.last)

    def lines(self, order: Order) -> list[Line]:
        """What sevDesk would write for this order."""
        earnings = [line for line in self.made.lines if self._is_ours(line) and not self._is_payment(line)]
        found = self._by_pay_date(earnings) if order.by_pay_date else earnings
        chosen = found if "E" in order.scope else []
        chosen = chosen + [x for x in self.made.lines if "T" in order.scope and self._is_payment(x)]
        return chosen + [line for letter in order.scope for line in self._foreign(letter)]

    def report(
        self, order: Order, change: Callable[[list[Line]], list[Line]] = list, *, locked: bool | None = None
    ) -> Report:
        """The report on that export after a change; `locked` is what its header says about Festschreibung."""
        head = replace(self.made.head, locked=int(order.enshrine if locked is None else locked))
        content = archive({"EXTF_Buchungsstapel.csv": table(change(self.lines(order)), head)})
        documents = self.made.documents
        if order.by_pay_date:
            documents = [
                replace(each, day=self.paid[each.number], issue_day=each.day)
                for each in documents
                if each.number in self.paid
            ]
        payments = self.made.payments if "T" in order.scope else None
        return accept(io.BytesIO(content), documents, payments, self.period, f"SKR{self.chart}", order)

    @property
    def paid(self) -> dict[str, date]:
        """Invoices paid in full, with the day of the last payment."""
        gross = {each.number: each.gross for each in self.made.documents}
        sums: dict[str, Decimal] = {}
        days: dict[str, date] = {}
        for payment in self.made.payments:
            assert payment.day is not None
            sums[payment.number] = sums.get(payment.number, Decimal(0)) + payment.amount
            days[payment.number] = max(days.get(payment.number, payment.day), payment.day)
        return {number: days[number] for number, paid in sums.items() if paid == gross[number]}

    def _by_pay_date(self, lines: list[Line]) -> list[Line]:
        """Paid ones only: half of them with the pay date, half with the invoice date."""
        paid = self.paid
        return [
            replace(line, day=paid[line.number] if int(line.number[3:]) % 2 else line.day)
            for line in lines
            if line.number in paid
        ]

    def _is_ours(self, line: Line) -> bool:
        return line.number.startswith(("RE", "SR"))

    def _is_payment(self, line: Line) -> bool:
        return line.account == MONEY[self.chart]

    def _foreign(self, letter: str) -> list[Line]:
        """A purchase, a bank fee, a sale for cash, depreciation: of SKR03 or SKR04."""
        first, skr03 = self.made.head.first, self.chart == "03"
        fees = "4970" if skr03 else "6855"
        purchase = Line(Decimal("35.70"), "H", "70001", "4930" if skr03 else "6815", first, "ER-77", key="9")
        cash = "1000" if skr03 else "1600"
        return {
            "E": [],
            "X": [purchase, replace(purchase, side="S", contra=MONEY[self.chart], key="")],
            "T": [replace(purchase, side="S", account=fees, contra=MONEY[self.chart], number="")],
            "C": [
                replace(purchase, side="S", account=cash, contra="8400" if skr03 else "4400", number="K-1", key=""),
                replace(purchase, side="S", account=cash, contra="8300" if skr03 else "4300", number="", key=""),
            ],
            "D": [replace(purchase, side="S", account="4830" if skr03 else "6220", contra="0400", number="", key="")],
        }[letter]


def books(chart: str, seed: int = 3) -> Books:
    """Thirty invoices with cancellations and payments; one debtor line for each tax rate."""
    made = month(seed, style=BookingStyle(chart=chart))
    return Books(made, chart)


def first_changed(lines: list[Line], wanted: Callable[[Line], bool], **changes: object) -> list[Line]:
    """The lines, the first one that is wanted being changed."""
    at = next(i for i, line in enumerate(lines) if wanted(line))
    return [*lines[:at], replace(lines[at], **changes), *lines[at + 1 :]]  # type: ignore[arg-type]  # fields by name


def other_day(line: Line, last: date) -> date:
    """The next day, or the one before at the end of the month."""
    return line.day + timedelta(days=1 if line.day < last else -1)
