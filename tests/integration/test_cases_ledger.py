"""The ledger counts each fact once: under redelivery, with consumers side by side, and again from the facts."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete
from sqlmodel import select

from services.cases.handlers import LEDGER, count_batch, subscriptions
from services.cases.ledger import count_events
from services.cases.recount import Recounted, recount
from services.cases.tables import LedgerCount, LedgerKind
from services.cases.wiring import Wiring
from shared.bus import Halt
from shared.db import Database
from shared.messages.delivery import LetterBouncedV1, LetterSentV1, LetterUncertainV1
from shared.messages.envelope import Event, derived_id, seal
from shared.messages.registry import read
from tests.support.cases_service import cases_service, total
from tests.support.events import NOW, a_sent_letter, an_accepted_action

ACTIONS = 60
COUNTRIES = ("PK", "DE", "FR")


@pytest.fixture
async def cases(database_url: str) -> AsyncIterator[Wiring]:
    async with cases_service(database_url) as wiring:
        yield wiring


@pytest.fixture
async def cases_on_postgresql(postgres: Any) -> AsyncIterator[Wiring]:
    async with cases_service(postgres.create_database()) as wiring:
        yield wiring


def action(number: int) -> Event:
    country = COUNTRIES[number % len(COUNTRIES)]
    supporter = {"name": "A Supporter", "country": country}
    return an_accepted_action(action_id=derived_id("action", number), supporter=supporter)


def sent(number: int, seconds: int = 0) -> LetterSentV1:
    country = COUNTRIES[number % len(COUNTRIES)]
    return a_sent_letter(
        letter_id=derived_id("letter", number), country=country, occurred_at=NOW + timedelta(seconds=seconds)
    )


def bounced(number: int, seconds: int = 60) -> LetterBouncedV1:
    return LetterBouncedV1(**sent(number, seconds).model_dump())


def uncertain(number: int, seconds: int = -60) -> LetterUncertainV1:
    return LetterUncertainV1(**sent(number, seconds).model_dump())


def campaign_of_events() -> list[Event]:
    """60 actions with a letter each: all uncertain at first, then sent, and every fourth bounced."""
    numbers = range(ACTIONS)
    return [
        *(action(number) for number in numbers),
        *(uncertain(number) for number in numbers),
        *(sent(number) for number in numbers),
        *(bounced(number) for number in numbers if number % 4 == 0),
    ]


async def all_totals(cases: Wiring) -> dict[tuple[str, str], int]:
    """By kind and country, without those that came back to nothing."""
    async with cases.database.transaction() as session:
        rows = (await session.exec(select(LedgerCount))).all()
    return {(row.kind.value, row.country): row.count for row in rows if row.count}


def in_batches(events: Sequence[Event], size: int) -> list[Sequence[Event]]:
    return [events[start : start + size] for start in range(0, len(events), size)]


def shuffled(events: Sequence[Event], seed: int) -> Sequence[Event]:
    # An order to try, not a secret.
    return random.Random(seed).sample(events, len(events))  # noqa: S311


async def test_actions_and_letters_are_counted(cases: Wiring) -> None:
    await count_events(cases.database, campaign_of_events())
    assert await total(cases, LedgerKind.COLLECTED) == 60
    assert await total(cases, LedgerKind.HANDED_OVER) == 45
    assert await total(cases, LedgerKind.BOUNCED) == 15
    assert await total(cases, LedgerKind.UNCERTAIN) == 0


async def test_events_delivered_again_count_nothing(cases: Wiring) -> None:
    events = campaign_of_events()
    await count_events(cases.database, events)
    before = await all_totals(cases)
    for batch in in_batches(events, 7):
        await count_events(cases.database, batch)
    assert await all_totals(cases) == before


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_order_of_events_does_not_matter(cases: Wiring, seed: int) -> None:
    for batch in in_batches(shuffled(campaign_of_events(), seed), 11):
        await count_events(cases.database, batch)
    assert await total(cases, LedgerKind.HANDED_OVER) == 45
    assert await total(cases, LedgerKind.BOUNCED) == 15
    assert await total(cases, LedgerKind.UNCERTAIN) == 0


async def test_a_later_report_moves_the_letter_and_an_earlier_one_does_not(cases: Wiring) -> None:
    await count_events(cases.database, [sent(1)])
    await count_events(cases.database, [uncertain(1)])
    assert await all_totals(cases) == {("handed_over", "DE"): 1}
    await count_events(cases.database, [bounced(1)])
    assert await all_totals(cases) == {("bounced", "DE"): 1}


async def test_consumers_side_by_side_count_every_event_once(cases_on_postgresql: Wiring) -> None:
    cases = cases_on_postgresql
    events = campaign_of_events()

    async def consume(seed: int) -> None:
        for batch in in_batches(shuffled(events, seed), 25):
            await count_events(cases.database, batch)

    await asyncio.gather(*(consume(seed) for seed in range(4)))
    assert await total(cases, LedgerKind.COLLECTED) == 60
    assert await total(cases, LedgerKind.HANDED_OVER) == 45
    assert await total(cases, LedgerKind.BOUNCED) == 15
    assert (await recount(cases.database)).wrong == 0


async def test_a_recount_beside_consumers_is_right(cases_on_postgresql: Wiring) -> None:
    cases = cases_on_postgresql
    batches = in_batches(campaign_of_events(), 10)
    counting = [asyncio.create_task(count_events(cases.database, batch)) for batch in batches]
    recounts = [await recount(cases.database) for _ in range(5)]
    await asyncio.gather(*counting)
    assert [recounted.wrong for recounted in recounts] == [0] * 5
    assert (await recount(cases.database)).wrong == 0


async def test_a_recount_finds_what_the_totals_say(cases: Wiring) -> None:
    await count_events(cases.database, campaign_of_events())
    before = await all_totals(cases)
    assert await recount(cases.database) == Recounted(totals=len(before), wrong=0)
    assert await all_totals(cases) == before


async def test_a_recount_puts_lost_totals_right(cases: Wiring) -> None:
    await count_events(cases.database, campaign_of_events())
    before = await all_totals(cases)
    async with cases.database.transaction() as session:
        await session.exec(delete(LedgerCount))
    assert (await recount(cases.database)).wrong == len(before)
    assert await all_totals(cases) == before


async def test_a_mixed_batch_from_the_bus_is_counted(cases: Wiring) -> None:
    ledger = next(one for one in subscriptions(cases) if one.queue is LEDGER)
    await ledger.handle([read(seal(event).body) for event in (action(1), sent(1), action(2))])
    assert await total(cases, LedgerKind.COLLECTED) == 2
    assert await total(cases, LedgerKind.HANDED_OVER) == 1


async def test_a_database_that_is_away_halts_the_queue(tmp_path: Any) -> None:
    nowhere = Database(f"sqlite+aiosqlite:///{tmp_path}/no/such/folder.db")
    with pytest.raises(Halt):
        await count_batch(nowhere, [read(seal(action(1)).body)])
    await nowhere.close()
