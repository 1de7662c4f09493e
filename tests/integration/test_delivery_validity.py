"""Letters of actions that turned out not to count are stopped, and let go when they count after all, in any order."""

from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import permutations

import pytest

from services.delivery.channels import Accepted, Phase, Refused
from services.delivery.claiming import HandoverResult
from services.delivery.states import LetterState
from shared.audit import By
from shared.messages.actions import ActionInvalidatedV1, ActionReinstatedV1
from shared.messages.delivery import LetterCancelledV1, LetterSentV1
from shared.messages.envelope import Event
from shared.web.problems import Problem
from tests.support.delivery_service import DeliveryService, delivery_service
from tests.support.events import EMBASSY, MINISTRY, NOW, a_closed_case, a_decision, an_accepted_action

ACTION = an_accepted_action(targets=(MINISTRY, EMBASSY))


@pytest.fixture
async def delivery(database_url: str) -> AsyncIterator[DeliveryService]:
    async with delivery_service(database_url) as service:
        yield service


INVALID, AGAIN = a_decision(ActionInvalidatedV1, ACTION, 1), a_decision(ActionReinstatedV1, ACTION, 2)


async def test_letters_of_an_invalid_action_are_stopped(delivery: DeliveryService) -> None:
    await delivery.tell(ACTION)
    await delivery.tell(INVALID)
    await delivery.tell(INVALID)
    assert await delivery.states() == {LetterState.CANCELLED}
    assert [report.wire_type for report in await delivery.reports()] == ["delivery.letter_cancelled.v1"] * 2


async def test_reinstated_they_go_out_with_time_to_arrive(delivery: DeliveryService) -> None:
    await delivery.tell(ACTION, INVALID)
    delivery.clock.advance(timedelta(days=5))
    await delivery.tell(AGAIN)
    letters = await delivery.letters()
    assert {letter.state for letter in letters} == {LetterState.QUEUED}
    assert {letter.stop_reason for letter in letters} == {None}
    assert all(letter.expires_at >= delivery.clock.now() + timedelta(days=1) for letter in letters)
    assert len(await delivery.claims().claim(10)) == 2


@pytest.mark.parametrize("order", list(permutations([ACTION, INVALID, AGAIN])))
async def test_the_last_decision_holds_in_whatever_order_it_comes(
    delivery: DeliveryService, order: tuple[Event, ...]
) -> None:
    for event in order:
        await delivery.tell(event)
    assert await delivery.states() == {LetterState.QUEUED}
    for event in order:
        await delivery.tell(event)
    assert await delivery.states() == {LetterState.QUEUED}


@pytest.mark.parametrize("order", list(permutations([ACTION, INVALID])))
async def test_an_invalid_action_sends_nothing_in_whatever_order_it_comes(
    delivery: DeliveryService, order: tuple[Event, ...]
) -> None:
    for event in order:
        await delivery.tell(event)
    assert await delivery.states() == {LetterState.CANCELLED}


async def test_a_withdrawn_case_stays_withdrawn(delivery: DeliveryService) -> None:
    await delivery.tell(ACTION)
    await delivery.tell(INVALID)
    await delivery.tell(a_closed_case())
    await delivery.tell(AGAIN)
    assert await delivery.states() == {LetterState.CANCELLED}


async def test_an_operator_cannot_send_again_what_does_not_count(delivery: DeliveryService) -> None:
    await delivery.tell(ACTION)
    claims = delivery.claims()
    refused = Refused(Phase.RCPT, 550, "no such mailbox")
    await claims.record([HandoverResult(letter, refused, NOW, NOW) for letter in await claims.claim(10)])
    await delivery.tell(INVALID)
    bounced = (await delivery.letters())[0]
    with pytest.raises(Problem, match="must not be sent"):
        await delivery.wiring.desk.retry_letter(bounced.id, By("Amina", "a test"))
    await delivery.tell(AGAIN)
    await delivery.wiring.desk.retry_letter(bounced.id, By("Amina", "a test"))
    assert (await delivery.letter(bounced.id)).state is LetterState.QUEUED


async def test_stopped_and_then_sent_is_told_in_this_order(delivery: DeliveryService) -> None:
    """Whoever goes by time, as ledger and receipt do, ends at what is true."""
    await delivery.tell(ACTION, INVALID)
    delivery.clock.advance(timedelta(minutes=1))
    await delivery.tell(AGAIN)
    claims = delivery.claims()
    taken = Accepted(Phase.DOT, 250, "taken")
    await claims.record([HandoverResult(letter, taken, NOW, NOW) for letter in await claims.claim(10)])
    told = sorted(await delivery.reports(), key=lambda report: report.occurred_at)
    assert [type(report) for report in told] == [LetterCancelledV1] * 2 + [LetterSentV1] * 2
    assert told[1].occurred_at < told[2].occurred_at


async def test_a_letter_in_the_air_flies_on_and_is_let_go_again(delivery: DeliveryService) -> None:
    await delivery.tell(ACTION)
    await delivery.claims().claim(10)
    await delivery.tell(INVALID)
    assert {letter.stop_reason for letter in await delivery.letters()} == {"invalidated"}
    await delivery.tell(AGAIN)
    assert {letter.stop_reason for letter in await delivery.letters()} == {None}
    assert await delivery.states() == {LetterState.SENDING}
