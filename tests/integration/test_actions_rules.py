"""Rules on who may write: they block without a word of why, allow without limits, and end in time."""

from collections.abc import AsyncIterator
from datetime import timedelta
from http.cookies import SimpleCookie
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import Response
from sqlmodel import col, select

from services.actions.access_rules import KEEP_OLD, AccessRules, NewRule
from services.actions.errors import RulesFull
from services.actions.rule_values import RuleKind, Verdict
from services.actions.tables import AccessRule, Audit
from shared.clock import ManualClock
from shared.web.staff import COOKIE
from tests.support.actions_app import SITE, ActionsService, actions_service
from tests.support.actions_requests import a_form, a_supporter, an_action
from tests.support.events import NOW, uuid_of

TOKEN = "a-staff-token-for-tests"
BEARER = {"Authorization": f"Bearer {TOKEN}", "Staff-Name": "Amina"}
PERSON = {"Accept": "text/html,application/xhtml+xml"}
OWN_FORM = {"Origin": SITE}
API, PAGE = "/api/v1/intake/rules", "/ops/intake/rules"
ADDRESS, NETWORK = "203.0.113.7", "203.0.113.0/24"
A_RULE = {"kind": "network", "value": NETWORK, "verdict": "block", "reason": "a flood of copies"}
A_FORM = {"kind": "network", "value": NETWORK, "verdict": "block", "reason": "a flood of copies", "lasts": "day"}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
async def service(database_url: str, clock: ManualClock) -> AsyncIterator[ActionsService]:
    limits: dict[str, Any] = {"rate_per_mailbox": "2/day", "rate_per_network": "3/day"}
    async with actions_service(database_url, clock=clock, staff_token=TOKEN, **limits) as service:
        yield service


@pytest.fixture
async def crowd(service: ActionsService) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody in the network that rules are about."""
    transport = httpx.ASGITransport(service.app, client=(ADDRESS, 4711))
    async with httpx.AsyncClient(transport=transport, base_url=SITE) as http:
        yield http


async def act(http: httpx.AsyncClient, key: str, email: str = "ana@mail.example") -> httpx.Response:
    body = an_action(supporter=a_supporter(email=email))
    return await http.post("/api/v1/actions", json=body, headers={"Idempotency-Key": key})


async def add(service: ActionsService, **changes: Any) -> httpx.Response:
    return await service.http.post(API, json=A_RULE | changes, headers=BEARER)


async def remove(service: ActionsService, rule_id: str, why: str = "it is over") -> httpx.Response:
    return await service.http.request("DELETE", f"{API}/{rule_id}", json={"why": why}, headers=BEARER)


def log_in(service: ActionsService) -> None:
    answer = Response()
    service.wiring.staff.open_session(answer, "Amina")
    service.http.cookies.set(COOKIE, SimpleCookie(answer.headers["set-cookie"])[COOKIE].value)


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"value": "203.0.0.0/16"},
        {"kind": "mailbox", "value": "Ana+other@mail.example"},
        {"kind": "domain", "value": "mail.example"},
    ],
)
async def test_a_blocked_letter_is_refused_and_the_reason_is_nobodys_business(
    service: ActionsService, crowd: httpx.AsyncClient, rule: dict[str, str]
) -> None:
    assert (await act(crowd, "before")).status_code == 202
    assert (await add(service, **rule)).status_code == 201
    answer = await act(crowd, "after")
    assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[-1]) == (403, "blocked")
    assert "flood" not in answer.text
    assert (await act(crowd, "before")).status_code == 202, "what was kept keeps its receipt"
    kind = rule.get("kind", "network")
    metrics = (await service.http.get("/metrics")).text
    assert f'actions_blocked_total{{kind="{kind}"}} 2.0' in metrics


async def test_a_blocked_form_comes_back_with_every_word(service: ActionsService, crowd: httpx.AsyncClient) -> None:
    await add(service)
    page = await crowd.post("/actions", data=a_form(body="Every word."), headers=PERSON)
    assert page.status_code == 403
    assert "We cannot take this letter" in page.text
    assert "Every word." in page.text
    assert "flood" not in page.text


async def test_who_is_allowed_has_no_limit_and_is_not_blocked(
    service: ActionsService, crowd: httpx.AsyncClient
) -> None:
    await add(service, verdict="block", value="203.0.0.0/16")
    await add(service, verdict="allow")
    assert [(await act(crowd, f"key-{number}")).status_code for number in range(6)] == [202] * 6
    assert [(await act(service.http, f"other-{number}")).status_code for number in range(3)] == [202, 202, 429]


async def test_a_rule_ends_in_time(service: ActionsService, crowd: httpx.AsyncClient, clock: ManualClock) -> None:
    await add(service, until=(NOW + timedelta(hours=1)).isoformat())
    assert (await act(crowd, "one")).status_code == 403
    clock.advance(timedelta(hours=1))
    await service.wiring.limits.beat()
    assert (await act(crowd, "one")).status_code == 202
    [rule] = (await service.http.get(API, headers=BEARER)).json()["rules"]
    assert rule["ended"]
    assert (await add(service)).status_code == 201, "one that has ended makes way"
    assert (await act(crowd, "two")).status_code == 403


async def test_a_removed_rule_holds_no_more_and_is_not_removed_twice(
    service: ActionsService, crowd: httpx.AsyncClient
) -> None:
    rule_id = (await add(service)).json()["id"]
    assert (await remove(service, rule_id)).status_code == 204
    assert (await act(crowd, "one")).status_code == 202
    assert (await remove(service, rule_id)).status_code == 404
    assert (await service.http.get(API, headers=BEARER)).json() == {"rules": []}


async def test_another_process_learns_of_a_rule_and_of_its_end(
    service: ActionsService, database_url: str, clock: ManualClock
) -> None:
    other = AccessRules(service.wiring.database, clock, service.wiring.audit)
    rule_id = (await add(service)).json()["id"]
    assert other.judge(NETWORK, "ana@mail.example") is None
    await other.refresh()
    assert other.judge(NETWORK, "ana@mail.example") is not None
    await remove(service, rule_id)
    await other.refresh()
    assert other.judge(NETWORK, "ana@mail.example") is None


async def test_what_staff_do_is_audited_without_naming_whom_it_is_about(service: ActionsService) -> None:
    rule_id = (await add(service, kind="mailbox", value="ana@mail.example")).json()["id"]
    await remove(service, rule_id, "we were wrong")
    added, removed = await service.rows(select(Audit).order_by(col(Audit.did)))
    assert (added.did, added.who, added.why) == ("rule_added", "Amina", "a flood of copies")
    assert (removed.did, removed.who, removed.why) == ("rule_removed", "Amina", "we were wrong")
    assert added.details["rule"] == removed.details["rule"] == rule_id
    assert "ana" not in f"{added.details} {removed.details}"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"value": ADDRESS}, "value"),
        ({"value": "0.0.0.0/0"}, "value"),
        ({"kind": "country"}, "kind"),
        ({"verdict": "perhaps"}, "verdict"),
        ({"reason": " "}, "reason"),
        ({"reason": "a\0b"}, "reason"),
        ({"reason": "x" * 501}, "reason"),
        ({"until": NOW.isoformat()}, "until"),
        ({"until": "2026-11-02T00:00:00"}, "until"),
    ],
)
async def test_what_is_no_rule_is_refused_and_the_field_named(
    service: ActionsService, changes: dict[str, str], field: str
) -> None:
    answer = await add(service, **changes)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_two_rules_on_the_same_are_one_too_many(service: ActionsService) -> None:
    await add(service)
    answer = await add(service, verdict="allow", value="203.0.113.99/24")
    assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[-1]) == (409, "rule-exists")


async def test_there_are_no_more_rules_than_can_be_held(service: ActionsService, clock: ManualClock) -> None:
    rules = AccessRules(service.wiring.database, clock, service.wiring.audit, rules_max=1)
    one, another = [NewRule(RuleKind.DOMAIN, name, Verdict.BLOCK, "spam", None) for name in ("a.example", "b.example")]
    await rules.add(one, "Amina")
    with pytest.raises(RulesFull):
        await rules.add(another, "Amina")


async def test_rules_long_gone_are_forgotten(service: ActionsService, clock: ManualClock) -> None:
    removed = (await add(service)).json()["id"]
    await remove(service, removed)
    await add(service, value="198.51.100.0/24", until=(NOW + timedelta(hours=1)).isoformat())
    kept = (await add(service, kind="domain", value="mail.example")).json()["id"]
    clock.advance(KEEP_OLD + timedelta(hours=2))
    await service.wiring.rules.forget_old()
    assert await service.rows(select(AccessRule.id)) == [UUID(kept)]


DOORS = [
    ("GET", API),
    ("POST", API),
    ("DELETE", f"{API}/{uuid_of(1)}"),
    ("GET", PAGE),
    ("POST", PAGE),
    ("POST", f"{PAGE}/{uuid_of(1)}/remove"),
]


@pytest.mark.parametrize(("method", "path"), DOORS)
async def test_strangers_see_and_do_nothing(service: ActionsService, method: str, path: str) -> None:
    answer = await service.http.request(method, path, headers=OWN_FORM)
    if path.startswith("/api/"):
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    else:
        assert (answer.status_code, answer.headers["location"]) == (303, "/ops/login")


@pytest.mark.parametrize(("method", "path"), DOORS)
async def test_without_a_staff_token_there_is_nothing_here(database_url: str, method: str, path: str) -> None:
    async with actions_service(database_url) as service:
        assert (await service.http.request(method, path, headers=BEARER | OWN_FORM)).status_code == 404


async def test_all_methods_of_a_path_are_named_to_who_uses_another(service: ActionsService) -> None:
    answer = await service.http.request("PUT", API, headers=BEARER)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


async def test_staff_make_and_remove_a_rule_on_the_page(service: ActionsService, crowd: httpx.AsyncClient) -> None:
    log_in(service)
    made = await service.http.post(PAGE, data=A_FORM, headers=OWN_FORM)
    assert (made.status_code, made.headers["location"]) == (303, PAGE)
    page = await service.http.get(PAGE)
    assert page.headers["cache-control"] == "no-store"
    for words in (NETWORK, "a flood of copies", "Amina", f"{NOW + timedelta(days=1):%d %b %Y}"):
        assert words in page.text
    assert (await act(crowd, "one")).status_code == 403
    [rule] = (await service.http.get(API, headers=BEARER)).json()["rules"]
    gone = await service.http.post(f"{PAGE}/{rule['id']}/remove", data={"why": "over"}, headers=OWN_FORM)
    assert gone.status_code == 303
    assert (await act(crowd, "one")).status_code == 202
    assert "No rules" in (await service.http.get(PAGE)).text


async def test_a_form_with_a_fault_comes_back_as_it_was_typed(service: ActionsService) -> None:
    log_in(service)
    answer = await service.http.post(PAGE, data=A_FORM | {"value": ADDRESS, "reason": ""}, headers=OWN_FORM)
    assert answer.status_code == 422
    assert f'value="{ADDRESS}"' in answer.text
    assert 'href="#field-reason"' in answer.text
    answer = await service.http.post(PAGE, data=A_FORM | {"value": ADDRESS}, headers=OWN_FORM)
    assert f"Write {NETWORK} to mean all of it" in answer.text
    nothing = await service.http.post(PAGE, data={}, headers=OWN_FORM)
    assert nothing.status_code == 422
    assert await service.rows(select(AccessRule)) == []


async def test_a_rule_is_not_removed_without_a_reason(service: ActionsService) -> None:
    log_in(service)
    rule_id = (await add(service)).json()["id"]
    answer = await service.http.post(f"{PAGE}/{rule_id}/remove", data={"why": " "}, headers=OWN_FORM)
    assert answer.status_code == 422
    assert f'href="#field-why-{rule_id}"' in answer.text
    assert (await remove(service, rule_id, " ")).status_code == 422
    assert len((await service.http.get(API, headers=BEARER)).json()["rules"]) == 1


async def test_a_form_of_another_site_does_nothing(service: ActionsService) -> None:
    log_in(service)
    answer = await service.http.post(PAGE, data=A_FORM, headers={"Origin": "https://elsewhere.example"})
    assert answer.status_code == 403
    assert await service.rows(select(AccessRule)) == []
