"""Text from outside as it is shown to people: nothing in it can give a terminal orders or reorder a line. Pure."""

import json
import re

# All control characters but line feed and tab; marks that change the direction of what follows; separators that some
# programs take for the end of a line; characters without width or ink, which make two names look alike (Unicode's
# Default_Ignorable_Code_Point), but for the joiners that some scripts and the selectors that emoji need; halves of
# surrogate pairs, which no encoding has.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)


def visible(text: str) -> str:
    """The text with each such character written out, such as \\x1b or \\u202e."""
    return _INVISIBLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def visible_line(text: str) -> str:
    """As `visible`, and on one line, so that no text from outside can pass for a line of ours."""
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")


def visible_in_json(text: str) -> str:
    """A JSON text with each of them as the escape that JSON has for it, so that reading it gives the same value."""
    return _INVISIBLE.sub(lambda match: json.dumps(match[0])[1:-1], text)
