"""How money, days, times and counts are written in reports. Pure."""

from datetime import date, datetime
from decimal import Decimal

from worker.domain.money import figure
from worker.domain.problems.problem_type import Lang


def format_money(amount: Decimal, currency: str, lang: Lang) -> str:
    """1190.00 EUR in English, 1.190,00 EUR in German. What is no sum of cents is shown as it is."""
    return f"{figure(amount) if lang == 'en' else _german(figure(amount))} {currency}"


def _german(number: str) -> str:
    sign, digits = ("-", number[1:]) if number.startswith("-") else ("", number)
    whole, dot, rest = digits.partition(".")
    return f"{sign}{int(whole):,}".replace(",", ".") + dot.replace(".", ",") + rest if whole.isdecimal() else number


def format_day(day: date, lang: Lang) -> str:
    """2026-11-30 in English, 30.11.2026 in German."""
    return f"{day:%d.%m.%Y}" if lang == "de" else day.isoformat()


def format_time(at: datetime, lang: Lang) -> str:
    """To the minute, with the zone that `at` has."""
    return f"{format_day(at.date(), lang)} {at:%H:%M %Z}"


def counted(number: int, name: str) -> str:
    """The number with the name in singular or plural: 1 call, 2 calls."""
    return f"{number} {name}{'' if number == 1 else 's'}"
