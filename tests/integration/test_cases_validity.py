"""Actions that do not count leave the ledger, and come back, whatever order their events come in."""

from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import permutations

import pytest

from services.cases.ledger import count_events
from services.cases.recount import recount
from services.cases.tables import LedgerKind
from services.cases.wiring import Wiring
from shared.messages.actions import ActionInvalidatedV1, ActionReinstatedV1
from shared.messages.delivery import LetterCancelledV1
from shared.messages.envelope import Event
from tests.support.cases_service import cases_service, total
from tests.support.events import NOW, a_decision, a_sent_letter, an_accepted_action

ACTION = an_accepted_action()


@pytest.fixture
async def cases(database_url: str) -> AsyncIterator[Wiring]:
    async with cases_service(database_url) as wiring:
        yield wiring


INVALID, AGAIN = a_decision(ActionInvalidatedV1, ACTION, 1), a_decision(ActionReinstatedV1, ACTION, 2)


async def counted(cases: Wiring) -> tuple[int, int]:
    return await total(cases, LedgerKind.COLLECTED), await total(cases, LedgerKind.INVALIDATED)


ORDERS = [
    *((order, (0, 1)) for order in permutations([ACTION, INVALID])),
    *((order, (1, 0)) for order in permutations([ACTION, INVALID, AGAIN])),
]


@pytest.mark.parametrize("in_one_batch", [True, False])
@pytest.mark.parametrize(("order", "numbers"), ORDERS)
async def test_the_last_decision_counts(
    cases: Wiring, order: tuple[Event, ...], numbers: tuple[int, int], in_one_batch: bool
) -> None:
    for _ in range(2):
        for batch in [list(order)] if in_one_batch else [[event] for event in order]:
            await count_events(cases.database, batch)
        assert await counted(cases) == numbers
    assert (await recount(cases.database)).wrong == 0
    assert await counted(cases) == numbers


@pytest.mark.parametrize("backwards", [False, True])
async def test_a_letter_that_was_stopped_let_go_and_sent_is_handed_over(cases: Wiring, backwards: bool) -> None:
    sent = a_sent_letter(occurred_at=NOW + timedelta(minutes=5))
    stopped = LetterCancelledV1(**sent.model_dump() | {"occurred_at": NOW}, reason="invalidated")
    for event in [sent, stopped] if backwards else [stopped, sent]:
        await count_events(cases.database, [event])
    assert await total(cases, LedgerKind.CANCELLED) == 0
    assert await total(cases, LedgerKind.HANDED_OVER) == 1
    assert (await recount(cases.database)).wrong == 0


async def test_letters_that_are_out_stay_what_they_were_when_their_action_does_not_count(cases: Wiring) -> None:
    await count_events(cases.database, [ACTION, a_sent_letter(action_id=ACTION.action_id), INVALID])
    assert await counted(cases) == (0, 1)
    assert await total(cases, LedgerKind.HANDED_OVER) == 1
