"""`why` without a database: rows in, words out."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from worker.domain import known
from worker.operator.diagnosis import Scene, explain, span

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ACCOUNT: Mapping[str, Any] = {
    "token_configured": True, "auto_transfer_invoices": False, "payment_sync_interval_minutes": 10, "sync_age": 120.0,
    "next_sync_at": NOW + timedelta(minutes=8),
}  # fmt: skip
JOB: Mapping[str, Any] = {
    "job_id": "j1", "kind": "publish_invoice", "state": "queued", "attempt": 1, "retries": 0, "worker": "w1",
    "steps_done": [], "error": None, "next_step": None, "invoice_number": "INV-1", "again_in": None, "since": 1.0,
    "due_for": 1.0, "locked": True, "parked_beside": 1,
}  # fmt: skip
INVOICE: Mapping[str, Any] = {
    "id": "i1", "invoice_number": "INV-1", "document_status": "sent", "accounting_sync_status": "synced",
    "claim_status": "open", "external_invoice_number": "RE-1", "paid_amount": 0, "gross_amount": 119, "currency": "EUR",
}  # fmt: skip


def scene(job: Mapping[str, Any] | None = None, **changed: Any) -> Scene:
    """One worker, a quiet queue, and whatever the test changes."""
    usual: dict[str, Any] = {
        "now": NOW, "invoice": INVOICE, "job": None if job is None else JOB | job, "ahead": None, "intent": None,
        "limited_for": None, "limit": "20/60", "quarantine": 45.0, "account": ACCOUNT, "workers": 1,
    }  # fmt: skip
    return Scene(**usual | changed)


def refusal(message: str, *, code: int | None = None) -> str:
    """An error as the client words it."""
    number = f", code {code}" if code else ""
    return f"POST /Invoice/{{id}} failed with “{message}” (HTTP 422{number}): it was refused."


@pytest.mark.parametrize(
    ("error", "meaning", "next_step"),
    [
        (refusal("no", code=7100), "does not accept the tax rule", "tax rule and rates"),
        (refusal("no", code=830), "An e-invoice lacks data", "Complete what sevDesk names"),
        (refusal("Missing iban and bic"), "An e-invoice lacks data", "Complete what sevDesk names"),
        (refusal("No Model_Invoice with the id 1 was found", code=151), "was deleted there", "Restore it"),
        (refusal("Invoice can only be deleted in status 100", code=159), "deletes drafts only", "cancel_invoice"),
        (refusal("invoice already canceled", code=421), "is cancelled in sevDesk already", "Look at it"),
        (refusal("CreditNote exists", code=170), "A credit note stands", "Finish or delete the credit note"),
        (refusal("Partially Paid", code=390), "does not cancel a partly paid", "unlink the payment"),
        (refusal("Invoice: Correct number abort. Timeout"), "could not draw a number", "number circle"),
        (refusal("contactPerson is missing or invalid"), "contact person", "contact_person_id"),
        (refusal("teapot"), "its own words are all there is", "Correct what sevDesk names"),
        (refusal("down") + " Given up after 8 tries.", "no usable answer", "doctor"),
    ],
)
def test_sevdesk_refusals_are_translated(error: str, meaning: str, next_step: str) -> None:
    """Plain words first, sevDesk's own after them, and the very command that goes on."""
    answer = explain(scene({"state": "parked", "error": error, "next_step": "Correct what sevDesk names, then retry."}))
    assert answer.needs_person
    assert meaning in answer.cause and error in answer.cause
    assert next_step in answer.next_step
    assert "{job}" not in answer.next_step


def test_every_translation_is_reachable() -> None:
    """No pattern hides behind an earlier one that takes its texts."""
    texts = {
        "Given up after": "x Given up after 3 tries", "code 7100": "(code 7100)", "code 830": "ZUGFeRD",
        "code 151": "code 151", "code 159": "code 159", "code 421": "code 421", "code 170": "code 170",
        "code 390": "code 390", "Correct number": "Correct number abort", "contactPerson": "contactPerson",
        "GET /StaticCountry": "GET /StaticCountry", "GET /PaymentMethod": "GET /PaymentMethod",
        "changeParameter": "PUT changeParameter",
    }  # fmt: skip
    reached = [known.refused(f"{text} failed with “x”") for text in texts.values()]
    assert reached == [advice for _, advice in known.SEVDESK]


def test_ledger_words_stay_and_get_a_command() -> None:
    """What the worker parked itself is plain already; only the job's id is added."""
    answer = explain(scene({"state": "parked", "error": "It has no zip.", "next_step": "Complete it and retry."}))
    assert answer.cause == "It has no zip."
    assert answer.next_step == "Complete it and retry. The command: sevdesk-worker retry j1."


def test_open_write_of_parked_job_is_told() -> None:
    """A retry will look before it acts, and why says so."""
    open_write = {"action": "send_by", "age": 999.0}
    answer = explain(scene({"state": "parked", "error": "Why.", "next_step": "Retry."}, intent=open_write))
    assert "The write send_by is still open; a retry asks sevDesk what became of it first." in answer.cause


@pytest.mark.parametrize(
    ("job", "changed", "cause", "needs_person"),
    [
        ({}, {}, "It is due and starts within a second", False),
        ({"due_for": 90.0}, {}, "every slot of the 1 worker(s) is taken", False),
        ({}, {"workers": 0}, "No worker is running", True),
        ({}, {"workers": None}, "Redis does not answer", True),
        ({}, {"limited_for": 12.4}, "the next may start in 12 s", False),
        ({"state": "waiting", "again_in": 33.0, "error": "handed back"}, {}, "It goes on in 33 s: handed back.", False),
        ({"state": "waiting", "again_in": 33.0}, {"workers": 0}, "But no worker is running.", True),
        ({"state": "waiting", "again_in": -1.0}, {}, "It is due", False),
        ({"state": "running"}, {}, "Worker w1 has been at it for 1 s (try 1), after no finished step yet.", False),
        ({"state": "running"}, {"intent": {"action": "send_by", "age": 0.2}}, "making the write send_by", False),
        ({"state": "running", "locked": False}, {}, "Its worker w1 is gone", False),
        ({"state": "running", "locked": False}, {"workers": 0}, "Its worker w1 is gone", True),
        ({"state": "done", "invoice_number": None}, {"invoice": None}, "Everything that was asked is done.", False),
    ],
)
def test_line_and_waits_are_explained(
    job: dict[str, Any], changed: dict[str, Any], cause: str, needs_person: bool
) -> None:
    """Who or what is in front, for how long, and whether anybody must act."""
    answer = explain(scene(job, **changed))
    assert cause in answer.cause
    assert answer.needs_person is needs_person
    assert answer.next_step


def test_quarantine_counts_down() -> None:
    """The seconds left of it, not those of the job's own wait."""
    write = {"action": "save_invoice", "age": 33.0}
    answer = explain(scene({"state": "waiting", "again_in": 99.0, "error": "x"}, intent=write))
    assert answer.cause == "It waits 12 s because the write save_invoice may still take effect."
    other = explain(scene({"state": "waiting", "again_in": 7.0, "error": "create_contact may still take effect"}))
    assert other.cause == "It waits 7 s because the write create_contact of another job may still take effect."


def test_turn_names_who_is_ahead() -> None:
    """The first in line, how many more, and the command that explains that one."""
    ahead = {"job_id": "j0", "kind": "send_invoice", "state": "waiting", "jobs_ahead": 3}
    answer = explain(scene({}, ahead=ahead))
    assert "behind send_invoice (job j0, waiting) and 2 more" in answer.cause
    assert answer.next_step.endswith("sevdesk-worker why j0.") and not answer.needs_person


@pytest.mark.parametrize(
    ("row", "account", "cause", "needs_person"),
    [
        ({}, {}, "0.00 of 119.00 EUR has come. The payment sync ran 2 min ago and runs every 10 min, next in", False),
        ({}, {"token_configured": False}, "SEVDESK_API_TOKEN is not set, so no payment sync runs.", True),
        ({}, {"sync_age": 7200.0}, "The payment sync last ran 2 h ago, though it is due every 10 min.", True),
        ({}, {"sync_age": None}, "The payment sync has not run yet", True),
        ({"claim_status": "paid"}, {}, "Published as RE-1, sent and paid.", False),
        ({"document_status": "approved"}, {}, "Published as RE-1; nobody has asked to mail it.", False),
        ({"accounting_sync_status": "cancelled"}, {}, "It is cancelled.", False),
    ],
)  # fmt: skip
def test_published_invoice_is_explained(
    row: dict[str, Any], account: dict[str, Any], cause: str, needs_person: bool
) -> None:
    """Where the money stands, and whether anything brings it."""
    answer = explain(scene(None, invoice=INVOICE | row, account=ACCOUNT | account))
    assert cause in answer.cause
    assert answer.needs_person is needs_person


def test_rejection_always_has_advice() -> None:
    """Known words get known advice, unknown ones the general one, and nothing was changed either way."""
    for error in ("There is no invoice 1.", "Something quite new."):
        answer = explain(scene({"state": "rejected", "error": error}))
        assert answer.needs_person and answer.cause == f"{error} Nothing was changed."
        assert "ask again with a new job" in answer.next_step


@pytest.mark.parametrize(
    ("seconds", "said"), [(None, "-"), (0, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (200_000, "2 d")]
)
def test_spans_are_short(seconds: float | None, said: str) -> None:
    """Two digits and a unit are enough."""
    assert span(seconds) == said
