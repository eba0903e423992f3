"""The report of a takeover as one HTML file."""

from collections.abc import Iterable

from worker.adopt.take_over import Adoption
from worker.domain.adoption import CODES, Finding
from worker.domain.html_page import Html, heading, page, paragraph, table
from worker.domain.problems.problem_type import Lang

TITLE: dict[Lang, str] = {"en": "Takeover of the existing account", "de": "Übernahme des bestehenden Kontos"}
COLUMNS: dict[Lang, tuple[str, str]] = {"en": ("Cause", "Next step"), "de": ("Ursache", "Nächster Schritt")}


def report(found: Adoption, *, dry_run: bool) -> str:
    """Doubts first, grouped by code, each with its sentences in both languages."""
    return page(TITLE["en"], [paragraph(summary(found, dry_run=dry_run)), *_sections(found.findings)])


def _sections(findings: Iterable[Finding]) -> Iterable[Html]:
    by_code = {code: [each for each in findings if each.code == code] for code in CODES}
    langs: tuple[Lang, ...] = ("en", "de")
    for code, group in by_code.items():
        if group:
            yield heading(f"{code}: {len(group)}")
            rows = [[text for lang in langs for text in (each.cause(lang), each.next_step(lang))] for each in group]
            yield table([*COLUMNS["en"], *COLUMNS["de"]], rows)


def summary(found: Adoption, *, dry_run: bool) -> str:
    """One sentence with the figures."""
    would = "would be" if dry_run else "still can be"
    return (
        f"{found.invoices} invoices and {found.documents} documents of sevDesk compared ({found.calls} calls): "
        f"{found.known} linked already; {found.linked} invoices and {found.contacts_linked} contacts {would} linked; "
        f"{len(found.doubts)} doubts, {len(found.findings) - len(found.doubts)} documents of sevDesk alone."
    )
