"""C. A large DATEV archive, from file to database: time and memory of ours, and of one statement with all of it."""

import asyncio
import hashlib
import io
import json
import random
import sys
import time
import zipfile
from datetime import date
from pathlib import Path
from tempfile import TemporaryFile
from uuid import UUID

import asyncpg
from bench.ground import ROOT, Ground, Place, on_places
from bench.table import Row

from worker.datev.acceptance import accept
from worker.datev.book import Book
from worker.datev.package import pack, parts
from worker.datev.report import Period
from worker.einvoice.memory import peak_rss
from worker.store import Store
from worker.store.exports import finish_export

MEMBER = 4 << 20
PERIOD = Period(date(2026, 10, 1), date(2026, 10, 31))
NEW = "INSERT INTO sevdesk_datev_exports (start_date, end_date) VALUES ($1, $2) RETURNING export_id"


async def bench(ground: Ground, wanted: set[str]) -> list[Row]:
    """Whichever are wanted."""
    return await on_places(ground, wanted, {"C9": _archive})


async def _archive(ground: Ground, place: Place) -> list[Row]:
    size = ground.size(256, 32)
    path = place.folder / "large.zip"
    chance = random.Random(1)
    with zipfile.ZipFile(path, "w") as made:
        for number in range(size // (MEMBER >> 20)):
            made.writestr(f"{number}.pdf", b"%PDF" + chance.randbytes(MEMBER - 1024))
    ours, other = [await _child(role, place.database_url, path) for role in ("ours", "other")]
    path.unlink()
    what, against = f"DATEV archive of {size} MiB: check and store", "one statement, archive and package"
    return [
        Row("C9", f"{what}, time", ours["seconds"], "s", other=other["seconds"], against=against,
            ratio=ours["seconds"] / other["seconds"], target=("<=", 0.5), of="ratio"),
        Row("C9", f"{what}, memory", ours["memory"], "MB", other=other["memory"], against=against,
            ratio=ours["memory"] / other["memory"], target=("<=", 20)),
    ]  # fmt: skip


async def _child(role: str, url: str, path: Path) -> dict[str, float]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.archives", role, url, str(path), cwd=ROOT / "tests", stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    found: dict[str, float] = json.loads(said)
    return found


async def ours(url: str, path: str) -> None:
    """As the handler does it, after the download."""
    store = await Store.connect(url, size=1)
    export_id: UUID = await store.pool.fetchval(NEW, PERIOD.first, PERIOD.last)
    with open(path, "rb") as archive, TemporaryFile() as package:  # noqa: ASYNC230
        digest = hashlib.file_digest(archive, "sha256").hexdigest()
        report = accept(Book(payments_known=False), archive, PERIOD, "SKR03")
        begin, end = pack(archive, report.as_text(), package)
        columns = {"package_sha256": digest, "package_bytes": 0, "archive_bytes": 0, "filename": "a.zip"}
        made = parts(package, begin, end)
        await finish_export(
            store, export_id, made, archive_sha256=digest, status="accepted", report=report.as_dict(), **columns
        )
    await store.close()


async def other(url: str, path: str) -> None:
    """Both files in memory and in one row."""
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE one_statement (archive bytea, package bytea)")
    content, package = Path(path).read_bytes(), io.BytesIO()  # noqa: ASYNC240
    hashlib.sha256(content).hexdigest()
    report = accept(Book(payments_known=False), io.BytesIO(content), PERIOD, "SKR03")
    with zipfile.ZipFile(package, "w") as made:
        made.writestr("original.zip", content)
        made.writestr("Pruefbericht.txt", report.as_text())
    await connection.execute("INSERT INTO one_statement VALUES ($1, $2)", content, package.getvalue(), timeout=600)
    await connection.close()


if __name__ == "__main__":
    started, before = time.perf_counter(), peak_rss()
    asyncio.run({"ours": ours, "other": other}[sys.argv[1]](*sys.argv[2:]))
    print(json.dumps({"seconds": time.perf_counter() - started, "memory": (peak_rss() - before) / 2**20}))
