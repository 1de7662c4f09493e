"""Staff stop intake, for all cases or one: nobody's words are lost, and what was taken before keeps its receipt."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import httpx
import pytest
from sqlmodel import select

from deploy.local.postgres import LocalPostgres
from services.actions.tables import Action, Audit
from shared.messages.cases import Channel
from shared.messages.envelope import derived_id
from tests.support.actions_app import SITE, ActionsService, actions_service
from tests.support.actions_requests import a_form, an_action
from tests.support.events import a_closed_case, a_published_case
from tests.support.page_fields import sent_by
from tests.support.staff_sessions import BEARER, STAFF_TOKEN, log_in
from tests.support.until import until

API, PAGE = "/api/v1/intake/switches", "/ops/intake"
PERSON = {"Accept": "text/html,application/xhtml+xml"}
OWN_FORM = {"Origin": SITE}
OFF = {"state": "off", "why": "the mail server is moving"}
ANOTHER = a_published_case(case_id=derived_id("case", "another"), slug="another-case")
SEEN_SECONDS_MAX = 3.0


@asynccontextmanager
async def staffed(url: str, **settings: Any) -> AsyncIterator[ActionsService]:
    async with actions_service(url, staff_token=STAFF_TOKEN, known_cases_seconds=0, **settings) as service:
        await service.tell(ANOTHER)
        yield service


@pytest.fixture
async def service(database_url: str) -> AsyncIterator[ActionsService]:
    async with staffed(database_url) as service:
        yield service


async def put(service: ActionsService, name: str, body: Any = None) -> httpx.Response:
    return await service.http.put(f"{API}/{name}", json=OFF if body is None else body, headers=BEARER)


async def sent(service: ActionsService, **changes: Any) -> httpx.Response:
    return await service.http.post("/actions", data=a_form(**changes), headers=PERSON)


def kind_of(answer: httpx.Response) -> str:
    return str(answer.json()["type"].rsplit("/", 1)[-1])


async def test_when_all_is_off_the_api_says_when_to_come_back(service: ActionsService) -> None:
    assert (await put(service, "accepting")).status_code == 200
    answer = await service.post(an_action())
    assert (answer.status_code, kind_of(answer)) == (503, "not-accepting")
    assert int(answer.headers["retry-after"]) > 0
    assert "no letters just now" in answer.json()["title"]
    assert await service.rows(select(Action)) == []
    await put(service, "accepting", {"state": "on", "why": "it has moved"})
    assert (await service.post(an_action())).status_code == 202


async def test_when_one_case_is_off_the_others_go_on(service: ActionsService) -> None:
    await put(service, "accepting:a-test-case")
    answer = await service.post(an_action())
    assert (answer.status_code, kind_of(answer)) == (503, "not-accepting")
    assert answer.json()["title"] == "This case takes no letters just now"
    assert (await service.post(an_action(case="another-case"), key="another")).status_code == 202


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("accepting", "We take in no letters just now"),
        ("accepting:a-test-case", "This case takes no letters just now"),
    ],
)
async def test_a_person_is_asked_to_wait_and_every_word_is_kept(service: ActionsService, name: str, words: str) -> None:
    await put(service, name)
    page = await sent(service, body="جناب وزیر\r\n</textarea><b>", hide_email="true")
    assert page.status_code == 503
    assert words in page.text
    assert 'data-wait="30"' in page.text
    assert page.headers["retry-after"] == "30"
    await put(service, name, {"state": "on", "why": "back"})
    again = await service.http.post("/actions", data=sent_by(page.text), headers=PERSON)
    assert again.status_code == 303
    [action] = await service.rows(select(Action))
    assert (action.letter_body, action.hide_email) == ("جناب وزیر\n</textarea><b>", True)


async def test_the_waiting_pages_own_script_hears_a_number_of_seconds(service: ActionsService) -> None:
    await put(service, "accepting")
    answer = await service.http.post("/actions", data=a_form(), headers={"Accept": "application/json"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")


async def test_what_was_taken_before_keeps_its_receipt(service: ActionsService) -> None:
    first, form = await service.post(an_action()), await sent(service, name="B")
    await put(service, "accepting")
    again, form_again = await service.post(an_action()), await sent(service, name="B")
    assert (again.status_code, again.json()) == (202, first.json())
    assert form_again.headers["location"] == form.headers["location"]
    assert (await service.http.get(form.headers["location"])).status_code == 200


@pytest.mark.parametrize(
    ("changes", "status"),
    [({"channel": "fax"}, 422), ({"case": "no-such-case"}, 404), ({"channel": Channel.POST.value}, 422)],
)
async def test_what_waiting_cannot_mend_is_said_at_once(
    service: ActionsService, changes: dict[str, str], status: int
) -> None:
    await put(service, "accepting")
    assert (await service.post(an_action(**changes))).status_code == status


async def test_a_withdrawn_case_is_told_as_withdrawn(service: ActionsService) -> None:
    await service.tell(a_closed_case())
    await put(service, "accepting")
    assert (await service.post(an_action())).status_code == 410


async def test_a_second_process_follows_within_seconds(database_url: str) -> None:
    async with staffed(database_url) as first, staffed(database_url) as second:
        assert (await second.post(an_action(), key="before")).status_code == 202
        await put(first, "accepting")
        keys = count()

        async def follows() -> bool:
            return (await second.post(an_action(), key=f"after-{next(keys)}")).status_code == 503

        await until(follows, SEEN_SECONDS_MAX)


async def test_what_is_off_stays_off_while_the_database_is_away(own_postgres: LocalPostgres) -> None:
    async with staffed(own_postgres.create_database("actions"), stop_seconds_max=5) as service:
        await put(service, "accepting")
        log_in(service.http, service.wiring.staff)
        own_postgres.kill()
        assert (await service.post(an_action())).status_code == 503
        page = await service.http.get(PAGE)
        assert page.status_code == 200
        assert "the mail server is moving" in page.text
        assert "The record cannot be read just now." in page.text
        turned = await put(service, "accepting", {"state": "on", "why": "try"})
        assert (turned.status_code, kind_of(turned)) == (503, "unavailable")
        form = {"switch": "accepting", "state": "on", "why": "typed with care"}
        page = await service.http.post(PAGE, data=form, headers=OWN_FORM)
        assert page.status_code == 503
        assert 'value="typed with care"' in page.text
        own_postgres.start()


async def test_the_api_tells_how_each_switch_stands(service: ActionsService) -> None:
    await put(service, "accepting:another-case")
    answer = await service.http.get(API, headers=BEARER)
    assert answer.headers["cache-control"] == "no-store"
    stands = {switch["name"]: switch for switch in answer.json()["switches"]}
    assert list(stands) == ["accepting", "accepting:a-test-case", "accepting:another-case", "news", "sharing"]
    assert stands["accepting"] == {
        "name": "accepting",
        "state": "on",
        "states": ["on", "off"],
        "in_effect": "on",
        "who": None,
        "why": None,
        "changed_at": None,
    }
    assert stands["accepting:another-case"]["in_effect"] == "off"
    assert stands["accepting:another-case"]["who"] == "Amina"
    assert (stands["sharing"]["state"], stands["sharing"]["in_effect"]) == ("auto", "on")
    assert answer.json()["requests_in_flight"] == 1


async def test_a_closed_case_is_offered_only_if_it_was_switched(service: ActionsService) -> None:
    await put(service, "accepting:another-case")
    for case_id, slug in ((a_published_case().case_id, "a-test-case"), (ANOTHER.case_id, "another-case")):
        await service.tell(a_closed_case(case_id=case_id, slug=slug))
    names = [switch["name"] for switch in (await service.http.get(API, headers=BEARER)).json()["switches"]]
    assert names == ["accepting", "accepting:another-case", "news", "sharing"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"state": "off"}, "why"),
        ({"state": "off", "why": "  "}, "why"),
        ({"state": "off", "why": "x" * 501}, "why"),
        ({"state": "off", "why": "a\x00b"}, "why"),
        ({"state": "dim", "why": "y"}, "state"),
        ({"state": "auto", "why": "y"}, "state"),
        ({"why": "y"}, "state"),
        ({"state": "off", "why": "y", "who": "z"}, "who"),
        ([], "body"),
    ],
)
async def test_what_cannot_be_turned_so_is_named_and_nothing_happens(
    service: ActionsService, body: Any, field: str
) -> None:
    answer = await put(service, "accepting", body)
    assert (answer.status_code, kind_of(answer)) == (422, "invalid-fields")
    assert field in [error["field"] for error in answer.json()["errors"]]
    assert await service.rows(select(Audit)) == []


@pytest.mark.parametrize("body", [b"", b"{", b"\xff"])
async def test_what_is_no_json_is_named_too(service: ActionsService, body: bytes) -> None:
    answer = await service.http.put(f"{API}/accepting", content=body, headers=BEARER)
    assert answer.status_code == 422


@pytest.mark.parametrize("name", ["nothing", "accepting:no-such-case", "counters", "accepting:", "ACCEPTING"])
async def test_a_switch_that_is_not_there_is_not_found(service: ActionsService, name: str) -> None:
    answer = await put(service, name)
    assert (answer.status_code, kind_of(answer)) == (404, "unknown-switch")
    assert await service.rows(select(Audit)) == []


async def test_the_page_turns_a_switch_and_tells_who_did_and_why(service: ActionsService) -> None:
    log_in(service.http, service.wiring.staff, "Bo, night shift")
    answer = await service.http.post(PAGE, data={"switch": "accepting"} | OFF, headers=OWN_FORM)
    assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
    page = await service.http.get(PAGE)
    assert page.headers["cache-control"] == "no-store"
    assert page.text.count("the mail server is moving") == 2, "beside the switch, and on record"
    assert "Bo, night shift" in page.text
    assert (await service.post(an_action())).status_code == 503
    [line] = await service.rows(select(Audit))
    assert (line.who, line.did, line.why) == ("Bo, night shift", "switch_set", OFF["why"])
    assert line.details == {"switch": "accepting", "state": "off"}


async def test_a_form_with_a_fault_comes_back_as_it_was_typed(service: ActionsService) -> None:
    log_in(service.http, service.wiring.staff)
    typed = {"switch": "accepting", "state": "auto", "why": '"because" <b>'}
    page = await service.http.post(PAGE, data=typed, headers=OWN_FORM)
    assert page.status_code == 422
    assert "This switch is on or off." in page.text
    assert 'value="&#34;because&#34; &lt;b&gt;"' in page.text
    assert '<option value="accepting" selected>' in page.text
    assert (await service.http.post(PAGE, data=typed | {"why": ""}, headers=OWN_FORM)).status_code == 422
    assert (await service.http.post(PAGE, data=typed | {"switch": "x"}, headers=OWN_FORM)).status_code == 404
    assert await service.rows(select(Audit)) == []


DOORS = [("GET", API), ("PUT", f"{API}/accepting"), ("PUT", f"{API}/nothing"), ("GET", PAGE), ("POST", PAGE)]


@pytest.mark.parametrize(("method", "path"), DOORS)
async def test_without_a_staff_token_there_is_nothing_here(tmp_path: Any, method: str, path: str) -> None:
    async with actions_service(f"sqlite+aiosqlite:///{tmp_path / 'a.db'}") as service:
        for content in (b"{}", b"{"):
            answer = await service.http.request(method, path, content=content, headers=BEARER | OWN_FORM)
            assert answer.status_code == 404
            assert "switch" not in answer.text


@pytest.mark.parametrize(("method", "path"), DOORS)
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
async def test_strangers_see_and_do_nothing(tmp_path: Any, method: str, path: str, headers: dict[str, str]) -> None:
    async with staffed(f"sqlite+aiosqlite:///{tmp_path / 'a.db'}") as service:
        answer = await service.http.request(method, path, content=b"{", headers=headers)
        if path.startswith("/api/"):
            assert (answer.status_code, kind_of(answer)) == (401, "not-staff")
        else:
            assert (answer.status_code, answer.headers["location"]) == (303, "/ops/login")
        assert await service.rows(select(Audit)) == []


@pytest.mark.parametrize("headers", [{}, {"Origin": "https://evil.example"}])
async def test_a_form_from_elsewhere_turns_nothing(tmp_path: Any, headers: dict[str, str]) -> None:
    async with staffed(f"sqlite+aiosqlite:///{tmp_path / 'a.db'}") as service:
        log_in(service.http, service.wiring.staff)
        answer = await service.http.post(PAGE, data={"switch": "accepting"} | OFF, headers=headers)
        assert answer.status_code == 403
        assert await service.rows(select(Audit)) == []
