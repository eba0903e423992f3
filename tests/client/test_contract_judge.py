"""The judge of requests and answers: what it reads, what it catches, and how the proxy feeds it."""

import asyncio
import json
from collections.abc import AsyncIterator
from copy import deepcopy
from typing import Any

import httpx
import pytest
from openapi_spec_validator import OpenAPIV30SpecValidator

from sevdesk_client.client import SevDeskClient
from sevdesk_client.errors import OutcomeUnknown
from sevdesk_client.sandbox.http.server import Running, listening
from tests.client.contract import ContractProxy, Exchange, official, proxy_app, read_document
from tests.client.contract_calls import COMPANY
from tests.client.contract_deviations import DEVIATIONS, unexplained
from tests.client.contract_repairs import REPAIRS
from tests.sandbox.sandbox_client import TOKEN, SandboxClient, ref

HEADERS = (("authorization", TOKEN), ("content-type", "application/json"))
CONTACT = {"category": ref(3, "Category"), "name": "Muster GmbH"}
ANSWER = {"id": "7", "objectName": "Contact", "name": "Muster GmbH", "category": ref("3", "Category")}


def asked(
    method: str = "POST", path: str = "/Contact", query: str = "", headers: Any = HEADERS, **body: Any
) -> Exchange:
    """A request without its answer."""
    return Exchange(method, path, query, headers, json.dumps({**CONTACT, **body}).encode() if method == "POST" else b"")


def answered(answer: Any, status: int = 200, kind: str = "application/json") -> Exchange:
    """The answer to a faultless request for one contact."""
    raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return Exchange("GET", "/Contact/7", "", HEADERS, b"", status, kind, raw)


def test_specification_needs_each_repair() -> None:
    """As published it is not valid OpenAPI; with all repairs it is, and each of them mends something."""
    document = read_document()
    assert not OpenAPIV30SpecValidator(deepcopy(document)).is_valid()
    assert all(repair(document) > 0 for repair in REPAIRS)
    OpenAPIV30SpecValidator(document).validate()


def test_deviations_name_their_source() -> None:
    """An entry without a reason and a place in the field notes is no more than a test switched off."""
    assert len(DEVIATIONS) > 20
    assert [entry for entry in DEVIATIONS if not (entry.why and entry.source and entry.operations and entry.at)] == []


@pytest.mark.parametrize("exchange", [asked(), asked("GET", "/Contact/7"), asked("GET", query="depth=1")])
def test_faultless_request_passes(exchange: Exchange) -> None:
    """The mistakes below are not found where they are not made."""
    assert official().judge(exchange) == frozenset()


@pytest.mark.parametrize(
    ("exchange", "at", "problem"),
    [
        (asked("GET", "/Contacts"), "path", "undocumented"),
        (asked("DELETE", "/Contact"), "path", "undocumented"),
        # an id that is a word
        (asked("GET", "/Contact/seven"), "path.contactId", "Failed to cast value"),
        (asked("GET", query="customer=7"), "query.customer", "undocumented"),
        (asked("GET", query="depth=2"), "query.depth", "'2' is not listed"),
        # without a token
        (asked(headers=HEADERS[1:]), "security", "Security not found"),
        # as a form
        (asked(headers=(HEADERS[0], ("content-type", "text/plain"))), "content-type", "text/plain"),
        (asked(nmae="Muster GmbH"), "body.nmae", "undocumented"),
        (asked(name=7), "body.name", "number, not string"),
        (asked(category=None), "body.category", "null"),
        (asked(category={"id": 3}), "body.category.objectName", "missing"),
        (asked(birthday="yesterday"), "body.birthday", "format: 'yesterday' is not a 'date'"),
    ],
)
def test_mistake_in_request_is_found(exchange: Exchange, at: str, problem: str) -> None:
    """One mistake, one violation, told by place and kind."""
    [violation] = official().judge(exchange)
    assert (violation.side, violation.at) == ("request", at)
    assert violation.problem.startswith(problem)
    assert unexplained([violation]) != ""


def test_faultless_answer_passes() -> None:
    """The mistakes below are not found where they are not made."""
    assert official().judge(answered({"objects": [ANSWER]})) == frozenset()


@pytest.mark.parametrize(
    ("exchange", "at", "problem"),
    [
        (answered({"objects": ANSWER}), "objects", "object, not array"),
        (answered({"objects": [ANSWER | {"nmae": "x"}]}), "nmae", "undocumented"),
        (answered({"objects": [ANSWER | {"id": 7}]}), "id", "number, not string"),
        (answered({"objects": [ANSWER | {"category": ref(3, "Category")}]}), "category.id", "number, not string"),
        (answered({"objects": None}), "objects", "null"),
        (answered([]), "", "array, not object"),
        (answered({"objects": [], "error": {"message": "no"}}), "error", "in an answer that says success"),
        (answered({"objects": []}, status=206), "status 206", "undocumented"),
        (answered({"objects": []}, status=418), "status 418", "undocumented"),
        (answered(b"<html>", kind="text/html"), "content-type", "text/html"),
        (answered(b"{"), "", "Failed to deserialize"),
        (answered(b""), "", "Missing response data"),
    ],
)
def test_mistake_in_answer_is_found(exchange: Exchange, at: str, problem: str) -> None:
    """One mistake, one violation, told by place and kind."""
    [violation] = official().judge(exchange)
    assert (violation.side, violation.at) == ("answer", at)
    assert violation.problem.startswith(problem)
    assert unexplained([violation]) != ""


@pytest.fixture
async def proxy(running_sandbox: Running) -> ContractProxy:
    """A proxy to a fresh sandbox."""
    return proxy_app(running_sandbox.url, official())


@pytest.fixture
async def proxied(proxy: ContractProxy) -> AsyncIterator[tuple[str, SevDeskClient]]:
    """The proxy's address and a client that talks to it."""
    async with listening(proxy) as url, httpx.AsyncClient() as http:
        yield url, SevDeskClient(http, TOKEN, base_url=f"{url}/api/v1", attempts=1, timeout=60)


async def test_proxy_passes_calls_on(
    proxy: ContractProxy, proxied: tuple[str, SevDeskClient], sandbox: SandboxClient
) -> None:
    """The sandbox does what was asked, the client hears it, and both halves are remembered and judged."""
    contact = await proxied[1].create_contact(COMPANY)
    assert (await proxied[1].find_contacts(COMPANY.customer_number)) == [contact]
    assert (await sandbox.counts())["contacts"] == 1
    heard = [(each.operation, each.status) for each in proxy.exchanges]
    assert heard == [("POST /Contact", 201), ("GET /Contact", 200)]
    assert {each.at for each in proxy.violations()} >= {"objects", "sevClient.id"}
    assert unexplained(proxy.violations()) == ""


async def test_proxy_finds_bad_calls(proxy: ContractProxy, proxied: tuple[str, SevDeskClient]) -> None:
    """A call that is not ours passes as well, and is told."""
    async with httpx.AsyncClient(headers={"Authorization": TOKEN}) as http:
        answer = await http.get(f"{proxied[0]}/api/v1/Invoice?customerIntenalNote=x")
    assert answer.json() == {"objects": []}
    assert unexplained(proxy.violations()) == "request of GET /Invoice: query.customerIntenalNote: undocumented"


async def test_proxy_shows_control_panel(proxy: ContractProxy, proxied: tuple[str, SevDeskClient]) -> None:
    """What is not sevDesk's passes unjudged."""
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{proxied[0]}/_sandbox/state", params={"only": "counts"})
    assert answer.json()["counts"]["contacts"] == 0
    assert proxy.exchanges == []


async def test_proxy_drops_what_is_dropped(
    proxy: ContractProxy, proxied: tuple[str, SevDeskClient], sandbox: SandboxClient
) -> None:
    """A connection that the sandbox closes without a word ends the same way for the client."""
    await sandbox.control("POST", "/faults", json={"kind": "lose_answer", "method": "POST"})
    with pytest.raises(OutcomeUnknown, match="RemoteProtocolError"):
        async with asyncio.timeout(60):
            await proxied[1].create_contact(COMPANY)
    assert [(each.operation, each.status) for each in proxy.exchanges] == [("POST /Contact", None)]
    assert (await sandbox.counts())["contacts"] == 1
