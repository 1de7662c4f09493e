"""How many letters may go, and when the next: rates, hours, days and the hard maximum."""

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.delivery.gcra import Rate, allow, give_back
from services.delivery.granting import TargetState, grant, settle
from services.delivery.working_hours import local_day, next_bundle_at, next_open
from shared.delivery_policy import DeliveryPolicy, Every, PolicyMode, Weekday, WorkingHours
from tests.support.events import NOW

RATES = st.builds(Rate, st.timedeltas(timedelta(milliseconds=10), timedelta(hours=1)), st.integers(1, 50))
STEPS = st.lists(st.tuples(st.timedeltas(timedelta(0), timedelta(hours=2)), st.integers(0, 100)), min_size=1)
KARACHI = WorkingHours(holidays="PK")


@given(RATES, STEPS)
def test_never_more_than_burst_and_rate_over_any_window(rate: Rate, steps: list[tuple[timedelta, int]]) -> None:
    now, tat, passed = NOW, None, []
    for wait, wanted in steps:
        now += wait
        allowance = allow(rate, tat, now, wanted)
        tat = allowance.tat
        passed.append((now, allowance.count))
    for first, (begin, _) in enumerate(passed):
        for end, _ in passed[first:]:
            count = sum(number for moment, number in passed[first:] if moment <= end)
            assert count <= rate.burst + (end - begin) / rate.interval


@given(RATES, st.integers(1, 100))
def test_the_next_one_passes_when_it_is_said_to_and_not_before(rate: Rate, wanted: int) -> None:
    first = allow(rate, None, NOW, wanted)
    assert allow(rate, first.tat, first.next_at, 1).count == 1
    if first.next_at > NOW:
        assert allow(rate, first.tat, first.next_at - timedelta(microseconds=1), 1).count == 0


@given(RATES, st.integers(1, 100), st.integers(0, 100))
def test_what_is_given_back_can_be_had_again(rate: Rate, wanted: int, unused: int) -> None:
    first = allow(rate, None, NOW, wanted)
    unused = min(unused, first.count)
    assert give_back(rate, first.tat, unused) == allow(rate, None, NOW, first.count - unused).tat


def test_a_clock_that_runs_backwards_gives_nothing_away() -> None:
    rate = Rate(timedelta(minutes=1), 1)
    first = allow(rate, None, NOW, 1)
    assert allow(rate, first.tat, NOW - timedelta(hours=1), 5).count == 0


def karachi(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+05:00").astimezone(UTC)


def policy(**fields: object) -> DeliveryPolicy:
    return DeliveryPolicy.model_validate({"time_zone": "Asia/Karachi", "hours": KARACHI, **fields})


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-11-25T12:00", "2026-11-25T12:00"),
        ("2026-11-25T07:00", "2026-11-25T09:00"),
        ("2026-11-25T17:00", "2026-11-26T09:00"),
        ("2026-11-27T18:00", "2026-11-30T09:00"),
        ("2026-12-24T18:00", "2026-12-28T09:00"),
    ],
    ids=["at work", "before", "the last minute is over", "weekend", "a holiday before a weekend"],
)
def test_a_target_is_at_work_by_its_own_clock(now: str, opens: str) -> None:
    assert next_open(policy(), karachi(now)) == karachi(opens)


def test_without_hours_it_is_always_at_work() -> None:
    assert next_open(DeliveryPolicy(), NOW) == NOW


def test_hours_that_a_change_of_the_clocks_leaves_out_begin_at_once() -> None:
    hours = WorkingHours(days=tuple(Weekday), begin=time(2, 30), end=time(5))
    berlin = DeliveryPolicy(time_zone="Europe/Berlin", hours=hours)
    opens = next_open(berlin, datetime(2026, 3, 28, 23, tzinfo=UTC))
    assert opens == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("every", "after", "expected"),
    [
        (Every.DAY, "2026-11-25T12:00", "2026-11-26T09:00"),
        (Every.DAY, "2026-11-27T12:00", "2026-11-30T09:00"),
        (Every.WEEK, "2026-11-25T12:00", "2026-11-30T09:00"),
        (Every.DAY, "2026-11-25T08:00", "2026-11-25T09:00"),
    ],
)
def test_bundles_are_made_at_the_beginning_of_work(every: Every, after: str, expected: str) -> None:
    assert next_bundle_at(policy(mode="digest", every=every), karachi(after)) == karachi(expected)


@given(
    st.integers(1, 1_000_000),
    st.lists(st.tuples(st.timedeltas(timedelta(0), timedelta(hours=6)), st.integers(1, 10_000)), max_size=40),
)
def test_whatever_the_numbers_say_no_day_gets_more_than_the_maximum(
    per_hour: int, steps: list[tuple[timedelta, int]]
) -> None:
    wild = policy(mode="throttled", per_hour=per_hour, hours=None, per_day_max=100)
    state, now, days = TargetState(), NOW, dict[object, int]()
    for wait, wanted in steps:
        now += wait
        given_ = grant(wild, state, now, wanted)
        state = given_.state
        days[local_day(wild, now)] = days.get(local_day(wild, now), 0) + given_.count
        assert given_.open_at >= now
    assert all(count <= 100 for count in days.values())


def test_a_throttled_target_gets_its_rate_and_says_when_the_next_may_go() -> None:
    slow = policy(mode="throttled", per_hour=60, per_day=200)
    now = karachi("2026-11-25T12:00")
    first = grant(slow, TargetState(), now, 50)
    assert first.count == 5
    assert first.open_at == now + timedelta(minutes=1)
    assert grant(slow, first.state, now + timedelta(minutes=1), 50).count == 1


def test_when_the_day_is_full_it_opens_at_work_tomorrow() -> None:
    full = policy(mode="throttled", per_day=3)
    now = karachi("2026-11-25T12:00")
    given_ = grant(full, TargetState(), now, 50)
    assert (given_.count, given_.open_at) == (3, karachi("2026-11-26T09:00"))
    assert grant(full, given_.state, now + timedelta(hours=1), 50).count == 0
    assert grant(full, given_.state, karachi("2026-11-26T09:00"), 50).count == 3


@given(st.integers(1, 600), st.integers(1, 50), st.integers(0, 50))
def test_what_was_granted_and_not_used_costs_nothing(per_hour: int, wanted: int, used: int) -> None:
    slow = policy(mode="throttled", per_hour=per_hour, hours=None)
    given_ = grant(slow, TargetState(), NOW, wanted)
    used = min(used, given_.count)
    assert settle(slow, given_, used, NOW).state == grant(slow, TargetState(), NOW, used).state


@pytest.mark.parametrize(
    "fields",
    [
        {"time_zone": "Mars/Olympus"},
        {"hours": {"begin": "17:00", "end": "09:00"}},
        {"hours": {"days": []}},
        {"hours": {"holidays": "XX"}},
        {"per_hour": 0},
        {"mode": "sometimes"},
        {"speed": 3},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        DeliveryPolicy.model_validate(fields)


def test_only_throttled_targets_have_a_rate() -> None:
    assert grant(policy(mode=PolicyMode.SINGLE, per_hour=1, hours=None), TargetState(), NOW, 50).count == 50
