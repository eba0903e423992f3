"""Characters that nobody sees are written out; a text keeps its value in JSON and its line in a list."""

import json
import unicodedata

import pytest

from worker.domain.visible import visible, visible_in_json, visible_line

JOINERS = "\u200c\u200d\ufe0f"  # needed in Persian names and in emoji


@pytest.mark.parametrize(
    "char", ["\x1b", "\x9b", "\xad", "\u200b", "\u202e", "\u2028", "\ufeff", "\u3164", "\u034f", "\U000e0100", "\ud800"]
)
def test_unseen_is_written_out(char: str) -> None:
    """And means the same to whoever reads the JSON."""
    assert visible(f"a{char}b") == f"a{char.encode('unicode_escape').decode()}b"
    shown = visible_in_json(json.dumps({"a": f"x{char}y"}, ensure_ascii=False))
    assert shown.isascii() and json.loads(shown) == {"a": f"x{char}y"}


def test_little_stays_unseen() -> None:
    """Of what Unicode calls control, surrogate or separator of lines only line feed and tab stay; and the joiners."""
    kinds = ("Cc", "Cs", "Zl", "Zp")
    unseen = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in kinds]
    assert [char for char in unseen if char not in "\n\t" and visible(char) == char] == []
    assert visible(JOINERS) == JOINERS


def test_line_stays_one() -> None:
    """What has a line of its own cannot begin another one."""
    assert visible_line("a\nb\tc\r\n") == "a\\nb\\tc\\r\\n"
    assert visible("a\nb\tc") == "a\nb\tc"
