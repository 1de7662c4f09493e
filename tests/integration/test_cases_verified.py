"""What was confirmed from a mailbox is counted once, in whatever order its two events come; on both databases."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from services.cases.ledger import count_events
from services.cases.recount import Recounted, recount
from services.cases.tables import LedgerKind
from services.cases.wiring import Wiring
from shared.messages.actions import ActionAcceptedV1, ActionAwaitsVerificationV1
from shared.messages.cases import Channel
from shared.messages.envelope import Event, derived_id
from tests.support.cases_folders import CASE, write_campaign
from tests.support.cases_service import cases_service, reader_of, total
from tests.support.events import CASE_ID, NOW, an_accepted_action

ACTIONS = 40


@pytest.fixture
async def cases(database_url: str) -> AsyncIterator[Wiring]:
    async with cases_service(database_url) as wiring:
        yield wiring


def awaits(number: int) -> ActionAwaitsVerificationV1:
    return ActionAwaitsVerificationV1(
        action_id=derived_id("action", number),
        case_id=CASE_ID,
        case_slug="a-test-case",
        channel=Channel.EMAIL,
        country="PK",
        accepted_at=NOW,
    )


def confirmed(number: int) -> ActionAcceptedV1:
    return an_accepted_action(action_id=derived_id("action", number), verified_at=NOW + timedelta(days=1))


def a_verifying_campaign() -> list[Event]:
    """40 actions that waited; half of them were confirmed."""
    return [*(awaits(number) for number in range(ACTIONS)), *(confirmed(number) for number in range(0, ACTIONS, 2))]


async def numbers(cases: Wiring) -> tuple[int, int]:
    return await total(cases, LedgerKind.COLLECTED), await total(cases, LedgerKind.VERIFIED)


async def test_what_waits_is_collected_and_not_verified(cases: Wiring) -> None:
    await count_events(cases.database, [awaits(1)])
    assert await numbers(cases) == (1, 0)


async def test_what_nobody_was_asked_to_confirm_is_not_verified(cases: Wiring) -> None:
    await count_events(cases.database, [an_accepted_action()])
    assert await numbers(cases) == (1, 0)


@pytest.mark.parametrize("events", [(awaits(1), confirmed(1)), (confirmed(1), awaits(1))])
async def test_an_action_is_collected_once_and_verified_once(cases: Wiring, events: Sequence[Event]) -> None:
    for event in events:
        await count_events(cases.database, [event])
    assert await numbers(cases) == (1, 1)
    await count_events(cases.database, [*events, *reversed(events)])
    assert await numbers(cases) == (1, 1)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_order_and_repeats_do_not_matter_and_the_facts_agree(cases: Wiring, seed: int) -> None:
    twice = a_verifying_campaign() * 2
    # An order to try, not a secret.
    shuffled = random.Random(seed).sample(twice, len(twice))  # noqa: S311
    for start in range(0, len(shuffled), 7):
        await count_events(cases.database, shuffled[start : start + 7])
    assert await numbers(cases) == (ACTIONS, ACTIONS // 2)
    assert await recount(cases.database) == Recounted(totals=2, wrong=0)
    assert await numbers(cases) == (ACTIONS, ACTIONS // 2)


async def test_consumers_side_by_side_verify_once(cases: Wiring) -> None:
    await count_events(cases.database, [awaits(number) for number in range(ACTIONS)])
    batches = [list(order) for order in (a_verifying_campaign(), reversed(a_verifying_campaign()))] * 2
    await asyncio.gather(*(count_events(cases.database, batch) for batch in batches))
    assert await numbers(cases) == (ACTIONS, ACTIONS // 2)


async def test_the_public_numbers_tell_both(cases: Wiring, tmp_path: Path) -> None:
    await count_events(cases.database, a_verifying_campaign())
    await cases.publishing.import_folder(write_campaign(tmp_path / "campaign", **{"a-test-case": CASE}))
    async with reader_of(cases) as reader:
        ledger = (await reader.get("/api/v1/cases/a-test-case/ledger")).json()
        page = (await reader.get("/cases/a-test-case")).text
        front = (await reader.get("/")).text
    assert (ledger["collected"], ledger["verified"]) == (ACTIONS, ACTIONS // 2)
    assert (ledger["by_country"][0]["verified"], ledger["by_day"][0]["verified"]) == (ACTIONS // 2, ACTIONS // 2)
    assert "confirmed by mail" in page
    assert "own mailbox" in front
