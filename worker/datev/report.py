"""The result of checking a DATEV export: as JSON for the database, as German text for the tax adviser. Pure."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from worker.datev.findings import Finding, Findings


class Status(StrEnum):
    """How the check ended. `refused`: the export cannot be read, so nothing was compared."""

    ACCEPTED = "accepted"
    WITH_FINDINGS = "accepted_with_findings"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Period:
    """Berlin days, both inclusive."""

    first: date
    last: date

    def contains(self, day: date) -> bool:
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class ExportFile:
    """A file of the archive. `kind`: bookings, category 16 (and others), image, index, package, unknown, unreadable."""

    name: str
    kind: str
    postings: int = 0


@dataclass(frozen=True, slots=True)
class Total:
    """The matched sum of one account and tax key (BU-Schlüssel): turnover, or money received."""

    account: str
    key: str
    kind: str
    documents: int = 0
    amount: Decimal = Decimal(0)

    def plus(self, amount: Decimal) -> "Total":
        return replace(self, documents=self.documents + 1, amount=self.amount + amount)


# Kind of finding -> its heading, in the order of the text.
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
_RESULTS = {
    Status.ACCEPTED: "Angenommen. Alle Belege und Zahlungen sind auf den Cent gebucht.",
    Status.WITH_FINDINGS: "Angenommen mit Feststellungen. Bitte die folgenden Punkte vor der Übernahme klären.",
    Status.REFUSED: "Abgelehnt. Der Export ist nicht lesbar; es wurde nichts verglichen.",
}
_FILE_KINDS = {"bookings": "Buchungsstapel", "category 16": "Debitoren/Kreditoren", "image": "Belegbild",
          "index": "Belegverzeichnis", "package": "Belegbilder für den Belegtransfer, ungeöffnet",
          "unknown": "unbekannt", "unreadable": "nicht lesbar"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Report:
    """The result. Counts are complete; at most `MAX_FINDINGS` findings and as many notes are listed."""

    status: Status
    period: Period
    chart: str
    files: tuple[ExportFile, ...]
    postings: int
    documents: int  # expected in the period
    matched: int
    payments: int  # document numbers with payments
    matched_payments: int
    totals: tuple[Total, ...]
    findings: Findings

    @property
    def counts(self) -> dict[str, int]:
        """Number of findings by kind; notes do not count."""
        return dict(self.findings.counts)

    def as_dict(self) -> dict[str, Any]:
        """JSON values: money as strings, days as ISO 8601. Images are only counted: they may name customers."""
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
            "counts": self.counts,
            "findings": [asdict(finding) for finding in self.findings.found],
            "notes": [asdict(finding) for finding in self.findings.notes],
        }

    def as_text(self) -> str:
        """German plain text for the tax adviser."""
        return "\n".join([*self._summary(), *self._files(), *self._totals_table(), *self._findings_by_kind(), ""])

    def _summary(self) -> list[str]:
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
            f"Ergebnis: {_RESULTS[self.status]}",
        ]

    def _files(self) -> list[str]:
        images = sum(file.kind == "image" for file in self.files)
        lines = [
            f"  {file.name}: {_FILE_KINDS.get(file.kind, file.kind)}"
            + (f", {file.postings} Buchungen" * bool(file.postings))
            for file in self.files
            if file.kind != "image"
        ]
        lines += [f"  {images} Belegbilder"] if images else []
        return ["", "Dateien", "-------", *lines] if lines else []

    def _totals_table(self) -> list[str]:
        if not self.totals:
            return []
        title = ["", "Abgestimmte Summen", "------------------", "      Konto    BU   Belege                Betrag"]
        return title + [
            f"  {total.account:>9}  {total.key or '-':>4}  {total.documents:>7}  {euros(total.amount):>20}"
            for total in self.totals
        ]

    def _findings_by_kind(self) -> list[str]:
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
    """An amount as Germans write it, with two decimals: 1.234,56."""
    return f"{amount:,.2f}".translate(str.maketrans(",.", ".,"))
