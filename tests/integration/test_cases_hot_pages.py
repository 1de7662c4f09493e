"""A page that was just made is sent again without being made, and never to who should get another."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from services.cases.hot_pages import SECONDS_MAX
from services.cases.wiring import Wiring
from shared.clock import ManualClock
from shared.messages.cases import ClosedReason
from tests.support.cases_folders import CASE, ONE_BODY, POINTS, change, write_campaign
from tests.support.cases_service import cases_service, reader_of

PAGE = "/en/cases/a-test-case"
OFFERED = change(CASE, (ONE_BODY, POINTS))


@pytest.fixture
async def cases(tmp_path: Path) -> AsyncIterator[Wiring]:
    async with cases_service(f"sqlite+aiosqlite:///{tmp_path / 'cases.db'}") as wiring:
        await wiring.publishing.import_folder(write_campaign(tmp_path / "campaign", a_test_case=OFFERED))
        yield wiring


@pytest.fixture
async def reader(cases: Wiring) -> AsyncIterator[httpx.AsyncClient]:
    async with reader_of(cases) as client:
        yield client


def time_passes(cases: Wiring, seconds: float) -> None:
    assert isinstance(cases.clock, ManualClock)
    cases.clock.advance(timedelta(seconds=seconds))


async def test_it_is_the_same_page_with_all_its_headers_and_304_for_who_has_it(reader: httpx.AsyncClient) -> None:
    made, sent = await reader.get(PAGE), await reader.get(PAGE)
    assert (sent.status_code, sent.content, sent.headers) == (200, made.content, made.headers)
    has_it = await reader.get(PAGE, headers={"If-None-Match": made.headers["etag"]})
    assert (has_it.status_code, has_it.content, has_it.headers["etag"]) == (304, b"", made.headers["etag"])
    assert has_it.headers["cache-control"] == made.headers["cache-control"]
    assert (await reader.get(PAGE, headers={"If-None-Match": '"another"'})).content == made.content


async def test_it_depends_on_language_variant_and_query(reader: httpx.AsyncClient) -> None:
    english = (await reader.get(PAGE)).text
    assert 'lang="es"' in (await reader.get("/es/cases/a-test-case")).text.partition(">")[2][:40]
    variants = {(await reader.get(PAGE, headers={"X-Letter-Variant": str(number)})).text for number in range(2)}
    assert len(variants) == 2
    assert (await reader.get(PAGE + "?letter=ur")).text != english
    assert (await reader.post(PAGE)).status_code == 405


async def test_it_is_sent_for_a_moment_and_then_made_again(cases: Wiring, reader: httpx.AsyncClient) -> None:
    assert "Needs you now" in (await reader.get(PAGE)).text
    await cases.publishing.close("a-test-case", ClosedReason.WITHDRAWN)
    time_passes(cases, SECONDS_MAX - 0.1)
    assert (await reader.get(PAGE)).status_code == 200
    time_passes(cases, cases.settings.page_cache_seconds)
    assert (await reader.get(PAGE)).status_code == 410


async def test_what_is_not_there_is_not_kept(cases: Wiring, reader: httpx.AsyncClient, tmp_path: Path) -> None:
    assert (await reader.get("/en/cases/a-new-case")).status_code == 404
    new = change(OFFERED, ("slug: a-test-case", "slug: a-new-case"))
    await cases.publishing.import_folder(write_campaign(tmp_path / "later", a_new_case=new))
    time_passes(cases, cases.settings.page_cache_seconds)
    assert (await reader.get("/en/cases/a-new-case")).status_code == 200
