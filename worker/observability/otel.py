"""Makes OpenTelemetry spans and sends them by OTLP over HTTP, as the standard OTEL_* variables say (extra `otel`).

What an exception says is never part of a span, as it may hold personal data; its class name is.
"""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib.metadata import version

import structlog
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from structlog.contextvars import bound_contextvars

from worker import tracing
from worker.tracing import Attributes

log = structlog.get_logger()

KINDS = {"job": SpanKind.CONSUMER, "step": SpanKind.INTERNAL, "statement": SpanKind.CLIENT}
# The library's loggers that tell why spans were not sent.
EXPORT_LOGGERS = ("opentelemetry.exporter.otlp.proto.http.trace_exporter", "opentelemetry.sdk._shared_internal")
# How long a stopping worker waits until the last spans are sent.
FLUSH_SECONDS = 3.0
# That they cannot be sent is logged at most this often.
QUIET_SECONDS = 60.0
_W3C = TraceContextTextMapPropagator()


@asynccontextmanager
async def export_spans(worker: str) -> AsyncIterator[None]:
    """Send the spans of this process until the end of the block. `worker`: its name."""
    processor = BatchSpanProcessor(OTLPSpanExporter())
    reported = _Reported()
    loggers = [logging.getLogger(name) for name in EXPORT_LOGGERS]
    for logger in loggers:
        logger.addFilter(reported)
    try:
        with tracing.use(OtelTracer(processor, worker)):
            yield
    finally:
        # A thread of its own: one of asyncio's would be waited for at the end of the process.
        ended = threading.Thread(target=processor.shutdown, daemon=True)
        ended.start()
        await asyncio.to_thread(ended.join, FLUSH_SECONDS)
        for logger in loggers:
            logger.removeFilter(reported)


class _Reported(logging.Filter):
    """Replaces the library's lines, which come with each try, by one of ours a minute."""

    def __init__(self) -> None:
        super().__init__()
        self._told_at = -QUIET_SECONDS

    def filter(self, record: logging.LogRecord) -> bool:
        if time.monotonic() - self._told_at >= QUIET_SECONDS:
            self._told_at = time.monotonic()
            log.warning(
                "traces.not_sent",
                error=record.getMessage(),
                next_step="See to the collector and OTEL_EXPORTER_OTLP_ENDPOINT; jobs do not depend on it.",
            )
        return False


class OtelTracer:
    """`tracing.Tracer`, with a provider of its own, so that nobody else's spans are among them."""

    def __init__(self, processor: SpanProcessor, worker: str) -> None:
        named = Resource(
            {
                "service.name": "sevdesk-worker",
                "service.version": version("sevdesk-worker"),
                "service.instance.id": worker,
            }
        )
        given = OTELResourceDetector().detect()  # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win
        provider = TracerProvider(resource=Resource.create().merge(named).merge(given), shutdown_on_exit=False)
        provider.add_span_processor(processor)
        self._tracer = provider.get_tracer("worker")

    @contextmanager
    def span(
        self, kind: tracing.SpanKind, name: str, attributes: Attributes, parent: str | None = None
    ) -> Iterator[None]:
        """See `Tracer`. No statement outside a job: the queue's own come every few seconds."""
        if kind == "statement" and not trace.get_current_span().get_span_context().is_valid:
            yield
            return
        context = _W3C.extract({"traceparent": parent}) if parent else None
        opened = self._tracer.start_as_current_span(
            name, context, KINDS[kind], attributes, record_exception=False, set_status_on_exception=False
        )
        with opened as span:
            if kind == "statement":
                with _told_of_errors(span):
                    yield
                return
            ids = span.get_span_context()
            with bound_contextvars(
                trace_id=trace.format_trace_id(ids.trace_id), span_id=trace.format_span_id(ids.span_id)
            ):
                yield

    def ended(self, name: str, attributes: Attributes, ms: float, error: str | None) -> None:
        """See `Tracer`."""
        now = time.time_ns()
        span = self._tracer.start_span(
            name, kind=SpanKind.CLIENT, attributes=attributes, start_time=now - int(ms * 1e6)
        )
        _fail(span, error)
        span.end(now)

    def note(self, attributes: Attributes, error: str | None) -> None:
        """See `Tracer`."""
        span = trace.get_current_span()
        span.set_attributes(attributes)
        _fail(span, error)

    def traceparent(self) -> str | None:
        """See `Tracer`."""
        carrier: dict[str, str] = {}
        _W3C.inject(carrier)
        return carrier.get("traceparent")


@contextmanager
def _told_of_errors(span: trace.Span) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        _fail(span, type(error).__name__)
        raise


def _fail(span: trace.Span, error: str | None) -> None:
    if error:
        span.set_attribute("error.type", error)
        span.set_status(Status(StatusCode.ERROR))
