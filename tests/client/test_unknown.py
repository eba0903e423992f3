"""What sevDesk answers and nobody knows is found; what is known, in any setting of the sandbox, is not."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from sevdesk_client.unknown import unknown, unknown_error
from sevdesk_client.wire import Json
from tests.client.contract_story import settings, story

ANSWERS = Path(__file__).parent / "answers"
INVOICE = {"objectName": "Invoice", "id": "1", "status": "200", "contact": {"id": "2", "objectName": "Contact"}}


def objects_of(text: str) -> Json:
    try:
        answer = json.loads(text)
    except ValueError:
        return None
    return answer.get("objects", answer) if isinstance(answer, dict) else answer


async def test_sandbox_answers_are_known() -> None:
    """In every setting: else `doctor` would warn of what we wrote ourselves."""
    found = set[str]()
    for switches in settings():
        for exchange in await story(switches):
            answer = objects_of(exchange.answer.decode("utf-8", "replace"))
            found |= set(unknown(answer))
    assert found == set()


def test_recorded_answers_are_known() -> None:
    """The captures from live accounts."""
    found = {each for path in ANSWERS.glob("*.json") for each in unknown(objects_of(path.read_text("utf-8")))}
    assert found == set()


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"brandNew": "x"}, "Invoice.brandNew"),
        ({"status": "777"}, "Invoice.status 777"),
        ({"status": 750}, None),
        ({"status": "Frau Müller"}, "Invoice.status (another text)"),
        ({"invoiceType": "XX"}, "Invoice.invoiceType XX"),
        ({"header": {"id": 1}}, "Invoice.header is an object"),
        ({"contact": ["2"]}, "Invoice.contact is an array"),
        ({"header": None, "sendType": "", "sumGross": Decimal("1.5")}, None),
        ({"Max Mustermann": 1}, "Invoice.(odd name)"),
        ({"contact": {"objectName": "Contact", "id": "2", "secret": "x"}}, "Contact.secret"),
        ({"other": {"x": 1}}, "Invoice.other"),
        ({"Mustermann": 1}, "Invoice.(odd name)"),
        ({"DE89370400440532013000": 1}, "Invoice.(odd name)"),
        ({"a1b2c3d4e5": 1}, "Invoice.(odd name)"),
        ({"status": "MUSTERMANN"}, "Invoice.status (another text)"),
        ({"status": 301234567}, "Invoice.status (another text)"),
        ({"status": ["100"]}, "Invoice.status is an array"),
        ({"contact": {"objectName": "Customer", "id": "2"}}, "object Customer"),
        ({"contact": {"objectName": "Müller GmbH", "id": "2"}}, "object (odd name)"),
        ({"contact": {"objectName": ["x"], "id": "2"}}, "object (odd name)"),
        ({"costCentre": {"objectName": "CostCentre", "id": "2"}}, None),
    ],
)
def test_news_is_named_without_values(fields: dict[str, Json], place: str | None) -> None:
    """By field, kind or short code."""
    assert list(unknown([INVOICE | fields])) == ([place] if place else [])


def test_unknown_error_codes_are_named() -> None:
    """0 and null are no codes; a telephone number is none either."""
    assert [unknown_error(code) for code in (None, 0, 151, 4711)] == [None, None, None, "error 4711"]
    assert unknown_error(491711234567) == "error (odd code)"


def test_code_of_a_late_object_is_seen() -> None:
    """A page holds 1,000 invoices, and one of them may have the new status."""
    assert list(unknown([INVOICE] * 999 + [INVOICE | {"status": "777"}])) == ["Invoice.status 777"]


def test_deep_and_wide_answers_are_bounded() -> None:
    """However deep an answer is, looking at it raises nothing."""
    deep: Json = {"objectName": "Invoice"}
    for _ in range(5000):
        deep = {"objectName": "Contact", "category": [deep]}
    assert list(unknown(deep))
