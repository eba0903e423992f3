"""Everything the client can send, against sevDesk's own specification."""

import inspect
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import httpx
import pytest

from sevdesk_client.client import SevDeskClient
from sevdesk_client.credit_note_draft import CreditNoteDraft
from sevdesk_client.credit_notes import CreditNoteCalls
from sevdesk_client.errors import Refused
from sevdesk_client.models import AddressDraft, ContactDraft, InvoiceDraft, MailDraft, PositionDraft
from tests.client.contract import Exchange, Recorder, Violation, official
from tests.client.contract_calls import OPTIONS, Call, calls, optional_fields
from tests.client.contract_deviations import out_of_date, unexplained
from tests.sandbox.sandbox_client import TOKEN

DRAFTS = (ContactDraft, AddressDraft, PositionDraft, InvoiceDraft, CreditNoteDraft, MailDraft)
CALLS = vars(SevDeskClient) | vars(CreditNoteCalls)
METHODS = {name: method for name, method in CALLS.items() if inspect.iscoroutinefunction(method)}
# Downloads go to an address outside the API.
PUBLIC = {name: method for name, method in METHODS.items() if not name.startswith("_") and name != "download"}


def refuse(request: httpx.Request) -> httpx.Response:
    """The answer to everything, save the question whose answer leads to the next."""
    if request.url.path.endswith("/generateDownloadHash"):
        return httpx.Response(200, json={"objects": "22ae17e2_0a0e1eff"})
    return httpx.Response(400, json={"error": {"message": "no", "exceptionUUID": "0"}, "objects": None})


async def sent(call: Call) -> list[Exchange]:
    """The requests of a call, up to the one that is refused."""
    recorder = Recorder(httpx.MockTransport(refuse))
    async with httpx.AsyncClient(transport=recorder) as http:
        with pytest.raises(Refused):
            await getattr(SevDeskClient(http, TOKEN), call.method)(*call.given, **call.optional)
    assert len(recorder.exchanges) == (2 if call.method == "datev_progress" else 1)
    return recorder.exchanges


@pytest.fixture
async def violations() -> set[Violation]:
    """What the specification has against all of them."""
    contract = official()
    return contract.judge_all([exchange for call in calls() for exchange in await sent(call)])


def drafts_in(value: Any) -> Iterator[Any]:
    """Every draft inside a call's arguments."""
    if isinstance(value, DRAFTS):
        yield value
        yield from drafts_in([getattr(value, each.name) for each in fields(value)])
    elif isinstance(value, list | tuple):
        for each in value:
            yield from drafts_in(each)


def test_every_method_is_called() -> None:
    """A new method of the client has to be added here."""
    assert len(PUBLIC) > 20
    assert {call.method for call in calls()} == set(PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_every_argument_is_varied(name: str) -> None:
    """Each optional argument is given in one call and left out in another."""
    parameters = inspect.signature(PUBLIC[name]).parameters.values()
    optional = {each.name for each in parameters if each.default is not each.empty}
    made = [call.optional for call in calls() if call.method == name]
    assert made
    assert optional == {key for given in made for key in given}
    assert all(any(key not in given for given in made) for key in optional)


@pytest.mark.parametrize("kind", DRAFTS)
def test_every_option_is_varied(kind: type) -> None:
    """Each field of a draft that may be left out is left out, given alone, and given with all others."""
    made = [draft for call in calls() for draft in drafts_in(call.given) if type(draft) is kind]
    for option in optional_fields(kind):
        assert len({getattr(draft, option) for draft in made}) > 1, option
    named = optional_fields(kind) - {"name", "surename", "familyname"}
    assert named == set(OPTIONS[kind])


async def test_requests_follow_specification(violations: set[Violation]) -> None:
    """Nothing but the listed deviations, each of which has its reason."""
    assert unexplained(violations, "request") == ""


async def test_request_deviations_still_occur(violations: set[Violation]) -> None:
    """An entry for something we no longer do, or the specification now allows, has to go."""
    assert out_of_date(violations, "request") == ""
