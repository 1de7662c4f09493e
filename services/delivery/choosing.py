"""Chooses how many letters each line may send now. Pure.

Lines come in the order in which they are to be served: those whose case closes soon, then those that were served
longest ago. Each gets its turn before any gets a second one, within the limits of its target and its destination.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.delivery.destinations import DestinationState, room
from services.delivery.granting import Grant, TargetState, grant
from shared.delivery_policy import DeliveryPolicy


@dataclass(frozen=True, slots=True)
class Waiting:
    """A line with something due."""

    line_id: UUID
    target_id: UUID
    destination: str
    served_at: datetime


@dataclass(frozen=True, slots=True)
class Airborne:
    """Letters in the air to one destination: of all senders, and of the one who claims."""

    all: int = 0
    mine: int = 0


@dataclass(frozen=True)
class Choice:
    """By line how many letters to take, and by target what it was granted for them."""

    by_line: Mapping[UUID, int]
    grants: Mapping[UUID, Grant]


def choose(
    lines: Sequence[Waiting],
    policies: Mapping[UUID, DeliveryPolicy],
    targets: Mapping[UUID, TargetState],
    rooms: Mapping[str, int],
    count_max: int,
    now: datetime,
) -> Choice:
    """Up to `count_max` letters in all. `rooms` tells how many more each destination takes."""
    grants = {
        target: grant(policies[target], targets[target], now, count_max)
        for target in dict.fromkeys(line.target_id for line in lines)
    }
    left = {target: granted.count for target, granted in grants.items()}
    room, by_line = dict(rooms), dict.fromkeys((line.line_id for line in lines), 0)
    taken, open_lines = 0, list(lines)
    while open_lines and taken < count_max:
        share, still = max(1, (count_max - taken) // len(open_lines)), []
        for line in open_lines:
            take = min(share, left[line.target_id], room[line.destination], count_max - taken)
            if take > 0:
                by_line[line.line_id] += take
                left[line.target_id] -= take
                room[line.destination] -= take
                taken += take
                still.append(line)
        open_lines = still
    return Choice(by_line, grants)


def rooms_of(
    destinations: Mapping[str, DestinationState],
    airborne: Mapping[str, Airborne],
    most: int,
    mine_max: int,
    now: datetime,
) -> dict[str, int]:
    """How many more letters of one sender each destination takes: of `most` in all, and of `mine_max` of its own."""
    rooms = {}
    for name, state in destinations.items():
        flying = airborne.get(name, Airborne())
        rooms[name] = min(room(state, flying.all, most, now), max(0, mine_max - flying.mine))
    return rooms
