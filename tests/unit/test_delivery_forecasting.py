"""When the last letter is out, and what would be in time."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.delivery.forecasting import PER_HOUR_POLITE_MAX, forecast, suggest
from services.delivery.granting import TargetState, grant
from shared.delivery_policy import DeliveryPolicy
from tests.support.events import NOW

HOURS = {"begin": "09:00", "end": "17:00"}


def policy(**fields: object) -> DeliveryPolicy:
    return DeliveryPolicy.model_validate({"time_zone": "Asia/Karachi"} | fields)


def karachi(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+05:00").astimezone(UTC)


@pytest.mark.parametrize(
    ("fields", "queued", "done"),
    [
        ({}, 0, "2026-11-25T12:00"),
        ({}, 5_000, "2026-11-25T12:00"),
        ({}, 5_001, "2026-11-26T00:00"),
        ({"hours": HOURS}, 5_001, "2026-11-26T09:00"),
        ({"mode": "throttled", "per_hour": 60, "hours": HOURS}, 120, "2026-11-25T14:00"),
        ({"mode": "throttled", "per_hour": 60, "hours": HOURS}, 360, "2026-11-26T10:00"),
        ({"mode": "throttled", "per_day": 100, "hours": HOURS}, 350, "2026-11-30T09:00"),
        ({"mode": "throttled", "per_hour": 1_000_000, "per_day_max": 10}, 25, "2026-11-27T00:00"),
    ],
)
def test_the_last_letter_is_out_by_hours_rate_and_maximum(fields: dict[str, object], queued: int, done: str) -> None:
    expected = karachi(done)
    found = forecast(policy(**fields), TargetState(), queued, karachi("2026-11-25T12:00"))
    assert found is not None
    assert timedelta(0) <= found - expected < timedelta(minutes=1)


def test_what_takes_longer_than_a_year_is_not_foreseen() -> None:
    assert forecast(policy(mode="throttled", per_day=1), TargetState(), 777_000, NOW) is None


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 200), st.integers(1, 120), st.integers(1, 300), st.booleans())
def test_a_forecast_is_what_granting_then_does(queued: int, per_hour: int, per_day_max: int, at_work: bool) -> None:
    slow = policy(mode="throttled", per_hour=per_hour, per_day_max=per_day_max, hours=HOURS if at_work else None)
    state, now, left = TargetState(), NOW, queued
    while left:
        given_ = grant(slow, state, now, left)
        state, left = given_.state, left - given_.count
        if left:
            now = max(given_.open_at, now + timedelta(seconds=1))
    foreseen = forecast(slow, TargetState(), queued, NOW)
    assert foreseen is not None
    # A rest brings a burst of five minutes, and each evening what would not fill a minute waits for the morning.
    assert -timedelta(minutes=70) <= foreseen - now <= timedelta(days=4)


def test_a_suggestion_is_in_time_and_as_gentle_as_can_be() -> None:
    slow, closes_at = policy(mode="throttled", per_hour=5, hours=HOURS), NOW + timedelta(days=14)
    found = suggest(slow, 2_000, closes_at, NOW)
    assert found.policy is not None
    done_at = forecast(found.policy, TargetState(), 2_000, NOW)
    assert done_at is not None
    assert done_at <= closes_at
    assert found.policy.per_hour is not None
    assert 5 < found.policy.per_hour < 60


def test_where_nothing_polite_is_in_time_it_says_so() -> None:
    found = suggest(policy(), 777_000, NOW + timedelta(days=3), NOW)
    assert found.policy is None
    assert str(PER_HOUR_POLITE_MAX) in found.words
