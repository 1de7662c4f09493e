"""An accepted action becomes letters, once; a cancelled one does not, whichever news comes first."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from services.delivery.handlers import subscriptions
from services.delivery.settings import DeliverySettings
from services.delivery.states import LetterState
from services.delivery.wiring import build
from shared.bus import Halt
from shared.messages.actions import ActionCancelledV1
from shared.messages.cases import Channel, ClosedReason, Target
from shared.messages.delivery import REGISTERED_MAX, FailureReason, LetterCancelledV1, LetterFailedV1, letter_id
from shared.messages.envelope import seal
from shared.messages.registry import read
from tests.support.delivery_service import DeliveryService, delivery_service, letter_of, many_actions, opened
from tests.support.events import EMBASSY, MINISTRY, NOW, a_closed_case, an_accepted_action, uuid_of


@pytest.fixture
async def delivery(database_url: str) -> AsyncIterator[DeliveryService]:
    async with delivery_service(database_url) as service:
        yield service


def a_cancelled_action() -> ActionCancelledV1:
    action = an_accepted_action()
    return ActionCancelledV1(action_id=action.action_id, case_id=action.case_id, reason="taken back", cancelled_at=NOW)


async def test_an_action_becomes_one_letter_for_each_target(delivery: DeliveryService) -> None:
    action = an_accepted_action(targets=(MINISTRY, EMBASSY), partner="a-partner")
    await delivery.tell(action)
    letters = await delivery.letters()
    assert {letter.id for letter in letters} == {
        letter_id(action.action_id, target.id, Channel.EMAIL) for target in (MINISTRY, EMBASSY)
    }
    assert {letter.to_address for letter in letters} == {MINISTRY.email, EMBASSY.email}
    assert {letter.state for letter in letters} == {LetterState.QUEUED}
    assert {letter.expires_at for letter in letters} == {NOW + timedelta(days=5)}
    assert {(letter.reply_to, letter.partner) for letter in letters} == {("supporter@mail.example", "a-partner")}


async def test_the_same_action_again_changes_nothing(delivery: DeliveryService) -> None:
    action = an_accepted_action()
    await delivery.tell(action, action)
    await delivery.tell(action)
    assert (await delivery.letter()).id == letter_of(action)


async def test_the_same_action_on_two_workers_at_once_is_one_letter(delivery: DeliveryService) -> None:
    actions = many_actions(20)
    await asyncio.gather(*(delivery.tell(*actions) for _ in range(3)))
    assert len(await delivery.letters()) == 20


async def test_a_whole_batch_is_planned_in_one_go(delivery: DeliveryService) -> None:
    await delivery.tell(*many_actions(200, targets=(MINISTRY, EMBASSY)))
    assert len(await delivery.letters()) == 400


async def test_letters_expire_when_their_case_closes(delivery: DeliveryService) -> None:
    await delivery.tell(an_accepted_action(closes_at=NOW + timedelta(hours=3)))
    assert (await delivery.letter()).expires_at == NOW + timedelta(hours=3)


async def test_a_target_without_an_address_is_said_to_be_unreachable(delivery: DeliveryService) -> None:
    nowhere = Target(id=uuid_of(1), name="Office of Examples", country="PK", post_address="1 Example Street")
    await delivery.tell(an_accepted_action(targets=(nowhere, MINISTRY)))
    states = {letter.target_id: (letter.state, letter.failure) for letter in await delivery.letters()}
    assert states[nowhere.id] == (LetterState.FAILED, FailureReason.NO_ADDRESS)
    assert states[MINISTRY.id] == (LetterState.QUEUED, None)
    (report,) = await delivery.reports()
    assert isinstance(report, LetterFailedV1)
    assert (report.target_id, report.reason) == (nowhere.id, FailureReason.NO_ADDRESS)


async def test_what_is_not_mail_makes_no_letter(delivery: DeliveryService) -> None:
    await delivery.tell(
        an_accepted_action(channel=Channel.SOCIAL), an_accepted_action(action_id=uuid_of(2), channel=Channel.SOLIDARITY)
    )
    assert await delivery.letters() == []


async def test_the_trace_of_the_action_goes_on_with_its_letter(delivery: DeliveryService) -> None:
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    envelope = read(seal(an_accepted_action(), traceparent).body)
    await subscriptions(delivery.wiring)[0].handle([envelope])
    assert (await delivery.letter()).traceparent == traceparent


async def test_a_withdrawn_case_stops_what_is_queued(delivery: DeliveryService) -> None:
    await delivery.tell(*many_actions(3))
    await delivery.tell(a_closed_case())
    assert await delivery.states() == {LetterState.CANCELLED}
    reports = await delivery.reports()
    assert len(reports) == 3
    assert all(isinstance(report, LetterCancelledV1) and report.reason == "withdrawn" for report in reports)


async def test_a_withdrawal_told_twice_is_reported_once(delivery: DeliveryService) -> None:
    await delivery.tell(an_accepted_action())
    await delivery.tell(a_closed_case())
    await delivery.tell(a_closed_case())
    assert len(await delivery.reports()) == 1


async def test_an_action_that_comes_after_the_withdrawal_never_goes_out(delivery: DeliveryService) -> None:
    await delivery.tell(a_closed_case())
    await delivery.tell(an_accepted_action())
    assert (await delivery.letter()).state is LetterState.CANCELLED
    assert [type(report) for report in await delivery.reports()] == [LetterCancelledV1]


async def test_a_withdrawal_and_actions_at_the_same_time_leave_nothing_queued(delivery: DeliveryService) -> None:
    batches = [many_actions(30)[start : start + 5] for start in range(0, 30, 5)]
    await asyncio.gather(*(delivery.tell(*batch) for batch in batches[:3]), delivery.tell(a_closed_case()))
    await asyncio.gather(*(delivery.tell(*batch) for batch in batches[3:]))
    assert len(await delivery.letters()) == 30
    assert await delivery.states() == {LetterState.CANCELLED}


@pytest.mark.parametrize("reason", [ClosedReason.ENDED, ClosedReason.WON])
async def test_what_was_accepted_before_a_case_ended_still_goes_out(
    delivery: DeliveryService, reason: ClosedReason
) -> None:
    await delivery.tell(an_accepted_action())
    await delivery.tell(a_closed_case(reason=reason))
    assert (await delivery.letter()).state is LetterState.QUEUED


async def test_a_cancelled_action_stops_its_letters_and_no_others(delivery: DeliveryService) -> None:
    other = an_accepted_action(action_id=uuid_of(2))
    await delivery.tell(an_accepted_action(targets=(MINISTRY, EMBASSY)), other, a_cancelled_action())
    states = [letter.state for letter in await delivery.letters() if letter.id != letter_of(other)]
    assert states == [LetterState.CANCELLED, LetterState.CANCELLED]
    assert (await delivery.letter(letter_of(other))).state is LetterState.QUEUED


async def test_an_action_that_comes_after_its_own_cancellation_never_goes_out(delivery: DeliveryService) -> None:
    await delivery.tell(a_cancelled_action(), an_accepted_action())
    assert (await delivery.letter()).state is LetterState.CANCELLED


async def test_a_batch_is_reported_registered_in_one_event(delivery: DeliveryService) -> None:
    """All of it, also what makes no letter: whoever sent it asks whether it arrived, not what came of it."""
    actions = [*many_actions(20), an_accepted_action(channel=Channel.SOCIAL)]
    await delivery.tell(*actions, actions[0])
    (report,) = await delivery.registrations()
    assert sorted(report.action_ids) == sorted(action.action_id for action in actions)
    assert report.registered_at == NOW


async def test_what_comes_again_is_reported_again(delivery: DeliveryService) -> None:
    """The first report may be what was lost. Its second one is another event, or nobody would publish it."""
    await delivery.tell(*many_actions(3))
    delivery.clock.advance(timedelta(minutes=5))
    await delivery.tell(*many_actions(3))
    first, second = await delivery.registrations()
    assert first.action_ids == second.action_ids
    assert first.subject() != second.subject()
    assert len(await delivery.letters()) == 3


async def test_a_batch_beyond_one_report_is_reported_in_several(delivery: DeliveryService) -> None:
    await delivery.tell(*many_actions(REGISTERED_MAX + 1, channel=Channel.SOCIAL))
    assert sorted(len(report.action_ids) for report in await delivery.registrations()) == [1, REGISTERED_MAX]


async def test_a_database_that_is_away_halts_the_queue_instead_of_losing_actions() -> None:
    wiring = build(DeliverySettings(database_url="postgresql+asyncpg://nobody@127.0.0.1:1/nothing"))
    with pytest.raises(Halt):
        await subscriptions(wiring)[0].handle([opened(an_accepted_action())])
    await wiring.close()
