"""How a sender behaves towards a host that is not well: it waits, longer each time, then tries with one letter."""

from services.delivery.channels import Answer, HostFault
from services.delivery.destinations import is_hosts

PAUSE_SECONDS_MIN = 0.5
PAUSE_SECONDS_MAX = 30.0


class HostPace:
    """Times are seconds of one steady clock, given by the caller."""

    def __init__(self) -> None:
        self._pause_seconds = 0.0
        self._resume_at = 0.0

    def note(self, answer: Answer, now: float) -> None:
        """A wave of faults, as when many connections break at once, lengthens the pause only once. What breaks once
        the recipient was named is its destination's affair, and says nothing of the host."""
        if not isinstance(answer, HostFault):
            self._pause_seconds = self._resume_at = 0.0
        elif is_hosts(answer) and now >= self._resume_at:
            self._pause_seconds = min(PAUSE_SECONDS_MAX, max(PAUSE_SECONDS_MIN, self._pause_seconds * 2))
            self._resume_at = now + self._pause_seconds

    def pause_seconds(self, now: float) -> float:
        """How long to take nothing new."""
        return max(0.0, self._resume_at - now)

    def letters_max(self) -> int | None:
        """How many letters to try at once; None: as many as there are connections."""
        return 1 if self._pause_seconds else None
