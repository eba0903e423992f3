"""What an acceptance says: for the database (`as_dict`) and for the tax adviser (`as_text`, German). Pure."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from worker.datev.findings import Finding, Findings


class Status(StrEnum):
    """`refused` means unreadable: nothing was compared."""

    ACCEPTED = "accepted"
    WITH_FINDINGS = "accepted_with_findings"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Period:
    """Berlin days, both inclusive."""

    first: date
    last: date

    def holds(self, day: date) -> bool:
        """Whether the day lies in the period."""
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class FileSeen:
    """A file of the archive. `kind`: bookings, category 16 (and others), image, index, package, unknown, unreadable."""

    name: str
    kind: str
    postings: int = 0


@dataclass(frozen=True, slots=True)
class Total:
    """Matched sums of one account and tax key (BU-Schlüssel): turnover, or money received."""

    account: str
    key: str
    kind: str
    documents: int = 0
    amount: Decimal = Decimal(0)

    def plus(self, amount: Decimal) -> "Total":
        """One more document."""
        return replace(self, documents=self.documents + 1, amount=self.amount + amount)


_TITLES = {
    "archive": "Archiv",
    "file": "Dateien",
    "truncated": "Abgeschnittene Dateien",
    "header": "Kopf der Datei",
    "encoding": "Zeichensatz",
    "line_ends": "Zeilenenden",
    "line": "Unlesbare Zeilen",
    "chart": "Kontenrahmen",
    "period": "Zeitraum",
    "missing": "Fehlende Buchungen",
    "doubled": "Doppelte Buchungen",
    "extra": "Überzählige Buchungen",
    "amount": "Falsche Beträge",
    "account": "Konten und Steuerschlüssel",
    "date": "Belegdaten",
    "currency": "Währung",
}
_VERDICTS = {
    Status.ACCEPTED: "Angenommen. Alle Belege und Zahlungen sind auf den Cent gebucht.",
    Status.WITH_FINDINGS: "Angenommen mit Feststellungen. Bitte die folgenden Punkte vor der Übernahme klären.",
    Status.REFUSED: "Abgelehnt. Der Export ist nicht lesbar; es wurde nichts verglichen.",
}
_FILES = {"bookings": "Buchungsstapel", "category 16": "Debitoren/Kreditoren", "image": "Belegbild",
          "index": "Belegverzeichnis", "package": "Belegbilder für den Belegtransfer, ungeöffnet",
          "unknown": "unbekannt", "unreadable": "nicht lesbar"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Report:
    """The result. Counts are complete; of findings and notes the first thousand each are kept."""

    status: Status
    period: Period
    chart: str
    files: tuple[FileSeen, ...]
    postings: int
    documents: int  # expected in the period
    matched: int
    payments: int  # numbers with payments
    matched_payments: int
    totals: tuple[Total, ...]
    findings: Findings

    @property
    def kinds(self) -> dict[str, int]:
        """How many findings there are of each kind."""
        return dict(self.findings.counts)

    def as_dict(self) -> dict[str, Any]:
        """JSON values; money as strings, days as ISO 8601, images only counted."""
        images = sum(file.kind == "image" for file in self.files)
        return {
            "status": self.status.value,
            "period": {"first": self.period.first.isoformat(), "last": self.period.last.isoformat()},
            "chart": self.chart,
            "files": [asdict(file) for file in self.files if file.kind != "image"],
            "images": images,
            "postings": self.postings,
            "documents": {"expected": self.documents, "matched": self.matched},
            "payments": {"expected": self.payments, "matched": self.matched_payments},
            "totals": [{**asdict(total), "amount": str(total.amount)} for total in self.totals],
            "counts": self.kinds,
            "findings": [asdict(finding) for finding in self.findings.found],
            "notes": [asdict(finding) for finding in self.findings.notes],
        }

    def as_text(self) -> str:
        """The plain text file beside the archive, for the tax adviser."""
        return "\n".join([*self._head(), *self._files(), *self._sums(), *self._listed(), ""])

    def _head(self) -> list[str]:
        return [
            "Prüfbericht zum DATEV-Export",
            "============================",
            "",
            f"Zeitraum:      {self.period.first:%d.%m.%Y} bis {self.period.last:%d.%m.%Y}",
            f"Kontenrahmen:  {self.chart}",
            f"Belege:        {self.matched} von {self.documents} stimmen",
            f"Zahlungen:     {self.matched_payments} von {self.payments} stimmen (je Rechnung)",
            f"Buchungen:     {self.postings}",
            "",
            f"Ergebnis: {_VERDICTS[self.status]}",
        ]

    def _files(self) -> list[str]:
        images = sum(file.kind == "image" for file in self.files)
        lines = [
            f"  {file.name}: {_FILES.get(file.kind, file.kind)}"
            + (f", {file.postings} Buchungen" * bool(file.postings))
            for file in self.files
            if file.kind != "image"
        ]
        lines += [f"  {images} Belegbilder"] if images else []
        return ["", "Dateien", "-------", *lines] if lines else []

    def _sums(self) -> list[str]:
        if not self.totals:
            return []
        rows = [
            f"  {total.account:>9}  {total.key or '-':>4}  {total.documents:>7}  {euros(total.amount):>20}"
            for total in self.totals
        ]
        return [
            "",
            "Abgestimmte Summen",
            "------------------",
            "      Konto    BU   Belege                Betrag",
            *rows,
        ]

    def _listed(self) -> list[str]:
        lines: list[str] = []
        for kind, title in _TITLES.items():
            chosen = [finding for finding in self.findings.found if finding.kind == kind]
            count = self.findings.counts[kind]
            if count:
                lines += ["", f"{title} ({count})", "-" * len(f"{title} ({count})"), *_lines(chosen)]
                lines += [f"  ... und {count - len(chosen)} weitere"] if count > len(chosen) else []
        if self.findings.notes:
            lines += ["", "Hinweise", "--------", *_lines(self.findings.notes)]
        return lines


def _lines(findings: Iterable[Finding]) -> list[str]:
    return [f"  {_place(finding)}{finding.text}" for finding in findings]


def _place(finding: Finding) -> str:
    number = f"{finding.number}: " if finding.number else ""
    if finding.file is None:
        return number
    return f"[{finding.file}{f', Zeile {finding.line}' if finding.line else ''}] {number}"


def euros(amount: Decimal) -> str:
    """German spelling, two decimals: 1.234,56."""
    return f"{amount:,.2f}".translate(str.maketrans(",.", ".,"))
