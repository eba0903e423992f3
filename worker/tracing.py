"""What the worker says about traces: spans of attempts, steps, calls and statements, and the ids for log lines.

Without a tracer there are no spans, and a job belongs to the trace that its producer named, if any. Loads no
OpenTelemetry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Literal, Protocol

from structlog.contextvars import bound_contextvars

if TYPE_CHECKING:
    from sevdesk_client.sending import Call
    from worker.domain.ledger import Job

SpanKind = Literal["job", "step", "statement"]
Attributes = Mapping[str, str | int]


class Tracer(Protocol):
    """Makes spans. Names and attributes hold no personal data."""

    def span(
        self, kind: SpanKind, name: str, attributes: Attributes, parent: str | None = None
    ) -> AbstractContextManager[None]:
        """A span around a block; `parent`: the traceparent to go on from, else the span that is open."""

    def ended(self, name: str, attributes: Attributes, ms: float, error: str | None) -> None:
        """A span of a call that took `ms` milliseconds until now."""

    def note(self, attributes: Attributes, error: str | None) -> None:
        """Add to the open span."""

    def traceparent(self) -> str | None:
        """The open span, as W3C Trace Context writes it."""


_tracer: Tracer | None = None
_given: ContextVar[str | None] = ContextVar("traceparent", default=None)
_NO_SPAN: AbstractContextManager[None] = nullcontext()


@contextmanager
def use(tracer: Tracer) -> Iterator[None]:
    """Make spans with it, in the whole process."""
    global _tracer
    _tracer = tracer
    try:
        yield
    finally:
        _tracer = None


def attempt_span(job: Job) -> AbstractContextManager[None]:
    """Around one attempt. Log lines within get `trace_id` and `span_id`, without a tracer those of the producer."""
    if _tracer is None:
        return _NO_SPAN if job.traceparent is None else _given_trace(job.traceparent)
    about: dict[str, str | int] = {
        "sevdesk_worker.job.id": job.job_id,
        "sevdesk_worker.job.kind": job.kind,
        "sevdesk_worker.job.attempt": job.attempt,
        "sevdesk_worker.job.origin": job.origin,
    }
    if job.invoice_id:
        about["sevdesk_worker.invoice.id"] = str(job.invoice_id)
    return _tracer.span("job", job.kind, about, job.traceparent)


def step_span(step: str) -> AbstractContextManager[None]:
    """Around one step of a job; log lines within get its `span_id`."""
    return _NO_SPAN if _tracer is None else _tracer.span("step", step, {})


def statement_span(statement: str) -> AbstractContextManager[None]:
    """Around a statement of `sql/queries/`, if it is part of a job."""
    if _tracer is None:
        return _NO_SPAN
    return _tracer.span("statement", statement, {"db.system.name": "postgresql", "db.query.summary": statement})


def call_ended(call: Call, host: str) -> None:
    """One HTTP request to sevDesk. `call.path` is a template, without ids."""
    if _tracer is None:
        return
    about: dict[str, str | int] = {
        "http.request.method": call.method,
        "url.template": call.path,
        "server.address": host,
    }
    if call.status is not None:
        about["http.response.status_code"] = call.status
    if call.attempt > 1:
        about["http.request.resend_count"] = call.attempt - 1
    _tracer.ended(f"{call.method} {call.path}", about, call.ms, None if call.outcome == "ok" else call.outcome)


def attempt_ended(state: str, problem: str | None, *, failed: bool) -> None:
    """How the attempt ended, on its span."""
    if _tracer is not None:
        about = {"sevdesk_worker.job.outcome": state} | ({"sevdesk_worker.job.problem": problem} if problem else {})
        _tracer.note(about, (problem or state) if failed else None)


def traceparent() -> str | None:
    """What names this place in the trace to others: the open span, without a tracer the producer's."""
    return _given.get() if _tracer is None else _tracer.traceparent()


@contextmanager
def _given_trace(given: str) -> Iterator[None]:
    _, trace_id, span_id, _ = given.split("-")
    token = _given.set(given)
    try:
        with bound_contextvars(trace_id=trace_id, span_id=span_id):
            yield
    finally:
        _given.reset(token)
