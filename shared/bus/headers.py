"""The headers our messages carry on RabbitMQ, and how those of the broker are read.

Only integers and strings: the client writes a Python float as 32 bits and it comes back as another number.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

TRACEPARENT = "traceparent"
RETRIES = "w4r-retries"
REASON = "w4r-reason"
DIED_AT = "w4r-died-at"
ORIGINAL_ID = "w4r-message-id"

Headers = Mapping[str, Any]


def retries_of(headers: Headers) -> int:
    """How often the message was sent up the retry ladder."""
    retries = headers.get(RETRIES)
    return retries if isinstance(retries, int) else 0


def deliveries_of(headers: Headers) -> int:
    """How often the broker delivered the message, this time included."""
    earlier = headers.get("x-delivery-count")
    return 1 + (earlier if isinstance(earlier, int) else 0)


def carried_on(headers: Headers) -> dict[str, Any]:
    """What a message keeps when it is published again: what is ours.

    The broker's `x-death` would make it believe in a cycle and drop the message.
    """
    return {name: headers[name] for name in (TRACEPARENT, RETRIES) if name in headers}


def reason_of(headers: Headers) -> str:
    """Why a dead message died: as its consumer said, else as the broker did when consumers died over it."""
    if isinstance(reason := headers.get(REASON), str):
        return reason
    by_broker = headers.get("x-first-death-reason") if not headers.get("x-death") else _last_death(headers)["reason"]
    if by_broker == "delivery_limit":
        return "delivery_limit: its consumers ended or were cut off before they were done with it"
    return str(by_broker or "unknown")


def died_at(headers: Headers) -> datetime:
    if isinstance(told := headers.get(DIED_AT), str):
        return datetime.fromisoformat(told)
    when = _last_death(headers).get("time") if headers.get("x-death") else None
    return when if isinstance(when, datetime) else datetime.now(UTC)


def _last_death(headers: Headers) -> dict[str, Any]:
    # The broker puts the newest first.
    return dict(headers["x-death"][0])
