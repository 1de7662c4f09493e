"""Receipts help to tell others of the case, never of the receipt; and do without when there is too much to do."""

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from services.actions.sharing import share_case
from shared.messages.cases import ClosedReason
from tests.support.actions_app import SITE, ActionsService, actions_service
from tests.support.actions_requests import a_form
from tests.support.events import a_closed_case, a_published_case
from tests.support.staff_sessions import BEARER, STAFF_TOKEN

PERSON = {"Accept": "text/html,application/xhtml+xml"}
SWITCH = "/api/v1/intake/switches/sharing"
CASE = f"{SITE}/cases/a-test-case"


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[ActionsService]:
    url = f"sqlite+aiosqlite:///{tmp_path / 'test.db'}"
    async with actions_service(url, known_cases_seconds=0, staff_token=STAFF_TOKEN) as service:
        yield service


async def receipt(service: ActionsService) -> tuple[str, str]:
    """Its address, and its page."""
    where = (await service.http.post("/actions", data=a_form(), headers=PERSON)).headers["location"]
    return where, (await service.http.get(where, headers=PERSON)).text


async def test_a_receipt_offers_the_case_to_share_and_never_itself(service: ActionsService) -> None:
    where, page = await receipt(service)
    part = re.search(r"<section [^>]*data-sharing>.*?</section>", page, re.DOTALL)
    assert part
    links = [unescape(link) for link in re.findall(r'(?:href|value)="([^"]+)"', part[0])]
    assert len(links) == 6
    assert all(CASE in unquote(link) for link in links)
    assert where.rsplit("/", 1)[-1] not in part[0]
    assert "A Supporter" not in part[0]


async def test_nobody_else_is_asked_before_a_link_is_followed(service: ActionsService) -> None:
    _, page = await receipt(service)
    assert not re.findall(r'(?:src|action)="https?://', page)
    assert not re.findall(r'<link [^>]*href="https?://', page)
    assert "default-src 'none'" in (await service.http.get("/receipts/x")).headers["content-security-policy"]
    outside = re.findall(r'<a [^>]*href="https?://[^>]*>', page)
    assert outside
    assert all('rel="noopener noreferrer"' in link for link in outside)


@pytest.mark.parametrize("reason", list(ClosedReason))
async def test_a_case_that_takes_no_letters_is_not_shared(service: ActionsService, reason: ClosedReason) -> None:
    where, _ = await receipt(service)
    await service.tell(a_closed_case(reason=reason))
    assert "data-sharing" not in (await service.http.get(where, headers=PERSON)).text


@pytest.mark.parametrize(("state", "requests", "shown"), [("off", 0, False), ("on", 999, True), ("auto", 0, True)])
async def test_staff_decide_whatever_the_load(service: ActionsService, state: str, requests: int, shown: bool) -> None:
    await service.http.put(SWITCH, json={"state": state, "why": "a test"}, headers=BEARER)
    service.wiring.load.requests += requests
    _, page = await receipt(service)
    service.wiring.load.requests -= requests
    assert ("data-sharing" in page) is shown
    assert ("share.js" in page) is shown
    assert "please act." in page


@pytest.mark.parametrize(("requests", "shown"), [(600, True), (700, False), (950, False)])
async def test_a_crowded_process_leaves_it_out(service: ActionsService, requests: int, shown: bool) -> None:
    service.wiring.load.requests += requests
    _, page = await receipt(service)
    service.wiring.load.requests -= requests
    assert ("data-sharing" in page) is shown


async def test_a_title_in_any_script_and_with_any_mark_stays_within_its_link(service: ActionsService) -> None:
    title = 'ادریس & "خٹک" <b> 50% #1?'
    await service.tell(a_published_case(revision=2, title=title))
    _, page = await receipt(service)
    assert "<b>" not in page
    sharing = share_case("a-test-case", title, SITE)
    for _, link in sharing.ways:
        query = parse_qs(urlsplit(link).query, strict_parsing=True)
        assert CASE in " ".join(value for values in query.values() for value in values)
    mail = parse_qs(urlsplit(sharing.mail).query)
    assert mail["subject"] == [f"A letter for {title}"]
    assert mail["body"][0].endswith(f"\r\n\r\n{CASE}")
