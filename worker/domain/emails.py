"""Which texts are e-mail addresses that mail can be sent to, and who gets one mail. Pure: no domain is looked up."""

import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from email_validator import EmailNotValidError, validate_email

# Lists, display names, comments: sevDesk's mail server would write to somebody else, or to several.
_SIGNS = ',;<>()"'


def address_fault(text: str) -> str | None:
    """What keeps a text from being one plain address: a sign, its code point or a word; None if nothing does.

    Without personal data and without a language. An address whose part before the @ is not ASCII is a fault too: that
    sevDesk's mail server and the recipient's both take it (RFC 6531) is not established.
    """
    for sign in text:
        if sign.isspace() or unicodedata.category(sign).startswith("C"):  # also what is invisible, as at the end
            return f"U+{ord(sign):04X}"
        if sign in _SIGNS:
            return sign
    if text.count("@") != 1:
        return "@"
    if _is_deliverable(text):
        return None
    return "Domain" if _is_deliverable(text.partition("@")[0] + "@example.com") else "Local-Part"


def _is_deliverable(address: str) -> bool:
    # Some letters have several forms; sevDesk gets the text as it is, so only the usual one and its ASCII form pass.
    return address.casefold() in _forms(address)


def mailbox(address: str) -> str:
    """By what addresses are compared: neither case matters nor whether the domain is in its ASCII form (xn--)."""
    return _forms(address)[-1] or address.casefold()


@lru_cache(maxsize=5000)  # a month has many invoices of the same customers, and this takes 0.1 ms
def _forms(address: str) -> tuple[str, str]:
    """The usual form and the one in ASCII; empty if it is no address."""
    try:
        found = validate_email(address, check_deliverability=False, allow_smtputf8=False, strict=True)
    except EmailNotValidError:
        return "", ""
    return found.normalized.casefold(), (found.ascii_email or "").casefold()


def several(text: str | None) -> tuple[str, ...]:
    """The addresses of a list separated by commas, without blanks around them."""
    return tuple(filter(None, (part.strip() for part in (text or "").split(","))))


class Addressees(NamedTuple):
    """Who gets a mail, each once. `cc` and `bcc` are lists separated by commas, as sevDesk takes them (official)."""

    to: str
    cc: str | None
    bcc: str | None


def addressees(own: str | None, to: str | None, cc: str | None, bcc: str | None) -> Addressees:
    """Who gets the mail; addresses in `to` replace the recipient's `own`. Raises ValueError if there is none.

    sevDesk's `toEmail` is one recipient (official), so further ones travel as CC.
    """
    first, *others = several(to) or ((own,) if own else ("",))
    if not first:
        raise ValueError("a mail needs an address")
    copies = _new((first,), (*others, *several(cc)))
    blind = _new((first, *copies), several(bcc))
    return Addressees(first, ",".join(copies) or None, ",".join(blind) or None)


def _new(known: Iterable[str], more: Iterable[str]) -> tuple[str, ...]:
    """Those of `more` that are not known, each once."""
    seen = set(map(mailbox, known))
    return tuple({mailbox(each): each for each in more if mailbox(each) not in seen}.values())
