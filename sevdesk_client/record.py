"""How values of sevDesk's answers become numbers, dates, times and booleans. Pure."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AliasPath, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

BERLIN = ZoneInfo("Europe/Berlin")
YEARS = range(1990, 2200)
_FLOAT_NOISE = Decimal("1e-9")  # no figure of sevDesk's that is nearer to whole cents means anything else
_YEAR = re.compile(r"(-?\d{1,9})-")
_UNIX = re.compile(r"\d{9,10}", re.ASCII)


def _number(value: Any) -> Any:
    """Some answers have `true` for 1 (captured for `quantity`, confirmed by a second peer).

    Fractions in JSON are PHP's floats, and what those leave of 10.10 + 20.20 is 30.299999999999997: it means 30.30.
    """
    if isinstance(value, Decimal) and abs(value) < 10**12 and value != (cents := round(value, 2)):
        return cents if abs(value - cents) < _FLOAT_NOISE else value
    return int(value) if isinstance(value, bool) else value


def _zero_if_null(value: Any) -> Any:
    return 0 if value is None else _number(value)


def _flag(value: Any) -> Any:
    """Booleans are "0" and "1" in reads, JSON booleans in write answers, null if never set (captures)."""
    return False if value is None or value == "" else value


def _is_impossible(text: str) -> bool:
    """A date in a year of no bookkeeping, such as MySQL's 0000-00-00 or a slip of the pen, 0026-11-29."""
    if text[4:5] == "-" and "1990" <= text[:4] < "2200":
        return False  # told without the regular expression, for a page has thousands of dates
    year = _YEAR.match(text)
    return year is not None and int(year[1]) not in YEARS


def _day(value: Any) -> Any:
    """The date in the first ten characters: dates come as Berlin midnight, in UTC the day before (live, four peers).

    Of a time in UTC or in unix seconds the day in Berlin, for some dates of the specification have that form. None for
    an impossible one, so that one such invoice does not make a list unreadable.
    """
    if isinstance(value, str) and value[4:5] == "-" and not value.endswith(("Z", "+00:00")):
        return None if _is_impossible(value) else date.fromisoformat(value[:10])
    moment = _moment(value)
    return moment.astimezone(BERLIN).date() if isinstance(moment, datetime) else moment


def _moment(value: Any) -> Any:
    if isinstance(value, str) and _UNIX.fullmatch(value):
        value = int(value)
    if isinstance(value, str):
        value = None if value in ("", "0") or _is_impossible(value) else datetime.fromisoformat(value)
    if value in (None, 0, []):
        return None
    if isinstance(value, int) and _UNIX.fullmatch(str(value)):
        return datetime.fromtimestamp(value, UTC)
    # Every captured time has an offset; one without is taken as Berlin time, which sevDesk shows its users.
    return value.replace(tzinfo=BERLIN) if isinstance(value, datetime) and value.tzinfo is None else value


def _last_part(value: Any) -> Any:
    """A file name without folders and unprintable characters, because it may be used in a path."""
    return "".join(filter(str.isprintable, re.split(r"[/\\]", value)[-1])) if isinstance(value, str) else value or ""


def none_if_zero(value: Any) -> Any:
    """`sendType` is "0" until the document is sent (captures)."""
    return None if value in ("", "0", 0) else value


# 24 digits hold any amount of money; the bound rejects "1e999999999", which could not be computed with. It stands
# before the validator, so that pydantic's core checks it, which is noticeably faster for 1,000 invoices.
Amount = Annotated[Decimal, Field(max_digits=24), BeforeValidator(_number)]
AmountOrZero = Annotated[Decimal, Field(max_digits=24), BeforeValidator(_zero_if_null)]
# Postgres' bigint holds it.
Whole = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Day = Annotated[date | None, BeforeValidator(_day)]
Moment = Annotated[datetime | None, BeforeValidator(_moment)]
FileName = Annotated[str, BeforeValidator(_last_part)]


def ref_id(key: str) -> AliasPath:
    """The id in a reference: {id, objectName}, or the whole object in some write answers (captures)."""
    return AliasPath(key, "id")


class Model(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        coerce_numbers_to_str=True,
        hide_input_in_errors=True,
    )


class Record(Model):
    """An object with an id."""

    id: Annotated[str, Field(min_length=1)]


class Ref(Record):
    """A reference to another object: its id and sevDesk's model name ("Invoice", "Order", ...)."""

    object_name: str | None = None


def _none_if_empty(value: Any) -> Any:
    """PHP writes an empty object as a list, and one of nothing without an id."""
    return None if value in ("", []) or (isinstance(value, dict) and value.get("id") is None) else value


OptionalRef = Annotated[Ref | None, BeforeValidator(_none_if_empty)]
