"""What an answer from sevDesk means to the caller.

    SevDeskError
    ├── NotSent            the request never left: always safe to repeat
    ├── Refused            sevDesk said no: nothing happened, do not repeat
    │   ├── TokenRefused   the API token is wrong, expired with its user, or not allowed
    │   └── NotFound       sevDesk does not know this id
    ├── Throttled          too many requests: nothing happened, repeat later
    ├── Unavailable        a read got no usable answer: safe to repeat
    │   ├── FilterIgnored  a list came back unfiltered: repeating will not help
    │   └── TooLarge       longer than an answer may be: repeating will not help
    └── OutcomeUnknown     a write may or may not have happened: read back first

The classes say what the caller can do, not which HTTP status came: sevDesk refuses with HTTP 200 (captured: cancelling
a partly paid invoice) and reports the caller's mistakes with 500 (official; live, five peers).

The first line of a class's docstring is the end of its error message, so documentation and log say the same.
"""

import re
from collections.abc import Iterable

# Characters. sevDesk's messages are one line; a proxy's error page may be long, and a log line should not be.
MAX_REASON = 300

_EMAIL = re.compile(r"[^\s<>\"'(),;:=@]{1,64}@[^\s<>\"'(),;:=@]+")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b")
# API tokens are 32 hexadecimal digits (official); download hashes and signatures are longer.
_TOKEN = re.compile(r"\b[0-9a-fA-F]{32,}\b")


def scrub(text: str, secret: str = "") -> str:
    """One printable line of at most MAX_REASON characters, without `secret`, tokens, e-mail addresses and IBANs."""
    text = text[: 20 * MAX_REASON]
    if secret:
        text = text.replace(secret, "[token]")
    for pattern, stand_in in ((_EMAIL, "[e-mail]"), (_IBAN, "[IBAN]"), (_TOKEN, "[token]")):
        text = pattern.sub(stand_in, text)
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= MAX_REASON else line[: MAX_REASON - 1] + "…"


def _without_beginning(word: str, cut: str) -> str:
    """Remove the beginning of `word` at the end of a truncated reason, where scrub cut within it."""
    for length in range(len(word) - 1, 2, -1):
        if cut.casefold().endswith(f"{word[:length]}…".casefold()):
            return f"{cut[: -length - 1]}[…]"
    return cut


class SevDeskError(Exception):
    """A call to sevDesk did not succeed.

    operation    method and path, ids replaced: "POST /Invoice/{id}/cancelInvoice"
    reason       sevDesk's message or the network error, scrubbed: one short line without token and e-mail addresses
    status       HTTP status, None without an answer
    code         sevDesk's error number (151, 7100, ...), which identifies an error; None if there is none
    retry_after  seconds that sevDesk asked to wait, None if it did not
    """

    def __init__(
        self,
        operation: str,
        reason: str,
        *,
        status: int | None = None,
        code: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.operation = operation
        self.reason = scrub(reason)
        self.status = status
        self.code = code
        self.retry_after = retry_after
        super().__init__(self._sentence())

    def redact(self, words: Iterable[str]) -> None:
        """Remove these words from the reason, ignoring case: sevDesk's messages may contain a customer's data."""
        for word in sorted(words, key=len, reverse=True):
            self.reason = re.sub(re.escape(" ".join(word.split())), "[…]", self.reason, flags=re.IGNORECASE)
            if self.reason.endswith("…"):
                self.reason = _without_beginning(word, self.reason)
        self.args = (self._sentence(),)

    @property
    def answer(self) -> str:
        """The reason with HTTP status and sevDesk's error number: "invoice already canceled (HTTP 422, code 421)"."""
        return self.reason + self._numbers()

    def _numbers(self) -> str:
        numbers = [f"HTTP {self.status}"] if self.status is not None else []
        if self.code is not None:
            numbers.append(f"code {self.code}")
        return f" ({', '.join(numbers)})" if numbers else ""

    def _sentence(self) -> str:
        meaning = (type(self).__doc__ or "").partition("\n")[0]
        return f"{self.operation} failed with “{self.reason}”{self._numbers()}: {meaning[:1].lower()}{meaning[1:]}"


class NotSent(SevDeskError):
    """The request never reached sevDesk, so it is safe to repeat."""


class Refused(SevDeskError):
    """It was refused, so nothing happened and repeating it unchanged will not help."""


class TokenRefused(Refused):
    """SevDesk does not accept the API token, so nothing happened and nothing will until the token is replaced."""


class NotFound(Refused):
    """SevDesk does not know this object, so nothing happened."""


class Throttled(SevDeskError):
    """SevDesk asked us to slow down, so nothing happened and it is safe to repeat later.

    sevDesk documents no limit and nobody has seen a 429 (measured: 133 requests per second were answered); this is the
    meaning of 429 in HTTP.
    """


class Unavailable(SevDeskError):
    """A read got no usable answer, so it is safe to repeat."""


class FilterIgnored(Unavailable):
    """The list came back unfiltered, so its content proves nothing and repeating will not help.

    sevDesk ignores filters it does not know and answers with the whole list (measured by two peers).
    """


class TooLarge(Unavailable):
    """The answer is longer than one may be, so it was not read and repeating will not help."""


class OutcomeUnknown(SevDeskError):
    """The change may or may not have been made, so read it back before doing anything else."""
