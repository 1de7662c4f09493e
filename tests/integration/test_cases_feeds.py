"""Feeds of updates: by the letter of RFC 4287, in the language of their address, and with ids that last."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from xml.etree.ElementTree import Element, fromstring

import httpx
import pytest

from services.cases.wiring import Wiring
from shared.clock import ManualClock
from shared.languages import LANGUAGES
from shared.messages.cases import ClosedReason
from tests.support.cases_folders import CASE, WON, change, write_campaign
from tests.support.cases_service import cases_service, reader_of
from tests.support.events import NOW

SITE = "https://letters.example"
ATOM, XML, XHTML = (
    "{http://www.w3.org/2005/Atom}",
    "{http://www.w3.org/XML/1998/namespace}",
    "{http://www.w3.org/1999/xhtml}",
)
NEWS = "  - {kind: news, date: 2020-04-02, text: Somebody <b>heard</b> & told., translations: {ar: سمع أحدهم.}}\n"
TOLD = change(CASE + WON, ("updates:\n", "updates:\n" + NEWS))
QUIET = change(CASE + WON, ("slug: a-test-case", "slug: a-quiet-case\ndiscreet: true"), ("A Test Case", "A Quiet Case"))


@pytest.fixture
async def cases(database_url: str, tmp_path: Path) -> AsyncIterator[Wiring]:
    async with cases_service(database_url, page_cache_seconds=0) as wiring:
        await wiring.publishing.import_folder(write_campaign(tmp_path / "c", a_test_case=TOLD, a_quiet_case=QUIET))
        yield wiring


@pytest.fixture
async def reader(cases: Wiring) -> AsyncIterator[httpx.AsyncClient]:
    async with reader_of(cases) as client:
        yield client


async def feed_at(reader: httpx.AsyncClient, path: str) -> Element:
    answer = await reader.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/atom+xml; charset=utf-8")
    return checked(fromstring(answer.content), f"{SITE}{path}")  # noqa: S314 - we wrote it


def checked(feed: Element, address: str) -> Element:
    """What the standard says a feed must have (sections 4.1.1 and 4.1.2), and no two of what it may have once."""
    assert feed.tag == f"{ATOM}feed"
    assert feed.findtext(f"{ATOM}author/{ATOM}name")
    assert links(feed, "self") == [address]
    for thing in (feed, *feed.findall(f"{ATOM}entry")):
        for name in ("id", "title", "updated"):
            (one,) = thing.findall(f"{ATOM}{name}")
            assert one.text
        moment = datetime.fromisoformat(thing.findtext(f"{ATOM}updated") or "")
        assert moment.tzinfo
        assert (thing.findtext(f"{ATOM}id") or "").startswith("urn:uuid:")
        assert links(thing, "alternate"), "an entry without content must have one"
        alternates = [(one.get("type"), one.get("hreflang")) for one in thing.findall(f"{ATOM}link[@rel='alternate']")]
        assert len(set(alternates)) == len(alternates)
    ids = entry_ids(feed)
    assert len(set(ids)) == len(ids)
    return feed


def links(thing: Element, rel: str) -> list[str]:
    return [link.get("href", "") for link in thing.findall(f"{ATOM}link[@rel='{rel}']")]


def entry_ids(feed: Element) -> list[str]:
    return [entry.findtext(f"{ATOM}id") or "" for entry in feed.findall(f"{ATOM}entry")]


def titles(feed: Element) -> list[str]:
    return [entry.findtext(f"{ATOM}title") or "" for entry in feed.findall(f"{ATOM}entry")]


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_feed_speaks_the_language_of_its_address(reader: httpx.AsyncClient, language: str) -> None:
    feed = await feed_at(reader, f"/{language}/cases/a-test-case/updates.atom")
    assert feed.get(f"{XML}lang") == language
    assert f"{SITE}/{language}/cases/a-test-case" in links(feed, "alternate")
    assert len(entry_ids(feed)) == 2


async def test_words_of_another_language_say_so_and_markup_stays_text(reader: httpx.AsyncClient) -> None:
    feed = await feed_at(reader, "/ar/cases/a-test-case/updates.atom")
    assert titles(feed) == [
        "\u2068A Test Case\u2069: \u2068They are free.\u2069",
        "\u2068A Test Case\u2069: \u2068سمع أحدهم.\u2069",
    ]
    boxes = feed.findall(f".//{XHTML}div")
    assert [box.get("dir") for box in boxes] == ["rtl", "rtl"]
    assert [(p.get("lang"), p.get("dir")) for p in (boxes[0][0], boxes[1][0])] == [("en", "ltr"), ("ar", "rtl")]
    english = await feed_at(reader, "/en/cases/a-test-case/updates.atom")
    assert "A Test Case: Somebody <b>heard</b> & told." in titles(english)


async def test_a_date_known_to_the_month_is_said_in_words_and_made_into_no_time(reader: httpx.AsyncClient) -> None:
    feed = await feed_at(reader, "/fr/cases/a-test-case/updates.atom")
    assert [box[-1].text for box in feed.findall(f".//{XHTML}div")] == ["janvier 2021", "2 avril 2020"]
    assert {entry.findtext(f"{ATOM}updated") for entry in feed} - {None} == {f"{NOW:%Y-%m-%dT%H:%M:%SZ}"}


async def test_ids_outlast_another_update_and_a_correction(
    cases: Wiring, reader: httpx.AsyncClient, tmp_path: Path
) -> None:
    before = entry_ids(await feed_at(reader, "/en/updates.atom"))
    assert isinstance(cases.clock, ManualClock)
    cases.clock.advance(timedelta(days=1))
    more = change(
        TOLD, ("updates:\n", "updates:\n  - {kind: news, text: Newest.}\n"), ("They are free.", "All are free.")
    )
    await cases.publishing.import_folder(write_campaign(tmp_path / "c", a_test_case=more, a_quiet_case=QUIET))
    feed = await feed_at(reader, "/en/updates.atom")
    assert titles(feed)[0] == "A Test Case: Newest."
    assert set(entry_ids(feed)) > set(before)
    assert len(entry_ids(feed)) == len(before) + 1
    changed = dict(
        zip(titles(feed), (entry.findtext(f"{ATOM}updated") for entry in feed.findall(f"{ATOM}entry")), strict=True)
    )
    assert changed["A Test Case: All are free."] == f"{cases.clock.now():%Y-%m-%dT%H:%M:%SZ}"
    assert changed["A Test Case: Somebody <b>heard</b> & told."] == f"{NOW:%Y-%m-%dT%H:%M:%SZ}"


async def test_of_a_discreet_case_a_feed_tells_only_that_there_is_something(reader: httpx.AsyncClient) -> None:
    for path in ("/en/updates.atom", "/en/cases/a-quiet-case/updates.atom"):
        text = (await reader.get(path)).text
        assert "A Quiet Case" not in text
        assert "A case has an outcome" in titles(await feed_at(reader, path))
    assert "They are free." not in text


async def test_a_withdrawn_case_leaves_the_feeds(cases: Wiring, reader: httpx.AsyncClient) -> None:
    await cases.publishing.close("a-test-case", ClosedReason.WITHDRAWN)
    assert (await reader.get("/en/cases/a-test-case/updates.atom")).status_code == 410
    assert len(entry_ids(await feed_at(reader, "/en/updates.atom"))) == 1


async def test_a_long_campaign_is_told_by_its_latest_fifty(
    cases: Wiring, reader: httpx.AsyncClient, tmp_path: Path
) -> None:
    """A case has at most fifty updates: two cases have more."""
    many = "".join(f"  - {{kind: news, text: Number {number}.}}\n" for number in range(48))
    longer = change(TOLD, ("updates:\n", "updates:\n" + many))
    assert isinstance(cases.clock, ManualClock)
    cases.clock.advance(timedelta(days=1))
    await cases.publishing.import_folder(write_campaign(tmp_path / "c", a_test_case=longer, a_quiet_case=QUIET))
    assert len(entry_ids(await feed_at(reader, "/en/cases/a-test-case/updates.atom"))) == 50
    told = titles(await feed_at(reader, "/en/updates.atom"))
    assert len(told) == 50
    assert "Number" in told[47]
    assert "Number" not in told[48]


async def test_readers_that_ask_again_carry_nothing_home(reader: httpx.AsyncClient) -> None:
    answer = await reader.get("/en/updates.atom")
    again = await reader.get("/en/updates.atom", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert answer.headers["cache-control"] == "public, max-age=10, stale-while-revalidate=20"


@pytest.mark.parametrize("page", ["/es/", "/es/cases/a-test-case"])
async def test_a_page_names_its_feed(reader: httpx.AsyncClient, page: str) -> None:
    head = (await reader.get(page)).text.partition("</head>")[0]
    (link,) = [line for line in head.splitlines() if "application/atom+xml" in line]
    assert f'href="{page.rstrip("/")}/updates.atom"' in link


async def test_an_empty_site_has_an_empty_feed(tmp_path: Path) -> None:
    async with cases_service(f"sqlite+aiosqlite:///{tmp_path / 'empty.db'}") as wiring, reader_of(wiring) as reader:
        assert entry_ids(await feed_at(reader, "/en/updates.atom")) == []
