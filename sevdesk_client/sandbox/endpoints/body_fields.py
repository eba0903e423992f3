"""Reads single fields of a request body, or raises sevDesk's refusal for a wrong one."""

from collections.abc import Container, Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import TypeVar

from sevdesk_client.sandbox.account.formats import Json, Object, is_true, parse_date, parse_decimal, parse_id, php_type
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.endpoints.errors import Refusal, SqlFault, bad_reference, invalid, not_found

T = TypeVar("T")


def model_object(data: Json, key: str, model: str) -> Object:
    """An object with objectName `model` and mapAll true, both of which sevDesk always requires (live, three peers)."""
    if not isinstance(data, dict) or data.get("objectName") != model or not is_true(data.get("mapAll")):
        raise bad_reference(key, php_type(data))
    return data


def reference(data: Object, key: str, model: str) -> int | None:
    """The id of a {id, objectName} reference, None when absent; an id alone or another objectName is refused (live)."""
    value = data.get(key)
    if value is None:
        return None
    ident = parse_id(value.get("id")) if isinstance(value, dict) else None
    if ident is None or value.get("objectName") != model:
        raise bad_reference(key, php_type(value))
    return ident


def optional_reference(account: Account, data: Object, key: str, model: str, idents: Container[int]) -> int | None:
    """A reference that, if present, must be one of `idents` (404/151 otherwise, inferred)."""
    ident = reference(data, key, model)
    if ident is not None and ident not in idents:
        raise not_found(model, ident, account.switches.not_found)
    return ident


def required_reference(account: Account, data: Object, key: str, model: str, idents: Container[int]) -> int:
    """A reference that must be present and one of `idents`."""
    ident = optional_reference(account, data, key, model, idents)
    if ident is None:
        raise bad_reference(key, php_type(data.get(key)))
    return ident


def text(data: Object, key: str) -> str | None:
    """A text, or None; numbers become texts, as in PHP."""
    value = data.get(key)
    return None if value is None else str(value)


def amount(data: Object, key: str, default: Decimal | None = None) -> Decimal:
    """A number; without a default its absence is an SQL error (live for taxRate, inferred for others)."""
    value = data.get(key)
    if value is None:
        return not_null(default, key)
    number = parse_decimal(value)
    if number is None:
        raise invalid(f"{key} is not a number")  # wording inferred
    return number


def not_null(value: T | None, column: str) -> T:
    """The value; an SQL error without one."""
    if value is None:
        raise SqlFault(column)
    return value


def integer(data: Object, key: str) -> int | None:
    """A whole number, or None."""
    number = parse_decimal(data.get(key))
    return None if number is None else int(number)


def day(data: Object, key: str, *, zoned: bool = False, delivery: bool = False) -> datetime | date | None:
    """A date in one of the accepted forms (`parse_date`), or None."""
    value = data.get(key)
    if value is None:
        return None
    parsed = value if isinstance(value, date) else parse_date(value, zoned=zoned, delivery=delivery)
    if parsed is None:
        raise invalid(f"{key} is not a valid date")  # wording inferred
    return parsed


def texts(body: Object, keys: Iterable[str]) -> dict[str, str | None]:
    """The values of those keys that the body has, as texts or None."""
    return {key: text(body, key) for key in keys if key in body}


def object_list(value: Json) -> list[Object]:
    """Nothing, one object or a list of objects, as a list."""
    if value is None or value == "" or value == "null":
        return []
    items = value if isinstance(value, list) else [value]
    if not all(isinstance(each, dict) for each in items):
        raise Refusal(400, f"array expected. {php_type(value)} given", short=True)  # inferred
    return items
