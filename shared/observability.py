"""What a process tells about itself: JSON logs with a trace id, and the trace context that crosses the bus.

A trace begins in the request (or with the caller's `traceparent` header), is kept in the outbox row, and travels
in the envelope, so one id finds a letter's whole path in the logs of three services.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from opentelemetry import context, propagate, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased


def configure_logging(service: str, role: str, level: str = "info") -> None:
    """One JSON object a line on standard output, with service, role and trace id."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _add_origin(service, role),
            _add_trace_id,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(),
        cache_logger_on_first_use=True,
    )
    # Libraries log through the standard module; what they warn of comes out in the same form.
    logging.basicConfig(level=logging.WARNING, handlers=[_ToStructlog()], force=True)


def configure_tracing(service: str) -> None:
    """Make trace ids, once a process. A span is recorded only where the caller's `traceparent` asks for it.

    Ids are in every log line either way; recording costs a tenth of accepting an action, and nothing reads a span
    unless an operator adds an exporter to the provider."""
    if isinstance(trace.get_tracer_provider(), TracerProvider):
        return
    resource = Resource.create({"service.name": service})
    trace.set_tracer_provider(TracerProvider(sampler=ParentBased(ALWAYS_OFF), resource=resource))


@contextmanager
def continued_trace(name: str, traceparent: str | None) -> Iterator[None]:
    """Run the block as a part of the trace that `traceparent` names, or of a new one."""
    parent = propagate.extract({"traceparent": traceparent} if traceparent else {}, context=context.Context())
    with trace.get_tracer("w4r").start_as_current_span(name, context=parent):
        yield


def current_traceparent() -> str | None:
    """The running trace as a W3C `traceparent`, to hand on."""
    span = trace.get_current_span().get_span_context()
    # Written out, because the propagators take as long as sealing the event this goes into.
    # Source: https://www.w3.org/TR/trace-context/#traceparent-header
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}" if span.is_valid else None


class _ToStructlog(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        # The class name alone: a library's text may hold an address or a name.
        fault = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
        structlog.get_logger(record.name).log(record.levelno, "library", text=str(record.msg)[:200], fault=fault)


def _add_origin(service: str, role: str) -> structlog.typing.Processor:
    def add(_logger: Any, _method: str, fields: structlog.typing.EventDict) -> structlog.typing.EventDict:
        return {"service": service, "role": role} | dict(fields)

    return add


def _add_trace_id(_logger: Any, _method: str, fields: structlog.typing.EventDict) -> structlog.typing.EventDict:
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        fields["trace_id"] = format(span.trace_id, "032x")
    return fields
