"""The result of checking a DATEV export: as JSON for the database, as German text for the tax adviser. Pure."""

from dataclasses import asdict, dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from worker.datev.findings import Finding, Findings
from worker.datev.messages import Message, german_amount
from worker.datev.order import Order


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
    "image": "Belegbilder",
}
# Parts of an export, in the order of the text.
_PARTS = {
    "documents": "Belege (E)",
    "payments": "Zahlungen (T)",
    "expenditure": "Ausgaben (X)",
    "cash_register": "Kasse (C)",
    "assets": "Anlagen (D)",
    "images": "Belegbilder",
    "enshrined": "Festschreibung",
}
# Lines of one kind in the text. The tax adviser reads it, and beyond this number the cause is one for all.
_MOST_LINES = 100
_RESULTS = {
    Status.WITH_FINDINGS: "Angenommen mit Feststellungen. Bitte die folgenden Punkte vor der Übernahme klären.",
    Status.REFUSED: "Abgelehnt. Der Export ist nicht lesbar; es wurde nichts verglichen.",
}
_FILE_KINDS = {"bookings": "Buchungsstapel", "category 16": "Debitoren/Kreditoren", "image": "Belegbild",
          "index": "Belegverzeichnis", "package": "Belegbilder für den Belegtransfer, ungeöffnet",
          "unknown": "unbekannt", "unreadable": "nicht lesbar"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Report:
    """The result. Counts are complete; at most `MAX_FINDINGS` findings and as many notes are listed.

    `not_judged`: part of the export -> why it is not judged, None where it was compared to the cent.
    """

    status: Status
    period: Period
    chart: str
    order: Order
    not_judged: dict[str, Message | None]
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
            "order": asdict(self.order),
            "judged": {part: _judgement(reason) for part, reason in self.not_judged.items()},
            "files": [asdict(file) for file in self.files if file.kind != "image"],
            "images": images,
            "postings": self.postings,
            "documents": {"expected": self.documents, "matched": self.matched},
            "payments": {"expected": self.payments, "matched": self.matched_payments},
            "totals": [{**asdict(total), "amount": str(total.amount)} for total in self.totals],
            "counts": self.counts,
            "findings": [_as_dict(finding) for finding in self.findings.found],
            "notes": [_as_dict(finding) for finding in self.findings.notes],
        }

    def as_text(self) -> str:
        """German plain text for the tax adviser."""
        parts = (self._summary(), self._judged(), self._files(), self._totals_table(), self._findings_by_kind())
        return "\n".join([*(line for part in parts for line in part), ""])

    def _summary(self) -> list[str]:
        return [
            "Prüfbericht zum DATEV-Export",
            "============================",
            "",
            f"Zeitraum:      {self.period.first:%d.%m.%Y} bis {self.period.last:%d.%m.%Y}",
            f"Kontenrahmen:  {self.chart}",
            f"Umfang:        {self.order.scope}, nach {'Zahlungsdatum' if self.order.by_pay_date else 'Belegdatum'}",
            f"Belege:        {self._agreed('documents', self.matched, self.documents)}",
            f"Zahlungen:     {self._agreed('payments', self.matched_payments, self.payments)}",
            f"Buchungen:     {self.postings}",
            "",
            f"Ergebnis: {_RESULTS.get(self.status) or self._accepted()}",
        ]

    def _agreed(self, part: str, matched: int, expected: int) -> str:
        if reason := self.not_judged[part]:
            return f"nicht geprüft: {reason.german}"
        return f"{matched} von {expected} stimmen{' (je Rechnung)' * (part == 'payments')}"

    def _accepted(self) -> str:
        """The sentence of an export without findings, which says no more than the figures do."""
        judged = [
            (word, matched, expected)
            for part, word, matched, expected in (
                ("documents", "Belege", self.matched, self.documents),
                ("payments", "Zahlungen", self.matched_payments, self.payments),
            )
            if self.not_judged[part] is None
        ]
        if not judged:
            return "Angenommen, aber nicht verglichen: Dieser Umfang enthält nichts, was wir prüfen können."
        words = " und ".join(word for word, _, expected in judged if expected)
        if not words:
            nothing = " und ".join(word for word, _, _ in judged)
            return f"Angenommen. Bei uns gibt es in diesem Zeitraum keine {nothing}."
        left = [f"{expected - matched} {word}" for word, matched, expected in judged if matched < expected]
        if left:
            return f"Angenommen. Nicht verglichen: {' und '.join(left)}, siehe Hinweise; alle anderen stimmen."
        return f"Angenommen. Alle {words} sind auf den Cent gebucht.{self._unjudged()}"

    def _unjudged(self) -> str:
        """What else was asked for, but not compared; empty if nothing was."""
        parts = [
            _PARTS[part].partition(" (")[0]
            for part, reason in self.not_judged.items()
            if reason is not None and reason.code != "not_asked"
        ]
        return f" Nicht geprüft: {', '.join(parts)}." if parts else ""

    def _judged(self) -> list[str]:
        """What was judged, and why the rest was not."""
        title = "Was geprüft wurde"
        return ["", title, "-" * len(title)] + [
            f"  {name + ':':<16} {'auf den Cent verglichen' if reason is None else f'nicht geprüft, {reason.german}'}"
            for part, name in _PARTS.items()
            for reason in (self.not_judged[part],)
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
            f"  {total.account:>9}  {total.key or '-':>4}  {total.documents:>7}  {german_amount(total.amount):>20}"
            for total in self.totals
        ]

    def _findings_by_kind(self) -> list[str]:
        lines: list[str] = []
        for kind, title in _TITLES.items():
            chosen = [finding for finding in self.findings.found if finding.kind == kind]
            count = self.findings.counts[kind]
            if count:
                lines += ["", f"{title} ({count})", "-" * len(f"{title} ({count})"), *_lines(chosen, count)]
        if self.findings.notes:
            count = sum(self.findings.note_counts.values())
            lines += ["", "Hinweise", "--------", *_lines(self.findings.notes, count)]
        return lines


def _judgement(reason: Message | None) -> dict[str, str | None]:
    if reason is None:
        return {"state": "judged", "code": None, "reason": None, "reason_en": None}
    state = "not_asked" if reason.code == "not_asked" else "not_judged"
    return {"state": state, "code": reason.code, "reason": reason.german, "reason_en": reason.english}


def _as_dict(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "code": finding.message.code,
        "text": finding.text,
        "text_en": finding.text_en,
        "file": finding.file,
        "line": finding.line,
        "number": finding.number,
        "note": finding.note,
    }


def _lines(findings: list[Finding], count: int) -> list[str]:
    """`count`: how many there are, of which `findings` are kept."""
    shown = [f"  {_place(finding)}{finding.text}" for finding in findings[:_MOST_LINES]]
    return shown + [f"  ... und {count - len(shown)} weitere"] * (count > len(shown))


def _place(finding: Finding) -> str:
    number = f"{finding.number}: " if finding.number else ""
    if finding.file is None:
        return number
    return f"[{finding.file}{f', Zeile {finding.line}' if finding.line else ''}] {number}"
