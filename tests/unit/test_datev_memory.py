"""The check of an export needs no more memory for a large period than for a small one."""

import io
import tracemalloc
from datetime import date
from decimal import Decimal

from tests.unit.extf_writer import Head, Line, accept, archive, table
from worker.datev.documents import Document, Payment, TaxSubtotal
from worker.datev.report import Period, Status

DAY = date(2026, 10, 5)
SHARE = (TaxSubtotal(Decimal(19), Decimal(100), Decimal(19)),)


def peak_of(count: int) -> int:
    """Bytes that the check of so many paid invoices takes at most, beside the archive."""
    numbers = [f"RE-{at}" for at in range(count)]
    sides = (("10001", "8400"), ("1200", "10001"))
    lines = [Line(Decimal(119), "S", *side, DAY, number) for side in sides for number in numbers]
    source = io.BytesIO(archive({"EXTF_1.csv": table(lines, Head())}))
    documents = (Document(number, "invoice", DAY, Decimal(119), SHARE, 1, customer=1) for number in numbers)
    payments = (Payment(number, Decimal(119), DAY) for number in numbers)
    tracemalloc.start()
    report = accept(source, documents, payments, Period(Head().first, Head().last), "SKR03")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (report.status, report.matched, report.matched_payments) == (Status.ACCEPTED, count, count)
    return peak


def test_memory_does_not_grow_with_documents() -> None:
    """3,000 documents more take less than 300 bytes each (kept as objects it was 3,300); SQLite's cache is bounded."""
    peak_of(10)  # what is loaded once
    assert peak_of(4000) - peak_of(1000) < 3000 * 300
