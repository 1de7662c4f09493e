"""Limits as settings write them, "20/hour;60/day": read by the library `limits`, and told in headers.

The headers are those of draft-ietf-httpapi-ratelimit-headers-11.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Annotated

from limits import RateLimitItem, parse_many
from pydantic import AfterValidator, ValidationInfo

WINDOW_SECONDS_MAX = 7 * 24 * 3600  # a longer one is a table that grows with everybody who ever wrote


class LimitedBy(StrEnum):
    """What is counted together."""

    NETWORK = "network"
    MAILBOX = "mailbox"
    CASE = "case"


@dataclass(frozen=True)
class RateLimits:
    """All limits on what is counted together in one way. The shortest window is first, and none means no limit."""

    by: LimitedBy
    items: tuple[RateLimitItem, ...]

    @cached_property
    def prefix(self) -> str:
        """What the names of its counts begin with."""
        return f"{self.by.value}-"

    @cached_property
    def policy(self) -> str:
        """The value of `RateLimit-Policy`."""
        return ", ".join(f"{_name(self.by, item)};q={item.amount};w={item.get_expiry()}" for item in self.items)

    def state(self, item: RateLimitItem, wait_seconds: int) -> str:
        """The value of `RateLimit` when nothing is left of `item`."""
        return f"{_name(self.by, item)};r=0;t={wait_seconds}"


def _name(by: LimitedBy, item: RateLimitItem) -> str:
    return f'"{by.value}-{item.multiples}-{item.GRANULARITY.name}"'


def read_limits(text: str) -> tuple[RateLimitItem, ...]:
    """The shortest window first. Raises `ValueError` for what is not a limit, and for windows nobody can keep."""
    items: Sequence[RateLimitItem] = parse_many(text) if text.strip() else []
    for item in items:
        if item.amount < 1 or item.get_expiry() > WINDOW_SECONDS_MAX:
            raise ValueError(f"{item!r} is no limit that can be kept")
    return tuple(sorted(items, key=RateLimitItem.get_expiry))


def _checked(text: str, info: ValidationInfo) -> str:
    try:
        read_limits(text)
    except ValueError:
        name = f"W4R_{(info.field_name or '').upper()}"
        raise ValueError(
            f"{name} must be limits such as 20/hour;60/day, each at least 1, in windows of at most a week; or empty"
        ) from None
    return text


LimitsText = Annotated[str, AfterValidator(_checked)]
