"""How sevDesk writes and reads single values: sums, stamps, flags, references. Pure."""

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")
Json = Any  # what json.loads gives; every reader below narrows it
Object = dict[str, Json]

# Nobody bills more than this; a bound keeps 1e999999 from eating the machine. Not a limit of sevDesk's.
LARGEST = Decimal(10) ** 15


def sum_text(amount: Decimal) -> str:
    """A sum as read answers carry it, without padding: "29", "5.51", "-39.2" (measured by two peers)."""
    text = f"{amount:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def number(amount: Decimal) -> int | float:
    """An amount as a JSON number: paidAmount everywhere, positions in the save answer (measured by two peers)."""
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def flag(value: bool) -> str:
    """A boolean as read answers carry it (measured by two peers)."""
    return "1" if value else "0"


def stamp(moment: datetime | date | None) -> str | None:
    """ISO with Berlin's offset of that season; a bare day is Berlin midnight (measured by four peers)."""
    if moment is None:
        return None
    return instant(moment).astimezone(BERLIN).isoformat(timespec="seconds")


def instant(day: datetime | date) -> datetime:
    """When a day begins, aware: Berlin midnight; a moment is itself."""
    return day if isinstance(day, datetime) else datetime(day.year, day.month, day.day, tzinfo=BERLIN)


def berlin_day(day: datetime | date) -> date:
    """The day that people in Berlin call it."""
    return day.astimezone(BERLIN).date() if isinstance(day, datetime) else day


def ref(ident: int | None, name: str) -> Object | None:
    """A short reference, or null."""
    return None if ident is None else {"id": str(ident), "objectName": name}


def amount_of(value: Json) -> Decimal | None:
    """A number sent as string or number; None when it is neither (both forms accepted: one report)."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    sane = amount.is_finite() and abs(amount) < LARGEST and int(amount.as_tuple().exponent) >= -30
    return amount if sane else None


def ident_of(value: Json) -> int | None:
    """An id sent as string or integer, below 64 bits; None otherwise."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def truthy(value: Json) -> bool:
    """A flag sent as true, 1, "1" or "true", in a body or a query."""
    return value is True or (isinstance(value, str | int) and str(value).lower() in ("1", "true"))


def unix_of(value: Json) -> datetime | None:
    """Unix seconds as a moment, None for anything else (an ISO date is not understood: one report)."""
    amount = amount_of(value)
    if amount is None or not 0 <= amount < Decimal(32503680000):  # the year 3000
        return None
    return datetime.fromtimestamp(math.floor(amount), UTC)


def moment_of(value: Json, *, zoned: bool = False) -> datetime | date | None:
    """A date as sevDesk takes it: dd.mm.yyyy, yyyy-mm-dd, unix seconds, ISO without zone (live, four peers).

    ISO with a zone is not reported by anybody: it is understood only where it is `zoned`, a date-time by specification.
    """
    if isinstance(value, int | float):
        return unix_of(value)
    if not isinstance(value, str):
        return None
    for form in ("%d.%m.%Y", "%Y-%m-%d"):
        try:
            return datetime.strptime(value, form).date()
        except ValueError:
            continue
    if unix := unix_of(value):
        return unix
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return moment.replace(tzinfo=BERLIN)
    return moment if zoned else None


def php_type(value: Json) -> str:
    """The type name sevDesk's misleading reference errors use."""
    if isinstance(value, Mapping | list):
        return "array"
    names = {bool: "boolean", int: "integer", float: "double", str: "string", type(None): "NULL"}
    return names[type(value)]
