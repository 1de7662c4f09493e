"""Whatever the order, the repeats, the batches and the consumers: each action is counted as its last decision says."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from services.cases.ledger import count_events
from services.cases.recount import recount
from services.cases.tables import LedgerKind
from services.cases.wiring import Wiring
from shared.messages.actions import ActionAcceptedV1, ActionInvalidatedV1, ActionReinstatedV1, ActionValidity
from shared.messages.envelope import Event, derived_id
from tests.support.cases_service import cases_service, total
from tests.support.events import NOW, an_accepted_action, uuid_of

ACTIONS = 60
DECISIONS_MAX = 4
CONSUMERS = 4


@pytest.fixture
async def cases(database_url: str) -> AsyncIterator[Wiring]:
    async with cases_service(database_url) as wiring:
        yield wiring


def decided(action: ActionAcceptedV1, number: int) -> ActionValidity:
    """Odd ones invalidate, even ones reinstate, as they come from the actions service."""
    kind: type[Any] = ActionInvalidatedV1 if number % 2 else ActionReinstatedV1
    return kind(  # type: ignore[no-any-return]
        action_id=action.action_id,
        case_id=action.case_id,
        case_slug=action.case_slug,
        country=action.supporter.country,
        channel=action.channel,
        accepted_at=NOW,
        invalidation_id=uuid_of(number),
        number=number,
        changed_at=NOW,
    )


def histories() -> list[tuple[ActionAcceptedV1, int]]:
    """Each action, and how many decisions there were on it."""
    return [
        (an_accepted_action(action_id=derived_id("action", number)), number % (DECISIONS_MAX + 1))
        for number in range(ACTIONS)
    ]


def all_events() -> list[Event]:
    return [
        event
        for action, decisions in histories()
        for event in (action, *(decided(action, number + 1) for number in range(decisions)))
    ]


def shuffled(seed: int) -> Sequence[Event]:
    """All of them, some twice, in an order of its own."""
    chance = random.Random(seed)  # noqa: S311  # an order to try, not a secret
    events = all_events()
    again = chance.sample(events, len(events) // 2)
    return chance.sample(events + again, len(events) + len(again))


def expected() -> Counter[LedgerKind]:
    return Counter(LedgerKind.INVALIDATED if count % 2 else LedgerKind.COLLECTED for _, count in histories())


async def consume(cases: Wiring, seed: int) -> None:
    events = shuffled(seed)
    for start in range(0, len(events), 25):
        await count_events(cases.database, events[start : start + 25])


async def counted(cases: Wiring) -> Counter[LedgerKind]:
    kinds = (LedgerKind.COLLECTED, LedgerKind.INVALIDATED)
    return Counter({kind: await total(cases, kind) for kind in kinds})


@pytest.mark.parametrize("seed", range(4))
async def test_the_order_of_decisions_does_not_matter(cases: Wiring, seed: int) -> None:
    await consume(cases, seed)
    assert await counted(cases) == expected()
    assert (await recount(cases.database)).wrong == 0


async def test_consumers_side_by_side_count_every_decision_once(postgres: Any) -> None:
    async with cases_service(postgres.create_database()) as cases:
        for turn in range(3):
            await asyncio.gather(*(consume(cases, CONSUMERS * turn + seed) for seed in range(CONSUMERS)))
        assert await counted(cases) == expected()
        assert (await recount(cases.database)).wrong == 0


async def test_consumers_that_bring_each_others_actions_never_wait_in_a_ring(postgres: Any) -> None:
    """One brings an action and a decision on the other's, and the other way round, many times over."""
    async with cases_service(postgres.create_database()) as cases:
        actions = [an_accepted_action(action_id=derived_id("ring", number)) for number in range(400)]
        one, two = actions[:200], actions[200:]

        async def bring(mine: list[ActionAcceptedV1], others: list[ActionAcceptedV1]) -> None:
            for start in range(0, 200, 20):
                events: list[Event] = [*mine[start : start + 20]]
                events += [decided(action, 1) for action in others[start : start + 20]]
                await count_events(cases.database, events)

        await asyncio.gather(bring(one, two), bring(two, one))
        assert await counted(cases) == Counter({LedgerKind.INVALIDATED: 400})
