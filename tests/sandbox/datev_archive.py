"""Ordering an export at the sandbox by plain HTTP, and reading its archive by the book: EXTF, line by line."""

import csv
import io
import zipfile
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx

from tests.sandbox.sandbox_client import SandboxClient

# September to November 2026, in Berlin's seconds.
SPAN = {"startDate": 1788213600, "endDate": 1796079599}


@dataclass(frozen=True)
class Line:
    """A posting: signed from the debit side of `account`."""

    amount: Decimal
    account: int
    contra: int
    day: str
    number: str
    key: str
    row: tuple[str, ...]


def read_lines(content: bytes) -> tuple[list[str], list[str], list[Line]]:
    """Header, titles and postings of a Buchungsstapel."""
    head, titles, *rows = csv.reader(io.StringIO(content.decode("cp1252"), newline=""), delimiter=";")
    return head, titles, [_line(row) for row in rows]


def _line(row: list[str]) -> Line:
    amount = Decimal(row[0].replace(",", ".")) * (1 if row[1] == "S" else -1)
    return Line(amount, int(row[6]), int(row[7]), row[9], row[10], row[8], tuple(row))


async def order(sandbox: SandboxClient, scope: str = "ET", **more: Any) -> str:
    """A job's id."""
    query = {**SPAN, "scope": scope, **more}
    return str(await sandbox.objects("GET", "/Export/createDatevCsvZipExportJob", params=query))


async def link_of(sandbox: SandboxClient, job: str) -> str:
    """A fresh link."""
    while True:
        if found := await sandbox.objects("GET", "/ExportJob/jobDownloadInfo", params={"jobId": job}):
            [info] = found
            return str(info["link"])


async def fetch(link: str, **headers: str) -> httpx.Response:
    """What lies behind it, asked for without the token."""
    async with httpx.AsyncClient(timeout=30) as http:
        return await http.get(link, headers=headers)


async def files_of(sandbox: SandboxClient, job: str) -> dict[str, bytes]:
    """The archive's files."""
    return unpack((await fetch(await link_of(sandbox, job))).content)


def unpack(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


async def lines_of(sandbox: SandboxClient, scope: str = "ET", **more: Any) -> list[Line]:
    """The postings of a new export."""
    files = await files_of(sandbox, await order(sandbox, scope, **more))
    return read_lines(files["EXTF_Buchungsstapel.csv"])[2]
