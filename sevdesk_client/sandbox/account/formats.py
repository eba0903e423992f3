"""How sevDesk formats and parses single values: amounts, timestamps, flags, references. Pure."""

import contextlib
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")
Json = Any  # what json.loads returns; the functions below narrow it
Object = dict[str, Json]

# A bound of the sandbox's own, so that 1e999999 cannot exhaust memory; no limit of sevDesk's is known.
AMOUNT_LIMIT = Decimal(10) ** 15


def decimal_text(amount: Decimal) -> str:
    """An amount as read answers carry it, without trailing zeros: "29", "5.51", "-39.2" (measured by two peers)."""
    text = f"{amount:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def number(amount: Decimal) -> int | float:
    """An amount as a JSON number: paidAmount everywhere, positions in the save answer (measured by two peers)."""
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def flag(value: bool) -> str:
    """A boolean as read answers carry it (measured by two peers)."""
    return "1" if value else "0"


def timestamp(moment: datetime | date | None) -> str | None:
    """ISO with Berlin's UTC offset of that date; a date without time is Berlin midnight (measured by four peers)."""
    if moment is None:
        return None
    return as_datetime(moment).astimezone(BERLIN).isoformat(timespec="seconds")


def as_datetime(day: datetime | date) -> datetime:
    """A date as its Berlin midnight, aware; a datetime unchanged."""
    return day if isinstance(day, datetime) else datetime(day.year, day.month, day.day, tzinfo=BERLIN)


def berlin_day(day: datetime | date) -> date:
    """The date in Berlin."""
    return day.astimezone(BERLIN).date() if isinstance(day, datetime) else day


def ref(ident: int | None, name: str) -> Object | None:
    """A reference {id, objectName}, or None."""
    return None if ident is None else {"id": str(ident), "objectName": name}


def head_json(model: str, ident: int) -> Object:
    """The keys that nearly all objects start with."""
    return {"id": str(ident), "objectName": model, "additionalInformation": None}


def parse_decimal(value: Json) -> Decimal | None:
    """A number sent as string or number, otherwise None (both forms accepted: one report)."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    accepted = amount.is_finite() and abs(amount) < AMOUNT_LIMIT and int(amount.as_tuple().exponent) >= -30
    return amount if accepted else None


def parse_id(value: Json) -> int | None:
    """An id sent as string or integer, below 64 bits; None otherwise."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def is_true(value: Json) -> bool:
    """A flag sent as true, 1, "1" or "true", in a body or a query."""
    return value is True or (isinstance(value, str | int) and str(value).lower() in ("1", "true"))


def parse_unix(value: Json) -> datetime | None:
    """Unix seconds as an aware datetime, None for anything else (an ISO date is not understood: one report)."""
    amount = parse_decimal(value)
    if amount is None or not 0 <= amount < Decimal(32503680000):  # the year 3000
        return None
    return datetime.fromtimestamp(math.floor(amount), UTC)


def parse_date(value: Json, *, zoned: bool = False, delivery: bool = False) -> datetime | date | None:
    """A date as sevDesk takes it: dd.mm.yyyy, yyyy-mm-dd, unix seconds, ISO without zone (live, four peers).

    ISO with a time zone was reported by nobody; accepted only with `zoned`, where the specification says date-time. Of
    `delivery` dates only unix seconds and yyyy-mm-dd were seen (live, two peers).
    """
    if isinstance(value, int | float):
        return parse_unix(value)
    if not isinstance(value, str):
        return None
    for form in ("%Y-%m-%d", "%d.%m.%Y")[: 1 if delivery else 2]:
        with contextlib.suppress(ValueError):
            return datetime.strptime(value, form).date()
    if unix := parse_unix(value):
        return unix
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None if delivery else moment.replace(tzinfo=BERLIN)
    return moment if zoned else None


def php_type(value: Json) -> str:
    """PHP's name of a JSON value's type, as sevDesk's reference errors show it."""
    if isinstance(value, Mapping | list):
        return "array"
    names = {bool: "boolean", int: "integer", float: "double", str: "string", type(None): "NULL"}
    return names[type(value)]
