"""Letters written at events: reported, kept apart until staff decide, and then in the numbers; on both databases."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlmodel import select

from services.cases.offline_reports import OfflineReports
from services.cases.recount import recount
from services.cases.tables import Audit, OfflineReport, ReportState
from services.cases.wiring import Wiring
from shared.audit import By
from tests.support.cases_folders import CASE, WON, change, write_campaign
from tests.support.cases_service import cases_service, reader_of
from tests.support.staff_sessions import STAFF_TOKEN, log_in

REPORT = {
    "case": "a-test-case",
    "count": "120",
    "held_on": "2026-01-10",
    "place": "Town library, Exampleton",
    "country": "CA",
    "organiser": "The Example Group",
    "contact": "group@mail.example",
    "note": "Children <wrote>, too.\nIn two languages.",
}
CONFIRM = {"decision": "confirm", "why": "They sent photos"}
OWN = {"Origin": "https://letters.example"}
PEOPLE = {"Accept": "text/html"}


@pytest.fixture
async def cases(database_url: str, tmp_path: Path) -> AsyncIterator[Wiring]:
    async with cases_service(database_url, staff_token=STAFF_TOKEN, page_cache_seconds=0) as wiring:
        await wiring.publishing.import_folder(write_campaign(tmp_path / "campaign"))
        yield wiring


@pytest.fixture
async def reader(cases: Wiring) -> AsyncIterator[httpx.AsyncClient]:
    async with reader_of(cases) as client:
        yield client


async def rows(cases: Wiring, statement: Any) -> list[Any]:
    async with cases.database.transaction() as session:
        return list(await session.exec(statement))


async def reported(cases: Wiring) -> list[OfflineReport]:
    return await rows(cases, select(OfflineReport))


async def offline_total(reader: httpx.AsyncClient) -> int:
    return int((await reader.get("/api/v1/cases/a-test-case/ledger")).json()["offline_reported"])


async def test_a_report_is_kept_once_and_counts_nothing_yet(cases: Wiring, reader: httpx.AsyncClient) -> None:
    for _ in range(2):
        answer = await reader.post("/report", data=REPORT)
        assert (answer.status_code, answer.headers["location"]) == (303, "/report/thanks")
    (row,) = await reported(cases)
    assert (row.count, row.state, row.contact) == (120, ReportState.WAITING, "group@mail.example")
    assert "Thank you" in (await reader.get("/report/thanks")).text
    assert await offline_total(reader) == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("case", "nobody"),
        ("case", ""),
        ("count", "0"),
        ("count", "100001"),
        ("count", "many"),
        ("held_on", "2199-01-01"),
        ("held_on", "soon"),
        ("place", ""),
        ("place", "a\nb"),
        ("place", "x" * 201),
        ("country", "XX"),
        ("organiser", "\x00"),
        ("contact", "not an address"),
        ("note", "x" * 1001),
    ],
)
async def test_what_cannot_be_taken_comes_back_whole_and_says_why(
    cases: Wiring, reader: httpx.AsyncClient, field: str, value: str
) -> None:
    answer = await reader.post("/report", data=REPORT | {field: value}, headers=PEOPLE)
    assert answer.status_code == 422
    assert f'href="#field-{field}"' in answer.text
    assert "Children &lt;wrote&gt;, too." in answer.text or field == "note"
    assert await reported(cases) == []


async def test_robots_fill_in_what_people_do_not_see(cases: Wiring, reader: httpx.AsyncClient) -> None:
    answer = await reader.post("/report", data=REPORT | {"website": "x"}, headers=PEOPLE)
    assert answer.status_code == 422
    assert await reported(cases) == []


async def test_more_than_staff_could_look_at_are_not_kept(
    cases: Wiring, reader: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.cases.offline_reports.WAITING_MAX", 1)
    assert (await reader.post("/report", data=REPORT)).status_code == 303
    full = await reader.post("/report", data=REPORT | {"count": "7"}, headers=PEOPLE)
    assert full.status_code == 503
    assert int(full.headers["retry-after"]) > 0
    assert 'value="7"' in full.text


async def test_confirmed_it_counts_on_the_day_and_in_the_country_of_the_event(
    cases: Wiring, reader: httpx.AsyncClient
) -> None:
    await reader.post("/report", data=REPORT)
    (row,) = await reported(cases)
    log_in(reader, cases.staff)
    assert "Exampleton" in (await reader.get("/ops/site/reports")).text
    answer = await reader.post(
        f"/ops/site/reports/{row.id}", data={"decision": "confirm", "why": "They sent photos"}, headers=OWN
    )
    assert answer.status_code == 303
    (row,) = await reported(cases)
    assert (row.state, row.contact) == (ReportState.CONFIRMED, None)
    assert await offline_total(reader) == 120
    (line,) = await rows(cases, select(Audit))
    assert (line.did, line.why) == ("offline_report_confirmed", "They sent photos")
    assert "group@mail.example" not in str(line.details)


async def test_refused_it_counts_nothing(cases: Wiring, reader: httpx.AsyncClient) -> None:
    await reader.post("/report", data=REPORT)
    (row,) = await reported(cases)
    await cases.offline_reports.decide(row.id, ReportState.REFUSED, By("Somebody", "nobody knows them"))
    assert await offline_total(reader) == 0


async def test_it_is_decided_once(cases: Wiring, reader: httpx.AsyncClient) -> None:
    await reader.post("/report", data=REPORT)
    (row,) = await reported(cases)
    log_in(reader, cases.staff)
    sent = {"decision": "confirm", "why": "yes"}
    answers = [await reader.post(f"/ops/site/reports/{row.id}", data=sent, headers=OWN) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 409]
    assert await offline_total(reader) == 120


@pytest.mark.parametrize("sent", [{"decision": "confirm", "why": " "}, {"decision": "maybe", "why": "yes"}, {}])
async def test_no_decision_without_a_reason(cases: Wiring, reader: httpx.AsyncClient, sent: dict[str, str]) -> None:
    await reader.post("/report", data=REPORT)
    (row,) = await reported(cases)
    log_in(reader, cases.staff)
    assert (await reader.post(f"/ops/site/reports/{row.id}", data=sent, headers=OWN)).status_code == 422
    assert (await reported(cases))[0].state is ReportState.WAITING


async def test_strangers_see_and_decide_nothing(cases: Wiring, reader: httpx.AsyncClient) -> None:
    await reader.post("/report", data=REPORT)
    (row,) = await reported(cases)
    assert (await reader.get("/ops/site/reports")).status_code == 303
    await reader.post(f"/ops/site/reports/{row.id}", data={"decision": "confirm", "why": "me"}, headers=OWN)
    assert (await reported(cases))[0].state is ReportState.WAITING


async def test_what_was_confirmed_survives_a_new_import_and_a_recount(
    cases: Wiring, reader: httpx.AsyncClient, tmp_path: Path
) -> None:
    await reader.post("/report", data=REPORT)
    (row,) = await reported(cases)
    reports: OfflineReports = cases.offline_reports
    await reports.decide(row.id, ReportState.CONFIRMED, By("Somebody", "seen"))
    changed = change(CASE + WON, ("title: A Test Case", "title: A Changed Case"))
    await cases.publishing.import_folder(write_campaign(tmp_path / "campaign", a_test_case=changed))
    assert await offline_total(reader) == 400_120
    assert (await recount(cases.database)).wrong == 0


async def test_the_form_speaks_the_language_of_its_address(reader: httpx.AsyncClient) -> None:
    page = (await reader.get("/ar/report?case=a-test-case")).text
    assert 'dir="rtl"' in page
    assert 'action="/ar/report"' in page
    assert '<option value="a-test-case" selected' in page
    assert (await reader.post("/ar/report", data=REPORT)).headers["location"] == "/ar/report/thanks"
