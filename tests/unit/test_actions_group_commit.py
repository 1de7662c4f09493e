"""The group commit: who is answered when, and what happens to the others when one thing goes wrong."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from prometheus_client import CollectorRegistry

from services.actions.errors import QueueFull, Unwritable
from services.actions.group_commit import GroupCommit, Limits
from services.actions.metrics import IntakeMetrics
from services.actions.store import Kept
from shared.db import DatabaseAway
from tests.support.actions_store import FakeStore, an_entry
from tests.support.until import until

ONE_WRITER = Limits(writers=1, linger_seconds=0, drain_seconds_max=5)
PATIENCE_SECONDS = 5.0


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@asynccontextmanager
async def started(store: FakeStore, limits: Limits = ONE_WRITER) -> AsyncIterator[GroupCommit]:
    commit = GroupCommit(store, limits, IntakeMetrics(CollectorRegistry()))
    commit.start()
    try:
        yield commit
    finally:
        store.open.set()
        await commit.drain()


def sent(commit: GroupCommit, number: int) -> asyncio.Task[Kept]:
    return asyncio.create_task(commit.put(an_entry(number), PATIENCE_SECONDS))


async def held_up(commit: GroupCommit, store: FakeStore, numbers: range) -> list[asyncio.Task[Kept]]:
    """Action 0 is in the writer's hands, and those of `numbers` wait behind it."""
    store.open.clear()
    first = sent(commit, 0)
    await until(lambda: store.batches)
    rest = [sent(commit, number) for number in numbers]
    await until(lambda: commit.waiting == len(numbers))
    return [first, *rest]


async def test_nobody_is_answered_before_the_commit(store: FakeStore) -> None:
    async with started(store) as commit:
        tasks = await held_up(commit, store, range(1, 4))
        assert not any(task.done() for task in tasks)
        store.open.set()
        assert [kept.token for kept in await asyncio.gather(*tasks)] == ["token-0", "token-1", "token-2", "token-3"]


async def test_what_waited_goes_into_one_commit(store: FakeStore) -> None:
    async with started(store) as commit:
        tasks = await held_up(commit, store, range(1, 41))
        store.open.set()
        await asyncio.gather(*tasks)
    assert [len(batch) for batch in store.batches] == [1, 40]


async def test_a_commit_is_never_larger_than_its_limit(store: FakeStore) -> None:
    async with started(store, Limits(writers=1, linger_seconds=0, batch_max=10)) as commit:
        tasks = await held_up(commit, store, range(1, 26))
        store.open.set()
        await asyncio.gather(*tasks)
    assert [len(batch) for batch in store.batches] == [1, 10, 10, 5]


async def test_a_full_queue_says_so_at_once(store: FakeStore) -> None:
    async with started(store, Limits(writers=1, linger_seconds=0, queue_max=3)) as commit:
        tasks = await held_up(commit, store, range(1, 4))
        with pytest.raises(QueueFull):
            await commit.put(an_entry(9), PATIENCE_SECONDS)
        store.open.set()
        await asyncio.gather(*tasks)
    assert an_entry(9).id not in store.kept


async def test_one_action_twice_in_a_batch_is_written_once_and_answered_alike(store: FakeStore) -> None:
    async with started(store) as commit:
        tasks = await held_up(commit, store, range(1, 2))
        twin = asyncio.create_task(commit.put(an_entry(1, token="another"), PATIENCE_SECONDS))
        await until(lambda: commit.waiting == 2)
        store.open.set()
        assert (await twin).token == (await tasks[1]).token == "token-1"
    assert [len(batch) for batch in store.batches] == [1, 1]


async def test_a_bad_row_fails_alone(store: FakeStore) -> None:
    store.bad = {an_entry(7).id}
    async with started(store) as commit:
        tasks = await held_up(commit, store, range(1, 21))
        store.open.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
    refused = [number for number, answer in enumerate(answers) if isinstance(answer, Exception)]
    assert refused == [7]
    assert isinstance(answers[7], Unwritable)
    assert len(store.kept) == 20


async def test_a_database_that_is_away_refuses_the_batch_and_takes_the_next(store: FakeStore) -> None:
    store.faults_before = [DatabaseAway("gone"), DatabaseAway("gone")]
    async with started(store) as commit:
        with pytest.raises(DatabaseAway):
            await commit.put(an_entry(1), PATIENCE_SECONDS)
        assert (await commit.put(an_entry(1), PATIENCE_SECONDS)).token == "token-1"


async def test_a_fault_at_commit_is_looked_into_before_anybody_is_answered(store: FakeStore) -> None:
    """The connection broke after the rows were written: they are found, and the answer is yes."""
    store.faults_after = [DatabaseAway("connection lost")]
    async with started(store) as commit:
        assert (await commit.put(an_entry(1), PATIENCE_SECONDS)).token == "token-1"
    assert len(store.batches) == 2


async def test_a_caller_who_goes_away_harms_nobody_and_their_action_is_kept(store: FakeStore) -> None:
    async with started(store) as commit:
        tasks = await held_up(commit, store, range(1, 4))
        tasks[2].cancel()
        store.open.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(answers[2], asyncio.CancelledError)
    assert [type(answer) for number, answer in enumerate(answers) if number != 2] == [Kept, Kept, Kept]
    assert an_entry(2).id in store.kept


async def test_what_was_refused_for_taking_too_long_is_not_written_later(store: FakeStore) -> None:
    async with started(store) as commit:
        tasks = await held_up(commit, store, range(1, 2))
        with pytest.raises(TimeoutError):
            await commit.put(an_entry(5), 0.01)
        store.open.set()
        await asyncio.gather(*tasks)
    assert an_entry(5).id not in store.kept


async def test_the_queue_is_written_before_the_process_ends(store: FakeStore) -> None:
    async with started(store) as commit:
        tasks = await held_up(commit, store, range(1, 11))
        draining = asyncio.create_task(commit.drain())
        store.open.set()
        await draining
        assert all(task.done() for task in tasks)
    assert len(store.kept) == 11


async def test_a_writer_that_ends_ends_the_process(store: FakeStore) -> None:
    # A cancellation nobody asked for: the one thing that gets past a writer's own handling of faults.
    store.faults_before = [asyncio.CancelledError()]  # type: ignore[list-item]
    async with started(store) as commit:
        watching = asyncio.create_task(commit.watch(asyncio.Event()))
        with pytest.raises(TimeoutError):
            await commit.put(an_entry(1), 0.2)
        with pytest.raises(RuntimeError, match="writer"):
            await watching
        with pytest.raises(RuntimeError, match="writer"):
            await commit.check()
