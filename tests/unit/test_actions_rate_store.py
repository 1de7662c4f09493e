"""Counting in windows: bounded, aligned by the clock, shared, and never stopped by a database that is away."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limits import RateLimitItemPerHour, RateLimitItemPerMinute
from limits.strategies import FixedWindowRateLimiter

from services.actions.rate_store import BATCH_MAX, RateStore
from shared.clock import ManualClock
from shared.db import DatabaseAway
from tests.support.events import NOW
from tests.support.rate_counts import CountsInMemory

HOUR_SECONDS = 3600
STORES = 3


def a_store(counts: CountsInMemory, clock: ManualClock, **limits: int) -> RateStore:
    """One that shares what came once, too."""
    return RateStore(counts, clock, **{"shared_from": 1} | limits)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def counts() -> CountsInMemory:
    return CountsInMemory()


def test_a_limit_lets_through_as_many_as_it_says_and_again_in_the_next_window(
    counts: CountsInMemory, clock: ManualClock
) -> None:
    limiter, limit = FixedWindowRateLimiter(a_store(counts, clock)), RateLimitItemPerMinute(3)
    assert [limiter.hit(limit, "a") for _ in range(5)] == [True] * 3 + [False] * 2
    assert limiter.hit(limit, "another"), "each key has a count of its own"
    clock.advance(timedelta(minutes=1))
    assert limiter.hit(limit, "a")


def test_windows_end_by_the_clock_whenever_a_key_first_came(counts: CountsInMemory, clock: ManualClock) -> None:
    early, late = a_store(counts, clock), a_store(counts, clock)
    early.incr("a", HOUR_SECONDS)
    clock.advance(timedelta(minutes=20))
    late.incr("a", HOUR_SECONDS)
    assert early.get_expiry("a") == late.get_expiry("a")
    assert early.get_expiry("a") % HOUR_SECONDS == 0
    assert 0 < early.get_expiry("a") - clock.now().timestamp() <= HOUR_SECONDS


async def test_two_processes_know_each_others_counts_after_sharing(counts: CountsInMemory, clock: ManualClock) -> None:
    one, other = a_store(counts, clock), a_store(counts, clock)
    for _ in range(4):
        one.incr("a", HOUR_SECONDS)
    other.incr("a", HOUR_SECONDS)
    await one.share()
    await other.share()
    assert other.get("a") == 5
    assert other.incr("a", HOUR_SECONDS) == 6
    await other.share()
    assert one.incr("a", HOUR_SECONDS) == 5, "it learns when it next shares"
    await one.share()
    assert one.get("a") == 7


async def test_a_count_that_did_not_grow_costs_no_round_trip(counts: CountsInMemory, clock: ManualClock) -> None:
    store = a_store(counts, clock)
    store.incr("a", HOUR_SECONDS)
    await store.share()
    await store.share()
    assert counts.batches == [1]


async def test_what_comes_while_counts_are_under_way_is_shared_the_next_time(clock: ManualClock) -> None:
    class Slow(CountsInMemory):
        async def add(self, additions):  # type: ignore[no-untyped-def]
            store.incr("a", HOUR_SECONDS)
            return await super().add(additions)

    counts = Slow()
    store = a_store(counts, clock)
    store.incr("a", HOUR_SECONDS)
    await store.share()
    assert store.get("a") == 2
    assert sum(counts.sums.values()) == 1
    await store.share()
    assert sum(counts.sums.values()) == 2


async def test_with_the_database_away_counting_goes_on_and_nothing_is_lost(
    counts: CountsInMemory, clock: ManualClock
) -> None:
    store = a_store(counts, clock)
    store.incr("a", HOUR_SECONDS)
    counts.is_away = True
    with pytest.raises(DatabaseAway):
        await store.share()
    assert store.incr("a", HOUR_SECONDS) == 2
    counts.is_away = False
    await store.share()
    assert list(counts.sums.values()) == [2]


async def test_a_window_that_is_over_is_not_shared_any_more(counts: CountsInMemory, clock: ManualClock) -> None:
    store = a_store(counts, clock)
    store.incr("a", HOUR_SECONDS)
    clock.advance(timedelta(hours=1))
    await store.share()
    assert not counts.sums
    assert store.get("a") == 0


async def test_no_more_keys_are_remembered_than_may_be_and_the_longest_unused_goes(
    counts: CountsInMemory, clock: ManualClock
) -> None:
    store = a_store(counts, clock, keys_max=3)
    for key in ("a", "b", "c", "a", "d"):
        store.incr(key, HOUR_SECONDS)
    assert len(store) == 3
    assert [store.get(key) for key in "abcd"] == [2, 0, 1, 1]
    for number in range(1000):
        store.incr(f"key-{number}", HOUR_SECONDS)
    assert len(store) == 3
    await store.share()
    assert sum(counts.batches) == 3, "what waits to be shared is bounded alike"


async def test_a_forgotten_key_is_learned_again(counts: CountsInMemory, clock: ManualClock) -> None:
    store = a_store(counts, clock, keys_max=1)
    for _ in range(5):
        store.incr("a", HOUR_SECONDS)
    await store.share()
    store.incr("b", HOUR_SECONDS)
    assert store.incr("a", HOUR_SECONDS) == 1
    await store.share()
    assert store.get("a") == 6


async def test_many_keys_are_shared_in_bounded_batches(counts: CountsInMemory, clock: ManualClock) -> None:
    store = a_store(counts, clock)
    for number in range(BATCH_MAX * 2 + 1):
        store.incr(f"key-{number}", HOUR_SECONDS)
    await store.share()
    assert counts.batches == [BATCH_MAX, BATCH_MAX, 1]


steps = st.lists(st.tuples(st.sampled_from(["hit", "share"]), st.integers(0, STORES - 1)), max_size=120)


@given(limit=st.integers(1, 8), steps=steps)
def test_no_more_get_through_than_the_limit_and_what_came_between_two_sharings(
    limit: int, steps: list[tuple[str, int]]
) -> None:
    """A process lets through in ignorance at most what came to it in one interval. Nobody is refused early."""
    counts, clock = CountsInMemory(), ManualClock(NOW)
    stores = [a_store(counts, clock) for _ in range(STORES)]
    limiters = [FixedWindowRateLimiter(store) for store in stores]
    came: Counter[int] = Counter()
    came_at_most: Counter[int] = Counter()
    attempts = let_through = 0
    for step, number in steps:
        if step == "share":
            asyncio.run(stores[number].share())
            came[number] = 0
            continue
        attempts += 1
        came[number] += 1
        came_at_most[number] = max(came[number], came_at_most[number])
        let_through += limiters[number].hit(RateLimitItemPerHour(limit), "a")
    assert let_through <= limit + sum(came_at_most.values())
    assert let_through >= min(limit, attempts)


async def test_what_came_once_is_nobody_elses_business(counts: CountsInMemory, clock: ManualClock) -> None:
    one, other = RateStore(counts, clock), RateStore(counts, clock)
    for store in (one, other):
        store.incr("once", HOUR_SECONDS)
        store.incr("twice", HOUR_SECONDS)
        store.incr("twice", HOUR_SECONDS)
    for store in (one, other):
        await store.share()
    assert (other.get("once"), other.get("twice")) == (1, 4)
