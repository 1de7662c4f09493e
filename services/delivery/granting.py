"""How many letters a target takes now: by its hours, its rate and the most it gets in a day. Pure."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from services.delivery.gcra import Rate, allow, give_back
from services.delivery.working_hours import local_day, next_midnight, next_open
from shared.delivery_policy import DeliveryPolicy, PolicyMode

HOUR = timedelta(hours=1)
BURSTS_PER_HOUR = 12  # after a rest, as many at once as five minutes bring


@dataclass(frozen=True, slots=True)
class TargetState:
    """What is remembered of a target: the moment of its rate, and how many letters left on which of its days."""

    hour_tat: datetime | None = None
    day: date | None = None
    day_count: int = 0


@dataclass(frozen=True, slots=True)
class Grant:
    """`count` letters may go. `state` is to be remembered if they do, `open_at` is when the target takes the next."""

    count: int
    state: TargetState
    open_at: datetime


def grant(policy: DeliveryPolicy, state: TargetState, now: datetime, wanted: int) -> Grant:
    """Grant up to `wanted` letters. What is granted and not used is to be given back by `settle`."""
    opens = next_open(policy, now)
    if opens > now:
        return Grant(0, state, opens)
    today = local_day(policy, now)
    spent = state.day_count if state.day == today else 0
    left = max(0, most_in_a_day(policy) - spent)
    count, hour_tat, open_at = min(wanted, left), state.hour_tat, now
    if rate := rate_of(policy):
        allowance = allow(rate, hour_tat, now, count)
        count, hour_tat, open_at = allowance.count, allowance.tat, allowance.next_at
    if left - count <= 0:
        open_at = next_midnight(policy, now)
    return Grant(count, TargetState(hour_tat, today, spent + count), next_open(policy, open_at))


def settle(policy: DeliveryPolicy, given: Grant, used: int, now: datetime) -> Grant:
    """The grant as if only `used` had been asked for: there were no more letters."""
    unused = given.count - used
    if unused <= 0:
        return given
    state, rate = given.state, rate_of(policy)
    hour_tat = give_back(rate, state.hour_tat, unused) if rate and state.hour_tat else state.hour_tat
    return Grant(used, replace(state, hour_tat=hour_tat, day_count=state.day_count - unused), now)


def rate_of(policy: DeliveryPolicy) -> Rate | None:
    if policy.mode is not PolicyMode.THROTTLED or policy.per_hour is None:
        return None
    return Rate(HOUR / policy.per_hour, max(1, policy.per_hour // BURSTS_PER_HOUR))


def most_in_a_day(policy: DeliveryPolicy) -> int:
    per_day = policy.per_day if policy.mode is PolicyMode.THROTTLED else None
    return min(per_day or policy.per_day_max, policy.per_day_max)
