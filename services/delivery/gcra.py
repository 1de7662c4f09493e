"""The generic cell rate algorithm, by virtual scheduling (ITU-T I.371): one moment is all that a limit remembers.

`tat` is the theoretical arrival time: when the next cell would come if all came evenly. Pure.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Rate:
    """One cell every `interval`, and `burst` of them at once after a long rest. Over any time t, never more than
    `burst + t / interval`."""

    interval: timedelta
    burst: int


@dataclass(frozen=True, slots=True)
class Allowance:
    """`count` cells may pass now. `tat` is to be remembered if they do, `next_at` is when one more may."""

    count: int
    tat: datetime
    next_at: datetime


def allow(rate: Rate, tat: datetime | None, now: datetime, wanted: int) -> Allowance:
    """How many of `wanted` cells may pass. Time that runs backwards gives nothing away."""
    begin = max(tat or now, now)
    horizon = now + rate.burst * rate.interval
    count = max(0, min(wanted, (horizon - begin) // rate.interval))
    after = begin + count * rate.interval
    return Allowance(count, after, max(now, after - (rate.burst - 1) * rate.interval))


def give_back(rate: Rate, tat: datetime, count: int) -> datetime:
    """The `tat` as if `count` cells less had passed."""
    return tat - count * rate.interval
