"""The table of legal moves: every event in every status, and what the event log may keep."""

import itertools
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal, get_args, get_origin, get_type_hints
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain import events
from worker.domain.events import Event
from worker.domain.invoice import ClaimStatus, DocumentStatus, Handback, PartyKind, SyncStatus
from worker.domain.lifecycle import TABLE, IllegalTransition, apply

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
SAMPLES: dict[Any, Any] = {
    str: "text",
    str | None: "text",
    Mapping[str, str]: {"name": "text"},
    tuple[str, ...]: ("text",),
    UUID: UUID(int=7),
    Decimal: Decimal("119.00"),
    Decimal | None: Decimal("119.00"),
    bool: True,
    bool | None: True,
    bytes: b"%PDF",
    int: 750,
    date | None: date(2026, 11, 24),
    datetime: NOON,
    datetime | None: NOON,
    PartyKind: PartyKind.COMPANY,
    ClaimStatus: ClaimStatus.OPEN,
    Mapping[str, Any]: {"header": "Schlussrechnung RE-1"},
}
# What the side tables need and the event log must not repeat: personal data, binary content, digests of both.
UNLOGGED = {"digest", "content", "seen_update", "account_gross", "recipient", "cc", "bcc", "subject",
            "bounced_address", "bounce_reason"}  # fmt: skip


def sample(kind: Any) -> Any:
    """An event (or a part of one) with a value of the right type in each field."""
    hints = get_type_hints(kind)
    return kind(**{f.name: sample_value(hints[f.name]) for f in fields(kind)})


def sample_value(hint: Any) -> Any:
    if hint in SAMPLES:
        return SAMPLES[hint]
    if get_origin(hint) is Literal:
        return get_args(hint)[0]
    [part] = [each for each in get_args(hint) or (hint,) if is_dataclass(each)]
    return sample(part)


KINDS = list(TABLE)
STATUSES = list(itertools.product(SyncStatus, DocumentStatus, ClaimStatus))


def is_legal(kind: type[Event], sync: SyncStatus, document: DocumentStatus, claim: ClaimStatus) -> bool:
    """Said once more, without `apply`: each column's rows know the status, or there are none for the column."""
    moves = TABLE[kind]
    columns = ((moves.sync, sync), (moves.document, document), (moves.claim, claim))
    return all(not rows or status in rows for rows, status in columns)


def test_every_event_has_its_row() -> None:
    """No event is left out of the table but the two that are only parents, and the log's names are unique."""
    known = {each for each in vars(events).values() if isinstance(each, type) and issubclass(each, Event)}
    abstract = {Event, *(each for kind in known for each in kind.__bases__)}
    assert known - abstract == set(TABLE)
    assert len({sample(kind).type for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_move_is_legal_by_the_table(kind: type[Event]) -> None:
    """All 96 combinations: the table's next statuses where it has rows, else an error that names the hindrance."""
    event, outcomes = sample(kind), set()
    for sync, document, claim in STATUSES:
        before = Handback(sync, document, claim, "4711", "RE-1", Decimal("10.00"))
        kept = replace(before)
        legal = is_legal(kind, sync, document, claim)
        outcomes.add(legal)
        if legal:
            after = apply(before, event)
            moves = TABLE[kind]
            assert after.sync_status is (moves.sync or {sync: sync})[sync]
            assert after.document_status is (moves.document or {document: document})[document]
            assert after.claim_status is (moves.claim or {claim: claim})[claim]
        else:
            with pytest.raises(IllegalTransition, match=f"^{event.type} is not allowed while the invoice is [a-z_]+$"):
                apply(before, event)
        assert before == kept, "an event never changes what it is applied to"
    assert True in outcomes, "an event that is never legal has no place in the table"


# What the table must say whatever becomes of it: (events, column, statuses in which none of them may happen).
FORBIDDEN: list[tuple[tuple[type[Event], ...], str, set[str]]] = [
    # Money moves only on what sevDesk has finalized, and never on a cancelled claim.
    ((events.Paid, events.PartiallyPaid, events.Overpaid, events.Discounted, events.NothingOwed,
      events.PaymentReversed),
     "sync_status", {"not_synced", "queued", "drafted", "parked", "cancelled"}),
    ((events.Paid, events.PartiallyPaid, events.Overpaid, events.Discounted, events.NothingOwed,
      events.PaymentReversed),
     "claim_status", {"cancelled"}),
    # Nobody drafts what is synced already, or what was not approved.
    ((events.Drafted,), "sync_status", {"synced", "cancelled"}),
    ((events.Drafted,), "document_status", {"draft", "cancelled"}),
    ((events.DraftDeleted,), "sync_status", {"cancelled"}),
    ((events.Finalized, events.Adopted), "document_status", {"draft", "cancelled"}),
    # No mail and no document of what has no number; that a mail went out may be learnt when all is over.
    ((events.PdfStored,), "sync_status", {"not_synced", "queued", "drafted", "parked", "cancelled"}),
    ((events.Mailed,), "sync_status", {"not_synced", "queued", "drafted"}),
    ((events.Mailed,), "document_status", {"draft"}),
    # Cancelled once.
    ((events.CancelledInSevdesk,), "sync_status", {"cancelled"}),
]  # fmt: skip


@pytest.mark.parametrize(("kinds", "column", "statuses"), FORBIDDEN)
def test_forbidden_moves_stay_forbidden(kinds: tuple[type[Event], ...], column: str, statuses: set[str]) -> None:
    """A careless row in the table must not pass unnoticed."""
    everywhere = [Handback(*each) for each in STATUSES]
    there = [before for before in everywhere if getattr(before, column) in statuses]
    assert there
    for kind, before in itertools.product(kinds, there):
        with pytest.raises(IllegalTransition):
            apply(before, sample(kind))


@pytest.mark.parametrize(("sync", "document", "claim"), STATUSES)
def test_a_refused_job_is_always_told(sync: SyncStatus, document: DocumentStatus, claim: ClaimStatus) -> None:
    """Rejecting changes nothing in any status; parking never hides that an invoice is in sevDesk."""
    before = Handback(sync, document, claim, "4711", "RE-1", Decimal("10.00"), NOON, NOON)
    assert apply(before, sample(events.Rejected)) == before
    parked = apply(before, sample(events.Parked))
    finished = sync in (SyncStatus.SYNCED, SyncStatus.CANCELLED)
    assert parked == replace(before, sync_status=sync if finished else SyncStatus.PARKED)


BEFORE = Handback(SyncStatus.SYNCED, DocumentStatus.SENT, ClaimStatus.PAID, "4711", "RE-1", Decimal("119.00"), NOON)
DRAFT = replace(BEFORE, sync_status=SyncStatus.DRAFTED, document_status=DocumentStatus.APPROVED)
COLUMNS: dict[type[Event], tuple[Handback, dict[str, Any]]] = {
    # The columns an event sets beside the statuses; every other column stays.
    events.Drafted: (DRAFT, {"external_id": "text"}),
    events.DraftDeleted: (DRAFT, {"external_id": None}),
    events.Finalized: (DRAFT, {"external_id": "text", "external_invoice_number": "text"}),
    events.Adopted: (DRAFT, {"external_id": "text", "external_invoice_number": "text"}),
    events.Renumbered: (BEFORE, {"external_invoice_number": "text"}),
    events.PartiallyPaid: (BEFORE, {"paid_amount": Decimal("119.00"), "paid_at": NOON}),
    events.PaymentReversed: (BEFORE, {"paid_amount": Decimal("119.00"), "paid_at": NOON}),
    events.CancelledInSevdesk: (BEFORE, {"cancelled_at": NOON, "paid_at": None, "paid_amount": Decimal(0)}),
    events.TemplateSet: (DRAFT, {}),
    events.Mailed: (BEFORE, {}),
    events.PdfStored: (BEFORE, {}),
    events.ContactLinked: (BEFORE, {}),
}


@pytest.mark.parametrize("kind", COLUMNS, ids=lambda kind: kind.__name__)
def test_event_sets_only_its_columns(kind: type[Event]) -> None:
    """Beside the statuses, a hand-back column changes only with the event that is about it."""
    before, expected = COLUMNS[kind]
    after = apply(before, sample(kind))
    statuses = {name: getattr(after, name) for name in ("sync_status", "document_status", "claim_status")}
    assert after == replace(before, **statuses, **expected)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_log_keeps_no_unlogged_field(kind: type[Event]) -> None:
    """The payload holds all fields but the unlogged ones, as plain JSON."""
    payload = sample(kind).payload()
    names = {f.name for f in fields(kind)}
    # `paid_at` is `paid_on` once more, as an instant.
    unlogged = names & (UNLOGGED | ({"paid_at"} if issubclass(kind, events.PaymentEvent) else set()))
    assert set(payload) == names - unlogged
    assert json.loads(json.dumps(payload)) == payload


def test_some_fields_are_unlogged() -> None:
    """The test above has something to find."""
    assert set().union(*({f.name for f in fields(kind)} for kind in KINDS)) >= UNLOGGED


@given(st.lists(st.sampled_from(KINDS), max_size=12))
def test_any_history_keeps_the_rules(history: list[type[Event]]) -> None:
    """Whatever happens in whatever order: what is synced has its document, and cancelled is the end."""
    now = Handback(SyncStatus.NOT_SYNCED, DocumentStatus.APPROVED, ClaimStatus.OPEN)
    for kind in history:
        before = now
        try:
            now = apply(before, sample(kind))
        except IllegalTransition:
            assert now is before
        if now.sync_status is SyncStatus.SYNCED:
            assert now.external_id and now.external_invoice_number
        assert (now.sync_status is SyncStatus.CANCELLED) == (now.claim_status is ClaimStatus.CANCELLED)
        if before.sync_status is SyncStatus.CANCELLED:
            assert (now.sync_status, now.claim_status) == (before.sync_status, before.claim_status)
