"""Single fields of a request body: what comes out, or the refusal it earns."""

from collections.abc import Container
from datetime import date, datetime
from decimal import Decimal

from sevdesk_client.sandbox.account.formats import Json, Object, amount_of, ident_of, moment_of, php_type, truthy
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.endpoints.errors import Refusal, bad_reference, invalid, not_found, null_column


def mapped(data: Json, key: str, model: str) -> Object:
    """An object with objectName and mapAll, the two keys sevDesk always needs (live, three peers)."""
    if not isinstance(data, dict) or data.get("objectName") != model or not truthy(data.get("mapAll")):
        raise bad_reference(key, php_type(data))
    return data


def reference(data: Object, key: str, model: str) -> int | None:
    """A {id, objectName} pair; None when absent. An id alone, or another objectName, is refused (live)."""
    value = data.get(key)
    if value is None:
        return None
    ident = ident_of(value.get("id")) if isinstance(value, dict) else None
    if ident is None or value.get("objectName") != model:
        raise bad_reference(key, php_type(value))
    return ident


def known(account: Account, data: Object, key: str, model: str, idents: Container[int]) -> int | None:
    """A reference that leads somewhere if it is there (404/151 otherwise, inferred)."""
    ident = reference(data, key, model)
    if ident is not None and ident not in idents:
        raise not_found(model, ident, account.switches.not_found)
    return ident


def required(account: Account, data: Object, key: str, model: str, idents: Container[int]) -> int:
    """A reference that must be there and lead somewhere."""
    ident = known(account, data, key, model, idents)
    if ident is None:
        raise bad_reference(key, php_type(data.get(key)))
    return ident


def text(data: Object, key: str) -> str | None:
    """A text, or None. Numbers become texts, as PHP does."""
    value = data.get(key)
    return None if value is None else str(value)


def amount(data: Object, key: str, default: Decimal | None = None) -> Decimal:
    """A number; where there is no default, SQL refuses its absence (live for taxRate, inferred for others)."""
    value = data.get(key)
    if value is None:
        if default is None:
            raise null_column(key)
        return default
    number = amount_of(value)
    if number is None:
        raise invalid(f"{key} is not a number")  # wording inferred
    return number


def whole(data: Object, key: str) -> int | None:
    """A whole number, or None."""
    number = amount_of(data.get(key))
    return None if number is None else int(number)


def day(data: Object, key: str, *, zoned: bool = False) -> datetime | date | None:
    """A date in one of the accepted forms, or None."""
    value = data.get(key)
    if value is None:
        return None
    moment = value if isinstance(value, date) else moment_of(value, zoned=zoned)
    if moment is None:
        raise invalid(f"{key} is not a valid date")  # wording inferred
    return moment


def listed(value: Json) -> list[Object]:
    """Nothing, one object, or a list of objects."""
    if value is None or value == "" or value == "null":
        return []
    items = value if isinstance(value, list) else [value]
    if not all(isinstance(each, dict) for each in items):
        raise Refusal(400, f"array expected. {php_type(value)} given", short=True)  # inferred
    return items
