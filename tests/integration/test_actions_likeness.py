"""The meter at work: what is counted, what is compared, what staff see of it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from services.actions.crowd_tables import LetterLikeness
from services.actions.letter_counts import SETTLE, Edits, count_edited
from services.actions.tables import CaseStatus
from shared.clock import ManualClock
from shared.messages.cases import LetterTemplate
from tests.support.actions_app import ActionsService, actions_service
from tests.support.actions_rows import TO_BOTH, an_action_row, put_actions
from tests.support.actions_staff import BEARER, STAFF_TOKEN, log_in
from tests.support.events import CASE_ID, EMBASSY, MINISTRY, NOW, a_closed_case, a_published_case, uuid_of

API, PAGE = "/api/v1/intake/likeness", "/ops/intake/likeness"
TEMPLATE = "Dear Minister,\n\nplease act."
OWN = "Minister, I am a teacher in Leeds, and number {} of my class asks what became of him. Tell us: {}"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
async def actions(database_url: str, clock: ManualClock) -> AsyncIterator[ActionsService]:
    async with actions_service(
        database_url, clock=clock, staff_token=STAFF_TOKEN, likeness_sample_letters_max=50
    ) as service:
        yield service


def own_words(number: int) -> str:
    return OWN.format(number, uuid_of(number).hex * 6)


async def measure(actions: ActionsService, clock: ManualClock) -> dict[str, LetterLikeness]:
    """After what is there has settled. By name of the target."""
    clock.advance(SETTLE + timedelta(seconds=1))
    await actions.wiring.likeness.measure_cases()
    return await measured(actions)


async def measured(actions: ActionsService) -> dict[str, LetterLikeness]:
    names = {MINISTRY.id: "ministry", EMBASSY.id: "embassy"}
    return {names[row.target_id]: row for row in await actions.rows(select(LetterLikeness))}


async def test_the_same_letter_from_everybody_is_seen(actions: ActionsService, clock: ManualClock) -> None:
    await put_actions(actions.wiring, [an_action_row(edited=False) for _ in range(30)])
    rows = await measure(actions, clock)
    assert set(rows) == {"ministry", "embassy"}
    row = rows["ministry"]
    assert (row.letters, row.edited, row.unedited, row.sample_letters) == (30, 0, 30, 30)
    assert (row.likeness, row.twins_share, row.measured_at) == (1.0, 1.0, clock.now())


async def test_peoples_own_letters_are_seen_too(actions: ActionsService, clock: ManualClock) -> None:
    letters = [an_action_row(edited=True, letter_body=own_words(number)) for number in range(30)]
    await put_actions(actions.wiring, letters)
    row = (await measure(actions, clock))["embassy"]
    assert (row.edited, row.unedited, row.sample_edited) == (30, 0, 30)
    assert row.twins_share == 0


async def test_each_letter_is_counted_once_over_many_turns(actions: ActionsService, clock: ManualClock) -> None:
    for turn in range(3):
        await put_actions(
            actions.wiring,
            [an_action_row(clock.now(), edited=number % 2 == 0) for number in range(10)]
            + [an_action_row(clock.now(), edited=True, target_ids=[str(EMBASSY.id)])],
        )
        rows = await measure(actions, clock)
        await actions.wiring.likeness.measure_cases()
        ministry, embassy = rows["ministry"], rows["embassy"]
        assert (ministry.letters, ministry.edited, ministry.unedited) == (10 * turn + 10, 5 * turn + 5, 5 * turn + 5)
        assert (embassy.letters, embassy.edited) == (11 * turn + 11, 6 * turn + 6)


async def test_two_workers_at_once_count_each_letter_once(actions: ActionsService, clock: ManualClock) -> None:
    await put_actions(actions.wiring, [an_action_row(edited=True) for _ in range(40)])
    clock.advance(SETTLE * 2)
    await asyncio.gather(*(actions.wiring.likeness.measure_cases() for _ in range(4)))
    assert {row.letters for row in (await measured(actions)).values()} == {40}


async def test_letters_that_nobody_looked_at_are_known_by_the_sample_alone(
    actions: ActionsService, clock: ManualClock
) -> None:
    spaced = TEMPLATE.replace("\n\n", "\n\n\n ")
    await put_actions(
        actions.wiring,
        [an_action_row(letter_body=spaced) for _ in range(15)]
        + [an_action_row(letter_body=own_words(number)) for number in range(5)],
    )
    row = (await measure(actions, clock))["ministry"]
    assert (row.letters, row.edited, row.unedited) == (20, 0, 0)
    assert (row.sample_letters, row.sample_edited) == (20, 5)
    line = (await actions.http.get(API, headers=BEARER)).json()["letters"][0]
    assert line["edited_share"] == 0.25


async def test_letters_that_have_not_settled_wait_for_the_next_turn(
    actions: ActionsService, clock: ManualClock
) -> None:
    await put_actions(actions.wiring, [an_action_row(edited=True)])
    await actions.wiring.likeness.measure_cases()
    assert await measured(actions) == {}
    assert (await measure(actions, clock))["ministry"].letters == 1


async def test_only_the_newest_letters_are_compared(actions: ActionsService, clock: ManualClock) -> None:
    old = [an_action_row(NOW - timedelta(hours=1), letter_body=own_words(number)) for number in range(30)]
    await put_actions(actions.wiring, old + [an_action_row() for _ in range(50)])
    row = (await measure(actions, clock))["ministry"]
    assert (row.letters, row.sample_letters, row.likeness) == (80, 50, 1.0)


async def test_a_case_without_new_letters_is_not_measured_again(actions: ActionsService, clock: ManualClock) -> None:
    await put_actions(actions.wiring, [an_action_row()])
    first = (await measure(actions, clock))["ministry"].measured_at
    assert (await measure(actions, clock))["ministry"].measured_at == first


async def test_solidarity_and_cancelled_letters_are_not_compared(actions: ActionsService, clock: ManualClock) -> None:
    await put_actions(
        actions.wiring,
        [an_action_row(cancelled_at=None, target_ids=[]), an_action_row(cancelled_at=NOW, target_ids=TO_BOTH)]
        + [an_action_row(cancelled_at=None, target_ids=TO_BOTH) for _ in range(2)],
    )
    row = (await measure(actions, clock))["ministry"]
    assert (row.letters, row.sample_letters) == (3, 2)


async def test_a_letter_left_as_another_visitor_got_it_is_no_edit(actions: ActionsService, clock: ManualClock) -> None:
    variant = "Dear Minister,\n\nhis daughter waits for him."
    template = LetterTemplate(language="en", subject="Please act", body=TEMPLATE, variants=(variant,))
    await actions.tell(a_published_case(revision=2, templates=(template,)))
    await put_actions(
        actions.wiring, [an_action_row(letter_body=body) for body in (TEMPLATE, variant, own_words(1), own_words(2))]
    )
    row = (await measure(actions, clock))["ministry"]
    assert (row.sample_letters, row.sample_edited) == (4, 2)


async def test_a_case_that_ended_is_still_counted(actions: ActionsService, clock: ManualClock) -> None:
    await put_actions(actions.wiring, [an_action_row(edited=False)])
    await actions.tell(a_closed_case(reason=CaseStatus.WON.value))
    row = (await measure(actions, clock))["ministry"]
    assert (row.letters, row.sample_edited) == (1, 0)


async def test_edits_are_counted_by_target_and_time(actions: ActionsService) -> None:
    later = NOW + timedelta(hours=1)
    await put_actions(
        actions.wiring,
        [
            an_action_row(edited=True),
            an_action_row(edited=False, target_ids=[str(EMBASSY.id)]),
            an_action_row(edited=None),
            an_action_row(later, edited=True),
            an_action_row(edited=True, case_id=uuid_of(1)),
        ],
    )
    async with actions.wiring.database.transaction() as session:
        found = await count_edited(session, CASE_ID, NOW, later)
    assert found == {MINISTRY.id: Edits(2, 1, 0), EMBASSY.id: Edits(3, 1, 1)}


@pytest.mark.parametrize("path", [API, PAGE])
async def test_without_a_staff_token_there_is_nothing_here(tmp_path: Path, path: str) -> None:
    async with actions_service(f"sqlite+aiosqlite:///{tmp_path / 'a.db'}") as actions:
        assert (await actions.http.get(path, headers=BEARER)).status_code == 404


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {STAFF_TOKEN}"}])
async def test_strangers_see_nothing(actions: ActionsService, headers: dict[str, str]) -> None:
    refused = await actions.http.get(API, headers=headers)
    assert (refused.status_code, refused.headers["content-type"]) == (401, "application/problem+json")
    sent_away = await actions.http.get(PAGE, headers=headers)
    assert (sent_away.status_code, sent_away.headers["location"]) == (303, "/ops/login")


async def test_a_bearer_opens_no_page_and_a_cookie_no_api(actions: ActionsService) -> None:
    assert (await actions.http.get(PAGE, headers=BEARER)).status_code == 303
    log_in(actions)
    assert (await actions.http.get(API)).status_code == 401


async def test_staff_see_numbers_words_and_advice_and_nothing_that_was_written(
    actions: ActionsService, clock: ManualClock
) -> None:
    await put_actions(actions.wiring, [an_action_row(edited=number < 6) for number in range(30)])
    await measure(actions, clock)
    answer = await actions.http.get(API, headers=BEARER)
    line = answer.json()["letters"][0]
    assert answer.headers["cache-control"] == "no-store"
    assert (line["case"], line["letters"], line["edited"], line["edited_share"]) == ("a-test-case", 30, 6, 0.2)
    assert line["alike"] == "nearly all the same"
    log_in(actions)
    page = await actions.http.get(PAGE)
    assert page.headers["cache-control"] == "no-store"
    for shown in ("Ministry of Examples", "nearly all the same", "6&nbsp;(20&nbsp;%)", "Publish several subjects"):
        assert shown in page.text
    for private in ("supporter@mail.example", "A Supporter", "please act"):
        assert private not in page.text + answer.text


async def test_a_page_without_letters_says_so(actions: ActionsService) -> None:
    log_in(actions)
    page = await actions.http.get(PAGE)
    assert "No letters have been measured yet" in page.text
    assert "No network and no mailbox domain dominates a case now" in page.text
