"""Prometheus metrics: fed by the runner, the client's `observe`, the gate and the maintenance loops.

Every App has its own registry. Label values come from closed sets (kinds, outcomes, path templates), so that no id and
no personal data becomes a label. All names start with `sevdesk_worker_`; times are in seconds.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from time import monotonic

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from sevdesk_client.sending import Call
from worker.domain.check_levels import DEFAULTS
from worker.domain.jobs import KINDS
from worker.domain.ledger import JobState
from worker.domain.notices import NOTICES
from worker.observability.business_metrics import BusinessMetrics
from worker.observability.metrics_server import start_server
from worker.store.rows import JobCountRow, NoticeCountRow

STATES = (JobState.QUEUED, JobState.RUNNING, JobState.WAITING, JobState.PARKED)  # in the queue
# An attempt that only reads takes 0.1 s, a publication some seconds; in an outage a write's time-out and retries.
JOB_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
# Reads take 54-91 ms, writes seconds (measured by one peer); the time-out is 30 s.
CALL_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30)


class Metrics:
    """What one worker process counts, and, while it is the leader, the jobs of all workers."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._started = monotonic()
        self._measured: float | None = None  # None while another worker counts
        self._last_sync: float | None = None

        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(f"sevdesk_worker_{name}", what, labels, registry=self.registry)

        def gauge(name: str, what: str, *labels: str) -> Gauge:
            return Gauge(f"sevdesk_worker_{name}", what, labels, registry=self.registry)

        def histogram(name: str, what: str, label: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(f"sevdesk_worker_{name}", what, (label,), buckets=buckets, registry=self.registry)

        self._jobs = counter("job_attempts", "Finished attempts of jobs.", "kind", "outcome")
        self._job_seconds = histogram("job_duration_seconds", "Duration of one attempt of a job.", "kind", JOB_SECONDS)
        self._retries = counter("job_retries", "Attempts of jobs that used up one of their retries.", "kind")
        self._problems = counter(
            "problems", "Attempts that ended with this problem (sevdesk-worker problems).", "problem", "outcome"
        )
        self._unknown = counter("unknown_answers", "News in sevDesk's answers (doctor).", "operation", "place")
        self._deferred = counter(
            "claims_deferred", "Jobs that were given a later start time (limited: PERSON_JOB_LIMIT).", "reason"
        )
        self.jobs_reaped = counter("jobs_reaped", "Jobs of dead workers that were made claimable again.")
        self._calls = counter(
            "sevdesk_calls", "HTTP requests to sevDesk, repeated ones included.", "operation", "outcome"
        )
        self._call_seconds = histogram(
            "sevdesk_call_duration_seconds", "Duration of one HTTP request to sevDesk.", "operation", CALL_SECONDS
        )
        self._call_retries = counter("sevdesk_call_retries", "HTTP requests that the client repeated.", "operation")
        self.gate_slowdowns = counter("gate_slowdowns", "Times the gate halved the call rate (429 or 5xx).", "cause")
        self.gate_wait = counter("gate_wait_seconds", "Time that calls waited at the gate.")
        self.token_refused = gauge("token_refused", "1 while sevDesk refuses the API token and jobs wait, else 0.")
        self.error_budget_left = gauge(
            "error_budget_left", "Share of ERROR_BUDGET that is left, 0 to 1; below 0.5 jobs are slowed."
        )
        self._queue = gauge("queue_jobs", "Jobs that have not ended, counted in sevdesk_queue.", "state")
        self._notices = gauge(
            "open_notices", "What is on record about invoices and wants a person, by code (status lists them).", "code"
        )
        self._parked = gauge("parked_jobs", "Jobs that wait for a person to act.", "kind")
        self._queue_age = gauge("oldest_ready_job_age_seconds", "How long the oldest job that may run has waited.")
        self._sync_age = gauge(
            "payment_sync_age_seconds", "Time since the last payment sync ended, or since the start if none has."
        )
        self._measure_age = gauge("queue_metrics_age_seconds", "Time since the leader last counted the jobs; else 0.")
        self.lock_session_up = gauge("lock_session_up", "1 while this process has a lock session in Postgres, else 0.")
        self.foreign_locks = gauge(
            "foreign_locks", "Sessions of others that hold locks of the worker's kind; jobs may wait for them."
        )
        self._sync_age.set_function(
            lambda: monotonic() - (self._started if self._last_sync is None else self._last_sync)
        )
        self._measure_age.set_function(lambda: 0 if self._measured is None else monotonic() - self._measured)
        self.business = BusinessMetrics(self.registry)
        self._init_labels()

    def _init_labels(self) -> None:
        """Start series at 0, because rate() and increase() miss the first event of a series that did not exist."""
        for kind in KINDS:
            for outcome in ("done", "retry", "parked", "rejected"):
                self._jobs.labels(kind, outcome)
        self._deferred.labels("limited")
        self.error_budget_left.set(1)
        for cause in ("429", "5xx"):
            self.gate_slowdowns.labels(cause)

    # -- fed by the runner ---------------------------------------------------------------------------------------------

    def job_ended(self, kind: str, outcome: str, seconds: float, *, retry: bool, problem: str | None) -> None:
        """An attempt ended in the state `outcome` (queued: handed back); `retry`: it used up a retry."""
        kind = _known(kind)
        self._jobs.labels(kind, "retry" if retry else outcome).inc()
        self._job_seconds.labels(kind).observe(seconds)
        if retry:
            self._retries.labels(kind).inc()
        if problem:
            self._problems.labels(problem, outcome).inc()

    def unknown_answer(self, operation: str, place: str) -> None:
        """SevDesk answered something that this release does not know."""
        self._unknown.labels(operation, place).inc()

    def job_limited(self) -> None:
        """A job was given a later start time because of the person limit."""
        self._deferred.labels("limited").inc()

    # -- fed by the client ---------------------------------------------------------------------------------------------

    def call_ended(self, call: Call) -> None:
        """Count one HTTP request. `call.path` is a template and holds no ids."""
        operation = f"{call.method} {call.path}"
        self._calls.labels(operation, call.outcome).inc()
        self._call_seconds.labels(operation).observe(call.ms / 1000)
        if call.attempt > 1:
            self._call_retries.labels(operation).inc()

    # -- fed by the maintenance loops ----------------------------------------------------------------------------------

    def queue_measured(self, rows: Iterable[JobCountRow], queue_age: float, sync_age: float | None) -> None:
        """Job counts read from Postgres: rows of (kind, state, jobs); `sync_age` in seconds by Postgres' clock."""
        by_state = dict.fromkeys(map(str, STATES), 0)
        parked = dict.fromkeys(KINDS, 0)
        for row in rows:
            by_state[row["state"]] += row["jobs"]
            if row["state"] == "parked":
                kind = _known(row["kind"])
                parked[kind] = parked.get(kind, 0) + row["jobs"]
        for state, jobs in by_state.items():
            self._queue.labels(state).set(jobs)
        for kind, jobs in parked.items():
            self._parked.labels(kind).set(jobs)
        self._queue_age.set(queue_age)
        self._measured = monotonic()
        self._last_sync = None if sync_age is None else self._measured - sync_age

    def notices_measured(self, rows: Iterable[NoticeCountRow]) -> None:
        """Open notices read from Postgres; a code without any is 0."""
        counts = dict.fromkeys((*NOTICES, *DEFAULTS), 0) | {row["code"]: row["notices"] for row in rows}
        for code, notices in counts.items():
            self._notices.labels(code).set(notices)

    def queue_not_measured(self) -> None:
        """Another worker counts from now on: show none of the counts, which would grow old."""
        self._queue.clear()
        self._parked.clear()
        self._notices.clear()
        self._queue_age.set(0)
        self.foreign_locks.set(0)
        self._measured = None
        self.business.not_measured()

    # -- export -------------------------------------------------------------------------------------------------------

    @contextmanager
    def serve(self, host: str, port: int) -> Iterator[int]:
        """Answer `GET /metrics` in a thread, so that a busy event loop still answers; gives the port, for 0 a free one.

        Raises OSError if the port is taken.
        """
        server, thread = start_server(host, port, self.registry)
        try:
            yield server.server_port
        finally:
            server.shutdown()
            server.server_close()
            thread.join(5)


def _known(kind: str) -> str:
    """The kind as a label: any string can come from a producer, so unknown ones become "unknown"."""
    return kind if kind in KINDS else "unknown"
