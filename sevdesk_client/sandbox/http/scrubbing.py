"""Removes personal data from recordings: keeps structure, ids, codes, dates and amounts, replaces all other texts.

An allow-list: a text under an unknown key is private. Equal texts get equal placeholders, so that a recorded search
still finds what was recorded as created.
"""

import re
from dataclasses import dataclass, field

from sevdesk_client.sandbox.account.formats import Json, Object

_CODE_KEYS = frozenset(
    """
    objectName invoiceType type currency sendType taxType translationCode unitySystem uneceTradeUnitCode mimetype
    mimeType forObject objectType format bookingCategory importType code key kind scope vatdrop version result embed
    sendDraft electronicInvoiceId countryContactType exportByPaydate includeEnshrined enshrineDocuments
    includeDocumentImages
    """.split()  # noqa: SIM905 - shorter than a list of quoted words
)
# Keys under which digits are an amount, a count or an id, and not a telephone number or a post code.
_NUMERIC_KEYS = re.compile(
    r"^(id|.*Id|.*\[id\]|status|code|(sum|price|tax|amount|paid|quantity|discount|reminder|total|current|limit|offset|start"
    r"|end|update|create|dunning|position|priority|next|default|small|show|time|count|depth|main|government|exempt)\w*)$"
)
_HARMLESS_TEXT = re.compile(
    r"true|false|[01]?"
    r"|\d{4}-\d\d-\d\d(T[\d:]{5,8}([+-]\d\d:\d\d|Z)?)?|\d\d\.\d\d\.\d{4}"  # dates and times
    r"|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{40}_[0-9a-f]{8}|[0-9a-f]{24}"  # ids: jobs, hashes, templates
)
_NUMBER = re.compile(r"-?\d{1,18}(\.\d{1,10})?")
_DOCUMENT_NUMBER = re.compile(r"[A-Za-z]{0,4}-?\d[\d/-]{0,14}")
_PRIVATE_KEYS = frozenset(
    ("birthday", "value", "accountantNumber", "accountantClientNumber", "taxNumber", "lastLoginIp")
)
_EMAIL = re.compile(r"[^\s@<>()\"',;:]+@[^\s@<>()\"',;:]+")
_BANK_ACCOUNT_OR_TOKEN = re.compile(r"\b[A-Z]{2}\d{2}[A-Z0-9 ]{10,30}\b|\b[0-9a-fA-F]{32,}\b")


@dataclass(slots=True)
class Scrubber:
    """Replaces private texts of one recording, the same text always by the same placeholder."""

    placeholders: dict[str, str] = field(default_factory=dict)

    def scrub(self, value: Json, key: str = "") -> Json:
        """The value with the same structure and types, without personal data."""
        if isinstance(value, dict):
            return {name: self.scrub(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.scrub(inner, key) for inner in value]
        if isinstance(value, str):
            return self._text(value, key)
        private = key in _PRIVATE_KEYS and not isinstance(value, bool | None)
        return 0 if private else value

    def path(self, path: str) -> str:
        """The path with "-" for any part that is no model, action or id."""
        parts = path.split("/")
        return "/".join(part if re.fullmatch(r"[A-Za-z0-9]{0,60}", part) and len(part) != 32 else "-" for part in parts)

    def _text(self, text: str, key: str) -> str:
        if key == "message":
            return self._message(text)
        if self._harmless(text, key):
            return text
        if text not in self.placeholders:
            count = len(self.placeholders) + 1
            self.placeholders[text] = f"person-{count}@example.com" if "@" in text else f"text-{count}"
        return self.placeholders[text]

    def _harmless(self, text: str, key: str) -> bool:
        if not text:
            return True
        if key in _PRIVATE_KEYS:
            return bool(re.fullmatch(r"[0-9a-f]{24}", text))  # a template's id, which changeParameter calls a value
        if key in _CODE_KEYS:
            return len(text) <= 60 and not _EMAIL.search(text)
        if key in ("invoiceNumber", "creditNoteNumber"):
            return bool(_DOCUMENT_NUMBER.fullmatch(text))
        return bool(_HARMLESS_TEXT.fullmatch(text) or (_NUMERIC_KEYS.match(key) and _NUMBER.fullmatch(text)))

    def _message(self, text: str) -> str:
        """An error message without private texts, e-mail addresses, bank accounts, tokens; at most 300 characters."""
        for private in sorted(self.placeholders, key=len, reverse=True):
            if len(private) > 3:
                text = text.replace(private, self.placeholders[private])
        return _BANK_ACCOUNT_OR_TOKEN.sub("-", _EMAIL.sub("person@example.com", text))[:300]


def remove_secret(secret: str, value: Json) -> Json:
    """The value with the secret replaced in all keys and texts."""
    if isinstance(value, dict):
        return {remove_secret(secret, key): remove_secret(secret, inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [remove_secret(secret, inner) for inner in value]
    return value.replace(secret, "[token]") if isinstance(value, str) and secret else value


def scrub_exchange(scrubber: Scrubber, exchange: Object, secret: str) -> Object:
    """A request and its answer without personal data and token."""
    exchange = remove_secret(secret, exchange)
    scrubbed = {key: scrubber.scrub(exchange[key]) for key in ("query", "request", "answer")}
    return {**exchange, "path": scrubber.path(exchange["path"]), **scrubbed}
