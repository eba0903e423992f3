"""Recording what passes between a client and an account, and comparing the account with the sandbox."""

import json
import signal
import socket
import stat
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sevdesk_client.sandbox import command
from sevdesk_client.sandbox.account.records import Address, Contact
from sevdesk_client.sandbox.account.seed import seed
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.endpoints.contact_details import address_json
from sevdesk_client.sandbox.endpoints.errors import not_found
from sevdesk_client.sandbox.endpoints.invoice_json import invoice_json
from sevdesk_client.sandbox.http.recording import parse_upstream, recording
from sevdesk_client.sandbox.http.replay import Difference, compare
from sevdesk_client.sandbox.http.scrubbing import Scrubber
from tests.sandbox.datev_archive import SPAN
from tests.sandbox.sandbox_client import TOKEN, SandboxClient, line, ref

PRIVATE = (
    "Käthe Geheim GmbH",
    "Geheimweg 7",
    "98765",
    "Geheimstadt",
    "geheim@example.org",
    "Geheime Leistung",
    "INV-GEHEIM-1",
    "R1-C-GEHEIM",
    "DE811122233",
)


@pytest.fixture
async def recorded(tmp_path: Path) -> AsyncIterator[tuple[SandboxClient, Path]]:
    """A sandbox whose calls pass the recorder, and the file."""
    file = tmp_path / "recording.jsonl"
    async with recording(file, token=TOKEN) as (url, token, inner):
        assert token == TOKEN and inner is not None
        async with httpx.AsyncClient(headers={"Authorization": TOKEN}, timeout=60) as http:
            # The sandbox calls the proxy; its control calls pass the proxy too.
            yield SandboxClient(type(inner)(url, TOKEN, inner.sandbox), http), file


async def story(sandbox: SandboxClient) -> str:
    """An invoice's life, with as much of people in it as there may be."""
    name, street, code, city, mail, service, note, number, vat = PRIVATE
    contact = await sandbox.contact(name=name, customerNumber=number, vatNumber=vat, buyerReference="-")
    of = {"contact": ref(contact, "Contact")}
    place = {"street": street, "zip": code, "city": city, "country": ref(1, "StaticCountry")}
    await sandbox.objects("POST", "/ContactAddress", 201, json={**of, **place, "category": ref(47, "Category")})
    key = ref(8, "CommunicationWayKey")
    await sandbox.objects("POST", "/CommunicationWay", 201, json={**of, "type": "EMAIL", "value": mail, "key": key})
    address = {"addressName": name, "addressStreet": street, "addressZip": code, "addressCity": city}
    ident = await sandbox.draft_id(
        **of, **address, customerInternalNote=note, headText=service, lines=[line(name=service)]
    )
    assert await sandbox.objects("GET", "/Invoice", params={"customerInternalNote": note})
    assert await sandbox.objects("GET", "/Contact", params={"customerNumber": number, "depth": 1})
    change = {"key": "template", "value": "573ef2706bd2d50366786471"}
    await sandbox.objects("PUT", f"/Invoice/{ident}/changeParameter", json=change)
    await sandbox.send_by(ident)
    await sandbox.pdf(ident)
    letter = {"toEmail": mail, "subject": service, "text": service}
    await sandbox.objects("POST", f"/Invoice/{ident}/sendViaEmail", 201, json=letter)
    await sandbox.objects("POST", f"/Invoice/{ident}/cancelInvoice", 201)
    await sandbox.error("POST", f"/Invoice/{ident}/cancelInvoice", 422)
    await sandbox.error("GET", "/Invoice/7", 404, params={"note": f"token {TOKEN}"})
    return ident


async def test_recordings_hold_no_people(recorded: tuple[SandboxClient, Path]) -> None:
    """No name, address, mail, note, text or number of theirs, and no token; ids and structure are all there."""
    sandbox, file = recorded
    ident = await story(sandbox)
    text = file.read_text()
    assert [private for private in (*PRIVATE, TOKEN) if private in text] == []
    exchanges = [json.loads(each) for each in text.splitlines()]
    assert len(exchanges) == len(await sandbox.control("GET", "/requests")) == 13
    saved = next(each for each in exchanges if each["path"].endswith("saveInvoice"))
    assert saved["answer"]["objects"]["invoice"]["id"] == ident
    assert saved["answer"]["objects"]["invoice"]["sumGross"] == "119"
    assert saved["answer"]["objects"]["invoicePos"][0]["quantity"] is True
    assert saved["request"]["invoice"]["headText"] == saved["request"]["invoicePosSave"][0]["name"]
    assert exchanges[-2]["answer"]["error"]["message"] == "invoice already canceled"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_sandbox_equals_itself(recorded: tuple[SandboxClient, Path]) -> None:
    """Played to another sandbox, whose ids are others, the same story has no difference."""
    sandbox, file = recorded
    await sandbox.control("POST", "/seed", json={"invoices": 50})
    await story(sandbox)
    job = await sandbox.objects("GET", "/Export/createDatevCsvZipExportJob", params={**SPAN, "scope": "ET"})
    found = await sandbox.objects("GET", "/Progress/generateDownloadHash", params={"jobId": job})
    await sandbox.objects("GET", "/Progress/getProgress", params={"hash": found})
    assert await sandbox.objects("GET", "/ExportJob/jobDownloadInfo", params={"jobId": job})
    lines = file.read_text().splitlines()
    assert len(lines) == 17
    assert compare(lines) == Counter()


def exchange(method: str, path: str, shown: Any, status: int = 200, **more: Any) -> str:
    """One recorded line."""
    whole = {"method": method, "path": path, "query": {}, "request": None, "status": status, "answer": shown, **more}
    return json.dumps(whole)


def shown_invoice(status: int) -> dict[str, Any]:
    """An invoice of some account, as its reads show it."""
    account = Account()
    made = seed(account, 1, status)
    return invoice_json(account.invoices[int(made["ids"][0])])


def test_differences_are_told() -> None:
    """A key here, a key there, a type, and a status; null and empty lists go with everything."""
    invoice = {"objects": [shown_invoice(200)]}
    assert compare([exchange("GET", "/Invoice/135000777", invoice)]) == Counter()
    shown = invoice["objects"][0]
    shown["brandNew"] = "1"
    shown["paidAmount"] = "0"
    shown["contact"] = None
    del shown["sumNet"]
    lines = [
        exchange("GET", "/Invoice/135000777", invoice),
        exchange("GET", "/Invoice/135000777", invoice),
        exchange("GET", "/Invoice", {"objects": []}),
        exchange("GET", "/SevUser", {"objects": []}, 403),
        exchange("GET", "/Tools/bookkeepingSystemVersion", {"objects": "2.0"}),
    ]
    operation = "GET /Invoice/{id}"
    assert compare(lines) == {
        Difference(operation, "objects[].brandNew", "string", "missing"): 2,
        Difference(operation, "objects[].paidAmount", "string", "number"): 2,
        Difference(operation, "objects[].sumNet", "missing", "string"): 2,
        Difference("GET /SevUser", "status", "403", "200"): 1,
        Difference("GET /Tools/bookkeepingSystemVersion", "objects", "string", "object"): 1,
    }


def test_old_records_have_placeholders() -> None:
    """What an account had before its recording is made up here, in the state its answers show."""
    draft = {"objects": [shown_invoice(100)]}
    deleted = {"objects": [None]}
    missing = not_found("Invoice", 135000778).envelope()
    body = {"contact": {"id": 4711123, "objectName": "Contact"}, "country": {"id": 1, "objectName": "StaticCountry"}}
    body |= {"category": {"id": 47, "objectName": "Category"}}
    account = Account()
    contact = account.contacts.put(Contact(4711123, account.now(), account.now(), {"name": "X"}, 3))
    place = Address(4711124, account.now(), account.now(), contact.id, 1, 47, {})
    created = {"objects": address_json(place, contact)}
    lines = [
        exchange("GET", "/Invoice/135000777", draft),
        exchange("DELETE", "/Invoice/135000777", deleted),
        exchange("GET", "/Invoice/135000778", missing, 404),
        exchange("POST", "/ContactAddress", created, 201, request=body),
    ]
    assert compare(lines) == Counter()


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"method": "GET"}'])
def test_other_files_are_refused(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With the line that is wrong; a file that is not there likewise."""
    file = tmp_path / "other"
    assert command.run(diff=file) == 2
    file.write_text(f"\n{text}\n")
    assert command.run(diff=file) == 2
    assert "line 2" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["http://my.sevdesk.de/api/v1", "ftp://127.0.0.1", "my.sevdesk.de", "", "https://"])
def test_tokens_do_not_travel_openly(url: str) -> None:
    """Plain http only within this machine."""
    with pytest.raises(ValueError, match="https"):
        parse_upstream(url)
    assert command.run(upstream=url, record=Path("never")) == 2
    assert parse_upstream("https://my.sevdesk.de/api/v1/").path == "/api/v1"


def test_taken_port_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """With what to do instead."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert command.run(port=port) == 2
    assert capsys.readouterr().err == f"Port {port} is taken. Choose another --port; 0 takes a free one.\n"
    assert command.run(port=80_000) == 2
    assert capsys.readouterr().err == "--port is 80000; ports are 0 to 65535\n"


def test_upstream_needs_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    """A proxy that records nothing is a mistake."""
    assert command.run(upstream="https://my.sevdesk.de/api/v1") == 2
    assert "--record" in capsys.readouterr().err


async def test_silent_upstreams_are_told(tmp_path: Path) -> None:
    """502 without a line in the file; and nothing but the API is forwarded to an account."""
    file = tmp_path / "recording"
    async with (
        recording(file, upstream="http://127.0.0.1:9/api/v1") as (url, token, inner),
        httpx.AsyncClient() as http,
    ):
        assert token is None and inner is None
        assert (await http.get(f"{url}/api/v1/SevUser")).status_code == 502
        assert (await http.get(f"{url}/_sandbox/state")).status_code == 404
    assert file.read_text() == ""


async def test_answers_pass_unchanged(recorded: tuple[SandboxClient, Path]) -> None:
    """Status, headers and bytes, also of what is no JSON; of that, the file tells the size."""
    sandbox, file = recorded
    ident = await sandbox.open_id()
    path = f"{sandbox.running.base_url}/Invoice/{ident}/getPdf?preventSendBy=true&download=true"
    response = await sandbox.http.get(path)
    assert response.headers["content-disposition"] == 'attachment; filename="RE-1000.pdf"'
    assert response.headers["content-type"] == "application/pdf" and response.content.startswith(b"%PDF")
    last = json.loads(file.read_text().splitlines()[-1])
    assert (last["answer"], last["content_type"]) == ({"$bytes": len(response.content)}, "application/pdf")


@pytest.mark.parametrize(
    ("key", "value", "kept"),
    [
        ("id", "135000777", True),
        ("id", 135000777, True),
        ("create", "2026-10-01T00:00:00+02:00", True),
        ("sumGross", "-39.2", True),
        ("status", "200", True),
        ("objectName", "Invoice", True),
        ("invoiceNumber", "RE-1018", True),
        ("objects", "0a0e1eff-9590-1bea-1195-a3cfc04364cc", True),
        ("showNet", "1", True),
        ("update", None, True),
        ("enshrined", False, True),
        ("zip", "10115", False),
        ("value", "+49 170 1234567", False),
        ("value", "017012345", False),
        ("bankNumber", "10050000", False),
        ("taxNumber", "1234567890", False),
        ("customerNumber", "1338", False),
        ("birthday", "1980-01-01", False),
        ("accountantNumber", 29098, False),
        ("invoiceNumber", "Müller 2026", False),
        ("type", "a@example.org", False),
        ("link", "https://storage.example.com/?X-Amz-Signature=00", False),
        ("unheardOf", "12345", False),
        ("objects", TOKEN, False),
    ],
)
def test_only_the_known_is_kept(key: str, value: Any, kept: bool) -> None:
    """Ids, codes, dates and amounts; the rest keeps its type and nothing else."""
    scrubbed = Scrubber().scrub({key: value})[key]
    assert (scrubbed == value) is kept and type(scrubbed) is type(value)


def test_messages_lose_their_people() -> None:
    """sevDesk's own words stay, what is known or looks private goes."""
    scrubber = Scrubber()
    stand_in = scrubber.scrub({"name": "Käthe Geheim"})["name"]
    message = "Contact Käthe Geheim (k@example.org, DE02100500000054540402) is used, id 135000777"
    assert scrubber.scrub({"message": message})["message"] == (
        f"Contact {stand_in} (person@example.com, -) is used, id 135000777"
    )


def test_program_records_and_compares(tmp_path: Path) -> None:
    """--record until signalled, then --diff: 0 without differences, 1 with a table of them."""
    file = tmp_path / "recording"
    start = [sys.executable, "-m", "sevdesk_client.sandbox"]
    with subprocess.Popen([*start, "--record", str(file)], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        base_url = program.stdout.readline().strip().removeprefix("SEVDESK_BASE_URL=")
        token = program.stdout.readline().strip().removeprefix("SEVDESK_API_TOKEN=")
        assert httpx.get(f"{base_url}/SevUser", headers={"Authorization": token}).status_code == 200
        program.send_signal(signal.SIGTERM)
        assert program.wait(60) == 0
    same = subprocess.run([*start, "--diff", str(file)], capture_output=True, text=True, check=False)
    assert (same.returncode, same.stdout) == (0, "no differences\n")
    file.write_text(file.read_text().replace('"status": 200', '"status": 418'))
    other = subprocess.run([*start, "--diff", str(file)], capture_output=True, text=True, check=False)
    assert other.returncode == 1 and other.stdout.splitlines()[-1] == "1 differences"
    assert other.stdout.splitlines()[1].split() == ["GET", "/SevUser", "status", "418", "200", "1"]
