"""What stands round every route: security headers, a trace and one log line for each request."""

import time
from functools import lru_cache

import structlog
from opentelemetry import context, propagate, trace
from opentelemetry.context import Context
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOG_FIELDS = "w4r.log_fields"  # where a route leaves in the scope what its request's one log line should also tell
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS = [
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    # Same-origin, not none: forms then still send the Origin that guards staff pages against forgery.
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
]
# What is counted where no answer was given: as nginx has it, because the caller left before all of the request had
# arrived, which is no fault of ours; or because something broke.
HUNG_UP, FAULT = 499, 500
NO_TRACE = Context()
METERS_REMEMBERED_MAX = 500
TRACE_HEADERS = (b"traceparent", b"tracestate")

log = structlog.get_logger(__name__)


class SecurityHeaders:
    """Adds the headers that keep our pages to ourselves, where the route has not set its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(pair for pair in SECURITY_HEADERS if pair[0] not in own)]
            await send(message)

        await self._app(scope, receive, guarded if scope["type"] == "http" else send)


class Observe:
    """Continues the caller's trace or begins one, measures, and logs one line. Never the path: it may hold a token."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self._app, self._tracer = app, trace.get_tracer("w4r")
        labels = ("method", "route", "status")
        self._requests = Counter("http_requests", "Requests answered", labels, registry=registry)
        self._seconds = Histogram("http_request_duration_seconds", "Time to answer", ("route",), registry=registry)
        # Looking a meter up by its labels takes longer than counting with it.
        self._meters = lru_cache(maxsize=METERS_REMEMBERED_MAX)(self._find_meters)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        status, began = 0, time.perf_counter()

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        span = self._tracer.start_span("request", context=_callers_trace(scope))
        token = context.attach(trace.set_span_in_context(span))
        try:
            await self._app(scope, receive, noted)
            status = status or HUNG_UP
        finally:
            self._note(scope, status or FAULT, time.perf_counter() - began)
            context.detach(token)
            span.end()

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        counter, histogram = self._meters(scope["method"], route, status)
        counter.inc()
        histogram.observe(seconds)
        duration_ms = round(seconds * 1000, 1)
        told = scope.get(LOG_FIELDS, {})
        log.info("request", action=scope["method"], route=route, status=status, duration_ms=duration_ms, **told)

    def _find_meters(self, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
        return self._requests.labels(method, route, status), self._seconds.labels(route)


def _callers_trace(scope: Scope) -> Context:
    """The trace the caller is in, if it says so."""
    carrier = {name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in TRACE_HEADERS}
    return propagate.extract(carrier, context=Context()) if carrier else NO_TRACE
