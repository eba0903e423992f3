"""sevDesk answers what it must not, or nothing usable: one clear error, and nothing wrong is taken for true."""

import asyncio
import gzip
import io
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from client.samples import answer, invoice_draft
from hostile.lying_server import TOKEN, http_answer, lied_to, lying_server, saying

from sevdesk_client import errors
from sevdesk_client.client import SevDeskClient
from sevdesk_client.models import AddressDraft, ContactDraft, MailDraft
from worker.steps.http_client import open_http

INVOICE: dict[str, Any] = json.loads(answer("invoice_open_enshrined"))["objects"][0]
ID = INVOICE["id"]
CONTACT = {"id": "7", "objectName": "Contact", "customerNumber": "R1-C-1"}
NOTE = {"id": "7", "objectName": "CreditNote", "status": "100"}
PARTY = ContactDraft(customer_number="R1-C-2", name="Kunde GmbH")
ADDRESS = AddressDraft(street="Weg 1", zip="10115", city="Berlin", country_id="1")
MAIL = MailDraft(to="rechnung@example.com", subject="Rechnung", text="Text")
Use = Callable[[SevDeskClient], Awaitable[object]]


async def error_of(use: Use, body: Any, *headers: str, status: str = "200 OK", **options: Any) -> errors.SevDeskError:
    """The error that the client makes of this answer."""
    async with lied_to(saying(body, *headers, status=status), **options) as (client, server):
        with pytest.raises(errors.SevDeskError) as caught:
            await use(client)
    most = 4 if isinstance(caught.value, errors.TooLarge) else 1  # a page that is too large is asked for in parts
    assert TOKEN not in str(caught.value) and len(server.heads) <= most
    return caught.value


OTHERS: list[tuple[str, Use, Any]] = [
    ("invoice", lambda it: it.get_invoice("1"), [INVOICE]),
    ("finalised", lambda it: it.send_by("1"), INVOICE),
    ("saved", lambda it: it.save_invoice(invoice_draft()), {"invoice": INVOICE}),
    ("itself", lambda it: it.cancel_invoice(ID), INVOICE),
    ("storno", lambda it: it.cancel_invoice("1"), INVOICE | {"origin": {"id": "2", "objectName": "Invoice"}}),
    ("mailed", lambda it: it.send_via_email("1", MAIL), {"id": "5", "object": {"id": "2", "objectName": "Invoice"}}),
    ("contact", lambda it: it.get_contact("1"), [CONTACT]),
    ("made", lambda it: it.create_contact(PARTY), CONTACT),
    ("changed", lambda it: it.update_contact("1", PARTY), CONTACT),
    ("address", lambda it: it.update_contact_address("1", ADDRESS), {"id": "2"}),
    ("way", lambda it: it.update_communication_way("1", "a@b.example"), {"id": "2", "type": "EMAIL", "value": "x"}),
    ("note", lambda it: it.get_credit_note("1"), [NOTE]),
    ("note sent", lambda it: it.send_credit_note_by("1"), NOTE),
    ("note of", lambda it: it.credit_note_from_invoice("1"),
     {"creditNote": NOTE | {"origin": {"id": "2", "objectName": "Invoice"}}}),
]  # fmt: skip


@pytest.mark.parametrize(("use", "lie"), [each[1:] for each in OTHERS], ids=[each[0] for each in OTHERS])
async def test_other_record_is_no_answer(use: Use, lie: Any) -> None:
    """An answer about another record than asked for: a read may be repeated, a write has to be read back."""
    error = await error_of(use, lie)
    assert isinstance(error, errors.Unavailable | errors.OutcomeUnknown) and "another" in error.reason


def changed(**fields: Any) -> bytes:
    """The invoice with these fields."""
    return json.dumps({"objects": [INVOICE | fields]}).encode()


BROKEN = {
    "nested": b'{"objects": ' + b"[" * 100_000,
    "nested and closed": b'{"objects": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_001,
    "NaN": changed().replace(b'"paidAmount": 0', b'"paidAmount": NaN'),
    "infinite": changed().replace(b'"paidAmount": 0', b'"paidAmount": 1e400'),
    "text NaN": changed(paidAmount="NaN"),
    "many digits": changed().replace(b'"paidAmount": 0', b'"paidAmount": ' + b"9" * 5000),
    "huge status": changed(status=10**30),
    "error said twice": b'{"objects": {}, "error": {"message": "no"}, "error": null}',
    "id said twice": changed().replace(b'"id": "135169163",', b'"id": "1", "id": "135169163",'),
    "a list of two": json.dumps({"objects": [INVOICE, INVOICE]}).encode(),
    "not UTF-8": changed(header="x").replace(b'"x"', b'"\xed\xa0\x80"'),
    "cut short": changed()[:-9],
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
async def test_broken_json_is_unavailable(body: bytes) -> None:
    """Whatever cannot mean one thing only means nothing."""
    assert type(await error_of(lambda it: it.get_invoice(ID), body)) is errors.Unavailable


@pytest.mark.parametrize("day", ["0000-00-00", "0000-01-01T00:00:00+01:00", "-0001-11-30T00:00:00+00:53", "0026-11-29",
                                 "9999-12-31T23:59:59-12:00", "12026-01-01"])  # fmt: skip
async def test_impossible_dates_are_none(day: str) -> None:
    """A slip of the pen in one invoice must not stop the reading of all others, and is nobody's day of payment."""
    dates = dict.fromkeys(("payDate", "invoiceDate", "update", "create", "sendDate"), day)
    async with lied_to(saying(changed(**dates))) as (client, _):
        read = await client.get_invoice(ID)
    assert (read.pay_date, read.invoice_date, read.update, read.create, read.send_date) == (None,) * 5


async def test_characters_nobody_can_store() -> None:
    """Postgres takes neither NUL nor half a character; escaped backslashes and whole ones stay."""
    body = changed(header="a").replace(b'"a"', rb'"\u0000 \ud800 \udc00x \ud83d\ude00 \\u0000 \u00e4"')
    async with lied_to(saying(body)) as (client, _):
        read = await client.get_invoice(ID)
    assert read.header == "\ufffd \ufffd \ufffdx \U0001f600 \\u0000 ä"


PDF_LIES = {
    "none": {"filename": "x", "content": "aGVsbG8=", "base64Encoded": True},
    "html": b"<html><title>Login</title></html>",
    "damaged": {"filename": "x", "content": "%%%", "base64Encoded": True},
    "text": "JVBERi0xLjQK",
}


@pytest.mark.parametrize("body", PDF_LIES.values(), ids=PDF_LIES)
async def test_what_is_no_pdf(body: Any) -> None:
    """It is not stored as one."""
    assert type(await error_of(lambda it: it.get_pdf(ID), body)) is errors.Unavailable


BOMBS = {
    "zeros": gzip.compress(bytes(2**28)),
    "lists": gzip.compress(b'{"objects": [' + b"[]," * (5 * 2**20) + b"[]]}"),
    "objects": gzip.compress(b'{"objects": [' + b"{}," * (5 * 2**20) + b"{}]}"),
    "fractions": gzip.compress(b'{"objects": [' + b".1,".replace(b".", b"0.") * (4 * 2**20) + b"1]}"),
}


@pytest.mark.parametrize("body", BOMBS.values(), ids=BOMBS)
async def test_compressed_bombs_are_refused(body: bytes) -> None:
    """What a few kilobytes unpack to is bounded, and so is what is made of it."""
    error = await error_of(lambda it: it.list_invoices(), body, "Content-Encoding: gzip")
    assert type(error) is errors.TooLarge


async def endless(head: str, writer: asyncio.StreamWriter) -> None:
    """A body that does not end."""
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n{")
    while True:
        writer.write(b" " * 65536)
        await writer.drain()


async def endless_head(head: str, writer: asyncio.StreamWriter) -> None:
    """Headers that do not end."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-More: " + b"x" * 60_000 + b"\r\n")
        await writer.drain()


async def dripping(head: str, writer: asyncio.StreamWriter) -> None:
    """A byte now and then, each in time for a time-out between two bytes."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


async def early_hints(head: str, writer: asyncio.StreamWriter) -> None:
    """Preliminary answers without end."""
    while True:
        writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("answers", [endless, endless_head, dripping, early_hints])
async def test_endless_answers_are_left(answers: Any) -> None:
    """By size or by time; a write's outcome is unknown then."""
    async with lied_to(answers, timeout=0.5) as (client, _):
        with pytest.raises(errors.Unavailable):
            await client.bookkeeping_system_version()
        with pytest.raises(errors.OutcomeUnknown):
            await client.send_by("1")


async def test_longer_and_shorter_than_announced() -> None:
    """An answer cut short is none; bytes after its end are not read."""

    async def cut(head: str, writer: asyncio.StreamWriter) -> None:
        writer.write(http_answer(answer("version")).replace(b"Content-Length: ", b"Content-Length: 9"))

    async with lied_to(cut) as (client, _):
        with pytest.raises(errors.Unavailable):
            await client.bookkeeping_system_version()

    async def trailing(head: str, writer: asyncio.StreamWriter) -> None:
        writer.write(http_answer(answer("version")) + http_answer(b'{"objects": {"version": "9.9"}}'))

    async with lied_to(trailing) as (client, _):
        assert [await client.bookkeeping_system_version() for _ in range(2)] == ["2.0", "2.0"]


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
async def test_token_stays_with_sevdesk(status: str) -> None:
    """A redirect is not followed, neither by a call nor by a download, which has no token anyway."""
    async with lied_to(saying({"version": "1"})) as (_, thief):
        moved = saying(b"", f"Location: {thief.url}/", status=status)
        async with lied_to(moved) as (client, server):
            with pytest.raises(errors.Unavailable):
                await client.bookkeeping_system_version()
            with pytest.raises(errors.Unavailable):
                await client.download(f"{server.url}/file.zip", io.BytesIO())
            with pytest.raises(errors.OutcomeUnknown):
                await client.send_by("1")
        assert thief.heads == []
    assert [TOKEN in head for head in server.heads] == [True, False, True]


LINKS = (
    "file:///etc/passwd", "ftp://example.com/a", "gopher://127.0.0.1/", "data:text/plain,a", "", "//127.0.0.1/", "/a",
    "http://example.com/a", "https://127.0.0.1/", "https://[::1]/", "https://localhost/", "https://169.254.169.254/",
    "https://10.0.0.1/", "https://192.168.1.1/", "https://172.16.0.1/", "https://[fe80::1]/", "https://[fd00::1]/",
    "https://0.0.0.0/", "https://[::ffff:127.0.0.1]/", "https://127.1/", "https://2130706433/", "https://0x7f.1/",
    "https://100.64.0.1/", "https://224.0.0.1/", "https://user@127.0.0.1/",
    "https://[64:ff9b::7f00:1]/", 
)  # fmt: skip


@pytest.mark.parametrize("link", LINKS)
async def test_links_inside_are_not_fetched(link: str) -> None:
    """Only https, and only to addresses of the internet, unless it is sevDesk's own; nothing is sent otherwise."""
    async with lied_to(saying(b"")) as (client, _):
        with pytest.raises(errors.Refused, match="not fetched"):
            await client.download(link, io.BytesIO())


@pytest.mark.parametrize("link", ["https://localhost:1/", "https://127.0.0.1:1/", "https://files.localhost:1/"])
async def test_named_hosts_may_be_inside(link: str) -> None:
    """A private S3 endpoint that a setting names: https all the same, and no other name."""
    named = ("localhost", ".localhost", "127.0.0.1")
    async with lied_to(saying(b""), file_hosts=named) as (client, _):
        with pytest.raises(errors.NotSent):
            await client.download(link, io.BytesIO())
        for other in ("http://localhost/", "https://169.254.169.254/", "https://[::1]/"):
            with pytest.raises(errors.Refused, match="not fetched"):
                await client.download(other, io.BytesIO())


async def test_cookies_are_not_kept() -> None:
    """They would come back with each call, until its head is longer than any server takes, and fill the memory."""
    many = saying({"version": "2.0"}, *(f"Set-Cookie: c{number}={'x' * 3500}; Path=/" for number in range(8)))
    async with lying_server(many) as server, open_http({}, seconds=5.0) as http:
        client = SevDeskClient(http, TOKEN, base_url=server.url, attempts=1)
        for _ in range(5):
            assert await client.bookkeeping_system_version() == "2.0"
    assert [head for head in server.heads if "cookie:" in head.lower()] == []
