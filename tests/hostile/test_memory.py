"""What one answer may take of memory, whatever is in it: 64 MB. And what the inbox takes for a page of large jobs."""

import base64
import gzip
import json
import tracemalloc
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from flow.billing import Billing
from flow.books import until
from flow.conftest import RunWorker

from sevdesk_client import errors, readers, wire
from sevdesk_client.models import Invoice
from sevdesk_client.wire import Answer, Request

LIST = Request("GET", "/Invoice")
PDF = Request("GET", "/Invoice/{id}/getPdf", "1", max_bytes=wire.MAX_PDF_ANSWER_BYTES)
ROOM = wire.MAX_ANSWER_BYTES - 40
SMILE = "\U0001f600".encode()


def _json(*parts: bytes) -> bytes:
    return b'{"objects": ' + b"".join(parts) + b"}"


# Bodies that become as large as possible, made when they are needed.
BOMBS: dict[str, Callable[[], tuple[Request, bytes]]] = {
    "zeros": lambda: (LIST, bytes(2**28)),
    "lists": lambda: (LIST, _json(b"[", b"[]," * 5_000_000, b"[]]")),
    "objects": lambda: (LIST, _json(b"[", b"{}," * 99_000, b"{}]")),
    "fractions": lambda: (LIST, _json(b"[", b"0.1," * 199_000, b"0]")),
    "keys": lambda: (LIST, _json(b"{", b",".join(b'"%x": "%x"' % (each, each) for each in range(199_000)), b"}")),
    "wide text": lambda: (LIST, _json(b'"', b"x" * ROOM, SMILE, b'"')),
    "escapes": lambda: (LIST, _json(b'"', rb"\ud83d\ude00" * (ROOM // 12), b'"')),
    "wide PDF": lambda: (PDF, _json(b'"', b"x" * (wire.MAX_PDF_ANSWER_BYTES - 40), SMILE, b'"')),
}


def peak(request: Request, body: bytes, reader: wire.Reader[Any]) -> float:
    """The most memory taken while the compressed body was read, in MB."""
    packed = gzip.compress(body, 1)
    del body
    tracemalloc.start()
    try:
        wire.read(request, Answer(200, {}, packed), reader)
    finally:
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert most < 64 * 2**20
    return most / 2**20


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_answer_takes_bounded_memory(bomb: Callable[[], tuple[Request, bytes]]) -> None:
    """Refused before or after it was read."""
    with pytest.raises(errors.Unavailable):
        peak(*bomb(), readers.many(Invoice))


@pytest.mark.parametrize("raw", [True, False])
def test_largest_pdf_takes_bounded_memory(raw: bool) -> None:
    """It is accepted."""
    content = b"%PDF" + bytes(wire.MAX_PDF_BYTES - 4)
    body = content if raw else json.dumps({"objects": {"content": base64.b64encode(content).decode()}}).encode()
    assert peak(PDF, body, readers.document) < 64


async def test_page_of_jobs_takes_bounded_memory(billing: Billing, run_worker: RunWorker) -> None:
    """A thousand of the largest payloads lie in Redis."""
    for number in range(1000):
        await billing.enqueue("send_invoice", invoice_id=UUID(int=number), text="ü" * 32_000, score=4e12)
    tracemalloc.start()
    try:
        async with run_worker():
            await until(lambda: billing.db.fetchval("SELECT count(*) = 1000 FROM sevdesk_jobs"))
    finally:
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert most < 256 * 2**20
