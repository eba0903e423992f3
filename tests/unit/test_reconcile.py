"""Comparing billing invoices with sevDesk documents, without a database."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import pytest

from sevdesk_client.models import Invoice as SevInvoice
from sevdesk_client.models import Ref
from worker.domain.invoice import ClaimStatus, DocumentStatus, Handback, SyncStatus
from worker.reconcile.compare import Drift, OurInvoice, Pdf, SevdeskDocuments, compare
from worker.reconcile.html import MEANING, report
from worker.reconcile.read import Reconciliation
from worker.steps.payments import Receivable

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
HANDBACK = Handback(SyncStatus.SYNCED, DocumentStatus.SENT, ClaimStatus.OPEN, "7", "RE-7")


def ours(*, handback: dict[str, Any] | None = None, **changed: Any) -> OurInvoice:
    """A sent invoice over 119 EUR, id 7 in sevDesk."""
    receivable = Receivable(UUID(int=1), "INV-1", Decimal(119), replace(HANDBACK, **handback or {}))
    row = OurInvoice(receivable, frozenset({"11"}), Pdf.INTACT, None, changing=False)
    return replace(row, **changed)


def theirs(**changed: Any) -> SevInvoice:
    """The same invoice as sevDesk shows it."""
    usual: dict[str, Any] = {
        "id": "7", "invoice_number": "RE-7", "status": 200, "invoice_type": "RE", "contact": {"id": "11"},
        "currency": "EUR", "sum_net": 100, "sum_tax": 19, "sum_gross": 119, "paid_amount": 0,
        "customer_internal_note": "INV-1", "create": NOW, "update": NOW,
    }  # fmt: skip
    return SevInvoice(**usual | changed)


SR = theirs(id="8", invoice_number="RE-8", invoice_type="SR", status=1000, origin=Ref(id="7", object_name="Invoice"))
DELETED = {"sync_status": SyncStatus.CANCELLED, "claim_status": ClaimStatus.CANCELLED}


@pytest.mark.parametrize(
    ("here", "documents", "drifts"),
    [
        (ours(), [theirs()], []),
        (ours(), [], [Drift.EXISTENCE]),
        (ours(), [theirs(), theirs(id="9")], [Drift.EXISTENCE]),
        (ours(handback={"external_id": None, "sync_status": SyncStatus.NOT_SYNCED}), [theirs()], [Drift.EXISTENCE]),
        (ours(handback={"external_id": None, **DELETED}), [theirs()], [Drift.EXISTENCE]),
        (ours(handback=DELETED), [], []),  # the draft was deleted with the cancellation
        (ours(handback=DELETED, cancellation_id="8"), [], [Drift.EXISTENCE]),
        (ours(handback=DELETED), [theirs()], [Drift.STATUS]),
        (ours(handback=DELETED, cancellation_id="8"), [theirs(status=1000), SR], []),
        (ours(), [theirs(status=1000), SR], [Drift.STATUS]),
        (ours(), [theirs(), theirs(id="9", status=1000), theirs(id="10", invoice_type="SR", status=1000,
                  origin=Ref(id="9", object_name="Invoice"))], []),  # the second copy is cancelled
        (ours(), [theirs(invoice_number="RE-9")], [Drift.NUMBER]),
        (ours(), [theirs(status=100)], [Drift.STATUS]),
        (ours(), [theirs(status=1000)], [Drift.STATUS]),
        (ours(handback={"document_status": DocumentStatus.APPROVED}), [theirs(send_type="VPR")], [Drift.STATUS]),
        (ours(handback={"document_status": DocumentStatus.APPROVED}), [theirs(send_type="VPDF")], []),
        (ours(), [theirs(send_type="VPR")], []),  # sent, by whatever way
        (ours(handback={"sync_status": SyncStatus.DRAFTED}), [theirs(status=100)], []),
        (ours(handback={"sync_status": SyncStatus.DRAFTED}), [theirs()], [Drift.STATUS]),
        (ours(handback={"sync_status": SyncStatus.PARKED}), [theirs(status=100)], []),
        (ours(), [theirs(sum_gross=Decimal("119.01"))], [Drift.GROSS]),
        (ours(), [theirs(paid_amount=50, status=750)], [Drift.PAID]),
        (ours(), [theirs(paid_amount=119, status=1000, pay_date=date(2026, 11, 1))], [Drift.PAID]),
        (ours(handback={"claim_status": ClaimStatus.PAID, "paid_amount": Decimal(119)}), [theirs()], [Drift.PAID]),
        (ours(), [theirs(contact={"id": "12"})], [Drift.CONTACT]),
        (ours(contacts=frozenset()), [theirs(contact={"id": "12"})], []),  # no recorded contact, so nothing to compare
        (ours(contacts=frozenset({"11", "12"})), [theirs(contact={"id": "12"})], []),
        (ours(pdf=Pdf.MISSING), [theirs()], [Drift.PDF]),
        (ours(pdf=Pdf.ALTERED), [theirs()], [Drift.PDF]),
        (ours(pdf=Pdf.MISSING, handback={"sync_status": SyncStatus.DRAFTED}), [theirs(status=100)], []),
        (ours(changing=True), [], []),
        (ours(), [theirs(sum_gross=1, contact={"id": "12"}, invoice_number="RE-9")],
         [Drift.GROSS, Drift.CONTACT, Drift.NUMBER]),
    ],
)  # fmt: skip
def test_differences_are_found(here: OurInvoice, documents: list[SevInvoice], drifts: list[Drift]) -> None:
    """Each is named and has a next step; equal pairs give none."""
    findings = compare(here, SevdeskDocuments(documents))
    assert [finding.drift for finding in findings] == drifts
    assert all(finding.next_step.endswith(".") for finding in findings)


def test_repairs_are_offered_where_they_work() -> None:
    """What the payment sync can take over, and no more: a billing system that closed the invoice itself must decide."""
    (found,) = compare(ours(), SevdeskDocuments([theirs(invoice_number="RE-9")]))
    assert found.repair == "sync_payments"
    closed = ours(handback={"claim_status": ClaimStatus.CANCELLED})
    (stuck,) = compare(closed, SevdeskDocuments([theirs(paid_amount=50, status=750)]))
    assert stuck.repair is None and "Correct the invoice's status on one side" in stuck.next_step
    (lost,) = compare(ours(pdf=Pdf.MISSING), SevdeskDocuments([theirs()]))
    assert lost.repair == "fetch_invoice_pdf"


class Text(HTMLParser):
    """The words of a page, and its tags."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_report_stands_alone() -> None:
    """No script, no link, nothing from elsewhere; hostile texts stay texts."""
    findings = tuple(compare(ours(), SevdeskDocuments([theirs(invoice_number="<script>alert(1)</script>")])))
    page = Text()
    page.feed(report(Reconciliation(NOW, 1, 1, 0, findings, 1)))
    assert page.tags.isdisjoint({"script", "link", "img", "iframe", "a"})
    assert "<script>alert(1)</script>" in page.words and "INV-1" in page.words
    agreed = report(Reconciliation(NOW, 5, 6, 0, (), 1))
    assert "Both books agree." in agreed and "5 linked invoices, 6 documents" in agreed and "13:00 CET" in agreed


def test_report_explains_every_drift() -> None:
    """No difference may be without its heading in the HTML report."""
    assert MEANING.keys() == set(Drift)
