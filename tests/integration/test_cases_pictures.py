"""A case's picture: taken in with its case, kept where every process finds it, served for long, and gone at once."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlmodel import select

from services.cases.folder import FolderRefused
from services.cases.tables import Picture
from services.cases.wiring import Wiring
from shared.clock import ManualClock
from shared.messages.cases import ClosedReason
from tests.support.cases_folders import CASE, change, line_of, write_campaign
from tests.support.cases_service import cases_service, reader_of
from tests.support.made_pictures import SECRET, a_picture, told_by_a_camera

PICTURE = """\
picture:
  file: portrait.jpg
  alt: A drawing of a head and shoulders
  credit: A Painter
  translations:
    es: {alt: Un dibujo de una cabeza}
summary"""
PICTURED = change(CASE, ("summary", PICTURE))
ADDRESS = re.compile(r"/pictures/[0-9a-f]{32}\.webp")


@pytest.fixture
async def cases(database_url: str, tmp_path: Path) -> AsyncIterator[Wiring]:
    async with cases_service(database_url, page_cache_seconds=0) as wiring:
        a_picture(tmp_path / "c" / "portrait.jpg", exif=told_by_a_camera())
        await wiring.publishing.import_folder(write_campaign(tmp_path / "c", a_test_case=PICTURED))
        yield wiring


@pytest.fixture
async def reader(cases: Wiring) -> AsyncIterator[httpx.AsyncClient]:
    async with reader_of(cases) as client:
        yield client


async def addresses(reader: httpx.AsyncClient) -> list[str]:
    """The case's pictures, narrowest first."""
    case = (await reader.get("/api/v1/cases/a-test-case")).json()
    return [file["url"].removeprefix("https://letters.example") for file in case["picture"]["files"]]


def time_passes(cases: Wiring) -> None:
    assert isinstance(cases.clock, ManualClock)
    cases.clock.advance(timedelta(seconds=3))


async def kept(cases: Wiring) -> int:
    async with cases.database.transaction() as session:
        return len((await session.exec(select(Picture.digest))).all())


async def test_the_page_shows_the_picture_and_leaves_it_its_room(reader: httpx.AsyncClient) -> None:
    page = (await reader.get("/cases/a-test-case")).text
    (image,) = re.findall(r"<img [^>]*>", page)
    assert 'width="1200" height="900" alt="A drawing of a head and shoulders"' in image
    assert re.findall(rf"({ADDRESS.pattern}) (\d+)w", image) == list(
        zip(await addresses(reader), ["480", "800", "1200"], strict=True)
    )
    assert "sizes=" in image
    assert 'loading="lazy"' not in image
    assert "Picture: A Painter" in page


async def test_what_it_shows_is_said_in_the_language_of_the_page(reader: httpx.AsyncClient) -> None:
    assert 'alt="Un dibujo de una cabeza"' in (await reader.get("/es/cases/a-test-case")).text
    assert (
        'alt="A drawing of a head and shoulders" lang="en" dir="ltr"'
        in (await reader.get("/ar/cases/a-test-case")).text
    )


async def test_a_browser_keeps_it_for_a_year_and_what_others_share_for_seconds(reader: httpx.AsyncClient) -> None:
    for address in await addresses(reader):
        answer = await reader.get(address)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/webp")
        told = answer.headers["cache-control"].split(", ")
        assert {"public", "immutable", "max-age=31536000", "s-maxage=10"} <= set(told)
        assert answer.headers["etag"].strip('"') in address
        assert SECRET.encode() not in answer.content
        again = await reader.get(address, headers={"If-None-Match": answer.headers["etag"], "Accept-Language": "ar"})
        assert (again.status_code, again.content) == (304, b"")
    assert "img-src 'self';" in (await reader.get("/")).headers["content-security-policy"]


async def test_a_withdrawn_case_takes_its_pictures_along(cases: Wiring, reader: httpx.AsyncClient) -> None:
    (address, *_) = await addresses(reader)
    assert (await reader.get(address)).status_code == 200
    await cases.publishing.close("a-test-case", ClosedReason.WITHDRAWN)
    answer = await reader.get(address)
    assert (answer.status_code, answer.headers["cache-control"]) == (404, "no-store")
    assert await kept(cases) == 0


async def test_a_case_can_be_withdrawn_by_its_file_when_the_picture_is_gone(
    cases: Wiring, reader: httpx.AsyncClient, tmp_path: Path
) -> None:
    (tmp_path / "c" / "portrait.jpg").unlink()
    withdrawn = change(PICTURED, ("title:", "status: withdrawn\ntitle:"))
    imported = await cases.publishing.import_folder(write_campaign(tmp_path / "c", a_test_case=withdrawn))
    assert imported.withdrawn == ("a-test-case",)
    assert await kept(cases) == 0


async def test_another_picture_is_another_revision_and_the_same_one_is_none(
    cases: Wiring, reader: httpx.AsyncClient, tmp_path: Path
) -> None:
    before = await addresses(reader)
    folder = tmp_path / "c"
    assert (await cases.publishing.import_folder(folder)).unchanged == ("a-test-case",)
    a_picture(folder / "portrait.jpg", (600, 600), "#223344")
    assert (await cases.publishing.import_folder(folder)).published == ("a-test-case",)
    time_passes(cases)
    assert len(await addresses(reader)) == 2
    assert [(await reader.get(address)).status_code for address in before] == [404] * 3
    write_campaign(folder, a_test_case=CASE)
    assert (await cases.publishing.import_folder(folder)).published == ("a-test-case",)
    time_passes(cases)
    assert (await reader.get("/api/v1/cases/a-test-case")).json()["picture"] is None
    assert await kept(cases) == 0


async def test_a_picture_that_cannot_be_drawn_changes_nothing(
    cases: Wiring, reader: httpx.AsyncClient, tmp_path: Path
) -> None:
    whole, other = (tmp_path / "c" / "portrait.jpg"), change(CASE, ("slug: a-test-case", "slug: other"))
    whole.write_bytes(whole.read_bytes()[:9_000])
    with pytest.raises(FolderRefused) as refused:
        await cases.publishing.import_folder(write_campaign(tmp_path / "c", a_test_case=PICTURED, other=other))
    line = line_of(PICTURED, "file: portrait.jpg")
    assert str(refused.value) == f"a-test-case.yaml, line {line}: picture.file is damaged, and cannot be drawn"
    assert (await reader.get("/cases/other")).status_code == 404
    assert len(await addresses(reader)) == 3


async def test_a_discreet_case_says_what_it_shows_in_no_title(
    cases: Wiring, reader: httpx.AsyncClient, tmp_path: Path
) -> None:
    discreet = change(PICTURED, ("slug: a-test-case", "slug: a-test-case\ndiscreet: true"))
    await cases.publishing.import_folder(write_campaign(tmp_path / "c", a_test_case=discreet))
    page = (await reader.get("/cases/a-test-case")).text
    assert 'alt="A drawing' in page
    assert "A drawing" not in page.partition("</head>")[0]
    assert re.search(r' title="[^"]*drawing', page, re.IGNORECASE) is None


@pytest.mark.parametrize("name", ["0" * 32 + ".webp", "x.webp", "0" * 32 + ".jpg", "%00", "..%2fcampaign.yaml"])
async def test_what_is_no_picture_is_not_there(cases: Wiring, reader: httpx.AsyncClient, name: str) -> None:
    answer = await reader.get(f"/pictures/{name}")
    assert answer.status_code == 404
    assert len(cases.reading.pictures) == 0


async def test_pictures_are_shown_while_the_database_is_away(tmp_path: Path) -> None:
    async with cases_service(f"sqlite+aiosqlite:///{tmp_path / 'cases.db'}") as cases, reader_of(cases) as reader:
        a_picture(tmp_path / "c" / "pictures" / "portrait.jpg", (480, 480))
        await cases.publishing.import_folder(write_campaign(tmp_path / "c", a_test_case=PICTURED))
        (address,) = await addresses(reader)
        await reader.get(address)
        await cases.close()
        (tmp_path / "cases.db").rename(tmp_path / "gone.db")
        (tmp_path / "cases.db").mkdir()
        time_passes(cases)
        assert (await reader.get(address)).status_code == 200
