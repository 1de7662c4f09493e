"""What a caller of the API is told, for each way to get it wrong."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlmodel import func, select

from services.actions.tables import Action
from shared.messages.cases import ClosedReason
from shared.web.bodies import BODY_BYTES_MAX
from tests.support.actions_app import ActionsService, actions_service
from tests.support.actions_requests import a_letter, a_supporter, an_action
from tests.support.events import a_closed_case, a_published_case, uuid_of

JSON = {"Content-Type": "application/json"}
GOOD = json.dumps(an_action())


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[ActionsService]:
    async with actions_service(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}", known_cases_seconds=0) as service:
        yield service


def told(answer: httpx.Response) -> tuple[int, str, list[str]]:
    """Status, kind of problem, and the fields it names."""
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["title"]
    fields = [error["field"] for error in problem.get("errors", [])]
    return answer.status_code, problem["type"].rsplit("/", 1)[-1], fields


@pytest.mark.parametrize(
    ("body", "status", "kind", "fields"),
    [
        (an_action(case="another"), 404, "unknown-case", ["case"]),
        (an_action(channel="post"), 422, "invalid-fields", ["channel"]),
        (an_action(channel="fax"), 422, "invalid-fields", ["channel"]),
        (an_action(targets=[str(uuid_of(1))]), 422, "invalid-fields", ["targets.0"]),
        (an_action(targets=[]), 422, "invalid-fields", ["targets"]),
        (an_action(supporter=a_supporter(country="XX")), 422, "invalid-fields", ["supporter.country"]),
        (an_action(supporter=a_supporter(email="x")), 422, "invalid-fields", ["supporter.email"]),
        (an_action(supporter=a_supporter(name="A\r\nBcc: x@y.example")), 422, "invalid-fields", ["supporter.name"]),
        (an_action(letter=a_letter(subject="A\nB")), 422, "invalid-fields", ["letter.subject"]),
        (an_action(letter=a_letter(body="A\0B")), 422, "invalid-fields", ["letter.body"]),
        (an_action(letter=a_letter(body="x" * 20_001)), 422, "invalid-fields", ["letter.body"]),
        (an_action(extra=1), 422, "invalid-fields", ["extra"]),
        ({}, 422, "invalid-fields", ["case", "channel", "supporter", "letter"]),
        ([], 422, "invalid-fields", ["body"]),
    ],
)
async def test_a_body_that_does_not_fit_is_refused_with_its_fields(
    service: ActionsService, body: Any, status: int, kind: str, fields: list[str]
) -> None:
    assert told(await service.post(body)) == (status, kind, fields)
    assert await service.rows(select(func.count()).select_from(Action)) == [0]


@pytest.mark.parametrize(
    ("headers", "content", "status", "kind"),
    [
        (JSON, GOOD, 400, "idempotency-key-missing"),
        (JSON | {"Idempotency-Key": ""}, GOOD, 400, "idempotency-key-malformed"),
        (JSON | {"Idempotency-Key": "k" * 256}, GOOD, 400, "idempotency-key-malformed"),
        (JSON | {"Idempotency-Key": "schlüssel"}, GOOD, 400, "idempotency-key-malformed"),
        (JSON | {"Idempotency-Key": "a\tb"}, GOOD, 400, "idempotency-key-malformed"),
        ({"Idempotency-Key": "k"}, GOOD, 415, "unsupported-media-type"),
        ({"Idempotency-Key": "k", "Content-Type": "text/plain"}, GOOD, 415, "unsupported-media-type"),
        (JSON | {"Idempotency-Key": "k"}, "", 400, "invalid-json"),
        (JSON | {"Idempotency-Key": "k"}, '{"case": ', 400, "invalid-json"),
        (JSON | {"Idempotency-Key": "k"}, b"\xff\xfe", 400, "invalid-json"),
        (JSON | {"Idempotency-Key": "k"}, '{"case": "\\ud800"}', 400, "invalid-json"),
        (JSON | {"Idempotency-Key": "k"}, "[" * 50_000, 400, "invalid-json"),
        (JSON | {"Idempotency-Key": "k"}, " " * (BODY_BYTES_MAX + 1), 413, "too-large"),
    ],
)
async def test_a_request_that_cannot_be_read_is_refused(
    service: ActionsService, headers: dict[str, str], content: str | bytes, status: int, kind: str
) -> None:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    answer = await service.http.post("/api/v1/actions", content=content, headers=raw)
    assert told(answer)[:2] == (status, kind)


async def test_the_longest_letter_in_any_script_fits(service: ActionsService) -> None:
    answer = await service.http.post(
        "/api/v1/actions",
        content=json.dumps(an_action(letter=a_letter(body="信" * 20_000)), ensure_ascii=False).encode(),
        headers=JSON | {"Idempotency-Key": "k" * 255},
    )
    assert answer.status_code == 202


@pytest.mark.parametrize(
    ("reason", "status", "kind"),
    [
        (ClosedReason.ENDED, 409, "case-closed"),
        (ClosedReason.WON, 409, "case-closed"),
        (ClosedReason.WITHDRAWN, 410, "case-withdrawn"),
    ],
)
async def test_a_closed_case_says_so(service: ActionsService, reason: ClosedReason, status: int, kind: str) -> None:
    await service.tell(a_closed_case(reason=reason))
    answer = await service.post(an_action())
    assert told(answer) == (status, kind, ["case"])
    assert reason.value in answer.json()["errors"][0]["message"]


async def test_a_method_that_is_not_offered_is_a_problem_too(service: ActionsService) -> None:
    assert told(await service.http.get("/api/v1/actions"))[:2] == (405, "method-not-allowed")


async def test_a_case_with_no_one_to_reach_this_way_names_the_channel(service: ActionsService) -> None:
    await service.tell(a_published_case(revision=2, channels=("email", "post"), targets=()))
    assert told(await service.post(an_action(channel="post"))) == (422, "invalid-fields", ["channel"])


async def test_the_api_is_documented_though_its_hot_route_parses_by_hand(service: ActionsService) -> None:
    document = (await service.http.get("/openapi.json")).json()
    post = document["paths"]["/api/v1/actions"]["post"]
    schema = post["requestBody"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["case", "channel", "supporter", "letter"]
    assert schema["properties"]["letter"]["properties"]["body"]["maxLength"] == 20_000
    assert [parameter["name"] for parameter in post["parameters"]] == ["Idempotency-Key"]
    assert set(post["responses"]) >= {"202", "400", "404", "409", "410", "413", "415", "422", "503"}
    assert "$defs" not in json.dumps(document)


async def test_the_hot_route_is_counted_under_its_name(service: ActionsService) -> None:
    await service.post(an_action())
    labels = {"method": "POST", "route": "/api/v1/actions", "status": "202"}
    assert service.wiring.registry.get_sample_value("http_requests_total", labels) == 1
