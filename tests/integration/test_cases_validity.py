"""Actions that do not count leave the ledger, and come back, whatever order their events come in."""

from collections.abc import AsyncIterator
from itertools import permutations
from typing import Any

import pytest

from services.cases.ledger import count_events
from services.cases.recount import recount
from services.cases.tables import LedgerKind
from services.cases.wiring import Wiring
from shared.messages.actions import ActionInvalidatedV1, ActionReinstatedV1
from shared.messages.envelope import Event
from tests.support.cases_service import cases_service, total
from tests.support.events import NOW, an_accepted_action, uuid_of

ACTION = an_accepted_action()


@pytest.fixture
async def cases(database_url: str) -> AsyncIterator[Wiring]:
    async with cases_service(database_url) as wiring:
        yield wiring


def decided(kind: type[Any], number: int) -> Any:
    return kind(
        action_id=ACTION.action_id,
        case_id=ACTION.case_id,
        case_slug=ACTION.case_slug,
        country=ACTION.supporter.country,
        channel=ACTION.channel,
        accepted_at=NOW,
        invalidation_id=uuid_of(1),
        number=number,
        changed_at=NOW,
    )


INVALID, AGAIN = decided(ActionInvalidatedV1, 1), decided(ActionReinstatedV1, 2)


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
