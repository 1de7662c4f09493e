"""What one claim has taken so far for each destination, on top of what is in the air: letters and all else together.

It is written down once, at the end of the claim: so nobody who learns from answers meanwhile waits in the middle of it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from services.delivery.choosing import Airborne, rooms_of
from services.delivery.destinations import DestinationState, spend

RESERVED_SHARE = 5  # one in so many of a sender's slots is kept for other destinations


@dataclass
class Traffic:
    """`slots`: how many one sender can have in the air at all. `at_once_max`: to one destination, all senders together.
    `spent`: how those with a rate stand after this claim."""

    slots: int
    at_once_max: int
    airborne: dict[str, Airborne]
    spent: dict[str, DestinationState] = field(default_factory=dict)

    @property
    def half(self) -> int:
        return max(1, self.slots // 2)

    @property
    def alone_max(self) -> int:
        return max(1, self.slots - self.slots // RESERVED_SHARE)

    @property
    def hogs(self) -> set[str]:
        """Those that hold half of the sender."""
        return {name for name, flying in self.airborne.items() if flying.mine >= self.half}

    def mine_max(self, waiting: Collection[str]) -> int:
        """How much of the sender one destination may hold while something waits for all of these."""
        free = set(waiting) - self.hogs
        return self.half if free and (self.hogs or len(free) > 1) else self.alone_max

    def known(self, states: Mapping[str, DestinationState]) -> dict[str, DestinationState]:
        """These, as they are after what was taken already."""
        return {name: self.spent.get(name, state) for name, state in states.items()}

    def allowed(self, states: Mapping[str, DestinationState], mine_max: int, now: datetime) -> dict[str, int]:
        """How many more may go to each now, by its bearing and its rate."""
        rooms = rooms_of(states, self.airborne, self.at_once_max, mine_max, self.half, now)
        return {name: spend(states[name], amount, now)[0] for name, amount in rooms.items()}

    def take(self, states: Mapping[str, DestinationState], counts: Mapping[str, int], now: datetime) -> None:
        """So many go to each of these destinations, which are in the states given."""
        for name, state in states.items():
            count, flying = counts.get(name, 0), self.airborne.get(name, Airborne())
            self.airborne[name] = Airborne(flying.all + count, flying.mine + count)
            if state.per_hour:
                self.spent[name] = spend(state, count, now)[1]
