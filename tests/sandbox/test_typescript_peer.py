"""A TypeScript client generated from sevDesk's specification takes the sandbox for sevDesk.

@hey-api/openapi-ts writes the client, the TypeScript compiler holds `typescript/story.ts` against the types that the
specification gives it, and node tells the story to a running sandbox. Neither generator nor client knows of us.
"""

import asyncio
import base64
import json
import os
import shutil
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path
from typing import Any

import pytest

from sevdesk_client.sandbox.http.server import Running
from tests.client.contract import VARIABLE

SOURCES = Path(__file__).parent / "typescript"
# What npm calls a registry that cannot be reached.
OFFLINE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "ENOTCACHED")
PAIR = {"paid": "RE-1000", "cancelled": "RE-1001"}  # the invoices of the story and their numbers
SUMS = ("200", "38", "238")
Told = dict[str, tuple[int, Any]]


async def npm(folder: Path, *command: str, **environment: str) -> tuple[int | None, str]:
    """Exit code and output of an npm command."""
    process = await asyncio.create_subprocess_exec(
        "npm", *command, cwd=folder, env=os.environ | environment, stdout=PIPE, stderr=STDOUT
    )
    async with asyncio.timeout(300):
        said = (await process.communicate())[0].decode()
    return process.returncode, said


@pytest.fixture
async def program(tmp_path: Path) -> Path:
    """A folder with the generated client and the story, both compiled. Says so where that is not possible."""
    if not os.environ.get(VARIABLE):
        pytest.skip(f"NOT CHECKED by a generated client: {VARIABLE} does not name sevDesk's openapi.yaml")
    if not shutil.which("npm"):
        pytest.skip("NOT CHECKED by a generated client: there is no npm")
    folder = tmp_path / "peer"
    shutil.copytree(SOURCES, folder)
    code, said = await npm(folder, "install", "--no-audit", "--no-fund", "--no-package-lock", "--prefer-offline")
    if code and any(each in said for each in OFFLINE):
        pytest.skip("NOT CHECKED by a generated client: npm's registry cannot be reached")
    assert code == 0, said
    for step in ("generate", "build"):
        code, said = await npm(folder, "run", "--silent", step)
        assert code == 0, said
    return folder


async def tell(program: Path, sandbox: Running) -> Told:
    """The story: status and answer of each call."""
    environment = {"SEVDESK_BASE_URL": sandbox.base_url, "SEVDESK_API_TOKEN": sandbox.token}
    code, said = await npm(program, "run", "--silent", "story", **environment)
    assert code == 0, said
    return {name: (status, answer) for name, status, answer in map(json.loads, said.splitlines())}


@pytest.mark.long
async def test_generated_client_lives_through_it(program: Path, running_sandbox: Running) -> None:
    """Contact, invoices, sendBy, PDF, mail, two payments, cancellation, lists, refusals: all as sevDesk tells them."""
    told = await tell(program, running_sandbox)
    refused = {"cancelled: again": 422, "stranger": 401}
    created = {"contact", "address", "way", "paid: mailed", "cancelled: storno", *(f"{a}: saved" for a in PAIR)}
    assert {name: status for name, (status, _) in told.items()} == {
        name: refused.get(name, 201 if name in created else 200) for name in told
    }
    assert len(told) == 22
    answers = {name: answer.get("objects", answer) for name, (_, answer) in told.items()}
    assert answers["version"] == {"version": "2.0"}
    assert [each["name"] for each in answers["contacts"]] == ["Muster GmbH"]
    assert [each["quantity"] for each in answers["paid: positions"]] == ["2"]
    for name, number in PAIR.items():
        saved, sent, pdf = (answers[f"{name}: {step}"] for step in ("saved", "sent", "pdf"))
        assert (saved["invoice"]["status"], saved["invoice"]["invoiceNumber"]) == ("100", None)
        assert (saved["invoice"]["sumNet"], saved["invoice"]["sumTax"], saved["invoice"]["sumGross"]) == SUMS
        assert (sent["status"], sent["invoiceNumber"]) == ("200", number)
        assert sent["deliveryDate"] == "2026-10-01T00:00:00+02:00"
        assert pdf["filename"] == f"{number}.pdf" and base64.b64decode(pdf["content"]).startswith(b"%PDF")
    logs = [answers["paid: N"], answers["paid: FULL_PAYMENT"]]
    assert [(log["fromStatus"], log["toStatus"], log["amountPayed"]) for log in logs] == [
        ("200", "750", "38"),
        ("750", "1000", "200"),
    ]
    [paid] = answers["paid: read"]
    assert (paid["status"], paid["paidAmount"], paid["payDate"][:10]) == ("1000", 238, "2026-10-01")
    storno = answers["cancelled: storno"]
    assert (storno["invoiceType"], storno["invoiceNumber"], storno["sumGross"]) == ("SR", "RE-1002", "-238")
    assert told["cancelled: again"][1]["error"]["code"] == 421
    assert [each["invoiceNumber"] for each in answers["invoices"]] == ["RE-1002", "RE-1001", "RE-1000"]
    assert answers["open"] == []
