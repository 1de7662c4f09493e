"""When the last letter of a target's queue will be out at its policy, and a policy that would be in time. Pure.

Day by day, by the target's own clock: what its hours, its rate and its hard maximum let through. How quick senders and
mail servers are is left out.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from zoneinfo import ZoneInfo

from services.delivery.granting import HOUR, TargetState, most_in_a_day
from services.delivery.working_hours import local_day, next_midnight, next_open
from shared.delivery_policy import DeliveryPolicy, PolicyMode

DAYS_MAX = 400
PER_HOUR_POLITE_MAX = 600


@dataclass(frozen=True)
class Suggestion:
    """What would be in time: another policy, or none of those that send one mail a letter."""

    policy: DeliveryPolicy | None
    words: str


def forecast(policy: DeliveryPolicy, state: TargetState, queued: int, now: datetime) -> datetime | None:
    """When the last of `queued` letters will be out. None: not within `DAYS_MAX` days."""
    if queued <= 0:
        return now
    moment, left = next_open(policy, now), queued
    spent = state.day_count if state.day == local_day(policy, moment) else 0
    for _ in range(DAYS_MAX):
        closes = _closes(policy, moment)
        through = min(_at_rate(policy, moment, closes), max(0, most_in_a_day(policy) - spent))
        if left <= through:
            return moment + _time_for(policy, left)
        left, spent = left - through, 0
        moment = next_open(policy, next_midnight(policy, moment))
    return None


def suggest(policy: DeliveryPolicy, queued: int, closes_at: datetime, now: datetime) -> Suggestion:
    """The gentlest change that gets `queued` letters out before `closes_at`, within what is polite."""
    per_hour = policy.per_hour or 1
    while per_hour <= PER_HOUR_POLITE_MAX:
        changes = {"mode": PolicyMode.THROTTLED, "per_hour": per_hour, "per_day": None}
        wider = policy.model_copy(update=changes)
        done_at = forecast(wider, TargetState(), queued, now)
        if done_at and done_at <= closes_at:
            return Suggestion(wider, f"{per_hour} an hour would be in time.")
        per_hour = max(per_hour + 1, ceil(per_hour * 1.5))
    return Suggestion(
        None, f"Not even {PER_HOUR_POLITE_MAX} an hour would be in time: ask how the target wants so many."
    )


def _closes(policy: DeliveryPolicy, moment: datetime) -> datetime:
    """When work ends on the day of `moment`."""
    midnight = next_midnight(policy, moment)
    if policy.hours is None:
        return midnight
    end = datetime.combine(local_day(policy, moment), policy.hours.end, ZoneInfo(policy.time_zone))
    return min(midnight, end)


def _at_rate(policy: DeliveryPolicy, begin: datetime, end: datetime) -> int:
    if policy.mode is not PolicyMode.THROTTLED or policy.per_hour is None:
        return most_in_a_day(policy)
    return int((end - begin) / HOUR * policy.per_hour)


def _time_for(policy: DeliveryPolicy, count: int) -> timedelta:
    if policy.mode is not PolicyMode.THROTTLED or policy.per_hour is None:
        return timedelta(0)
    return count * HOUR / policy.per_hour
