"""Importing and closing cases: rows and events together, or nothing."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from services.cases.folder import FolderRefused
from services.cases.publishing import CannotClose
from services.cases.tables import Case, CaseLetter, CaseStatus, CaseTarget, CaseUpdate, LedgerKind
from services.cases.wiring import Wiring
from shared.clock import ManualClock
from shared.messages.cases import CaseClosedV1, CasePublishedV1, ClosedReason
from tests.support.cases_folders import CAMPAIGN, CASE, WON, change, write_campaign
from tests.support.cases_service import cases_service, published_events, published_updates, total
from tests.support.events import NOW

SAMPLE = Path(__file__).parents[2] / "campaigns" / "write-for-rights"


@pytest.fixture
async def cases(database_url: str) -> AsyncIterator[Wiring]:
    async with cases_service(database_url) as wiring:
        yield wiring


async def rows_of(cases: Wiring) -> list[Case]:
    async with cases.database.transaction() as session:
        return list(await session.exec(select(Case).order_by(Case.slug)))


async def test_an_imported_case_is_published_whole(cases: Wiring, tmp_path: Path) -> None:
    imported = await cases.publishing.import_folder(write_campaign(tmp_path))
    assert imported.published == ("a-test-case",)
    (event,) = await published_events(cases)
    assert isinstance(event, CasePublishedV1)
    assert (event.revision, event.title, event.campaign_name) == (1, "A Test Case", "Write for Rights")
    assert [target.email for target in event.targets] == ["info@ministry.example"]
    assert [template.language for template in event.templates] == ["en", "ur"]


async def test_a_file_that_uses_nothing_new_is_unchanged_after_an_upgrade(cases: Wiring, tmp_path: Path) -> None:
    """Else a case that was closed by hand would be opened by the next import of its old file."""
    await cases.publishing.import_folder(write_campaign(tmp_path))
    (row,) = await rows_of(cases)
    assert row.digest == "ff8e24775d05f5945d1c10f6b7cad903e6294edbd733df68ff4fd18bff031f40"


async def test_importing_twice_publishes_once(cases: Wiring, tmp_path: Path) -> None:
    folder = write_campaign(tmp_path)
    await cases.publishing.import_folder(folder)
    again = await cases.publishing.import_folder(folder)
    assert (again.published, again.unchanged) == ((), ("a-test-case",))
    assert len(await published_events(cases)) == 1


async def test_imports_at_the_same_time_publish_once(cases: Wiring, tmp_path: Path) -> None:
    folder = write_campaign(tmp_path)
    done = await asyncio.gather(*(cases.publishing.import_folder(folder) for _ in range(3)))
    assert sorted(imported.published for imported in done) == [(), (), ("a-test-case",)]
    assert len(await published_events(cases)) == 1


async def test_a_changed_case_is_a_new_revision_and_the_others_stay(cases: Wiring, tmp_path: Path) -> None:
    other = change(CASE, ("slug: a-test-case", "slug: other"))
    await cases.publishing.import_folder(write_campaign(tmp_path, a_test_case=CASE, other=other))
    changed = change(CASE, ("Let them go.", "Let them go at once."), ("  - language: ur", "  - language: es"))
    imported = await cases.publishing.import_folder(write_campaign(tmp_path, a_test_case=changed, other=other))
    assert (imported.published, imported.unchanged) == (("a-test-case",), ("other",))
    first, second, _ = await published_events(cases)
    assert isinstance(first, CasePublishedV1)
    assert isinstance(second, CasePublishedV1)
    assert (first.revision, second.revision) == (1, 2)
    assert [template.language for template in second.templates] == ["en", "es"]


async def test_a_new_name_of_the_campaign_is_a_new_revision(cases: Wiring, tmp_path: Path) -> None:
    await cases.publishing.import_folder(write_campaign(tmp_path))
    renamed = change(CAMPAIGN, ("name: Write for Rights", "name: Write for Rights 2026"))
    imported = await cases.publishing.import_folder(write_campaign(tmp_path, renamed, a_test_case=CASE))
    assert imported.published == ("a-test-case",)


async def test_one_fault_and_nothing_of_the_folder_is_written(cases: Wiring, tmp_path: Path) -> None:
    broken = change(CASE, ("slug: a-test-case", "slug: broken"), ("country: PK\nsummary", "country: XX\nsummary"))
    with pytest.raises(FolderRefused):
        await cases.publishing.import_folder(write_campaign(tmp_path, a_test_case=CASE, broken=broken))
    assert await rows_of(cases) == []
    assert await published_events(cases) == []


async def test_a_finished_case_ends_closed_for_every_reader(cases: Wiring, tmp_path: Path) -> None:
    won = change(CASE + WON, ("title:", "status: won\ntitle:"))
    await cases.publishing.import_folder(write_campaign(tmp_path, a_test_case=won))
    published, closed = await published_events(cases)
    assert isinstance(published, CasePublishedV1)
    assert isinstance(closed, CaseClosedV1)
    assert published.channels == ()
    assert (published.revision, closed.revision, closed.reason) == (1, 2, ClosedReason.WON)


async def test_counts_from_elsewhere_enter_the_ledger_once(cases: Wiring, tmp_path: Path) -> None:
    for more in ("", "# a comment changes nothing\n", "    reported_on: 2020\n"):
        text = change(CASE + WON + more, ("title:", "status: won\ntitle:"))
        await cases.publishing.import_folder(write_campaign(tmp_path, a_test_case=text))
    assert await total(cases, LedgerKind.OFFLINE_REPORTED) == 400_000


async def test_a_withdrawn_case_leaves_nothing_of_the_person(cases: Wiring, tmp_path: Path) -> None:
    await cases.publishing.import_folder(write_campaign(tmp_path))
    assert await cases.publishing.close("a-test-case", ClosedReason.WITHDRAWN)
    (case,) = await rows_of(cases)
    assert (case.status, case.revision) == (CaseStatus.WITHDRAWN, 2)
    assert [case.title, case.summary, case.story, case.person, case.demands] == ["", "", "", None, []]
    async with cases.database.transaction() as session:
        for table in (CaseTarget, CaseLetter, CaseUpdate):
            assert (await session.exec(select(table))).all() == []
    closed = (await published_events(cases))[-1]
    assert isinstance(closed, CaseClosedV1)
    assert closed.reason is ClosedReason.WITHDRAWN


async def test_a_withdrawn_case_stays_so_when_its_old_file_is_imported_again(cases: Wiring, tmp_path: Path) -> None:
    await cases.publishing.import_folder(write_campaign(tmp_path))
    await cases.publishing.close("a-test-case", ClosedReason.WITHDRAWN)
    assert (await cases.publishing.import_folder(write_campaign(tmp_path))).unchanged == ("a-test-case",)
    changed = write_campaign(tmp_path, a_test_case=change(CASE, ("Let them go.", "Again.")))
    with pytest.raises(FolderRefused, match="a-test-case was withdrawn, and cannot be published"):
        await cases.publishing.import_folder(changed)
    assert [case.status for case in await rows_of(cases)] == [CaseStatus.WITHDRAWN]


async def test_a_case_can_be_withdrawn_by_its_file(cases: Wiring, tmp_path: Path) -> None:
    await cases.publishing.import_folder(write_campaign(tmp_path))
    withdrawn = write_campaign(tmp_path, a_test_case=change(CASE, ("title:", "status: withdrawn\ntitle:")))
    assert (await cases.publishing.import_folder(withdrawn)).withdrawn == ("a-test-case",)
    (case,) = await rows_of(cases)
    assert (case.status, case.title) == (CaseStatus.WITHDRAWN, "")


async def test_closing_a_case_that_is_not_there_says_so(cases: Wiring) -> None:
    with pytest.raises(CannotClose, match="there is no case nobody"):
        await cases.publishing.close("nobody", ClosedReason.ENDED)


async def test_cases_past_their_closing_date_are_closed_once(cases: Wiring, tmp_path: Path) -> None:
    soon = (NOW + timedelta(hours=1)).isoformat()
    await cases.publishing.import_folder(
        write_campaign(tmp_path, a_test_case=change(CASE, ("closes_at: 2030-12-31", f"closes_at: {soon}")))
    )
    assert await cases.publishing.close_due() == 0
    assert isinstance(cases.clock, ManualClock)
    cases.clock.advance(timedelta(hours=1))
    assert sum(await asyncio.gather(*(cases.publishing.close_due() for _ in range(3)))) == 1
    closed = (await published_events(cases))[-1]
    assert isinstance(closed, CaseClosedV1)
    assert (closed.reason, closed.revision) == (ClosedReason.ENDED, 2)


async def test_the_sample_campaign_is_loaded(cases: Wiring) -> None:
    imported = await cases.publishing.import_folder(SAMPLE)
    assert set(imported.published) == {"idris-khattak", "moses-akatugba", "grassy-narrows", "the-stansted-15"}
    statuses = {case.slug: case.status for case in await rows_of(cases)}
    assert statuses.pop("idris-khattak") is CaseStatus.OPEN
    assert set(statuses.values()) == {CaseStatus.WON}
    assert await total(cases, LedgerKind.OFFLINE_REPORTED, "moses-akatugba") == 800_000
    assert await total(cases, LedgerKind.OFFLINE_REPORTED, "the-stansted-15") == 0


async def test_the_sample_campaign_can_reach_nobody(cases: Wiring) -> None:
    await cases.publishing.import_folder(SAMPLE)
    async with cases.database.transaction() as session:
        addresses = [target.email or "" for target in await session.exec(select(CaseTarget))]
    assert addresses
    assert all(address.endswith(".example") for address in addresses)


NEWS = """\
updates:
  - kind: news
    text: They were moved.
    translations: {es: Les trasladaron.}
  - kind: news
    text: Nobody need be told of this.
    mail: false
"""


async def test_a_new_update_is_told_once_and_a_corrected_one_not_again(cases: Wiring, tmp_path: Path) -> None:
    await cases.publishing.import_folder(write_campaign(tmp_path))
    for words in (NEWS, change(NEWS, ("were moved", "were moved away")), NEWS + "discreet: true\n"):
        await cases.publishing.import_folder(write_campaign(tmp_path, a_test_case=CASE + words))
    (told,) = await published_updates(cases)
    assert (told.slug, told.kind, told.text) == ("a-test-case", "news", "They were moved.")
    assert (told.translations, told.discreet) == ({"es": "Les trasladaron."}, False)


async def test_a_case_that_is_published_first_or_withdrawn_tells_nothing_by_mail(cases: Wiring, tmp_path: Path) -> None:
    await cases.publishing.import_folder(write_campaign(tmp_path, a_test_case=CASE + NEWS))
    withdrawn = CASE + change(NEWS, ("They were moved.", "Something else entirely.")) + "status: withdrawn\n"
    await cases.publishing.import_folder(write_campaign(tmp_path, a_test_case=withdrawn))
    assert await published_updates(cases) == []
