"""Counters and histograms for Prometheus: fed by the runner and by the client's `observe`; steps know nothing of it.

Every App has a registry of its own. Labels come from closed sets (kinds, outcomes, path templates), so that no id, no
name and nothing a producer made up becomes a label. All names start with `sevdesk_worker_`; times are seconds.
"""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from sevdesk_client.sending import Call
from worker.domain.jobs import KINDS
from worker.store.rows import JobCountRow

STATES = ("requested", "queued", "running", "waiting", "parked")
# A job that only looks takes 0.1 s, a publication some seconds, an outage up to a write's time-out and the retries.
JOB_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
# Reads take 54-91 ms, writes seconds (measured by one peer); the time-out is 30 s.
CALL_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30)


class Metrics:
    """What one worker process counts, and what it last saw in the ledger all workers share."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.registry = CollectorRegistry()
        self._now, self._started, self._measured = now, now(), now()
        self._last_sync: float | None = None

        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(f"sevdesk_worker_{name}", what, labels, registry=self.registry)

        def gauge(name: str, what: str, *labels: str) -> Gauge:
            return Gauge(f"sevdesk_worker_{name}", what, labels, registry=self.registry)

        def histogram(name: str, what: str, label: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(f"sevdesk_worker_{name}", what, (label,), buckets=buckets, registry=self.registry)

        self._jobs = counter("jobs", "Attempts of jobs that ended so.", "kind", "outcome")
        self._job_seconds = histogram("job_seconds", "Seconds of one attempt.", "kind", JOB_SECONDS)
        self._retries = counter("job_retries", "Attempts that cost a retry.", "kind")
        self._deferred = counter("jobs_deferred", "Claims put off: limited is the person's limit.", "reason")
        self._reaped = counter("jobs_reaped", "Jobs taken over from dead workers.")
        self._calls = counter("sevdesk_calls", "HTTP attempts at sevDesk.", "operation", "outcome")
        self._call_seconds = histogram(
            "sevdesk_call_seconds", "Seconds of one HTTP attempt.", "operation", CALL_SECONDS
        )
        self._call_retries = counter("sevdesk_call_retries", "HTTP attempts after the first.", "operation")
        self._slowed = counter("slowdowns", "Times sevDesk was found overloaded, which halves the speed.", "cause")
        self._waited = counter("gate_wait_seconds", "Seconds that calls waited for their place in line.")
        self._token_refused = gauge("token_refused", "Whether the API token is refused (1), so that jobs wait.")
        self._queue = gauge("queue_jobs", "Jobs in the shared ledger by state.", "state")
        self._parked = gauge("parked_jobs", "Jobs that wait for a person.", "kind")
        self._queue_age = gauge("queue_age_seconds", "How long the oldest job that could run has been waiting.")
        self._sync_age = gauge(
            "last_sync_age_seconds", "Since the last payment sync; before the first, since the start."
        )
        self._ledger_age = gauge("ledger_age_seconds", "Since the ledger was last looked at: the gauges' own age.")
        self._lock_up = gauge("lock_session_up", "Whether this process can prove that it lives (1) or not (0).")
        self._sync_age.set_function(lambda: self._now() - (self._last_sync or self._started))
        self._ledger_age.set_function(lambda: self._now() - self._measured)
        self._init_labels()

    def _init_labels(self) -> None:
        """Zero is a value: an alert on a rate must see the first event, too."""
        for kind in KINDS:
            for outcome in ("done", "retry", "parked", "rejected"):
                self._jobs.labels(kind, outcome)
        for reason in ("busy", "behind", "early", "limited"):
            self._deferred.labels(reason)
        for cause in ("429", "5xx"):
            self._slowed.labels(cause)

    # -- fed by the runner ---------------------------------------------------------------------------------------------

    def job_ended(self, kind: str, outcome: str, seconds: float, *, retry: bool) -> None:
        """One attempt's end: done, parked, rejected, waiting or queued (handed back); `retry` where it cost one."""
        kind = _known(kind)
        self._jobs.labels(kind, "retry" if retry else outcome).inc()
        self._job_seconds.labels(kind).observe(seconds)
        if retry:
            self._retries.labels(kind).inc()

    def job_deferred(self, reason: str) -> None:
        """A claim that has to wait: limited, behind, busy or early. One job may be put off many times."""
        if reason not in ("done", "gone"):
            self._deferred.labels(reason).inc()

    # -- fed by the client ---------------------------------------------------------------------------------------------

    def called(self, call: Call) -> None:
        """One HTTP attempt; the path is a template."""
        operation = f"{call.method} {call.path}"
        self._calls.labels(operation, call.outcome).inc()
        self._call_seconds.labels(operation).observe(call.ms / 1000)
        if call.attempt > 1:
            self._call_retries.labels(operation).inc()

    # -- fed by the gate before sevDesk --------------------------------------------------------------------------------

    def slowed_down(self, cause: str) -> None:
        """sevDesk could not keep up: 429 or 5xx."""
        self._slowed.labels(cause).inc()

    def waited(self, seconds: float) -> None:
        """A call's or a write's wait for its place in line."""
        self._waited.inc(seconds)

    def watch_token(self, refused: Callable[[], bool]) -> None:
        """Asked at each scrape."""
        self._token_refused.set_function(lambda: float(refused()))

    # -- fed by the loops beside the jobs ------------------------------------------------------------------------------

    def jobs_reaped(self, count: int) -> None:
        """Jobs this process took over."""
        self._reaped.inc(count)

    def watch_locks(self, alive: Callable[[], bool]) -> None:
        """Asked at each scrape."""
        self._lock_up.set_function(lambda: float(alive()))

    def ledger_seen(self, rows: Iterable[JobCountRow], queue_age: float, last_sync: float | None) -> None:
        """The shared ledger as it is now: rows of (kind, state, jobs); times in seconds, `last_sync` since 1970."""
        by_state = dict.fromkeys(STATES, 0)
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
        self._last_sync, self._measured = last_sync, self._now()

    # -- for whoever scrapes -------------------------------------------------------------------------------------------

    def serve(self, host: str, port: int) -> "Server":
        """Answer scrapes in a thread of its own, so that a busy loop does not look dead. OSError: the port is taken."""
        return Server(self.registry, host, port)


class Server:
    """`GET /metrics` on `port` (of 0, a free one)."""

    def __init__(self, registry: CollectorRegistry, host: str, port: int) -> None:
        self._server, self._thread = start_http_server(port, host, registry)
        self.port: int = self._server.server_port

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
        with suppress(RuntimeError):
            self._thread.join(5)


def _known(kind: str) -> str:
    """A producer may ask for anything; only what we know becomes a label."""
    return kind if kind in KINDS else "unknown"
