"""The page of `rehearse --html`: its words in both languages, and how it looks in a real browser."""

from datetime import UTC, date, datetime
from html import escape
from pathlib import Path

import pytest
from flow.browser import open_in_browser

from worker.domain.problems import CATALOGUE, Lang, Problem
from worker.operator.advice import PARKED, unasked_step
from worker.operator.rehearsal_page import rehearsal_page
from worker.operator.rehearse import NOT_JUDGED, WITHOUT_FACTS, WITHOUT_TEMPLATES, Group, Rehearsal
from worker.operator.shadow import LAYOUTS, REAL_ACCOUNT, REAL_ANSWERS

NOW = datetime(2026, 11, 29, 20, 15, tzinfo=UTC)
NOTES = (*NOT_JUDGED, WITHOUT_FACTS, WITHOUT_TEMPLATES, LAYOUTS, REAL_ACCOUNT, REAL_ANSWERS)
NASTY = "<script>alert(1)</script>\u202e"


def group(code: str, count: int, verdict: str = "parks") -> Group:
    """With a long number, and values of the usual length."""
    told = Problem(code, dict.fromkeys(CATALOGUE[code].parameters, "7 Werte"))
    numbers = (NASTY, *(f"RE-2026-11-{n:06}-KUNDENPROJEKT" for n in range(1, 5)))[:count]
    actor = told.type.actor.value
    return Group(code, verdict != "warns", verdict, actor, count, numbers, told.parameters, told.cause(), "")


# All problems there are, as the longest page there could be.
EVERYTHING = Rehearsal(
    12_345, 12_000, 345,
    (*(group(code, 1 + n) for n, code in enumerate(CATALOGUE)), group("german_tax_abroad", 1_234, "warns")), NOTES,
)  # fmt: skip


def shown(lang: Lang, result: Rehearsal = EVERYTHING, since: date | None = None, until: date | None = None) -> str:
    return rehearsal_page(result, lang, NOW, since, until)


SAID: dict[Lang, tuple[str, ...]] = {
    "en": ("Would not be published", "12345", "Who acts: billing system.", "and 1229 more", "2026-11-29 20:15 UTC"),
    "de": ("Würden nicht veröffentlicht", "12.345", "und 1.229 weitere", "29.11.2026 20:15 UTC"),
}


@pytest.mark.parametrize(("lang", "told"), SAID.items())
def test_page_speaks_both_languages(lang: Lang, told: tuple[str, ...]) -> None:
    """Numbers, days and words are of the language, and texts from data stay texts."""
    page = shown(lang)
    assert [each for each in told if each not in page] == []
    assert "<script" not in page and "\u202e" not in page
    for sentence in NOTES:
        assert (escape(sentence[1:]) in page) is (lang == "en")


def test_page_names_the_days() -> None:
    """Of the period that was asked for; nothing to publish is no failure."""
    nothing = Rehearsal(0, 0, 0, (), NOT_JUDGED)
    assert "All approved invoices, as of" in shown("en", nothing) and "no approved invoice" in shown("en", nothing)
    first, last = date(2026, 11, 1), date(2026, 11, 30)
    assert "dated 2026-11-01 to 2026-11-30" in shown("en", since=first, until=last)
    assert "vom 01.11.2026 und später" in shown("de", since=first)
    assert "vom 30.11.2026 und früher" in shown("de", until=last)


@pytest.mark.parametrize("lang", ["en", "de"])
def test_next_steps_need_no_job(lang: Lang) -> None:
    """Nothing is parked yet that could be retried, at most after it has parked."""
    for code, entry in CATALOGUE.items():
        found = Problem(code, dict.fromkeys(entry.parameters, "x"))
        told = unasked_step(found, "INV-1", lang, rehearsed=True)
        assert "retry INV-1." not in told and told.count(f"{PARKED[lang]} sevdesk-worker retry") == told.count("retry")
        assert "--as confirmed" not in unasked_step(found, "INV-1", lang, rehearsed=True, warns=True)


@pytest.mark.parametrize("lang", ["en", "de"])
def test_browser_shows_the_rehearsal(tmp_path: Path, lang: Lang) -> None:
    """Chromium complains of nothing, and scrolls not sideways on a screen and a telephone, light or dark."""
    file = tmp_path / "rehearsal.html"
    file.write_text(shown(lang), encoding="utf-8")
    seen = [open_in_browser(file, width, dark=dark) for width in (1280, 390) for dark in (False, True)]
    for each in seen:
        assert each.complaints == [] and each.content <= each.window and each.charts > len(CATALOGUE)
    assert len({each.background for each in seen}) == 2
