"""The public pages do without numbers and search when they must: with honest words, for less, and in an order."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import event
from sqlmodel import select

from services.cases.ledger import count_events
from services.cases.tables import Audit
from services.cases.wiring import Wiring
from shared.clock import ManualClock
from tests.support.cases_folders import CASE, WON, change, write_campaign
from tests.support.cases_service import cases_service, reader_of
from tests.support.events import an_accepted_action
from tests.support.staff_sessions import BEARER, STAFF_TOKEN, log_in

API, PAGE = "/api/v1/site/switches", "/ops/site"
SITE = "https://letters.example"
COUNT, LEDGER = "/api/v1/cases/a-test-case/count", "/api/v1/cases/a-test-case/ledger"
WON_CASE = change(CASE + WON, ("slug: a-test-case", "slug: a-won-case"), ("title: A Test", "status: won\ntitle: A Won"))
REST = "The numbers rest for a moment"
FIGURE = '<dd class="figure" data-figure="collected">1</dd>'


@asynccontextmanager
async def site(url: str, folder: Path, **settings: Any) -> AsyncIterator[tuple[Wiring, httpx.AsyncClient]]:
    """Two cases, one of them won, and one letter that was written."""
    async with cases_service(url, staff_token=STAFF_TOKEN, **settings) as cases, reader_of(cases) as reader:
        await cases.publishing.import_folder(write_campaign(folder / "c", a_test_case=CASE, a_won_case=WON_CASE))
        await count_events(cases.database, [an_accepted_action()])
        yield cases, reader


@pytest.fixture
async def served(database_url: str, tmp_path: Path) -> AsyncIterator[tuple[Wiring, httpx.AsyncClient]]:
    async with site(database_url, tmp_path) as served:
        yield served


async def put(reader: httpx.AsyncClient, name: str, state: str) -> httpx.Response:
    answer = await reader.put(f"{API}/{name}", json={"state": state, "why": "a launch"}, headers=BEARER)
    assert answer.status_code == 200, answer.text
    return answer


def time_passes(cases: Wiring, seconds: float) -> None:
    assert isinstance(cases.clock, ManualClock)
    cases.clock.advance(timedelta(seconds=seconds))


async def test_the_count_is_small_and_may_be_kept_for_seconds_only(
    served: tuple[Wiring, httpx.AsyncClient],
) -> None:
    _, reader = served
    answer = await reader.get(COUNT)
    assert answer.json() == {"live": True, "collected": 1, "handed_over": 0}
    assert answer.headers["cache-control"] == "public, max-age=5"
    again = await reader.get(COUNT, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert (await reader.get("/api/v1/cases/nobody/count")).status_code == 404


async def test_without_counters_pages_say_so_and_letters_can_still_be_written(
    served: tuple[Wiring, httpx.AsyncClient],
) -> None:
    _, reader = served
    assert FIGURE in (await reader.get("/cases/a-test-case")).text
    await put(reader, "counters", "off")
    page = (await reader.get("/cases/a-test-case")).text
    assert REST in page
    assert "data-figure" not in page
    assert "live-count.js" not in page
    assert 'action="/actions"' in page
    front = (await reader.get("/")).text
    assert "They rest for a moment" in front
    assert "have written here" not in front
    assert "has written here" not in front
    won = (await reader.get("/cases/a-won-case")).text
    assert "400,000 actions" in won, "what others reported needs no counting"


async def test_without_counters_the_count_tells_scripts_to_stop_and_the_ledger_when_to_come_back(
    served: tuple[Wiring, httpx.AsyncClient],
) -> None:
    _, reader = served
    await put(reader, "counters", "off")
    answer = await reader.get(COUNT)
    assert answer.json() == {"live": False, "collected": None, "handed_over": None}
    assert answer.headers["cache-control"] == "public, max-age=5"
    answer = await reader.get(LEDGER)
    assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[-1]) == (503, "numbers-rest")
    assert int(answer.headers["retry-after"]) > 0
    listed = (await reader.get("/api/v1/cases")).json()["cases"]
    assert listed[0]["collected"] == 1, "the list keeps its promise"


async def test_numbers_come_back_at_once(served: tuple[Wiring, httpx.AsyncClient]) -> None:
    _, reader = served
    await put(reader, "counters", "off")
    assert REST in (await reader.get("/cases/a-test-case")).text
    await put(reader, "counters", "auto")
    assert FIGURE in (await reader.get("/cases/a-test-case")).text
    assert (await reader.get(COUNT)).json()["live"] is True


@pytest.mark.parametrize("path", ["/", "/cases/a-test-case"])
async def test_a_page_without_numbers_asks_the_database_less(
    served: tuple[Wiring, httpx.AsyncClient], path: str
) -> None:
    cases, reader = served

    async def statements() -> int:
        time_passes(cases, 10)
        await cases.switches.refresh()
        asked: list[str] = []

        def note(_: Any, __: Any, statement: str, *___: Any) -> None:
            asked.append(statement)

        event.listen(cases.database.engine.sync_engine, "before_cursor_execute", note)
        await reader.get(path)
        event.remove(cases.database.engine.sync_engine, "before_cursor_execute", note)
        return sum("ledger_count" in statement for statement in asked)

    assert await statements() > 0
    await put(reader, "counters", "off")
    assert await statements() == 0


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("won", ["a-won-case"]),
        ("TEST", ["a-test-case"]),
        ("somebody example", ["a-test-case", "a-won-case"]),
        ("pakistan", ["a-test-case", "a-won-case"]),
        ("nothing like it", []),
    ],
)
async def test_the_front_page_finds_cases_without_a_script(
    served: tuple[Wiring, httpx.AsyncClient], query: str, found: list[str]
) -> None:
    _, reader = served
    answer = await reader.get("/", params={"q": query})
    assert answer.status_code == 200
    assert [slug for slug in ("a-test-case", "a-won-case") if f'href="/cases/{slug}"' in answer.text] == found
    assert f'value="{query}"' in answer.text
    assert answer.headers["cache-control"].startswith("public")


async def test_what_was_asked_is_shown_and_never_run(served: tuple[Wiring, httpx.AsyncClient]) -> None:
    _, reader = served
    page = (await reader.get("/", params={"q": '"><script>alert(1)</script>'})).text
    assert "<script>alert" not in page
    long = await reader.get("/", params={"q": "x" * 5_000})
    assert "x" * 81 not in long.text


async def test_without_search_all_cases_are_there_and_all_questions_share_one_page(
    served: tuple[Wiring, httpx.AsyncClient],
) -> None:
    _, reader = served
    await put(reader, "search", "off")
    plain = (await reader.get("/")).text
    assert 'name="q"' not in plain
    assert "Search is off for a moment" not in plain
    answers = [await reader.get("/", params={"q": query}) for query in ("won", "anything else")]
    assert len({answer.headers["etag"] for answer in answers}) == 1
    assert 'name="q"' not in answers[0].text
    assert "Search is off for a moment" in answers[0].text
    assert "/cases/a-test-case" in answers[0].text
    await put(reader, "search", "on")
    assert 'name="q"' in (await reader.get("/")).text


async def test_no_crowd_of_searches_drives_the_pages_out_of_memory(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'cases.db'}"
    async with site(url, tmp_path, page_cache_entries_max=8) as (cases, reader):
        await reader.get("/")
        for number in range(150):
            await reader.get("/", params={"q": f"word{number}"})
        assert len(cases.reading.answers) == 1
        assert len(cases.reading.searches) == 100


@pytest.mark.parametrize(
    ("requests", "numbers", "search"), [(0, True, True), (500, False, True), (700, False, True), (850, False, False)]
)
async def test_a_crowded_process_leaves_out_numbers_first_and_search_later(
    served: tuple[Wiring, httpx.AsyncClient], requests: int, numbers: bool, search: bool
) -> None:
    cases, reader = served
    cases.load.requests += requests
    page, front = (await reader.get("/cases/a-test-case")).text, (await reader.get("/")).text
    cases.load.requests -= requests
    assert (FIGURE in page, 'name="q"' in front) == (numbers, search)
    time_passes(cases, 10)
    assert FIGURE in (await reader.get("/cases/a-test-case")).text


async def test_leaving_numbers_out_costs_no_page_while_the_database_is_away(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'cases.db'}"
    async with site(url, tmp_path) as (cases, reader):
        assert FIGURE in (await reader.get("/cases/a-test-case")).text
        await cases.close()
        (tmp_path / "cases.db").rename(tmp_path / "gone.db")
        (tmp_path / "cases.db").mkdir()
        time_passes(cases, 10)
        cases.load.requests += 900
        page = await reader.get("/cases/a-test-case")
        cases.load.requests -= 900
        assert page.status_code == 200
        assert FIGURE in page.text


async def test_a_second_process_follows_within_seconds(database_url: str, tmp_path: Path) -> None:
    async with (
        site(database_url, tmp_path) as (_, one),
        cases_service(database_url) as second,
        reader_of(second) as other,
    ):
        assert FIGURE in (await other.get("/cases/a-test-case")).text
        await put(one, "counters", "off")
        time_passes(second, 1)
        assert REST in (await other.get("/cases/a-test-case")).text
        assert (await other.get(COUNT)).json()["live"] is False


async def test_what_was_switched_off_stays_off_while_the_database_is_away(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'cases.db'}"
    async with site(url, tmp_path) as (cases, reader):
        await put(reader, "search", "off")
        assert 'name="q"' not in (await reader.get("/")).text
        await cases.close()
        (tmp_path / "cases.db").rename(tmp_path / "gone.db")
        (tmp_path / "cases.db").mkdir()
        time_passes(cases, 10)
        assert 'name="q"' not in (await reader.get("/")).text


async def test_the_page_turns_a_switch_and_tells_who_did_and_why(served: tuple[Wiring, httpx.AsyncClient]) -> None:
    cases, reader = served
    log_in(reader, cases.staff, "Bo")
    form = {"switch": "counters", "state": "off", "why": "a launch at noon"}
    answer = await reader.post(PAGE, data=form, headers={"Origin": SITE})
    assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
    page = await reader.get(PAGE)
    assert page.headers["cache-control"] == "no-store"
    assert page.text.count("a launch at noon") == 2
    assert REST in (await reader.get("/cases/a-test-case")).text
    async with cases.database.transaction() as session:
        [line] = (await session.exec(select(Audit))).all()
    assert (line.who, line.did, line.details) == ("Bo", "switch_set", {"switch": "counters", "state": "off"})


async def test_the_api_tells_what_each_comes_to_here_and_now(served: tuple[Wiring, httpx.AsyncClient]) -> None:
    cases, reader = served
    cases.load.requests += 600
    answer = await reader.get(API, headers=BEARER)
    cases.load.requests -= 600
    stands = {one["name"]: (one["state"], one["in_effect"]) for one in answer.json()["switches"]}
    assert stands == {"counters": ("auto", "off"), "search": ("auto", "on")}
    assert (answer.json()["requests_in_flight"], answer.json()["requests_in_flight_max"]) == (601, 1000)


DOORS = [("GET", API), ("PUT", f"{API}/search"), ("GET", PAGE), ("POST", PAGE)]


@pytest.mark.parametrize(("method", "path"), DOORS)
@pytest.mark.parametrize("token", [None, STAFF_TOKEN])
async def test_strangers_find_nothing_or_a_closed_door(
    tmp_path: Path, method: str, path: str, token: str | None
) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'cases.db'}"
    async with cases_service(url, staff_token=token) as cases, reader_of(cases) as reader:
        answer = await reader.request(method, path, content=b"{")
        closed = 401 if path.startswith("/api") else 303
        assert answer.status_code == (closed if token else 404)
        async with cases.database.transaction() as session:
            assert (await session.exec(select(Audit))).all() == []
