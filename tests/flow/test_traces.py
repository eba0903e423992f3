"""A job belongs to the trace that its producer names; with OpenTelemetry there are spans of everything it does."""

import json
import logging
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flow.billing import Billing
from flow.books import forget_calls, until
from flow.conftest import RunWorker
from flow.operators import Operator
from flow.processes import worker_process
from flow.signing import KEYS, signed
from flow.test_privacy import MARK, PERSONAL, TEXTS, refuse_with_echo
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from sevdesk_client.sandbox.http.server import Running
from worker import tracing
from worker.observability.otel import OtelTracer, _Reported
from worker.settings import Settings

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GIVEN = f"00-{TRACE}-{SPAN}-01"
# All that a span may say; docs/operating.md lists it.
ATTRIBUTES = {
    "sevdesk_worker.job.id", "sevdesk_worker.job.kind", "sevdesk_worker.job.attempt", "sevdesk_worker.job.origin",
    "sevdesk_worker.job.outcome", "sevdesk_worker.job.problem", "sevdesk_worker.invoice.id",
    "http.request.method", "http.response.status_code", "http.request.resend_count", "url.template", "server.address",
    "db.system.name", "db.query.summary", "error.type",
}  # fmt: skip


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """Where the spans of all workers of the test go."""
    exporter = InMemorySpanExporter()
    with tracing.use(OtelTracer(SimpleSpanProcessor(exporter), "test")):
        yield exporter


async def request(billing: Billing, **payload: Any) -> str:
    """An invoice to be published, through the outbox."""
    return await billing.request("publish_invoice", invoice_id=await billing.usual_invoice(), **payload)


async def is_logged(lines: list[Any]) -> bool:
    return any(line["event"] == "job.done" for line in lines)


@pytest.mark.parametrize("way", ["redis", "signed", "outbox"])
async def test_given_trace_reaches_log_lines(
    billing: Billing, run_worker: RunWorker, sevdesk: Running, way: str
) -> None:
    """The ledger has it beside the payload, each line of the job has its ids, and sevDesk hears nothing of it."""
    invoice, job_id = await billing.usual_invoice(), str(uuid4())
    payload = {"invoice_id": str(invoice), "requested_by": str(billing.admin), "traceparent": GIVEN}
    async with run_worker(job_signing_keys=KEYS if way == "signed" else {}):
        await forget_calls(sevdesk)
        with capture_logs(processors=[merge_contextvars]) as lines:
            if way == "outbox":
                job_id = await billing.request("publish_invoice", invoice_id=invoice, traceparent=GIVEN)
            else:
                token = {"signed": signed(job_id, payload)}
                await billing._enqueue("publish_invoice", token if way == "signed" else payload, job_id)
            job = await billing.ended(job_id)
            await until(lambda: is_logged(lines))
    assert (job["state"], job["traceparent"]) == ("done", GIVEN)
    assert json.loads(job["payload"]) == {"invoice_id": str(invoice)}
    ours = [line for line in lines if line["event"].startswith(("job.", "sevdesk.call"))]
    assert len(ours) > 10 and {(line["trace_id"], line["span_id"]) for line in ours} == {(TRACE, SPAN)}
    assert sevdesk.sandbox.requests and not any("traceparent" in entry for entry in sevdesk.sandbox.requests)


async def test_sevdesk_hears_it_when_wanted(billing: Billing, run_worker: RunWorker, sevdesk: Running) -> None:
    """With SEVDESK_TRACEPARENT each call of the job has the header, and no call of a job without a trace."""
    async with run_worker(sevdesk_traceparent=True):
        await billing.ended(await request(billing, traceparent=GIVEN))
        assert {entry.get("traceparent") for entry in sevdesk.sandbox.requests} == {GIVEN}
        await forget_calls(sevdesk)
        await billing.ended(await request(billing))
        assert {entry.get("traceparent") for entry in sevdesk.sandbox.requests} == {None}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (GIVEN, GIVEN),
        (f"00-{TRACE}-{SPAN}-00", f"00-{TRACE}-{SPAN}-00"),
        (f"00-{TRACE}-{SPAN}-ff", GIVEN),  # of the flags only `sampled` is known
        (f"00-{TRACE}-{SPAN}-02", f"00-{TRACE}-{SPAN}-00"),
        (f"cc-{TRACE}-{SPAN}-01", GIVEN),  # a later version
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-brings", GIVEN),
        (f"cc-{TRACE}-{SPAN}-01.what", None),
        (f"ff-{TRACE}-{SPAN}-01", None),
        (f"00-{TRACE}-{SPAN}-01-more", None),
        (f"00-{TRACE}-{SPAN}-01\n", None),
        (f"00-{TRACE.upper()}-{SPAN}-01", None),
        (f"00-{'0' * 32}-{SPAN}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE[1:]}-{SPAN}-01", None),
        (f"{TRACE}-{SPAN}-01", None),
        ("", None),
        (7, None),
        (None, None),
    ],
)
async def test_malformed_traces_are_ignored(billing: Billing, given: object, kept: str | None) -> None:
    """As the W3C text wants it: whoever receives a malformed one goes on without it."""
    job_id = await request(billing, traceparent=given)
    job = await billing.job(job_id)
    assert (job["traceparent"], "traceparent" in json.loads(job["payload"])) == (kept, False)


async def test_spans_tell_a_publication(
    billing: Billing, run_worker: RunWorker, sevdesk: Running, spans: InMemorySpanExporter
) -> None:
    """The producer's span, the attempt below it, below that the steps, below these their calls and statements."""
    async with run_worker(sevdesk_traceparent=True):
        with capture_logs(processors=[merge_contextvars]) as lines:
            job_id = await request(billing, traceparent=GIVEN)
            await billing.ended(job_id)
            await until(lambda: is_logged(lines))
    made = spans.get_finished_spans()
    assert {f"{span.context.trace_id:032x}" for span in made} == {TRACE}
    [attempt] = [span for span in made if span.name == "publish_invoice"]
    assert f"{attempt.parent.span_id:016x}" == SPAN
    assert attempt.attributes["sevdesk_worker.job.id"] == job_id
    assert (attempt.attributes["sevdesk_worker.job.outcome"], attempt.status.is_ok) == ("done", True)
    steps = [span for span in made if span.parent.span_id == attempt.context.span_id and not about(span)]
    assert {"publish", "finalize", "pdf"} <= {step.name for step in steps}, [step.name for step in steps]
    calls = [span for span in made if "url.template" in span.attributes]
    within = {step.context.span_id for step in steps}
    assert len(calls) == len(sevdesk.sandbox.requests) and {call.parent.span_id for call in calls} <= within
    assert {call.attributes["server.address"] for call in calls} == {"127.0.0.1"}
    statements = [span for span in made if "db.query.summary" in span.attributes]
    assert {"open_intent", "record_changes", "end_attempt"} <= {statement.name for statement in statements}
    heard = {entry["traceparent"].split("-")[2] for entry in sevdesk.sandbox.requests}
    assert heard <= {f"{span_id:016x}" for span_id in within}
    called = [line for line in lines if line["event"] == "sevdesk.call"]
    assert {(line["trace_id"], line["span_id"]) for line in called} == {(TRACE, span_id) for span_id in heard}


def about(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


async def test_trace_begins_without_producer(billing: Billing, worker: object, spans: InMemorySpanExporter) -> None:
    """Each attempt of a job without a traceparent is a trace of its own; the queue's statements are in none."""
    for _ in range(2):
        await billing.ended(await request(billing))
    roots = [span for span in spans.get_finished_spans() if span.parent is None]
    assert [root.name for root in roots] == ["publish_invoice", "publish_invoice"]
    assert len({root.context.trace_id for root in roots}) == 2


async def test_spans_hold_no_personal_data(
    billing: Billing, run_worker: RunWorker, sevdesk: Running, spans: InMemorySpanExporter
) -> None:
    """Neither of a job that is done, nor of refused and broken ones; failures have their code and class name."""
    deal = await billing.deal(await billing.company(**PERSONAL))
    done, parked, broken = [await billing.invoice(deal, **TEXTS) for _ in range(3)]
    async with run_worker(write_quarantine=1.0):
        assert (await billing.do("publish_invoice", invoice_id=done))["state"] == "done"
        await refuse_with_echo(sevdesk, "POST /Invoice/Factory/saveInvoice")
        assert (await billing.do("publish_invoice", invoice_id=parked, correlation_id=MARK))["state"] == "parked"
        await billing.db.execute(
            "ALTER TABLE sevdesk_invoices ADD CONSTRAINT planted CHECK (false) NOT VALID"  # its error quotes the row
        )
        job = await billing.until_state(await billing.enqueue("publish_invoice", invoice_id=broken), "waiting")
        assert job["problem"] == "unexpected_error"
    made = spans.get_finished_spans()
    assert MARK not in " ".join(span.to_json() for span in made)
    assert {name for span in made for name in about(span)} <= ATTRIBUTES
    assert not any(span.events for span in made)
    failed = {about(span)["error.type"] for span in made if not span.status.is_ok and "error.type" in about(span)}
    assert {"sevdesk_refused", "unexpected_error", "CheckViolationError"} <= failed


@contextmanager
def collector() -> Iterator[tuple[str, list[ExportTraceServiceRequest]]]:
    """An OTLP collector: its address, and what was sent to it."""
    received: list[ExportTraceServiceRequest] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            received.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def test_spans_leave_before_the_end(billing: Billing, settings: Settings, tmp_path: Path) -> None:
    """A worker that is stopped sends what it has to the collector that the standard variables name."""
    with collector() as (url, received):
        given = {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_SERVICE_NAME": "invoices"}
        async with worker_process(settings, tmp_path, **given) as worker:
            await billing.ended(await request(billing, traceparent=GIVEN))
            await worker.terminate()
        assert not worker.said("traces.not_sent")
    sent = [each for request in received for each in request.resource_spans]
    for each in sent:
        said = {fact.key: fact.value.string_value for fact in each.resource.attributes}
        assert said["service.name"] == "invoices" and f":{worker.pid}:" in said["service.instance.id"]
    names = {span.name for each in sent for scope in each.scope_spans for span in scope.spans}
    assert {"publish_invoice", "finalize", "end_attempt"} <= names


async def test_silent_collector_stops_nothing(billing: Billing, settings: Settings, tmp_path: Path) -> None:
    """A collector that takes connections and never answers: jobs are done, and the worker ends when it is told to."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        given = {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_BSP_SCHEDULE_DELAY": "50"}
        async with worker_process(settings, tmp_path, **given, OTEL_EXPORTER_OTLP_TIMEOUT="600") as worker:
            assert (await billing.ended(await request(billing)))["state"] == "done"
            await worker.terminate()


@pytest.mark.parametrize("exporter", ["none", "otlp"])
async def test_opentelemetry_is_loaded_when_wanted(
    billing: Billing, settings: Settings, tmp_path: Path, exporter: str
) -> None:
    """Without the setting no module of it is imported by a worker that works."""
    given = {"OTEL_TRACES_EXPORTER": exporter, "PYTHONPROFILEIMPORTTIME": "1", "OTEL_SDK_DISABLED": "true"}
    async with worker_process(settings, tmp_path, **given) as worker:
        await billing.ended(await request(billing, traceparent=GIVEN))
        await worker.terminate()
    imported = worker.path.read_text()
    assert "worker.tracing" in imported
    assert ("opentelemetry" in imported) is (exporter == "otlp")


async def test_settings_of_traces_are_checked(settings: Settings, tmp_path: Path) -> None:
    """What the worker cannot do is refused in one sentence: another exporter, another protocol."""
    operator = Operator(settings, tmp_path)
    for wrong in ({"OTEL_TRACES_EXPORTER": "zipkin"}, {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}):
        code, _, said = await operator.run("run", **wrong)
        assert code == 2 and next(iter(wrong)) in said


def test_missing_extra_is_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for traces without the packages, `run` says which extra to install."""
    from typer.testing import CliRunner

    from worker.__main__ import cli
    from worker.cli import services

    monkeypatch.setattr(services, "settings", lambda: settings.model_copy(update={"otel_traces_exporter": "otlp"}))
    monkeypatch.setitem(sys.modules, "worker.observability.otel", None)
    ended = CliRunner().invoke(cli, ["run"])
    assert (ended.exit_code, "sevdesk-worker[otel]" in ended.output) == (2, True)


def test_lost_spans_are_told_once() -> None:
    """The library's lines, one with each try, become one of ours."""
    reported = _Reported()
    lines = [logging.makeLogRecord({"msg": "try %s", "args": (number,)}) for number in (1, 2)]
    with capture_logs() as said:
        assert [reported.filter(line) for line in lines] == [False, False]
    assert [(line["event"], line["error"]) for line in said] == [("traces.not_sent", "try 1")]
