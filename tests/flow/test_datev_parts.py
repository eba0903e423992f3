"""A large DATEV archive is downloaded, checked, packed and stored without being in memory as a whole."""

import hashlib
import random
import tracemalloc
import zipfile
from collections.abc import AsyncIterator
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from flow.billing import Billing

from sevdesk_client.client import SevDeskClient
from worker.datev.acceptance import accept
from worker.datev.book import Book
from worker.datev.package import pack, parts
from worker.datev.report import Period
from worker.store import Store
from worker.store.exports import finish_export

MEMBERS, MEMBER_BYTES = 8, 4 << 20
RESULT = {
    "package_sha256": "",
    "package_bytes": 0,
    "archive_bytes": 0,
    "status": "accepted",
    "filename": "a.zip",
    "report": {},
}


@pytest.fixture
def archive_path(tmp_path: Path) -> Path:
    """32 MiB that no compression makes smaller."""
    chance = random.Random(7)
    with zipfile.ZipFile(tmp_path / "large.zip", "w") as made:
        for number in range(MEMBERS):
            made.writestr(f"{number}.pdf", b"%PDF" + chance.randbytes(MEMBER_BYTES))
    return tmp_path / "large.zip"


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """A worker's access to the database."""
    made = await Store.connect(database_url, size=2)
    yield made
    await made.close()


async def new_export(billing: Billing) -> UUID:
    """A row as the billing system inserts it."""
    export_id: UUID = await billing.db.fetchval(
        "INSERT INTO sevdesk_datev_exports (start_date, end_date) "
        "VALUES ('2026-10-01', '2026-10-31') RETURNING export_id"
    )
    return export_id


def digest_of(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Disk(httpx.AsyncBaseTransport):
    """Storage that sends a file in pieces, as a socket does."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """200 and the file."""
        return httpx.Response(200, content=self._pieces())

    async def _pieces(self) -> AsyncIterator[bytes]:
        with self.path.open("rb") as file:
            while piece := file.read(1 << 16):
                yield piece


async def test_large_archive_needs_little_memory(
    billing: Billing, store: Store, archive_path: Path, tmp_path: Path
) -> None:
    """A few parts of 1 MiB at most, from the link to the database, where it is byte by byte what was sent."""
    export_id, sha256 = await new_export(billing), digest_of(archive_path)
    async with httpx.AsyncClient(transport=Disk(archive_path)) as http:
        client = SevDeskClient(http, "0" * 32)
        with (tmp_path / "archive").open("w+b") as archive, (tmp_path / "package").open("w+b") as package:
            tracemalloc.start()
            await client.download("https://storage.example.com/a.zip", archive)
            report = accept(Book(payments_known=False), archive, Period(date(2026, 10, 1), date(2026, 10, 31)), "SKR03")
            begin, end = pack(archive, report.as_text(), package)
            made = parts(package, begin, end)
            assert await finish_export(store, export_id, made, archive_sha256=sha256, **RESULT)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
    assert peak < 8 << 20 < MEMBERS * MEMBER_BYTES / 2
    rows = await billing.db.fetch("SELECT content FROM sevdesk_datev_parts WHERE original ORDER BY part")
    assert hashlib.sha256(b"".join(row["content"] for row in rows)).hexdigest() == sha256
    assert len(rows) == MEMBERS * 4 + 1


async def test_result_is_stored_once(billing: Billing, store: Store) -> None:
    """A second attempt changes nothing; one whose archive is another than was checked leaves nothing behind."""
    export_id = await new_export(billing)
    package = BytesIO()
    places = pack(BytesIO(b"PK archive"), "report", package)

    async def finish(sha256: str) -> bool:
        return await finish_export(store, export_id, parts(package, *places), archive_sha256=sha256, **RESULT)

    async def found() -> tuple[Any, ...]:
        counted = "SELECT status, (SELECT count(*) FROM sevdesk_datev_parts) FROM sevdesk_datev_exports"
        return tuple(await billing.db.fetchrow(counted))

    with pytest.raises(ValueError, match="was changed between"):
        await finish("0" * 64)
    assert await found() == ("requested", 0)
    sha256 = hashlib.sha256(b"PK archive").hexdigest()
    assert [await finish(sha256), await finish(sha256)] == [True, False]
    assert await found() == ("accepted", 3)
