"""What search engines and networks are told: the map of the site, the picture beside a link, and what is nobody's."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from services.cases.wiring import Wiring
from shared.languages import LANGUAGES
from shared.messages.cases import ClosedReason
from tests.support.cases_folders import CASE, change, write_campaign
from tests.support.cases_service import cases_service, reader_of

SITE = "https://letters.example"
DISCREET = change(CASE, ("slug: a-test-case", "slug: a-quiet-case\ndiscreet: true"), ("A Test Case", "A Quiet Case"))
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
async def cases(tmp_path: Path) -> AsyncIterator[Wiring]:
    async with cases_service(f"sqlite+aiosqlite:///{tmp_path / 'cases.db'}", page_cache_seconds=0) as wiring:
        folder = write_campaign(tmp_path / "campaign", a_test_case=CASE, a_quiet_case=DISCREET)
        await wiring.publishing.import_folder(folder)
        yield wiring


@pytest.fixture
async def reader(cases: Wiring) -> AsyncIterator[httpx.AsyncClient]:
    async with reader_of(cases) as client:
        yield client


def size_of(picture: bytes) -> tuple[int, int]:
    """From the first chunk of a PNG."""
    assert picture.startswith(PNG_SIGNATURE)
    return int.from_bytes(picture[16:20]), int.from_bytes(picture[20:24])


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_case_has_a_picture_in_each_language(reader: httpx.AsyncClient, language: str) -> None:
    answer = await reader.get(f"/{language}/cases/a-test-case/card.png")
    assert answer.headers["content-type"] == "image/png"
    assert size_of(answer.content) == (1200, 630)
    again = await reader.get(
        f"/{language}/cases/a-test-case/card.png", headers={"If-None-Match": answer.headers["etag"]}
    )
    assert again.status_code == 304


async def test_the_picture_is_drawn_once_and_again_when_the_case_says_something_else(
    cases: Wiring, reader: httpx.AsyncClient, tmp_path: Path
) -> None:
    first = (await reader.get("/cases/a-test-case/card.png")).content
    assert (await reader.get("/cases/a-test-case/card.png")).content == first
    changed = change(CASE, ("title: A Test Case", "title: Another Title"))
    await cases.publishing.import_folder(
        write_campaign(tmp_path / "campaign", a_test_case=changed, a_quiet_case=DISCREET)
    )
    assert (await reader.get("/cases/a-test-case/card.png")).content != first


async def test_of_a_withdrawn_case_nothing_is_left_to_find(cases: Wiring, reader: httpx.AsyncClient) -> None:
    await cases.publishing.close("a-test-case", ClosedReason.WITHDRAWN)
    assert (await reader.get("/cases/a-test-case/card.png")).status_code == 410
    assert "a-test-case" not in (await reader.get("/sitemap.xml")).text


async def test_the_page_names_its_picture_and_says_what_it_is(reader: httpx.AsyncClient) -> None:
    page = (await reader.get("/fr/cases/a-test-case")).text
    told = dict(re.findall(r'<meta (?:property|name)="((?:og|twitter):[^"]+)" content="([^"]*)">', page))
    assert told["og:image"] == f"{SITE}/fr/cases/a-test-case/card.png?v=1"
    assert (told["og:title"], told["og:type"], told["og:locale"]) == ("A Test Case", "article", "fr")
    (found,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page)
    assert json.loads(found)["headline"] == "A Test Case"


async def test_a_discreet_case_is_named_in_nothing_that_travels_with_its_link(reader: httpx.AsyncClient) -> None:
    page = (await reader.get("/cases/a-quiet-case")).text
    head = page.partition("</head>")[0]
    assert "<title>Write for Rights</title>" in head
    assert "A Quiet Case" not in head
    assert "what is at stake" not in head


async def test_what_a_campaigner_writes_ends_no_script(
    cases: Wiring, reader: httpx.AsyncClient, tmp_path: Path
) -> None:
    evil = change(CASE, ("title: A Test Case", 'title: "</script><script>alert(1)</script>"'))
    await cases.publishing.import_folder(write_campaign(tmp_path / "campaign", a_test_case=evil, a_quiet_case=DISCREET))
    assert "<script>alert" not in (await reader.get("/cases/a-test-case")).text


async def test_the_map_lists_each_page_in_each_language(reader: httpx.AsyncClient) -> None:
    answer = await reader.get("/sitemap.xml", headers={"Accept-Language": "ar"})
    assert answer.status_code == 200
    listed = re.findall(r"<loc>([^<]+)</loc>", answer.text)
    paths = ("/", "/events", "/cases/a-test-case", "/cases/a-quiet-case")
    assert sorted(listed) == sorted(f"{SITE}/{language}{path}" for language in LANGUAGES for path in paths)


async def test_robots_are_told_what_is_private(reader: httpx.AsyncClient) -> None:
    told = (await reader.get("/robots.txt")).text
    assert "Disallow: /receipts\n" in told
    assert "Disallow: /ar/verify\n" in told
    assert f"Sitemap: {SITE}/sitemap.xml" in told
