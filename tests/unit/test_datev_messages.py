"""Every code of the report says the same in German and English, and is used."""

import re
import string
from decimal import Decimal
from pathlib import Path

import pytest

from worker.datev import messages
from worker.datev.messages import TEMPLATES, message


def names(template: str) -> set[str]:
    """The parameters of a sentence."""
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


@pytest.mark.parametrize("code", TEMPLATES)
def test_both_languages_have_the_values(code: str) -> None:
    """A number that one sentence tells, the other tells, too; only the name of a header field is German alone."""
    template = TEMPLATES[code]
    assert names(template.german) - ({"name"} if code == "header_day" else set()) == names(template.english)
    assert template.german != template.english


def test_every_code_is_used() -> None:
    """A sentence that nobody says is taken away, and a code that has no sentence is nowhere."""
    room = Path(messages.__file__).parent
    code = "\n".join(path.read_text() for path in room.glob("*.py") if not path.stem.endswith("_texts"))
    said = set(re.findall(r'"(\w+)"', code))
    assert set(TEMPLATES) - said == set()
    assert set(re.findall(r'message\(\s*"(\w+)"', code)) <= set(TEMPLATES)


def test_amounts_days_and_rates_are_spelled() -> None:
    """In each language as its readers write them."""
    what = message(
        "account_rate", account="8400", rate=Decimal("19"), rates=frozenset({Decimal("7.00"), Decimal("5.5")})
    )
    assert what.german == "Konto 8400 steht für 19 %, der Beleg für 5,5 % und 7 %"
    assert what.english == "Account 8400 stands for 19 %, the document for 5.5 % and 7 %"
    inner = message("account_note", what=what, documents=3)
    assert inner.english.endswith("5.5 % and 7 % (3 documents)")
    assert message("payment_missing", expected=Decimal("1234.5")).german == "Die Zahlung fehlt: 1.234,50"
