"""A worker that stops in the middle of a check ends that first: its database must not be closed while it is read."""

import asyncio
import io
import sqlite3
from datetime import date
from decimal import Decimal

import pytest

from tests.unit.extf_writer import Head, Line, archive, book_of, table
from worker.datev.acceptance import accept
from worker.datev.book import Abandoned, Book
from worker.datev.documents import Document, TaxSubtotal
from worker.datev.order import ORDINARY
from worker.datev.report import Period
from worker.handlers.datev_export import checked

DAY, PERIOD = date(2026, 10, 5), Period(Head().first, Head().last)
SHARE = (TaxSubtotal(Decimal(19), Decimal(100), Decimal(19)),)


def export_of(count: int, *, ours: bool = True) -> tuple[Book, io.BytesIO]:
    """So many invoices, and an archive that has their postings, or as many of another business."""
    numbers = [f"RE-{at}" for at in range(count)]
    contra = "8400" if ours else "4930"
    lines = [Line(Decimal(119), "S", "10001" if ours else "70001", contra, DAY, number) for number in numbers]
    documents = (Document(number, "invoice", DAY, Decimal(119), SHARE, 1) for number in numbers)
    return book_of(documents), io.BytesIO(archive({"EXTF_1.csv": table(lines, Head())}))


@pytest.mark.parametrize("ours", [True, False])
@pytest.mark.parametrize("after", [0.01, 0.1, 0.3, 0.6])
async def test_cancelled_check_ends_before_its_book_closes(after: float, ours: bool) -> None:
    """Whether it reads postings or compares: within a second, and without a crash."""
    book, source = export_of(8000, ours=ours)
    with book:
        job = asyncio.create_task(checked(book, source, PERIOD, "SKR03", ORDINARY))
        await asyncio.sleep(after)
        job.cancel()
        asked = asyncio.get_running_loop().time()
        with pytest.raises(asyncio.CancelledError):
            await job
        assert asyncio.get_running_loop().time() - asked < 1
    with pytest.raises(sqlite3.ProgrammingError):
        book.database.execute("SELECT 1")


def test_abandoned_book_answers_nobody() -> None:
    """What goes on with it is told at the next step."""
    book, source = export_of(1)
    with book:
        book.abandon()
        with pytest.raises(Abandoned):
            accept(book, source, PERIOD, "SKR03")
