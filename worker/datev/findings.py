"""What is wrong or odd about a DATEV export, one thing at a time. Pure."""

from collections import Counter
from dataclasses import dataclass, field

# A hostile file may be wrong in every line. Beyond this the findings are only counted.
MAX_FINDINGS = 1000


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or with `note` only worth knowing. `text` is German and names nobody."""

    kind: str
    text: str
    file: str | None = None
    line: int | None = None
    number: str | None = None  # of the document
    note: bool = False


@dataclass(slots=True)
class Findings:
    """Keeps the first `MAX_FINDINGS` findings and as many notes, and counts all of them by kind."""

    found: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    noted: Counter[str] = field(default_factory=Counter)

    def add(self, finding: Finding) -> None:
        """Keeps it, or counts it when there are too many."""
        kept, counts = (self.notes, self.noted) if finding.note else (self.found, self.counts)
        counts[finding.kind] += 1
        if len(kept) < MAX_FINDINGS:
            kept.append(finding)

    def add_all(self, others: "Findings") -> None:
        """Takes over what another collection found."""
        for finding in (*others.found, *others.notes):
            self.add(finding)
        self.counts += others.counts - Counter(finding.kind for finding in others.found)
        self.noted += others.noted - Counter(finding.kind for finding in others.notes)
