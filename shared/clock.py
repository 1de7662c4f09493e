"""What time it is: the system's clock, or one that a test turns by hand."""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time. Every `now()` is aware and in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class FollowingClock:
    """This machine's clock, set by another's whenever that is heard: so that several machines agree on one time."""

    def __init__(self, own: Clock | None = None) -> None:
        self._own, self._ahead = own or SystemClock(), timedelta(0)

    def now(self) -> datetime:
        return self._own.now() + self._ahead

    def hear(self, now: datetime) -> None:
        """What the other clock says at this moment. The way here makes ours late, by as long as it took."""
        self._ahead = now - self._own.now()


class ManualClock:
    """Stands still until `advance` is called. For tests and rehearsals."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> None:
        self._now += by
