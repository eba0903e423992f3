"""What `why` says about a job or an invoice, without a database."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from worker.domain.problems import problem
from worker.operator.advice import unasked_step
from worker.operator.diagnosis import Situation, diagnose, duration

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ACCOUNT: Mapping[str, Any] = {
    "token_configured": True, "auto_transfer_invoices": False, "payment_sync_interval_minutes": 10, "sync_age": 120.0,
    "next_sync_at": NOW + timedelta(minutes=8),
}  # fmt: skip
JOB: Mapping[str, Any] = {
    "job_id": "j1", "kind": "publish_invoice", "state": "queued", "attempt": 1, "retries": 0, "worker": "w1",
    "steps_done": [], "problem": "handed_back", "problem_parameters": {}, "asks_about": None,
    "invoice_number": "INV-1", "again_in": None, "since": 1.0,
    "due_for": 1.0, "locked": True, "told": False, "parked_beside": 1,
}  # fmt: skip
INVOICE: Mapping[str, Any] = {
    "id": "i1", "invoice_number": "INV-1", "document_status": "sent", "accounting_sync_status": "synced",
    "claim_status": "open", "external_invoice_number": "RE-1", "currency": "EUR",
    "paid_amount": Decimal(0), "gross_amount": Decimal(119), "sending": "mailed", "external_id": "7",
    "missing_for": None,
}  # fmt: skip


def situation(job: Mapping[str, Any] | None = None, **changed: Any) -> Situation:
    """One running worker, nothing else in the queue, and what the test changes."""
    usual: dict[str, Any] = {
        "now": NOW, "invoice": INVOICE, "job": None if job is None else JOB | job, "ahead": None, "intent": None,
        "limited_for": None, "limit": "20/60", "account": ACCOUNT, "workers": 1,
    }  # fmt: skip
    return Situation(**usual | changed)


def parked(code: str, /, **parameters: object) -> dict[str, Any]:
    """A parked job with this problem."""
    return {"state": "parked", "problem": code, "problem_parameters": problem(code, **parameters).parameters}


def test_parked_job_gets_its_command() -> None:
    """The catalogue's sentences, with the command that takes this job up again."""
    answer = diagnose(situation(parked("contact_ambiguous", count=2, customer_number="C1", ids="7, 8")))
    assert answer.cause == "sevDesk has 2 contacts with customer number C1: 7, 8."
    assert answer.next_step.endswith("so that one is left, then: sevdesk-worker retry j1.") and answer.needs_person


def test_several_parked_jobs_go_on_together() -> None:
    """They are named by their invoice, unless one of them asks a question of its own."""
    both = parked("contact_ambiguous", count=2, customer_number="C1", ids="7, 8") | {"parked_beside": 2}
    assert diagnose(situation(both)).next_step.endswith("retry INV-1.")
    confirmable = parked("changed_after_publication", number="INV-1", columns="currency") | {"parked_beside": 2}
    assert "retry j1 --as confirmed" in diagnose(situation(confirmable)).next_step
    asking = parked("mail_outcome_unknown", document="invoice INV-1") | {"parked_beside": 2, "asks_about": 5}
    assert "retry j1 --as done" in diagnose(situation(asking)).next_step


def test_token_set_since_is_shown() -> None:
    """The reason is gone since the job was parked, so the next step is a retry."""
    assert diagnose(situation(parked("token_missing"))).cause.endswith("it is set now.")


def test_open_write_of_parked_job_is_shown() -> None:
    """A parked job whose write is still open: `why` says that a retry reads sevDesk first."""
    open_write = {"action": "send_by", "age": 999.0, "settles_in": -954.0}
    answer = diagnose(
        situation(parked("contact_ambiguous", count=2, customer_number="C1", ids="7, 8"), intent=open_write)
    )
    assert "The write send_by is still open; a retry asks sevDesk what became of it first." in answer.cause


@pytest.mark.parametrize(
    ("job", "changed", "cause", "needs_person"),
    [
        ({}, {}, "It is due and starts within a second", False),
        ({"due_for": 90.0, "locked": False}, {}, "every slot of the 1 worker(s) is taken", False),
        ({"due_for": 90.0}, {}, "another session in Postgres holds its lock", True),
        ({}, {"workers": 0}, "No worker is running", True),
        ({}, {"limited_for": 12.4}, "the next may start in 12 s", False),
        ({"state": "waiting", "again_in": 33.0}, {}, "It goes on in 33 s: The worker was stopped", False),
        ({"state": "waiting", "again_in": 33.0}, {"workers": 0}, "But no worker is running.", True),
        ({"state": "waiting", "again_in": -1.0}, {}, "It is due", False),
        ({"state": "running"}, {}, "Worker w1 has been at it for 1 s (try 1), at its first step.", False),
        (
            {"state": "running"},
            {"intent": {"action": "send_by", "age": 0.2, "settles_in": 44.8}},
            "making the write send_by",
            False,
        ),
        ({"state": "running", "locked": False}, {}, "Its worker w1 is gone", False),
        ({"state": "running", "locked": False}, {"workers": 0}, "Its worker w1 is gone", True),
        ({"state": "done", "invoice_number": None}, {"invoice": None}, "Everything that was asked is done.", False),
    ],
)
def test_due_and_waiting_jobs_are_explained(
    job: dict[str, Any], changed: dict[str, Any], cause: str, needs_person: bool
) -> None:
    """Each says what it waits for, for how long, and whether a person must act."""
    answer = diagnose(situation(job, **changed))
    assert cause in answer.cause
    assert answer.needs_person is needs_person
    assert answer.next_step


def test_quarantine_counts_down() -> None:
    """The seconds left of it, not those of the job's own wait."""
    write = {"action": "save_invoice", "age": 33.0, "settles_in": 12.0}
    answer = diagnose(situation({"state": "waiting", "again_in": 99.0}, intent=write))
    assert answer.cause == "It waits 12 s because the write save_invoice may still take effect."


def test_lost_answer_shows_what_was_seen() -> None:
    """During the quarantine, `why` also shows the answer that caused it."""
    lost = {"operation": "POST /Invoice/Factory/saveInvoice", "answer": "no answer (HTTP 502)"}
    job = {"state": "waiting", "again_in": 99.0, "problem": "outcome_unknown", "problem_parameters": lost}
    answer = diagnose(situation(job, intent={"action": "save_invoice", "age": 33.0, "settles_in": 12.0}))
    assert answer.cause.startswith("It waits 12 s") and "no answer (HTTP 502)" in answer.cause


def test_job_ahead_is_named() -> None:
    """The first of the jobs before it, how many more, and the command that explains the first."""
    ahead = {"job_id": "j0", "kind": "send_invoice", "state": "waiting", "jobs_ahead": 3}
    answer = diagnose(situation({}, ahead=ahead))
    assert "behind send_invoice (job j0, waiting) and 2 more" in answer.cause
    assert answer.next_step.endswith("sevdesk-worker why j0.") and not answer.needs_person


@pytest.mark.parametrize(
    ("row", "account", "cause", "needs_person"),
    [
        ({}, {}, "0.00 of 119.00 EUR has come. The payment sync ran 2 min ago and runs every 10 min, next in", False),
        ({}, {"token_configured": False}, "SEVDESK_API_TOKEN is not set, so no payment sync runs.", True),
        ({}, {"sync_age": 7200.0}, "The payment sync last ran 2 h ago, though it is due every 10 min.", True),
        ({}, {"sync_age": None}, "The payment sync has not run yet; the first one starts with the worker.", False),
        ({"gross_amount": Decimal("NaN")}, {}, "so its payments are not compared.", True),
        ({"document_status": "approved", "paid_amount": Decimal("-Infinity")}, {}, "payments are not compared.", True),
        ({"claim_status": "paid"}, {}, "Published as RE-1, sent and paid.", False),
        ({"claim_status": "paid", "sending": "post"}, {}, "Published as RE-1, sent by post and paid.", False),
        ({"claim_status": "paid", "sending": "sent_by_hand"}, {}, "sent by hand in sevDesk and paid.", False),
        ({"document_status": "approved", "sending": "mail_bounced"}, {}, "its mail came back", True),
        ({"document_status": "approved"}, {}, "Published as RE-1; nobody has asked to mail it.", False),
        ({"document_status": "draft"}, {}, "Published as RE-1, but draft in the billing system.", True),
        ({"document_status": "cancelled"}, {}, "Published as RE-1, but cancelled in the billing system.", True),
        ({"accounting_sync_status": "cancelled"}, {}, "It is cancelled.", False),
    ],
)  # fmt: skip
def test_published_invoice_is_explained(
    row: dict[str, Any], account: dict[str, Any], cause: str, needs_person: bool
) -> None:
    """How much was paid, and whether a payment sync will bring the rest."""
    answer = diagnose(situation(None, invoice=INVOICE | row, account=ACCOUNT | account))
    assert cause in answer.cause
    assert answer.needs_person is needs_person


def test_rejection_has_advice() -> None:
    """Nothing was changed, what to do instead, and what ends it; of one that was asked for again, nothing."""
    job = {"state": "rejected", "problem": "invoice_not_found", "problem_parameters": {"invoice_id": "1"}}
    answer = diagnose(situation({**job, "told": True}))
    assert answer.needs_person and answer.cause == "There is no invoice 1. Nothing was changed."
    assert answer.next_step.endswith(
        "ask again with a new job. If it need not be done: sevdesk-worker dismiss j1 --reason TEXT."
    )
    over = diagnose(situation(job))
    assert not over.needs_person and over.next_step.startswith("Nothing to do")


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "-"), (0, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (200_000, "2 d")]
)
def test_durations_are_short(seconds: float | None, text: str) -> None:
    """Two digits and a unit are enough."""
    assert duration(seconds) == text


def test_later_start_is_told() -> None:
    """A queued job that was asked for later is not called due."""
    later = {"again_in": 50.0, "due_for": -50.0, "attempt": 0, "problem": None}
    assert diagnose(situation(later)).cause == "It was asked for later: in 50 s it may start."
    answer = diagnose(situation(later, workers=0))
    assert answer.cause.endswith("But no worker is running.") and answer.needs_person


@pytest.mark.parametrize("status", ["parked", "not_synced"])
def test_dismissal_explains_an_unpublished_invoice(status: str) -> None:
    """Who let go of its job and why, how to publish it after all, and nothing that a person must do."""
    gone = {"state": "dismissed", "dismissed_by": "anna", "dismissed_reason": "Wrong sums."}
    unpublished = INVOICE | {"document_status": "approved", "accounting_sync_status": status}
    answer = diagnose(situation(gone, invoice=unpublished))
    assert answer.cause == "anna dismissed publish_invoice (job j1): Wrong sums."
    assert "publish_invoice invoice_id=INV-1" in answer.next_step and not answer.needs_person
    drafted = diagnose(situation(gone, invoice=unpublished | {"external_invoice_number": None}))
    assert "Its draft (id 7) is in sevDesk" in drafted.cause
    published = diagnose(situation(gone))
    assert published.cause.startswith("anna dismissed") and "Published as RE-1" in published.cause


def test_paid_but_unsent_is_no_contradiction() -> None:
    """It is called published, not sent, where the notice says that it was not sent."""
    notice = {"invoice_id": "i1", "invoice_number": "INV-1", "currency": "EUR", "code": "paid_unmailed",
              "parameters": {"paid": "119.00"}}  # fmt: skip
    unsent = INVOICE | {"document_status": "approved", "claim_status": "paid", "sending": "drafted"}
    answer = diagnose(situation(None, invoice=unsent, notices=[notice]))
    assert answer.cause == "Published as RE-1. 119.00 EUR of it has come, and it was not sent."


def test_unasked_step_asks_first() -> None:
    """Where no job waits, `retry` would find none: the publication is asked for in its place."""
    wrong = problem("payment_term_invalid", days=400, longest=365)
    assert unasked_step(wrong, "N.1").endswith("then: sevdesk-worker enqueue publish_invoice invoice_id=N.1.")
    old = problem("issue_date_too_old", issue_date="2020-01-01", age=999, limit=90)
    said = unasked_step(old, "N.1")
    assert "invoice_id=N.1, and when that is parked, sevdesk-worker retry N.1 --as confirmed." in said
    assert said.count("retry") == 1


@pytest.mark.parametrize(
    "job",
    [
        {"state": "queued", "due_for": 99.0, "locked": False},
        {"state": "waiting", "again_in": 5.0, "problem": "contact_busy"},
        {"state": "requested", "again_in": 5.0},
    ],
)
def test_silent_leader_holds_what_waits(job: dict[str, Any]) -> None:
    """`status` names it, so `why` does not say that all goes on by itself, or that slots are taken."""
    answer = diagnose(situation(job, silent_leader="The leader w1 has been silent for 30 s."))
    assert answer.needs_person and "The leader w1 has been silent" in answer.cause
    assert answer.next_step.startswith("End that process")
    assert not diagnose(situation(job)).needs_person


def test_first_look_that_found_nothing_is_told() -> None:
    """Nothing is to be done, but it is not concealed; a state that wants a person goes first."""
    missing = situation(invoice=INVOICE | {"missing_for": 60.0}, gone_after=900.0)
    answer = diagnose(missing)
    assert "did not find it in sevDesk 60 s ago; a second look in 14 min decides." in answer.cause
    assert not answer.needs_person and answer.next_step.startswith("Nothing to do")
    withdrawn = situation(invoice=INVOICE | {"missing_for": 60.0, "document_status": "draft"}, gone_after=900.0)
    assert "second look" not in diagnose(withdrawn).cause
