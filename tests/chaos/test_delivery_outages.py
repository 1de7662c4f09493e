"""A sender is frozen, the database goes away, a domain is dead. The mail server's journal tells what came of it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from deploy.local import databases
from deploy.local.postgres import LocalPostgres
from services.delivery.states import LetterState
from shared.db import DatabaseAway
from shared.messages.actions import ActionCancelledV1
from tests.support.chaos_delivery import LEASE_SECONDS, Post, a_post, a_target, letters_of
from tests.support.chaos_length import times
from tests.support.chaos_letters import arrivals_at, promises_hold, taken_by_letter
from tests.support.servers import started
from tests.support.until import until

PATIENCE_SECONDS = 30.0
AWAY_SECONDS = round(2 * LEASE_SECONDS)
IN_THE_AIR = 6
DEAD_LETTERS, GOOD_LETTERS, GOOD_DOMAINS = 300, 30, 4

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def server() -> Iterator[LocalPostgres]:
    """Killed by some of these tests, and up again at the end of each."""
    with started(LocalPostgres) as server:
        yield server


@pytest.fixture
async def post(server: LocalPostgres, tmp_path: Path) -> AsyncIterator[Post]:
    url = databases.create_database(server.url, f"chaos_{uuid4().hex}")
    # A destination that has not answered yet gets half of them.
    async with a_post(url, tmp_path, smtp_connections_max=2 * IN_THE_AIR) as post:
        yield post


async def test_a_zombie_changes_nothing_and_sends_nothing_any_more(post: Post) -> None:
    """Frozen with letters in its hands for longer than its lease; meanwhile they are taken back. It wakes, and the mail
    server, which had kept it waiting, would take them now."""
    ministry = a_target("ministry")
    post.sink.behave({"ministry.example": "slow-rcpt:1500"})
    actions = await post.write(ministry, count=IN_THE_AIR)
    zombie = post.sender(W4R_SMTP_COMMAND_SECONDS_MAX="30", W4R_SMTP_DOT_SECONDS_MAX="30")
    await until(lambda: _in_the_air(post, IN_THE_AIR), PATIENCE_SECONDS)
    zombie.freeze()
    async with post.sending():
        await post.tell(
            *(
                ActionCancelledV1(
                    action_id=one.action_id, case_id=one.case_id, reason="no", cancelled_at=one.accepted_at
                )
                for one in actions
            )
        )
        await post.settle()
    assert {letter.state for letter in await post.letters()} == {LetterState.CANCELLED}
    before = {letter.id: vars(letter) for letter in await post.letters()}
    post.sink.behave({})
    zombie.thaw()
    await post.write(a_target("embassy"))
    await post.settle()  # the zombie alone is there to send it, so it has come to itself
    after = {letter.id: vars(letter) for letter in await post.letters()}
    assert all(_same(after[letter_id], values) for letter_id, values in before.items()), "a zombie changes nothing"
    assert not taken_by_letter(post.sink.journal()).keys() & letters_of(actions), "nothing after cancel"


async def test_while_the_database_is_away_results_are_kept_and_nothing_is_sent_twice(
    post: Post, server: LocalPostgres
) -> None:
    post.sink.behave({"*": "slow:50"})
    await post.write(a_target("ministry"), a_target("embassy"), count=60)
    for _ in range(2):
        post.sender()
    await until(lambda: len(post.sink.journal()) >= 20, PATIENCE_SECONDS)
    server.kill()
    await asyncio.sleep(times(AWAY_SECONDS))  # longer than every lease
    server.start()
    await _until_settled(post)
    await promises_hold(post)
    assert set(taken_by_letter(post.sink.journal()).values()) == {1}
    assert {letter.state for letter in await post.letters()} == {LetterState.SENT}


async def test_a_dead_domain_with_most_of_the_letters_holds_up_nobody_else(post: Post) -> None:
    """Order, not time: all others are through while most of its letters still wait."""
    post.sink.behave({"dead.example": "hang:rcpt"})
    good = [a_target(f"good-{number}") for number in range(GOOD_DOMAINS)]
    await post.write(a_target("dead"), count=times(DEAD_LETTERS))
    await post.write(*good, count=GOOD_LETTERS)
    for _ in range(2):
        post.sender()
    await until(lambda: len(post.sink.journal()) == GOOD_DOMAINS * GOOD_LETTERS, 2 * PATIENCE_SECONDS)
    waiting = [letter for letter in await post.letters() if letter.to_address == a_target("dead").email]
    tried = sum(letter.fence for letter in waiting)
    assert {letter.state for letter in waiting} <= {LetterState.QUEUED, LetterState.SENDING, LetterState.UNCERTAIN}
    assert tried <= GOOD_DOMAINS * GOOD_LETTERS, "it had its turns, and no more than others"
    assert not arrivals_at(post.sink.journal(), "dead.example")


async def _in_the_air(post: Post, count: int) -> bool:
    return len(await post.letters(LetterState.SENDING)) >= count


async def _until_settled(post: Post) -> None:
    """The first questions may still meet a database that is waking up."""

    async def is_back() -> bool:
        try:
            await post.letters()
        except DatabaseAway:
            return False
        return True

    await until(is_back, PATIENCE_SECONDS)
    await post.settle()


def _same(one: dict[str, object], other: dict[str, object]) -> bool:
    return all(one[name] == value for name, value in other.items() if not name.startswith("_"))
