"""Text from outside as it is shown to people: nothing in it can give a terminal orders or reorder a line. Pure."""

import re

# All control characters but line feed and tab; marks that change the direction of what follows; separators that some
# programs take for the end of a line; halves of surrogate pairs, which no encoding has.
_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    """The text with each such character written out, such as \\x1b or \\u202e."""
    return _INVISIBLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def visible_line(text: str) -> str:
    """As `visible`, and on one line, so that no text from outside can pass for a line of ours."""
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")


def visible_in_json(text: str) -> str:
    """A JSON text with each of them as the escape that JSON has for it, so that reading it gives the same value."""
    return _INVISIBLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
