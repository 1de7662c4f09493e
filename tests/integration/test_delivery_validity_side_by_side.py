"""Workers side by side, each with another decision on the same actions: what was decided last is what happens."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from services.delivery.channels import Phase, Unknown
from services.delivery.claiming import HandoverResult
from services.delivery.outcomes import UncertainPolicy
from services.delivery.states import LetterState
from shared.messages.actions import ActionAcceptedV1, ActionInvalidatedV1, ActionReinstatedV1
from shared.messages.cases import Target
from shared.messages.delivery import FailureReason
from tests.support.delivery_service import DeliveryService, delivery_service, many_actions
from tests.support.events import NOW, a_closed_case, a_decision, an_accepted_action, uuid_of

ACTIONS = 60
ROUNDS = 4


@pytest.fixture
async def delivery(database_url: str) -> AsyncIterator[DeliveryService]:
    async with delivery_service(database_url) as service:
        yield service


async def tell_one_by_one(delivery: DeliveryService, events: list[Any]) -> None:
    for event in events:
        await delivery.tell(event)


@pytest.mark.parametrize("last", [ActionInvalidatedV1, ActionReinstatedV1])
async def test_the_last_decision_holds_when_two_workers_have_one_each(delivery: DeliveryService, last: Any) -> None:
    first = ActionReinstatedV1 if last is ActionInvalidatedV1 else ActionInvalidatedV1
    actions = many_actions(ACTIONS)
    await delivery.tell(*actions)
    for turn in range(ROUNDS):
        earlier = [a_decision(first, action, 2 * turn + 1) for action in actions]
        later = [a_decision(last, action, 2 * turn + 2) for action in actions]
        await asyncio.gather(tell_one_by_one(delivery, earlier), tell_one_by_one(delivery, later))
        ends = LetterState.CANCELLED if last is ActionInvalidatedV1 else LetterState.QUEUED
        assert await delivery.states() == {ends}


async def test_a_case_withdrawn_while_its_letters_are_let_go_keeps_them_all(delivery: DeliveryService) -> None:
    actions = many_actions(ACTIONS)
    await delivery.tell(*actions)
    await delivery.tell(*(a_decision(ActionInvalidatedV1, action, 1) for action in actions))
    again = [a_decision(ActionReinstatedV1, action, 2) for action in actions]
    await asyncio.gather(tell_one_by_one(delivery, again), delivery.tell(a_closed_case()))
    assert await delivery.states() == {LetterState.CANCELLED}


async def become_uncertain(delivery: DeliveryService) -> None:
    claims = delivery.claims(uncertain=UncertainPolicy.HOLD)
    (claimed,) = await claims.claim(1)
    await claims.record([HandoverResult(claimed, Unknown(Phase.DOT, text="no answer"), NOW, NOW)])


async def stop_and_let_go(delivery: DeliveryService, action: ActionAcceptedV1) -> None:
    await delivery.tell(a_decision(ActionInvalidatedV1, action, 1))
    assert (await delivery.letter()).state is LetterState.CANCELLED
    await delivery.tell(a_decision(ActionReinstatedV1, action, 2))


async def test_a_letter_that_may_have_arrived_is_not_sent_again_where_such_letters_are_held(
    delivery: DeliveryService,
) -> None:
    action = an_accepted_action()
    await delivery.tell(action)
    await become_uncertain(delivery)
    await stop_and_let_go(delivery, action)
    await delivery.sweep(uncertain=UncertainPolicy.HOLD).sweep()
    letter = await delivery.letter()
    assert (letter.state, letter.unknowns) == (LetterState.UNCERTAIN, 1)


async def test_a_letter_that_may_have_arrived_is_sent_again_where_such_letters_are(delivery: DeliveryService) -> None:
    action = an_accepted_action()
    await delivery.tell(action)
    await become_uncertain(delivery)
    await stop_and_let_go(delivery, action)
    await delivery.sweep().sweep()
    letter = await delivery.letter()
    assert (letter.state, letter.unknowns) == (LetterState.QUEUED, 1)
    assert letter.expires_at >= NOW + timedelta(days=1)


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_a_letter_without_an_address_is_never_let_go(delivery: DeliveryService, order: tuple[int, ...]) -> None:
    nowhere = Target(id=uuid_of(1), name="Office of Examples", country="PK")
    action = an_accepted_action(targets=(nowhere,))
    events = [action, a_decision(ActionInvalidatedV1, action, 1), a_decision(ActionReinstatedV1, action, 2)]
    for place in order:
        await delivery.tell(events[place])
    letter = await delivery.letter()
    assert (letter.state, letter.failure) == (LetterState.FAILED, FailureReason.NO_ADDRESS)
