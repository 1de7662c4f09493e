"""The cases intake knows: in whatever order events come, however often, and when the database is slow."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import permutations

import pytest
from sqlmodel import select

from services.actions.known_cases import KnownCase
from services.actions.tables import CaseStatus, KnownCaseRow, KnownTargetRow
from shared.clock import ManualClock
from shared.messages.cases import CaseClosedV1, CasePublishedV1, ClosedReason, LetterTemplate
from tests.support.actions_app import ActionsService, actions_service
from tests.support.actions_requests import an_action
from tests.support.events import EMBASSY, MINISTRY, NOW, a_closed_case, a_published_case

REFRESH = timedelta(seconds=1)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
async def service(database_url: str, clock: ManualClock) -> AsyncIterator[ActionsService]:
    async with actions_service(database_url, clock=clock, knows_case=False) as service:
        yield service


async def known(service: ActionsService) -> KnownCase | None:
    service.wiring.cases.forget()
    return await service.wiring.cases.find("a-test-case")


async def status_of(service: ActionsService) -> CaseStatus | None:
    case = await known(service)
    return case.status if case else None


STORY: tuple[CasePublishedV1 | CaseClosedV1, ...] = (
    a_published_case(title="First"),
    a_published_case(title="Second", revision=2),
    a_closed_case(reason=ClosedReason.WON, revision=3),
)


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_the_later_revision_wins_in_whatever_order_they_come(
    service: ActionsService, order: tuple[int, ...]
) -> None:
    for number in order:
        await service.tell(STORY[number])
    for number in reversed(order):
        await service.tell(STORY[number])
    assert await status_of(service) is CaseStatus.WON


async def test_a_case_may_open_again(service: ActionsService) -> None:
    await service.tell(a_published_case(), a_closed_case(revision=2), a_published_case(revision=3, title="Again"))
    case = await known(service)
    assert case is not None
    assert case.snapshot is not None
    assert (case.status, case.snapshot.title) == (CaseStatus.OPEN, "Again")


@pytest.mark.parametrize("closed_first", [True, False])
async def test_where_publishing_and_closing_share_a_revision_closing_wins(
    service: ActionsService, closed_first: bool
) -> None:
    events = [a_closed_case(revision=1), a_published_case(revision=1)]
    for event in events if closed_first else reversed(events):
        await service.tell(event)
        await known(service)
    assert await status_of(service) is CaseStatus.WITHDRAWN


async def test_a_case_of_which_only_the_end_was_heard_takes_nothing(service: ActionsService) -> None:
    await service.tell(a_closed_case())
    [row] = await service.rows(select(KnownCaseRow))
    assert row.snapshot is None
    assert (await service.post(an_action())).status_code == 410


async def test_a_dropped_target_is_remembered_for_receipts(service: ActionsService) -> None:
    await service.tell(a_published_case(), a_published_case(revision=2, targets=(EMBASSY,)))
    rows = await service.rows(select(KnownTargetRow))
    assert {row.target_id: row.revision for row in rows} == {MINISTRY.id: 1, EMBASSY.id: 2}


async def test_a_change_is_seen_after_a_second_without_a_query_before(
    service: ActionsService, clock: ManualClock
) -> None:
    assert (await service.post(an_action())).status_code == 404
    await service.tell(a_published_case())
    assert (await service.post(an_action())).status_code == 404
    clock.advance(REFRESH)
    assert (await service.post(an_action())).status_code == 202


async def test_the_closing_date_closes_without_an_event(service: ActionsService, clock: ManualClock) -> None:
    await service.tell(a_published_case(closes_at=NOW + timedelta(days=1)))
    assert (await service.post(an_action())).status_code == 202
    clock.advance(timedelta(days=1))
    answer = await service.post(an_action(), key="another-key")
    assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[-1]) == (409, "case-closed")


async def test_the_old_cases_serve_while_the_database_is_slow(service: ActionsService, clock: ManualClock) -> None:
    await service.tell(a_published_case())
    cases = service.wiring.cases
    assert await cases.find("a-test-case")
    pool = service.wiring.settings.database_pool_size
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        release = asyncio.Event()
        taken = asyncio.Semaphore(0)

        async def hold_a_connection() -> None:
            async with service.wiring.database.engine.connect() as connection:
                await connection.get_raw_connection()
                taken.release()
                await release.wait()

        for _ in range(pool):
            group.create_task(hold_a_connection())
        for _ in range(pool):
            await taken.acquire()
        clock.advance(REFRESH)
        assert await asyncio.gather(*(cases.find("a-test-case") for _ in range(20)))
        release.set()


async def test_a_letter_left_as_any_visitor_got_it_is_not_edited(service: ActionsService) -> None:
    variants = tuple(f"Dear Minister,\n\npoint {number}." for number in range(12))
    template = LetterTemplate(language="en", subject="Please act", body="Dear Minister,\n\nact.", variants=variants)
    await service.tell(a_published_case(templates=(template,)))
    before = await known(service)
    assert before
    assert not any(before.is_edited(body.upper()) for body in template.bodies)
    assert before.is_edited(variants[0] + " I am a teacher.")
    await service.tell(a_published_case(revision=2, title="Another title", templates=(template,)))
    after = await known(service)
    assert after
    assert after.forms is before.forms, "what takes long is made once for the same letters"
