"""What an answer from sevDesk means to the caller.

    SevDeskError
    ├── NotSent            the request never left: always safe to repeat
    ├── Refused            sevDesk said no: nothing happened, do not repeat
    │   ├── TokenRefused   the API token is wrong, expired with its user, or not allowed
    │   └── NotFound       sevDesk does not know this id
    ├── Throttled          too many requests: nothing happened, repeat later
    ├── Unavailable        a read got no usable answer: safe to repeat
    │   └── FilterIgnored  a list came back unfiltered: repeating will not help
    └── OutcomeUnknown     a write may or may not have happened: read back first

The classes are named for what the caller can do, not for HTTP codes: sevDesk refuses with HTTP 200 (captured:
cancelling a partly paid invoice) and reports the caller's mistakes with 500 (official; live, five peers).

The first line of a class docstring ends its message, so the documentation and the log cannot drift apart.
"""

import re
from collections.abc import Iterable

# sevDesk's messages are one line; a proxy's error page is not, and nobody reads past this in a log.
MAX_REASON = 300

_EMAIL = re.compile(r"[^\s<>\"'(),;:=@]{1,64}@[^\s<>\"'(),;:=@]+")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b")
# API tokens are 32 hexadecimal digits (official); download hashes and signatures are longer still.
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
    """A reason that was cut within `word` ends before it."""
    for length in range(len(word) - 1, 2, -1):
        if cut.casefold().endswith(f"{word[:length]}…".casefold()):
            return f"{cut[: -length - 1]}[…]"
    return cut


class SevDeskError(Exception):
    """A call to sevDesk did not succeed.

    operation    method and path, ids replaced: "POST /Invoice/{id}/cancelInvoice"
    reason       what sevDesk (or the network) said, scrubbed: no token, no e-mail address, one bounded line
    status       HTTP status, None where no answer came
    code         sevDesk's own error number (151, 7100, ...), the stable key of an error; None where it gave none
    retry_after  seconds sevDesk asked us to wait, None where it did not
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
        """Take these out of the reason, in either case; sevDesk's messages may repeat what it knows of a customer."""
        for word in sorted(words, key=len, reverse=True):
            self.reason = re.sub(re.escape(" ".join(word.split())), "[…]", self.reason, flags=re.IGNORECASE)
            if self.reason.endswith("…"):
                self.reason = _without_beginning(word, self.reason)
        self.args = (self._sentence(),)

    def _sentence(self) -> str:
        marks = [f"HTTP {self.status}"] if self.status is not None else []
        if self.code is not None:
            marks.append(f"code {self.code}")
        where = f" ({', '.join(marks)})" if marks else ""
        meaning = (type(self).__doc__ or "").partition("\n")[0]
        return f"{self.operation} failed with “{self.reason}”{where}: {meaning[:1].lower()}{meaning[1:]}"


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

    sevDesk documents no limit and nobody has seen a 429 (measured: 133 requests per second were answered); this is what
    HTTP says a 429 means.
    """


class Unavailable(SevDeskError):
    """A read got no usable answer, so it is safe to repeat."""


class FilterIgnored(Unavailable):
    """The list came back unfiltered, so its content proves nothing and repeating will not help.

    sevDesk ignores filters it does not know and answers with the whole list (measured by two peers).
    """


class OutcomeUnknown(SevDeskError):
    """The change may or may not have been made, so read it back before doing anything else."""
