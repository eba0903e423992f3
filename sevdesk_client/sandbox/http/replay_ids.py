"""For a replay: which id here is which id there, and stand-ins for what an account had before its recording began."""

import re
from dataclasses import dataclass, field

from sevdesk_client.sandbox.account import master_data
from sevdesk_client.sandbox.account.formats import Json, Object
from sevdesk_client.sandbox.account.records import CLIENT_ID, DEFAULT_TEMPLATE, USER_ID, Contact
from sevdesk_client.sandbox.account.seed import seed
from sevdesk_client.sandbox.account.state import Account

# Smaller ids are sevDesk's own, alike in every account: units, countries, categories, tax rules.
_OWN = re.compile(r"\d{5,18}")
_KEYS = re.compile(r"(^|\[)(id|jobId|hash)\]?$")
_OTHERS = {
    "SevUser": str(USER_ID),
    "SevClient": str(CLIENT_ID),
    "PaymentMethod": str(next(iter(master_data.PAYMENT_METHODS))),
    "CheckAccount": str(next(iter(master_data.CHECK_ACCOUNTS))),
}


@dataclass(slots=True)
class Names:
    """The ids of a recording and what they are called here."""

    here: dict[str, str] = field(default_factory=dict)

    def translate(self, value: Json, key: str = "") -> Json:
        """The same request with this sandbox's ids."""
        if isinstance(value, dict):
            return {name: self.translate(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.translate(inner, key) for inner in value]
        if key == "value" and isinstance(value, str) and re.fullmatch(r"[0-9a-f]{24}", value):
            return DEFAULT_TEMPLATE
        return self.here.get(str(value), value) if _KEYS.search(key) else value

    def translate_path(self, path: str) -> str:
        """The same path with this sandbox's ids."""
        return "/".join(self.here.get(part, part) for part in path.split("/"))

    def template(self, path: str) -> str:
        """The path without ids."""
        return re.sub(r"/\d+(?=/|$)", "/{id}", path)

    def learn(self, recorded: Json, here: Json, key: str = "objects") -> None:
        """Whatever stands in the same place of both answers is the same thing."""
        if isinstance(recorded, dict) and isinstance(here, dict):
            for name in recorded.keys() & here.keys():
                self.learn(recorded[name], here[name], name)
        elif isinstance(recorded, list) and isinstance(here, list) and len(recorded) == len(here):
            for pair in zip(recorded, here, strict=True):
                self.learn(*pair, key)
        elif key == "id" and _OWN.fullmatch(str(recorded)) and here is not None:
            self.here.setdefault(str(recorded), str(here))
        elif key == "objects" and isinstance(recorded, str) and isinstance(here, str):
            self.here.setdefault(recorded, here)


def stand_in(account: Account, names: Names, exchange: Object) -> None:
    """Make what the request speaks of and nothing here stands for yet: contacts and invoices from before."""
    found = re.match(r"/(Contact|Invoice|SevClient)/(\d{5,18})(?=/|$)", exchange["path"])
    wanted = [(found[1], found[2])] if found and exchange["status"] != 404 else []
    wanted += _references(exchange["request"])
    wanted += [(str(exchange["query"].get("contact[objectName]")), str(exchange["query"].get("contact[id]")))]
    for kind, ident in wanted:
        if ident in names.here or not _OWN.fullmatch(ident):
            continue
        if kind in _OTHERS:
            names.here[ident] = _OTHERS[kind]
        elif kind == "Contact":
            names.here[ident] = _contact(account)
        elif kind == "Invoice":
            names.here[ident] = _invoice(account, _status(exchange["answer"]))


def _references(body: Json) -> list[tuple[str, str]]:
    """Every {id, objectName} in a body."""
    if isinstance(body, list):
        return [each for inner in body for each in _references(inner)]
    if not isinstance(body, dict):
        return []
    own = [(str(body["objectName"]), str(body["id"]))] if {"id", "objectName"} <= body.keys() else []
    return own + [each for inner in body.values() for each in _references(inner)]


def _contact(account: Account) -> str:
    now, ident = account.now(), account.new_id()
    account.contacts.put(Contact(ident, now, now, {"name": "Platzhalter GmbH", "customerNumber": str(ident)}, 3))
    return str(ident)


def _invoice(account: Account, status: int) -> str:
    return str(seed(account, 1, status, prefix="before-")["ids"][0])


def _status(answer: Json) -> int:
    """The status an answer shows, as far as the sandbox has it; open where it shows none."""
    objects = answer.get("objects") if isinstance(answer, dict) else None
    shown = objects[0] if isinstance(objects, list) and objects else objects
    status = str(shown.get("status")) if isinstance(shown, dict) else ""
    return int(status) if status in ("100", "200", "750", "1000") else 200
