"""Findings: what is wrong with a DATEV export, and notes on what is only unusual. Pure."""

from collections import Counter
from dataclasses import dataclass, field

from worker.datev.messages import Message

# A hostile file may be wrong in every line. Findings beyond this number are counted but not kept.
MAX_FINDINGS = 1000


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault, or with `note` something unusual that needs no action. Its sentences hold no personal data."""

    message: Message
    file: str | None = None
    line: int | None = None
    number: str | None = None  # of the document
    note: bool = False

    @property
    def kind(self) -> str:
        return self.message.kind

    @property
    def text(self) -> str:
        """German."""
        return _sentence(self.message.german)

    @property
    def text_en(self) -> str:
        return _sentence(self.message.english)


@dataclass(slots=True)
class Findings:
    """Keeps the first `MAX_FINDINGS` faults and as many notes, and counts all of them by kind."""

    found: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    note_counts: Counter[str] = field(default_factory=Counter)

    def add(self, finding: Finding) -> None:
        """Counts the finding, and keeps it unless `MAX_FINDINGS` are kept already."""
        kept, counts = (self.notes, self.note_counts) if finding.note else (self.found, self.counts)
        counts[finding.kind] += 1
        if len(kept) < MAX_FINDINGS:
            kept.append(finding)


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."
