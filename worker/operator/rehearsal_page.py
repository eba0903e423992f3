"""The rehearsal as one HTML page, in English or German: how many, then each problem, and what was not judged."""

from collections.abc import Iterator
from datetime import date, datetime

from worker.domain.formats import format_day, format_time
from worker.domain.html_charts import bar_table
from worker.domain.html_page import Html, Tone, card, figures, heading, page, paragraph
from worker.domain.problems import Problem
from worker.domain.problems.problem_type import Lang
from worker.operator import rehearse, shadow
from worker.operator.advice import unasked_step
from worker.operator.month_words import word
from worker.operator.rehearse import Group, Rehearsal

_WORDS: dict[str, tuple[str, str]] = {
    "title": ("Rehearsal of the approved invoices", "Probelauf der freigegebenen Rechnungen"),
    "all_days": ("All approved invoices, as of {at}.", "Alle freigegebenen Rechnungen, Stand {at}."),
    "since": (
        "Approved invoices dated {since} or later, as of {at}.",
        "Freigegebene Rechnungen vom {since} und später, Stand {at}.",
    ),
    "until": (
        "Approved invoices dated {until} or earlier, as of {at}.",
        "Freigegebene Rechnungen vom {until} und früher, Stand {at}.",
    ),
    "between": (
        "Approved invoices dated {since} to {until}, as of {at}.",
        "Freigegebene Rechnungen vom {since} bis {until}, Stand {at}.",
    ),
    "invoices": ("Approved invoices", "Freigegebene Rechnungen"),
    "publishes": ("Would be published", "Würden veröffentlicht"),
    "stops": ("Would not be published", "Würden nicht veröffentlicht"),
    "warnings": ("Warnings", "Warnungen"),
    "summary": (
        "Approved invoices: {invoices}, of which {publishes} would be published and {stops} would not.",
        "Freigegebene Rechnungen: {invoices}, davon veröffentlichbar {publishes}, nicht veröffentlichbar {stops}.",
    ),
    "compared": (
        rehearse.COMPARED,
        "Kopien in der Sandbox, die mit dem verglichen wurden, was sie sagen sollen: {copies} (Summen, Empfänger, "
        "Anschrift, Tage, Überschrift, Skonto und Positionen).",
    ),
    "none": ("There is no approved invoice to publish.", "Es ist keine freigegebene Rechnung zu veröffentlichen."),
    "problem": ("Problem", "Problem"),
    "count": ("Invoices", "Rechnungen"),
    "warned": ("Published, with a warning", "Veröffentlicht, mit Warnung"),
    "parks": ("parks until a person acts", "bleibt liegen, bis jemand handelt"),
    "rejects": ("is rejected", "wird abgelehnt"),
    "waits": ("waits, and is tried again by itself", "wartet und wird von selbst erneut versucht"),
    "warns": ("is published all the same", "wird trotzdem veröffentlicht"),
    "acts": ("Who acts: {actor}. The invoice {verdict}.", "Es handelt: {actor}. Die Rechnung {verdict}."),
    "first_ones": ("Invoices: {numbers}", "Rechnungen: {numbers}"),
    "more": ("and {count} more", "und {count} weitere"),
    "cause_of_first": ("Of the first one: {cause}", "Zur ersten: {cause}"),
    "not_judged": ("Not judged", "Nicht beurteilt"),
}
# The sentences of what was not judged, in German.
GERMAN = {
    **dict(zip(rehearse.NOT_JUDGED, (
        "ob sevDesk schon einen Beleg oder Entwurf mit dem Merkmal der Rechnung enthält, und was der sagt",
        "ob ein verknüpfter Kontakt in sevDesk gelöscht wurde, oder mehrere dieselbe Kundennummer haben",
        "was sevDesk ablehnt, obwohl keine Regel von uns es tut, es sei denn, es hat genau diese Anfrage schon "
        "abgelehnt",
        "das XML, das sevDesk aus einer E-Rechnung macht: die amtlichen Regeln beurteilen es, sobald sie ihre Nummer "
        "hat",
        "wie lange Aufträge aufeinander warten: auf solche, die gerade laufen, und auf die einer Person über ihrer "
        "Grenze",
    ), strict=True)),
    rehearse.WITHOUT_FACTS: "Benutzer, Einheiten, Länder und Zahlungsarten des Kontos; angenommen sind die Einheiten, "
    "die sevDesk mitbringt, und ob es genau diese Anfrage schon abgelehnt hat, ist nicht zu sagen",
    rehearse.WITHOUT_TEMPLATES: "ob das Konto die Vorlagen hat: kein Worker hat ihre Liste geholt (refresh_templates)",
    shadow.REAL_ANSWERS: "was das wirkliche sevDesk anders als die Sandbox ablehnt oder errechnet",
    shadow.LAYOUTS: "ob das Konto die Vorlagen hat, und wie die Belege darin aussehen",
    shadow.REAL_ACCOUNT: "was das wirkliche Konto enthält: Kontakte, Entwürfe, Belege mit den Merkmalen der "
    "Rechnungen, eigene Einheiten, Benutzer",
}  # fmt: skip


def rehearsal_page(result: Rehearsal, lang: Lang, at: datetime, since: date | None, until: date | None) -> str:
    """The whole file; `at` is an aware time, shown in its own zone."""
    return page(_word("title", lang), _parts(result, lang, at, since, until), lang)


def _parts(result: Rehearsal, lang: Lang, at: datetime, since: date | None, until: date | None) -> Iterator[Html]:
    days = {name: format_day(day, lang) for name, day in (("since", since), ("until", until)) if day}
    asked = "between" if len(days) == 2 else next(iter(days), "all_days")
    yield paragraph(_word(asked, lang, at=format_time(at, lang), **days), "quiet")
    yield figures(_head(result, lang))
    if result.invoices:
        counts = {name: _count(getattr(result, name), lang) for name in ("invoices", "publishes", "stops")}
        yield paragraph(_word("summary", lang, **counts), "bad" if result.stops else "good")
        yield from [paragraph(_word("compared", lang, copies=_count(result.compared, lang)))] if result.compared else []
    else:
        yield paragraph(_word("none", lang), "quiet")
    for title, stops in (("stops", True), ("warned", False)):
        if groups := [group for group in result.groups if group.stops is stops]:
            yield heading(_word(title, lang))
            yield _overview(groups, lang, "bad" if stops else "")
            yield from (_card(group, lang) for group in groups)
    yield heading(_word("not_judged", lang))
    yield from (paragraph(f"{_sentence(each, lang)}.", "quiet") for each in result.not_judged)


def _head(result: Rehearsal, lang: Lang) -> Iterator[tuple[str, object, Tone]]:
    warnings = sum(group.count for group in result.groups if not group.stops)
    yield _word("invoices", lang), _count(result.invoices, lang), ""
    yield _word("publishes", lang), _count(result.publishes, lang), "good" if result.publishes else ""
    yield _word("stops", lang), _count(result.stops, lang), "bad" if result.stops else "good"
    yield _word("warnings", lang), _count(warnings, lang), ""


def _overview(groups: list[Group], lang: Lang, tone: Tone) -> Html:
    most = max(group.count for group in groups)
    rows = ((group.code, group.count / most, tone, (_count(group.count, lang),)) for group in groups)
    return bar_table((_word("problem", lang), _word("count", lang)), rows)


def _card(group: Group, lang: Lang) -> Html:
    """What is wrong, what to do, who does it, and with which invoices."""
    told = Problem(group.code, group.parameters)
    cause, rest = told.cause(lang), group.count - len(group.examples)
    more = [_word("more", lang, count=_count(rest, lang))] if rest else []
    actor, verdict = word(group.actor, lang), _word(group.verdict, lang)
    return card(
        f"{_count(group.count, lang)} × {group.code}",
        (
            paragraph(cause if group.count == 1 else _word("cause_of_first", lang, cause=cause)),
            paragraph(unasked_step(told, group.examples[0], lang, rehearsed=True, warns=not group.stops)),
            paragraph(_word("acts", lang, actor=actor, verdict=verdict), "quiet"),
            paragraph(_word("first_ones", lang, numbers=", ".join([*group.examples, *more])), "quiet"),
        ),
    )


def _word(name: str, lang: Lang, **values: object) -> str:
    english, german = _WORDS[name]
    return (german if lang == "de" else english).format_map(values)


def _sentence(sentence: str, lang: Lang) -> str:
    told = GERMAN[sentence] if lang == "de" else sentence
    return told[0].upper() + told[1:]


def _count(number: int, lang: Lang) -> str:
    return f"{number:,}".replace(",", ".") if lang == "de" else str(number)
