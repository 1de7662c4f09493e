"""Letters that differ from visitor to visitor: on the page, in the API and in the event that intake knows them by."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from services.cases.variants import VARIANTS_MAX
from services.cases.wiring import Wiring
from shared.messages.cases import CasePublishedV1
from tests.support.cases_folders import CASE, ONE_BODY, POINTS, change, write_campaign
from tests.support.cases_service import cases_service, published_events, reader_of
from tests.support.page_fields import sent_by

PAGE = "/cases/a-test-case"


@pytest.fixture
async def cases(tmp_path: Path) -> AsyncIterator[Wiring]:
    async with cases_service(f"sqlite+aiosqlite:///{tmp_path / 'cases.db'}", page_cache_entries_max=8) as wiring:
        with_points = change(CASE, (ONE_BODY, POINTS))
        await wiring.publishing.import_folder(write_campaign(tmp_path / "campaign", a_test_case=with_points))
        yield wiring


@pytest.fixture
async def reader(cases: Wiring) -> AsyncIterator[httpx.AsyncClient]:
    async with reader_of(cases) as client:
        yield client


async def letters(reader: httpx.AsyncClient, headers: list[dict[str, str]]) -> list[tuple[str, str]]:
    """The letter and the ETag that each of these gets."""
    pages = [await reader.get(PAGE, headers=header) for header in headers]
    return [(sent_by(page.text)["body"], page.headers["etag"]) for page in pages]


async def test_what_the_gateway_chose_is_what_the_page_begins_with(cases: Wiring, reader: httpx.AsyncClient) -> None:
    told = [{"X-Letter-Variant": str(number)} for number in range(VARIANTS_MAX)]
    first = await letters(reader, told)
    assert len({body for body, _ in first}) == len({etag for _, etag in first}) == VARIANTS_MAX
    assert await letters(reader, told) == first
    assert len(cases.reading.answers) == 8, "the memory of pages is as bounded as it was"
    (event,) = await published_events(cases)
    assert isinstance(event, CasePublishedV1)
    english, urdu = event.templates
    assert set(english.bodies) == {body for body, _ in first}, "intake knows every letter that anybody starts from"
    assert urdu.variants == ()


async def test_without_a_gateway_visitors_differ_and_each_gets_the_same_again(reader: httpx.AsyncClient) -> None:
    browsers = [{"User-Agent": f"Browser {number}"} for number in range(30)]
    first = await letters(reader, browsers)
    assert len({body for body, _ in first}) > 6
    assert await letters(reader, browsers) == first


@pytest.mark.parametrize("told", ["-1", "²", "9" * 5_000, "one", "99"])
async def test_a_number_that_nobody_chose_breaks_nothing(reader: httpx.AsyncClient, told: str) -> None:
    page = await reader.get(PAGE, headers={b"X-Letter-Variant": told.encode()})
    assert page.status_code == 200
    assert sent_by(page.text)["body"].startswith("Dear Minister,")


async def test_a_letter_without_points_is_one_page_for_everybody(reader: httpx.AsyncClient) -> None:
    tags = {
        (await reader.get(f"{PAGE}?letter=ur", headers={"X-Letter-Variant": number})).headers["etag"]
        for number in "012"
    }
    assert len(tags) == 1


async def test_the_api_shows_a_letter_whole_and_its_points(reader: httpx.AsyncClient) -> None:
    case = (await reader.get(f"/api/v1{PAGE}", headers={"X-Letter-Variant": "3"})).json()
    assert (await reader.get(f"/api/v1{PAGE}")).json() == case
    english, urdu = case["letters"]
    first, _ = (await letters(reader, [{"X-Letter-Variant": "0"}]))[0]
    assert english["body"] == first
    assert (english["opening"], len(english["points"]), english["closing"]) == ("Dear Minister,", 4, "let them go.")
    assert (urdu["opening"], urdu["points"], urdu["closing"]) == (None, [], None)
