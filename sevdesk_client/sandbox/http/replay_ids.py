"""Ids in a replay: maps recorded ids to the sandbox's, and creates records that existed before the recording."""

import re
from dataclasses import dataclass, field

from sevdesk_client.sandbox.account import master_data
from sevdesk_client.sandbox.account.formats import Json, Object
from sevdesk_client.sandbox.account.records import CLIENT_ID, DEFAULT_TEMPLATE, USER_ID, Contact
from sevdesk_client.sandbox.account.seed import seed
from sevdesk_client.sandbox.account.state import Account

# Shorter ids are the same in every account: units, countries, categories, tax rules.
_ACCOUNT_ID = re.compile(r"\d{5,18}")
_ID_KEYS = re.compile(r"(^|\[)(id|jobId|hash)\]?$")
_FIXED_IDS = {
    "SevUser": str(USER_ID),
    "SevClient": str(CLIENT_ID),
    "PaymentMethod": str(next(iter(master_data.PAYMENT_METHODS))),
    "CheckAccount": str(next(iter(master_data.CHECK_ACCOUNTS))),
}


@dataclass(slots=True)
class IdMap:
    """Recorded ids and the sandbox's ids of the same records."""

    known: dict[str, str] = field(default_factory=dict)

    def translate(self, value: Json, key: str = "") -> Json:
        """A query or body with the sandbox's ids."""
        if isinstance(value, dict):
            return {name: self.translate(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.translate(inner, key) for inner in value]
        if key == "value" and isinstance(value, str) and re.fullmatch(r"[0-9a-f]{24}", value):
            return DEFAULT_TEMPLATE
        return self.known.get(str(value), value) if _ID_KEYS.search(key) else value

    def learn(self, recorded: Json, here: Json, key: str = "objects") -> None:
        """Ids at the same place of both answers belong to the same record."""
        if isinstance(recorded, dict) and isinstance(here, dict):
            for name in recorded.keys() & here.keys():
                self.learn(recorded[name], here[name], name)
        elif isinstance(recorded, list) and isinstance(here, list) and len(recorded) == len(here):
            for pair in zip(recorded, here, strict=True):
                self.learn(*pair, key)
        elif key == "id" and _ACCOUNT_ID.fullmatch(str(recorded)) and here is not None:
            self.known.setdefault(str(recorded), str(here))
        elif key == "objects" and isinstance(recorded, str) and isinstance(here, str):
            self.known.setdefault(recorded, here)


def add_missing_records(account: Account, ids: IdMap, exchange: Object) -> None:
    """Create the contacts and invoices that the request refers to and the recording did not create."""
    found = re.match(r"/(Contact|Invoice|SevClient)/(\d{5,18})(?=/|$)", exchange["path"])
    wanted = [(found[1], found[2])] if found and exchange["status"] != 404 else []
    wanted += _references(exchange["request"])
    wanted += [(str(exchange["query"].get("contact[objectName]")), str(exchange["query"].get("contact[id]")))]
    for kind, recorded in wanted:
        if recorded in ids.known or not _ACCOUNT_ID.fullmatch(recorded):
            continue
        if kind in _FIXED_IDS:
            ids.known[recorded] = _FIXED_IDS[kind]
        elif kind == "Contact":
            ident, create, update = account.new_record()
            own = {"name": "Platzhalter GmbH", "customerNumber": str(ident)}
            account.contacts.put(Contact(ident, create, update, own, 3))
            ids.known[recorded] = str(ident)
        elif kind == "Invoice":
            ids.known[recorded] = seed(account, 1, _status(exchange["answer"]), prefix="before-")["ids"][0]


def _references(body: Json) -> list[tuple[str, str]]:
    """(objectName, id) of every reference in a body."""
    if isinstance(body, list):
        return [each for inner in body for each in _references(inner)]
    if not isinstance(body, dict):
        return []
    own = [(str(body["objectName"]), str(body["id"]))] if {"id", "objectName"} <= body.keys() else []
    return own + [each for inner in body.values() for each in _references(inner)]


def _status(answer: Json) -> int:
    """The invoice status in an answer if seed() knows it, otherwise 200."""
    objects = answer.get("objects") if isinstance(answer, dict) else None
    shown = objects[0] if isinstance(objects, list) and objects else objects
    status = str(shown.get("status")) if isinstance(shown, dict) else ""
    return int(status) if status in ("100", "200", "750", "1000") else 200
