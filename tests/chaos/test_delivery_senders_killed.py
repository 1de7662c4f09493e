"""Senders are killed with mail servers at their worst. Invariant: the journal of the mail server and what we say agree.

`make chaos` does it for minutes.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from random import Random
from uuid import UUID

import pytest

from services.delivery.states import LetterState
from shared.messages.actions import ActionAcceptedV1, ActionCancelledV1
from shared.messages.cases import Target
from tests.support.chaos_delivery import STAFF, Post, a_post, a_target, letters_of
from tests.support.chaos_length import times
from tests.support.chaos_letters import arrivals_at, letter_of, most_in, promises_hold
from tests.support.servers import Databases
from tests.support.smtp_sink import Behaving
from tests.support.until import until

SENDERS = 3
KILLS = 5
BETWEEN_KILLS_SECONDS = 0.7
LETTERS = 25
CONNECTIONS = 8
PATIENCE_SECONDS = 30.0
PER_HOUR = 240  # a burst of 20, then one in 15 s
BURST, INTERVAL = 20, timedelta(seconds=15)

WORLD: Behaving = {
    "calm.example": "accept",
    "slow.example": "slow:100",
    "grey.example": "greylist:300",
    "narrow.example": "at-once:2",
    "tired.example": "421-after:3",
    "refusing.example": "554-after-dot",
    "fickle.example": [
        *["accept"] * 10,
        "say:451 4.3.0 Later",
        "say-after-dot:451 4.3.0 Later",
        "drop:rcpt",
        "drop:data",
        "drop:dot",
        "drop-after-dot",
        "hang:rcpt",
        "hang:dot",
    ],
}

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
async def post(postgres: Databases, tmp_path: Path) -> AsyncIterator[Post]:
    async with a_post(postgres.create_database(), tmp_path, smtp_connections_max=CONNECTIONS) as post:
        post.sink.behave(WORLD)
        yield post


async def kill_at_random(post: Post, kills: int) -> None:
    dice = Random()  # noqa: S311 - any order will do
    for _ in range(kills):
        await asyncio.sleep(dice.uniform(0, 2 * BETWEEN_KILLS_SECONDS))
        victim = dice.choice(post.senders)
        victim.kill()
        victim.start()


async def in_the_air(post: Post) -> set[UUID]:
    return {letter.id for letter in await post.letters(LetterState.SENDING)}


async def test_whoever_is_killed_every_letter_ends_and_the_journal_agrees(post: Post) -> None:
    """Meanwhile some are taken back, an address is suppressed, and a rate is set: nothing goes out after that."""
    targets = [a_target(name.removesuffix(".example")) for name in WORLD]
    unwanted, limited = a_target("unwanted"), a_target("limited")
    regretted = await post.write(*targets, count=times(5))
    await post.write(*targets, count=times(LETTERS))
    await post.write(limited, count=2 * BURST)
    await post.wiring.steering.set_rate("limited.example", PER_HOUR, STAFF)
    await post.write(unwanted, count=times(30))
    for _ in range(SENDERS):
        post.sender()
    killing = asyncio.create_task(kill_at_random(post, times(KILLS)))
    await until(lambda: arrivals_at(post.sink.journal(), "unwanted.example"), PATIENCE_SECONDS)
    await post.tell(*(_taken_back(action) for action in regretted))
    flying, arrived = await in_the_air(post), len(post.sink.journal())
    await post.wiring.suppressions.suppress(unwanted.email or "", STAFF, None)
    still_flying, arrived_later = await in_the_air(post), len(post.sink.journal())
    await killing
    journal = post.sink.journal()
    after_regret = {letter_of(taken) for taken in journal[arrived:]} & letters_of(regretted)
    assert after_regret <= flying, "nothing after cancel"
    after_suppression = {letter_of(taken) for taken in journal[arrived_later:] if _is_to(taken.recipients, unwanted)}
    assert after_suppression <= still_flying, "nothing after suppression"
    within_its_rate(post)
    await post.wiring.steering.set_rate("limited.example", None, STAFF)
    post.sink.behave({})
    for target in targets:
        await post.wiring.steering.lift(target.name + ".example", STAFF)
    await post.settle(60 + times(20))
    await promises_hold(post)


def within_its_rate(post: Post) -> None:
    """Over all senders, the dead ones too: burst, rate times window, and what was in the air when it began."""
    arrivals = arrivals_at(post.sink.journal(), "limited.example")
    assert arrivals
    for seconds in (1, 5, 30):
        window = timedelta(seconds=seconds)
        assert most_in(arrivals, window) <= BURST + window / INTERVAL + SENDERS * CONNECTIONS


def _taken_back(action: ActionAcceptedV1) -> ActionCancelledV1:
    about = {"action_id": action.action_id, "case_id": action.case_id}
    return ActionCancelledV1(**about, reason="they thought again", cancelled_at=action.accepted_at)


def _is_to(recipients: tuple[str, ...], target: Target) -> bool:
    return target.email in recipients
