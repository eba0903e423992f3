"""Each PDF is stored once: the same bytes are not written again, and what nobody was sent gives way to the newest."""

import hashlib
import random
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from flow.billing import Billing

from worker.store.connection import run_statement

OLDER = """
INSERT INTO sevdesk_documents (invoice_id, kind, filename, mimetype, sha256, content, fetched_at)
SELECT $1, 'invoice_pdf', 'older.pdf', 'application/pdf', $2, '%PDF', min(fetched_at) + $3 FROM sevdesk_documents"""


@pytest.fixture
async def published(billing: Billing, worker: object) -> UUID:
    """An invoice with its PDF."""
    invoice = await billing.usual_invoice()
    assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
    return invoice


async def stored(billing: Billing) -> list[Any]:
    """SHA-256 of each PDF on record, the oldest row first."""
    rows = await billing.db.fetch(
        "SELECT sha256, content FROM sevdesk_documents WHERE kind = 'invoice_pdf' ORDER BY id"
    )
    return [row["sha256"] for row in rows]


async def test_damaged_file_is_mended(billing: Billing, published: UUID) -> None:
    """Fetched again, its bytes are those of its SHA-256."""
    first = await stored(billing)
    await billing.db.execute("UPDATE sevdesk_documents SET content = '%PDF damaged'")
    await billing.do("fetch_invoice_pdf", invoice_id=published)
    content = await billing.db.fetchval("SELECT content FROM sevdesk_documents WHERE kind = 'invoice_pdf'")
    assert [hashlib.sha256(content).hexdigest()] == first == await stored(billing)


async def test_same_bytes_are_written_once(billing: Billing, published: UUID) -> None:
    """Stored again, a file of the size of a real PDF stays where it lies; a new one would have another number there."""
    content = random.Random(1).randbytes(50_000)
    document = {"document": "invoice_pdf", "filename": "a.pdf", "mimetype": "application/pdf", "sha256": "x"}
    toast = await billing.db.fetchval(
        "SELECT reltoastrelid::regclass FROM pg_class WHERE relname = 'sevdesk_documents'"
    )
    numbers = set()
    for _ in range(3):
        await run_statement(billing.db, "store_document", invoice_id=published, content=content, **document)
        numbers |= {row[0] for row in await billing.db.fetch(f"SELECT chunk_id FROM {toast}")}  # noqa: S608
    assert len(numbers) == 1 and await stored(billing) == ["x"]


async def test_unsent_renderings_give_way(billing: Billing, published: UUID) -> None:
    """One that was mailed stays, and one of the document that was there before; the log names all of them."""
    [present] = await stored(billing)
    for sha256, age in (("unsent", "1 ms"), ("mailed", "2 ms"), ("of another document", "-1 hour")):
        await billing.db.execute(OLDER.replace("$3", f"interval '{age}'"), published, sha256)
    await billing.db.execute(
        "INSERT INTO sevdesk_mails (invoice_id, job_id, recipient, subject, pdf_sha256) "
        "VALUES ($1, 'earlier', 'a@example.com', '', 'mailed')",
        published,
    )
    await billing.do("fetch_invoice_pdf", invoice_id=published)
    assert await stored(billing) == [present, "mailed", "of another document"]


async def test_strangers_may_drop_nothing(billing: Billing, published: UUID) -> None:
    """The function works with its owner's rights, so nobody may call it who was not given that right."""
    await billing.db.execute("CREATE ROLE stranger")
    async with billing.db.acquire() as connection:
        await connection.execute("SET ROLE stranger")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("SELECT sevdesk_drop_renderings_v1($1, 'invoice_pdf', '', '-infinity')", published)
        await connection.execute("RESET ROLE")
    await billing.db.execute("DROP ROLE stranger")
    assert len(await stored(billing)) == 1
