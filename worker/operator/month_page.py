"""The report of a month as one HTML page: what differs in money first."""

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby

from worker.domain.formats import format_day, format_money, format_time
from worker.domain.html_charts import bar_table, columns
from worker.domain.html_page import Html, Tone, figures, heading, page, paragraph, table
from worker.domain.problems import CATALOGUE
from worker.domain.problems.problem_type import Lang
from worker.operator.month_report import MonthReport
from worker.operator.month_words import word
from worker.store.rows import Row

STAGES = ("approved", "published", "sent", "paid")
OTHERS = ("received", "draft", "cancelled")


def month_page(report: MonthReport, lang: Lang) -> str:
    """The whole file; times are in this machine's zone, which they name."""
    return _Page(report, lang).html()


class _Page:
    def __init__(self, report: MonthReport, lang: Lang) -> None:
        self.report, self.lang = report, lang

    def html(self) -> str:
        report = self.report
        days = {"first": self._day(report.first), "last": self._day(report.last), "at": self._time(report.at)}
        sections: tuple[tuple[str, Callable[[], Iterator[Html]]], ...] = (
            ("differences", self._differences), ("pipeline", self._pipeline), ("claims", self._claims),
            ("payments", self._payments), ("parked", self._parked), ("drift", self._drift), ("exports", self._exports),
        )  # fmt: skip
        parts = [paragraph(self._word("made", **days), "quiet"), figures(self._head())]
        for name, section in sections:
            parts += [heading(self._word(name)), *section()]
        return page(self._word("title", month=self._month()), parts, self.lang)

    # -- the sections, from above ----------------------------------------------------------------------------------

    def _head(self) -> Iterator[tuple[str, object, Tone]]:
        for name in ("published_sum", "received_sum"):
            yield self._word(name), self._sums(self.report.pipeline, name), ""
        yield self._word("owed"), self._sums(self.report.open_claims, "owed"), ""
        totals = {row["currency"]: row["total"] for row in self.report.differences}
        told = ", ".join(self._money(total, currency) for currency, total in totals.items())
        yield self._word("in_euros"), told or self._word("none"), "bad" if told else "good"

    def _differences(self) -> Iterator[Html]:
        rows = self.report.differences
        if not rows:
            yield paragraph(self._word("no_differences"), "good")
            return
        cells = ((row["invoice_number"], self._word(row["code"]), self._money(row["amount"], row["currency"]),
                  self._time(row["opened_at"])) for row in rows)  # fmt: skip
        yield table(self._words("invoice", "what", "amount", "since"), cells, numbers={2})
        yield from self._more(rows)

    def _pipeline(self) -> Iterator[Html]:
        if not self.report.pipeline:
            yield paragraph(self._word("no_invoices"), "quiet")
        for row in self.report.pipeline:
            most = max(row[f"{stage}_sum"] for stage in STAGES)
            names = (*STAGES, *(name for name in OTHERS if row[name]))
            yield bar_table(
                self._words("stage", "invoices", "gross"),
                ((self._word(name), _share(row[f"{name}_sum"], most), "",
                  (self._count(row[name]), self._money(row[f"{name}_sum"], row["currency"]))) for name in names),
            )  # fmt: skip

    def _claims(self) -> Iterator[Html]:
        if not self.report.open_claims:
            yield paragraph(self._word("no_claims"), "good")
        for currency, group in groupby(self.report.open_claims, key=lambda row: row["currency"]):
            rows = list(group)
            most = max(row["owed"] for row in rows)
            yield bar_table(
                self._words("due", "invoices", "amount"),
                ((self._word(str(row["days"])), _share(row["owed"], most), "bad" if row["days"] > 60 else "",
                  (self._count(row["claims"]), self._money(row["owed"], currency))) for row in rows),
            )  # fmt: skip

    def _payments(self) -> Iterator[Html]:
        if not self.report.payments:
            yield paragraph(self._word("no_payments"), "quiet")
        first, last = self.report.first, self.report.last
        for currency, group in groupby(self.report.payments, key=lambda row: row["currency"]):
            rows = {row["day"]: row for row in group}
            days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
            amounts = {day: rows[day]["amount"] if day in rows else Decimal(0) for day in days}
            best = max(days, key=lambda day: amounts[day])
            told = self._word(
                "payments_told",
                sum=self._money(Decimal(sum(amounts.values())), currency),
                count=self._count(sum(row["payments"] for row in rows.values())),
                most=f"{self._day(best)}, {self._money(amounts[best], currency)}",
            )
            bars = [(f"{self._day(day)}: {self._money(amounts[day], currency)}", float(amounts[day])) for day in days]
            yield paragraph(told)
            yield columns(bars, told, (self._day(first), self._day(days[len(days) // 2]), self._day(last)))

    def _parked(self) -> Iterator[Html]:
        if not self.report.parked:
            yield paragraph(self._word("no_parked"), "good")
            return
        cells = (
            (row["code"], self._word(CATALOGUE[row["code"]].actor) if row["code"] in CATALOGUE else None,
             self._count(row["jobs"]), self._money(row["euros"], "EUR"), self._time(row["since"]))
            for row in self.report.parked
        )  # fmt: skip
        yield table(self._words("code", "actor", "jobs", "gross", "since"), cells, numbers={2, 3})

    def _drift(self) -> Iterator[Html]:
        last, different = self.report.last_reconciliation, self.report.drift
        if last is None:
            yield paragraph(self._word("never_compared"), "bad")
            return
        counts = ", ".join(f"{count} {name}" for name, count in last["drift"].items()) or self._word("none")
        numbers = {name: self._count(last[name]) for name in ("invoices", "documents")}
        tone: Tone = "bad" if different else "good"
        yield paragraph(self._word("compared", at=self._time(last["finished_at"]), counts=counts, **numbers), tone)
        if different:
            yield paragraph(self._word("still_different", count=self._count(different[0]["all_of_them"])), "bad")
            cells = ((row["invoice_number"], row["findings"]) for row in different)
            yield table(self._words("invoice", "finding"), cells)
            yield from self._more(different)

    def _exports(self) -> Iterator[Html]:
        if not self.report.exports:
            yield paragraph(self._word("no_exports"), "quiet")
            return
        cells = ((self._period(row), self._word(row["status"]), self._time(row["acknowledged_at"]),
                  self._count(row["findings"]), self._time(row["created_at"]))
                 for row in self.report.exports)  # fmt: skip
        yield table(self._words("period", "state", "acknowledged", "findings", "since"), cells, numbers={3})
        for row in self.report.exports:
            if texts := [each["text" if self.lang == "de" else "text_en"] for each in row["listed"] or ()]:
                rest = row["findings"] - len(texts)
                yield table(
                    [f"{self._word('findings')}, {self._period(row)}"],
                    ([told] for told in [*texts, *([self._word("more", count=self._count(rest))] if rest else [])]),
                )

    def _period(self, row: Row) -> str:
        return f"{self._day(row['start_date'])} – {self._day(row['end_date'])}"

    # -- how values are written ------------------------------------------------------------------------------------

    def _word(self, name: str, **values: object) -> str:
        return word(name, self.lang, **values)

    def _words(self, *names: str) -> list[str]:
        return [self._word(name) for name in names]

    def _more(self, rows: list[Row]) -> Iterator[Html]:
        if (rest := rows[0]["all_of_them"] - len(rows)) > 0:
            yield paragraph(self._word("more", count=self._count(rest)), "quiet")

    def _sums(self, rows: list[Row], name: str) -> str:
        """The sum of each currency."""
        sums: dict[str, Decimal] = {}
        for row in rows:
            sums[row["currency"]] = sums.get(row["currency"], Decimal(0)) + row[name]
        return ", ".join(self._money(total, currency) for currency, total in sums.items()) or self._word("none")

    def _money(self, amount: Decimal, currency: str) -> str:
        return format_money(amount, currency, self.lang)

    def _count(self, number: int) -> str:
        return f"{number:,}".replace(",", ".") if self.lang == "de" else str(number)

    def _day(self, day: date) -> str:
        return format_day(day, self.lang)

    def _time(self, at: datetime | None) -> str | None:
        return None if at is None else format_time(at.astimezone(), self.lang)

    def _month(self) -> str:
        return self.report.month if self.lang == "en" else f"{self.report.first:%m/%Y}"


def _share(part: Decimal, whole: Decimal) -> float:
    return float(part / whole) if whole > 0 else 0.0
