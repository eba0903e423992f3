"""The sentences of a DATEV report, in German and English, by their code. Pure.

A code is never renamed. Values keep their type until a sentence is written, since amounts, days and lists are written
differently in both languages; `{x:percent}` writes tax rates.
"""

import string
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from worker.datev import comparing_texts, reading_texts


class Template(NamedTuple):
    """What a code says. `kind` groups findings in counts and headings."""

    kind: str
    german: str
    english: str


@dataclass(frozen=True, slots=True)
class Message:
    """A code of `TEMPLATES` with the values of its sentence, which hold no personal data."""

    code: str
    values: tuple[tuple[str, Any], ...] = ()

    @property
    def kind(self) -> str:
        return TEMPLATES[self.code].kind

    @property
    def german(self) -> str:
        return _GERMAN.vformat(TEMPLATES[self.code].german, (), dict(self.values))

    @property
    def english(self) -> str:
        return _ENGLISH.vformat(TEMPLATES[self.code].english, (), dict(self.values))


def message(code: str, **values: Any) -> Message:
    return Message(code, tuple(values.items()))


def german_amount(amount: Decimal) -> str:
    """An amount as Germans write it, with two decimals: 1.234,56."""
    return f"{amount:,.2f}".translate(str.maketrans(",.", ".,"))


class _Language(string.Formatter):
    """Writes amounts, days, rates, lists and messages inside messages in one language."""

    def __init__(self, *, german: bool) -> None:
        self._german = german

    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec == "percent":
            return self._rates([value] if isinstance(value, Decimal) else sorted(value))
        match value:
            case Message():
                return value.german if self._german else value.english
            case Decimal():
                return german_amount(value) if self._german else f"{value:,.2f}"
            case date():
                return f"{value:%d.%m.%Y}" if self._german else value.isoformat()
            case tuple():
                return (" oder " if self._german else " or ").join(self.format_field(each, "") for each in value)
        return str(value)

    def _rates(self, rates: Iterable[Decimal]) -> str:
        if self._german:
            return " und ".join(f"{rate.normalize():f} %".replace(".", ",") for rate in rates) or "keinen Satz"
        return " and ".join(f"{rate.normalize():f} %" for rate in rates) or "no rate"


_GERMAN, _ENGLISH = _Language(german=True), _Language(german=False)
TEMPLATES = {
    code: Template(kind, *texts)
    for table in (reading_texts.TEXTS, comparing_texts.TEXTS)
    for kind, codes in table.items()
    for code, texts in codes.items()
}
