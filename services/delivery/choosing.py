"""Chooses how many letters each line may send now. Pure.

Lines come in the order in which they are to be served: those whose case closes soon, then those that were served
longest ago. Cases take turns, whatever the number of their lines; within a case its partners do, and within a partner
its lines. Nobody gets a second letter before all had their turn, within the limits of targets and destinations.
"""

from collections import deque
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
    case_id: UUID
    partner: str | None
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
    turns, taken = _Turns(lines), 0
    while taken < count_max and (line := turns.next()):
        if left[line.target_id] > 0 and room[line.destination] > 0:
            by_line[line.line_id] += 1
            left[line.target_id] -= 1
            room[line.destination] -= 1
            taken += 1
        else:
            turns.drop()
    return Choice(by_line, grants)


def share_out(
    lines: Mapping[UUID, str], rooms: Mapping[str, int], most: Mapping[UUID, int], count_max: int
) -> dict[UUID, int]:
    """By line how many to take of what is no letter, up to `count_max` in all: lines, each with its destination, take
    turns. No line gives more than `most`, where that is known of it."""
    left, counts = dict(rooms), dict[UUID, int]()
    turns = deque(lines)
    while turns and count_max > 0:
        line_id = turns.popleft()
        count, destination = counts.get(line_id, 0), lines[line_id]
        if left[destination] > 0 and count < most.get(line_id, count_max + count):
            counts[line_id] = count + 1
            left[destination] -= 1
            count_max -= 1
            turns.append(line_id)
    return counts


class _Turns:
    """Whose turn it is: round and round the cases, in each round its partners, in each of those its lines."""

    def __init__(self, lines: Sequence[Waiting]) -> None:
        self._cases: deque[deque[deque[Waiting]]] = deque()
        cases: dict[UUID, deque[deque[Waiting]]] = {}
        partners: dict[tuple[UUID, str | None], deque[Waiting]] = {}
        for line in lines:
            if line.case_id not in cases:
                self._cases.append(cases.setdefault(line.case_id, deque()))
            key = (line.case_id, line.partner)
            if key not in partners:
                cases[line.case_id].append(partners.setdefault(key, deque()))
            partners[key].append(line)

    def next(self) -> Waiting | None:
        """None when no line is left."""
        if not self._cases:
            return None
        case = self._cases[0]
        partner = case[0]
        line = partner[0]
        self._cases.rotate(-1)
        case.rotate(-1)
        partner.rotate(-1)
        return line

    def drop(self) -> None:
        """The line that was just named has no more turns."""
        case = self._cases[-1]
        partner = case[-1]
        partner.pop()
        if not partner:
            case.pop()
        if not case:
            self._cases.pop()


def rooms_of(
    destinations: Mapping[str, DestinationState],
    airborne: Mapping[str, Airborne],
    most: int,
    mine_max: int,
    unknown_max: int,
    now: datetime,
) -> dict[str, int]:
    """How many more letters of one sender each destination takes: of `most` in all, and of `mine_max` of its own, or of
    `unknown_max` while it has answered nothing yet."""
    rooms = {}
    for name, state in destinations.items():
        flying = airborne.get(name, Airborne())
        own_max = mine_max if state.attempted else min(mine_max, unknown_max)
        rooms[name] = min(room(state, flying.all, most, now), max(0, own_max - flying.mine))
    return rooms
