"""The frame every service's HTTP side stands in: problems, limits, headers, health, traces."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse
from prometheus_client import CollectorRegistry
from pydantic import BaseModel

from shared.db import DatabaseAway
from shared.observability import configure_logging, configure_tracing, current_traceparent
from shared.web.bodies import BODY_BYTES_MAX, LimitBody
from shared.web.guards import Observe, SecurityHeaders
from shared.web.health import health_router
from shared.web.problems import FieldError, Problem, install_problems, invalid
from shared.web.refusals import Refusals


class Body(BaseModel):
    country: str


def an_app() -> FastAPI:
    app = FastAPI()
    registry = CollectorRegistry()
    install_problems(app, lambda _request, problem: HTMLResponse(f"<h1>{problem.title}</h1>", problem.status))
    app.include_router(health_router({"database": reachable, "bus": away}, registry))

    @app.post("/bodies")
    async def take(request: Request) -> int:
        return len(await request.body())

    @app.post("/api/typed")
    async def typed(body: Body) -> str:
        return body.country

    @app.get("/faults/{name}")
    async def fault(name: str) -> None:
        raise FAULTS[name]

    @app.get("/receipts/{token}")
    async def receipt(token: str) -> str | None:
        return current_traceparent()

    app.add_middleware(LimitBody, refusals=Refusals(registry))
    app.add_middleware(SecurityHeaders)
    app.add_middleware(Observe, registry=registry)
    return app


FAULTS: dict[str, Exception] = {
    "ours": Problem(409, "case-closed", "This case is closed", headers={"X-Why": "ended"}),
    "fields": invalid([FieldError("country", "Not a country")]),
    "missing": HTTPException(404),
    "database": DatabaseAway("OSError"),
    "bug": ZeroDivisionError("secret words"),
}


async def reachable() -> None:
    return None


async def away() -> None:
    raise ConnectionError


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    configure_tracing("test")
    transport = httpx.ASGITransport(an_app(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.mark.parametrize(
    ("fault", "status", "kind"),
    [
        ("ours", 409, "case-closed"),
        ("fields", 422, "invalid-fields"),
        ("missing", 404, "not-found"),
        ("database", 503, "unavailable"),
        ("bug", 500, "internal-error"),
    ],
)
async def test_every_fault_is_a_problem(client: httpx.AsyncClient, fault: str, status: int, kind: str) -> None:
    answer = await client.get(f"/faults/{fault}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"].endswith(f"/problems/{kind}")
    assert "secret words" not in answer.text


async def test_a_problem_names_its_fields_and_carries_its_headers(client: httpx.AsyncClient) -> None:
    fields = (await client.get("/faults/fields")).json()
    assert fields["errors"] == [{"field": "country", "message": "Not a country"}]
    assert (await client.get("/faults/ours")).headers["x-why"] == "ended"
    assert int((await client.get("/faults/database")).headers["retry-after"]) > 0


async def test_a_person_gets_a_page_and_an_api_client_never_does(client: httpx.AsyncClient) -> None:
    html = {"accept": "text/html,*/*"}
    assert "<h1>" in (await client.get("/faults/ours", headers=html)).text
    answer = await client.post("/api/typed", json={}, headers=html)
    assert answer.json()["errors"] == [{"field": "country", "message": "Field required"}]


async def test_a_body_over_the_limit_is_413_announced_or_not(client: httpx.AsyncClient) -> None:
    async def unannounced() -> AsyncIterator[bytes]:
        for _ in range(BODY_BYTES_MAX // 1024 + 1):
            yield b"x" * 1024

    assert (await client.post("/bodies", content=b"x" * BODY_BYTES_MAX)).json() == BODY_BYTES_MAX
    assert (await client.post("/bodies", content=b"x" * (BODY_BYTES_MAX + 1))).status_code == 413
    assert (await client.post("/bodies", content=unannounced())).status_code == 413


async def test_every_answer_has_the_security_headers(client: httpx.AsyncClient) -> None:
    for path in ("/receipts/x", "/faults/missing"):
        headers = (await client.get(path)).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


async def test_readiness_tells_which_dependency_is_away(client: httpx.AsyncClient) -> None:
    answer = await client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["dependencies"] == {"database": "ok", "bus": "away (ConnectionError)"}
    assert (await client.get("/health/live")).status_code == 200


async def test_a_callers_trace_goes_on_and_others_begin_one(client: httpx.AsyncClient) -> None:
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    theirs = {"traceparent": f"00-{trace_id}-b7ad6b7169203331-01"}
    assert (await client.get("/receipts/x", headers=theirs)).json().split("-")[1] == trace_id
    first, second = (await client.get("/receipts/x")).json(), (await client.get("/receipts/x")).json()
    assert first.split("-")[1] != second.split("-")[1]


async def test_the_log_line_of_a_request_names_the_route_and_not_the_token(
    client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("test", "web")
    await client.get("/receipts/a-secret-token")
    lines: list[dict[str, Any]] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    request = next(line for line in lines if line["event"] == "request")
    assert (request["route"], request["status"]) == ("/receipts/{token}", 200)
    assert len(request["trace_id"]) == 32
    assert "a-secret-token" not in json.dumps(lines)


async def test_metrics_count_by_route(client: httpx.AsyncClient) -> None:
    await client.get("/receipts/a-secret-token")
    text = (await client.get("/metrics")).text
    assert 'http_requests_total{method="GET",route="/receipts/{token}",status="200"} 1.0' in text
    assert "a-secret-token" not in text


async def test_a_caller_who_hangs_up_halfway_is_no_fault_of_ours() -> None:
    app = an_app()
    incoming = iter([{"type": "http.request", "body": b"half a ", "more_body": True}, {"type": "http.disconnect"}])
    answered: list[Any] = []

    async def receive() -> Any:
        return next(incoming)

    async def send(message: Any) -> None:
        answered.append(message)

    scope = {"type": "http", "method": "POST", "path": "/bodies", "headers": [], "query_string": b"", "app": app}
    await app(scope, receive, send)
    assert answered == []
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://site.example") as client:
        metrics = (await client.get("/metrics")).text
    assert 'http_requests_total{method="POST",route="/bodies",status="499"} 1.0' in metrics
