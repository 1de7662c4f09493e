"""Messages to a person at risk on the case's pages: shown when told, gone when taken down; on both databases."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlmodel import select

from services.cases.handlers import keep_messages
from services.cases.tables import SolidarityMessage
from services.cases.wiring import Wiring
from shared.clock import ManualClock
from shared.messages.actions import SolidarityShownV1, SolidarityTakenDownV1
from tests.support.actions_app import opened
from tests.support.cases_folders import CASE, change, write_campaign
from tests.support.cases_service import cases_service, reader_of
from tests.support.events import CASE_ID, NOW

OFFERED = change(CASE, ("channels: [email]", "channels: [email, solidarity]\nsolidarity_advice: She reads Spanish."))
ABOUT: dict[str, Any] = {"action_id": uuid4(), "case_id": CASE_ID, "case_slug": "a-test-case"}


def shown(number: int = 1, **changes: Any) -> SolidarityShownV1:
    words = {"name": "Amina", "country": "CA", "text": "You are <not> alone.", "language": "en"}
    told = ABOUT | words | {"written_at": NOW, "shown_at": NOW} | changes
    return SolidarityShownV1(number=number, **told)


def taken_down(number: int) -> SolidarityTakenDownV1:
    return SolidarityTakenDownV1(number=number, taken_down_at=NOW, **ABOUT)


@pytest.fixture
async def cases(database_url: str, tmp_path: Path) -> AsyncIterator[Wiring]:
    async with cases_service(database_url, page_cache_seconds=0) as wiring:
        await wiring.publishing.import_folder(write_campaign(tmp_path / "campaign", a_test_case=OFFERED))
        yield wiring


@pytest.fixture
async def reader(cases: Wiring) -> AsyncIterator[httpx.AsyncClient]:
    async with reader_of(cases) as client:
        yield client


async def tell(cases: Wiring, *events: SolidarityShownV1 | SolidarityTakenDownV1) -> None:
    await keep_messages(cases.database, [opened(event) for event in events])
    assert isinstance(cases.clock, ManualClock)
    cases.clock.advance(timedelta(seconds=1))


async def page_of(reader: httpx.AsyncClient, path: str = "/en/cases/a-test-case/solidarity") -> str:
    answer = await reader.get(path)
    assert answer.status_code == 200
    return answer.text


async def test_the_page_has_the_form_and_the_case_leads_to_it(reader: httpx.AsyncClient) -> None:
    assert "/en/cases/a-test-case/solidarity" in await page_of(reader, "/en/cases/a-test-case")
    page = await page_of(reader)
    assert 'name="channel" value="solidarity"' in page
    assert "She reads Spanish." in page
    assert 'name="email"' not in page


async def test_a_message_is_shown_until_it_is_taken_down(cases: Wiring, reader: httpx.AsyncClient) -> None:
    await tell(cases, shown())
    for path in ("/en/cases/a-test-case/solidarity", "/en/cases/a-test-case"):
        assert "You are &lt;not&gt; alone." in await page_of(reader, path)
    await tell(cases, taken_down(2))
    assert "alone." not in await page_of(reader)
    async with cases.database.transaction() as session:
        (row,) = (await session.exec(select(SolidarityMessage))).all()
        assert (row.text, row.name) == ("", "")


async def test_the_latest_number_wins_in_whatever_order_they_come(cases: Wiring, reader: httpx.AsyncClient) -> None:
    await tell(cases, taken_down(2), shown(1))
    assert "alone." not in await page_of(reader)
    await tell(cases, shown(3), taken_down(2), shown(3))
    assert (await page_of(reader)).count("alone.") == 1


async def test_the_newest_come_first_and_each_runs_its_own_way(cases: Wiring, reader: httpx.AsyncClient) -> None:
    later: dict[str, Any] = {
        "action_id": uuid4(),
        "text": "أنت لست وحدك",
        "language": "ar",
        "written_at": NOW + timedelta(hours=1),
    }
    await tell(cases, shown(), shown(**later))
    page = await page_of(reader)
    assert page.count('<blockquote class="quote" dir="auto">') == 2
    assert page.index("أنت") < page.index("alone.")


async def test_nothing_is_left_of_a_case_that_was_withdrawn(
    cases: Wiring, reader: httpx.AsyncClient, tmp_path: Path
) -> None:
    await tell(cases, shown())
    withdrawn = change(OFFERED, ("slug: a-test-case", "slug: a-test-case\nstatus: withdrawn"))
    await cases.publishing.import_folder(write_campaign(tmp_path / "later", a_test_case=withdrawn))
    await tell(cases, shown(3))
    async with cases.database.transaction() as session:
        assert (await session.exec(select(SolidarityMessage))).all() == []
    assert (await reader.get("/en/cases/a-test-case/solidarity")).status_code == 410


async def test_a_case_that_takes_messages_alone_has_a_page(
    cases: Wiring, reader: httpx.AsyncClient, tmp_path: Path
) -> None:
    alone = change(OFFERED, ("channels: [email, solidarity]", "channels: [solidarity]"), ("a-test-case", "alone"))
    await cases.publishing.import_folder(write_campaign(tmp_path / "alone", alone=alone))
    page = await page_of(reader, "/en/cases/alone")
    assert "/en/cases/alone/solidarity" in page
    assert 'id="write"' not in page


async def test_a_case_that_never_took_messages_has_no_page_for_them(
    cases: Wiring, reader: httpx.AsyncClient, tmp_path: Path
) -> None:
    other = change(CASE, ("a-test-case", "other"))
    await cases.publishing.import_folder(write_campaign(tmp_path / "other", other=other))
    assert (await reader.get("/en/cases/other/solidarity")).status_code == 404
