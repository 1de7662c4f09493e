"""The front page and the API give those cases alone that were asked for, by an address that can be passed on."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from services.cases.wiring import Wiring
from shared.clock import ManualClock
from shared.messages.cases import ClosedReason
from tests.support.cases_folders import CASE, WON, change, write_campaign
from tests.support.cases_service import cases_service, reader_of
from tests.support.staff_sessions import BEARER, STAFF_TOKEN

ISSUES = "issues: [torture, fair-trial]\nsummary"
TORTURE = change(CASE, ("summary", ISSUES))
LAND = change(
    CASE + WON,
    ("slug: a-test-case", "slug: a-won-case"),
    ("title:", "status: won\ntitle:"),
    ("country: PK\nsummary", "country: CA\nissues: [environment-and-land]\nsummary"),
    ("language: ur", "language: fr"),
)
SLUGS = ("a-test-case", "a-won-case")


@pytest.fixture
async def cases(tmp_path: Path) -> AsyncIterator[Wiring]:
    url = f"sqlite+aiosqlite:///{tmp_path / 'cases.db'}"
    async with cases_service(url, page_cache_seconds=0, staff_token=STAFF_TOKEN) as wiring:
        await wiring.publishing.import_folder(write_campaign(tmp_path / "c", a_test_case=TORTURE, a_won_case=LAND))
        yield wiring


@pytest.fixture
async def reader(cases: Wiring) -> AsyncIterator[httpx.AsyncClient]:
    async with reader_of(cases) as client:
        yield client


def listed(page: str) -> list[str]:
    return [slug for slug in SLUGS if re.search(rf'href="/cases/{slug}["?]', page)]


def chosen(page: str) -> list[str]:
    return re.findall(r'<option value="([^"]+)" selected>', page)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("country=PK", ["a-test-case"]),
        ("issue=environment-and-land", ["a-won-case"]),
        ("letter=fr", ["a-won-case"]),
        ("letter=en", ["a-test-case", "a-won-case"]),
        ("q=&country=PK&issue=torture&letter=ur", ["a-test-case"]),
        ("q=test&country=CA&issue=torture&letter=", []),
    ],
)
async def test_the_front_page_narrows_without_a_script(reader: httpx.AsyncClient, asked: str, found: list[str]) -> None:
    page = (await reader.get(f"/?{asked}")).text
    assert listed(page) == found
    assert re.search(rf'role="status">{len(found)} cases? fit', page)
    assert f"<title>{len(found)} case" in page
    assert '<meta name="robots" content="noindex">' in page
    wanted = [pair.partition("=")[2] for pair in asked.split("&") if not pair.startswith("q=")]
    assert chosen(page) == [value for value in wanted if value]


async def test_each_choice_can_be_undone_by_itself_and_all_together(reader: httpx.AsyncClient) -> None:
    page = (await reader.get("/es/?country=PK&issue=torture")).text
    assert 'href="/es/?issue=torture#cases"' in page
    assert 'href="/es/?country=PK#cases"' in page
    assert 'href="/es/#cases"' in page


async def test_only_what_occurs_is_offered_with_how_many_there_are(cases: Wiring, reader: httpx.AsyncClient) -> None:
    def offered(page: str) -> list[str]:
        return re.findall(r'<option value="([^"]+)"', page)

    both = ["CA", "PK", "environment-and-land", "fair-trial", "torture", "en", "fr", "ur"]
    page = (await reader.get("/")).text
    assert offered(page) == both
    assert ">English (2)</option>" in page
    await cases.publishing.close("a-test-case", ClosedReason.WITHDRAWN)
    assert isinstance(cases.clock, ManualClock)
    cases.clock.advance(timedelta(seconds=3))
    assert offered((await reader.get("/")).text) == ["CA", "environment-and-land", "en", "fr"]


async def test_what_means_nothing_is_left_out_with_a_word_and_all_of_it_is_one_page(
    cases: Wiring, reader: httpx.AsyncClient
) -> None:
    odd = ["country=XX", "issue=%3Cscript%3E", "letter=" + "x" * 3_000, "country=pk&issue=magic"]
    answers = [await reader.get(f"/?{asked}") for asked in odd]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.headers["etag"] for answer in answers}) == 1
    assert "means nothing among these cases" in answers[0].text
    assert listed(answers[0].text) == list(SLUGS)
    plain = await reader.get("/?utm_source=x&country=&issue=&letter=")
    assert plain.headers["etag"] == (await reader.get("/")).headers["etag"]


async def test_a_crowd_of_odd_addresses_costs_no_memory(tmp_path: Path) -> None:
    async with cases_service(f"sqlite+aiosqlite:///{tmp_path / 'cases.db'}") as cases, reader_of(cases) as reader:
        await cases.publishing.import_folder(write_campaign(tmp_path / "c", a_test_case=TORTURE, a_won_case=LAND))
        await reader.get("/")
        for number in range(30):
            await reader.get(f"/?country=X{number}&n={number}")
            await reader.get(f"/api/v1/cases?country=PK&language=pt&n={number}")
        assert len(cases.reading.answers) == 1
        assert len(cases.reading.searches) == 2


async def test_the_letter_opens_in_the_language_that_was_asked_for(reader: httpx.AsyncClient) -> None:
    assert 'href="/cases/a-test-case?letter=ur"' in (await reader.get("/?letter=ur")).text


async def test_a_case_leads_to_others_of_its_kind(reader: httpx.AsyncClient) -> None:
    page = (await reader.get("/cases/a-test-case")).text
    assert '<a href="/?issue=fair-trial#cases">Fair trial</a>' in page


async def test_without_search_there_are_no_filters_and_the_api_says_when_to_come_back(
    reader: httpx.AsyncClient,
) -> None:
    body = {"state": "off", "why": "a launch"}
    assert (await reader.put("/api/v1/site/switches/search", json=body, headers=BEARER)).status_code == 200
    page = (await reader.get("/?country=PK")).text
    assert listed(page) == list(SLUGS)
    assert 'name="country"' not in page
    assert "Search is off for a moment" in page
    refused = await reader.get("/api/v1/cases?country=PK")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "30")
    assert refused.json()["type"].endswith("/search-rests")
    assert (await reader.get("/api/v1/cases?country=")).status_code == 200


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("", ["a-test-case", "a-won-case"]),
        ("country=&issue=&language=", ["a-test-case", "a-won-case"]),
        ("country=PK", ["a-test-case"]),
        ("issue=environment-and-land&language=fr", ["a-won-case"]),
        ("issue=women", []),
        ("country=DE&language=pt-BR", []),
    ],
)
async def test_the_api_gives_the_cases_that_fit(reader: httpx.AsyncClient, asked: str, found: list[str]) -> None:
    answer = await reader.get(f"/api/v1/cases?{asked}")
    assert [case["slug"] for case in answer.json()["cases"]] == found
    if "a-test-case" in found:
        case = answer.json()["cases"][0]
        assert (case["issues"], case["languages"], case["picture"]) == (["torture", "fair-trial"], ["en", "ur"], None)


@pytest.mark.parametrize("asked", ["country=pk", "country=Pakistan", "issue=magic", "language=urduish", "language=x"])
async def test_the_api_refuses_what_is_not_written_as_it_must_be(reader: httpx.AsyncClient, asked: str) -> None:
    answer = await reader.get(f"/api/v1/cases?{asked}")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert [error["field"] for error in answer.json()["errors"]] == [asked.partition("=")[0]]


@pytest.mark.filterwarnings("ignore:Duplicate Operation ID")
async def test_the_filters_are_documented(reader: httpx.AsyncClient) -> None:
    listing = (await reader.get("/openapi.json")).json()["paths"]["/api/v1/cases"]["get"]
    assert [parameter["name"] for parameter in listing["parameters"]] == ["country", "issue", "language"]
    assert {"422", "503"} <= set(listing["responses"])
