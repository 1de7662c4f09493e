"""How delivery stands: what waits for whom and why, for the operators' page, their tools and the metrics.

Queued letters are counted by line in one pass over the index of what is due; all else is read from rows that are few.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from sqlalchemy import func, or_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from services.delivery.forecasting import forecast
from services.delivery.granting import TargetState
from services.delivery.kinds import Lane
from services.delivery.next_letters import read_policy
from services.delivery.pauses import Paused, read_pauses
from services.delivery.tables import (
    IS_QUEUED_LETTER,
    IS_QUEUED_NO_LETTER,
    IS_SENDING,
    Destination,
    Letter,
    Line,
    TargetPolicy,
)
from shared.clock import Clock
from shared.db import Database
from shared.delivery_policy import DeliveryPolicy
from shared.messages.cases import Channel

SHOWN_MAX = 200
OTHERS_COUNTED_MAX = 2_000

K = TypeVar("K")


@dataclass(frozen=True)
class LineCount:
    """A line and how many letters wait in it."""

    case_id: UUID
    target_id: UUID
    destination: str
    closes_at: datetime | None
    queued: int


@dataclass(frozen=True)
class DestinationStanding:
    """`others`: how many of those queued are no letters."""

    name: str
    queued: int
    others: int
    in_the_air: int
    per_hour: int | None
    at_once_max: int | None
    cool_until: datetime | None
    held_because: str | None
    is_paused: bool


@dataclass(frozen=True)
class TargetStanding:
    """`done_at` is when its last letter will be out; none: not within the year. `is_late`: a case closes before.
    `is_held_up`: staff hold some of what waits for it, and nobody can say until when."""

    target_id: UUID
    name: str
    country: str
    policy: DeliveryPolicy
    source: str
    state: TargetState
    queued: int
    open_at: datetime
    closes_at: datetime | None
    done_at: datetime | None
    is_paused: bool
    is_held_up: bool

    @property
    def is_late(self) -> bool:
        return bool(self.queued and self.closes_at and (self.done_at is None or self.done_at > self.closes_at))


@dataclass(frozen=True)
class CaseStanding:
    case_id: UUID
    slug: str
    queued: int
    closes_at: datetime | None
    is_paused: bool


@dataclass(frozen=True)
class Overview:
    """The largest first: as many destinations and targets as were asked for, and up to `SHOWN_MAX` cases."""

    destinations: Sequence[DestinationStanding]
    targets: Sequence[TargetStanding]
    cases: Sequence[CaseStanding]
    paused: Paused
    read_at: datetime


class Standing:
    def __init__(self, database: Database, clock: Clock, default: DeliveryPolicy) -> None:
        self._database, self._clock, self._default = database, clock, default

    async def read(self, most: int | None = SHOWN_MAX) -> Overview:
        """With up to `most` destinations and targets; none: all of them. Raises `DatabaseAway`."""
        now = self._clock.now()
        async with self._database.transaction() as session:
            paused = await read_pauses(session)
            lines = await _count_lines(session)
            return Overview(
                destinations=(await _destinations(session, lines, paused))[:most],
                targets=(await self._targets(session, lines, paused, now))[:most],
                cases=await _cases(session, lines, paused),
                paused=paused,
                read_at=now,
            )

    async def target(self, target_id: UUID) -> TargetStanding | None:
        now = self._clock.now()
        async with self._database.transaction() as session:
            lines = [line for line in await _count_lines(session) if line.target_id == target_id]
            row = await session.get(TargetPolicy, target_id)
            return self._standing(row, lines, await read_pauses(session), now) if row else None

    async def _targets(
        self, session: AsyncSession, lines: Sequence[LineCount], paused: Paused, now: datetime
    ) -> list[TargetStanding]:
        by_target = _by(lines, lambda line: line.target_id)
        rows = await session.exec(select(TargetPolicy).order_by(col(TargetPolicy.target_name)))
        found = [self._standing(row, by_target.get(row.target_id, []), paused, now) for row in rows]
        return sorted(found, key=lambda target: -target.queued)

    def _standing(self, row: TargetPolicy, lines: Iterable[LineCount], paused: Paused, now: datetime) -> TargetStanding:
        waiting = [line for line in lines if line.queued]
        queued = sum(line.queued for line in waiting)
        policy = read_policy(row.policy, self._default)
        state = TargetState(row.hour_tat, row.day, row.day_count)
        is_paused = paused.everything or row.target_id in paused.targets
        return TargetStanding(
            target_id=row.target_id,
            name=row.target_name,
            country=row.country,
            policy=policy,
            source=row.source,
            state=state,
            queued=queued,
            open_at=row.open_at,
            closes_at=min((line.closes_at for line in waiting if line.closes_at), default=None),
            done_at=forecast(policy, state, queued, max(now, row.open_at)) if queued else now,
            is_paused=is_paused,
            is_held_up=is_paused
            or Channel.EMAIL in paused.channels
            or any(_is_held_up(one, paused) for one in waiting),
        )


def _is_held_up(line: LineCount, paused: Paused) -> bool:
    return line.case_id in paused.cases or line.destination in paused.destinations


async def _count_lines(session: AsyncSession) -> list[LineCount]:
    counts = select(Letter.line_id, func.count()).where(IS_QUEUED_LETTER).group_by(col(Letter.line_id))
    queued = dict((await session.exec(counts)).all())
    lines = await session.exec(select(Line).where(Line.lane == Lane.LETTERS))
    return [
        LineCount(line.case_id, line.target_id, line.destination, line.closes_at, queued.get(line.id, 0))
        for line in lines
    ]


async def _destinations(session: AsyncSession, lines: Sequence[LineCount], paused: Paused) -> list[DestinationStanding]:
    flying = select(Line.destination, func.count()).join(Letter, col(Letter.line_id) == Line.id).where(IS_SENDING)
    in_the_air = dict((await session.exec(flying.group_by(col(Line.destination)))).all())
    by_name, others = _by(lines, lambda line: line.destination), await _count_others(session)
    found = [
        DestinationStanding(
            name=row.name,
            queued=sum(line.queued for line in by_name.get(row.name, [])) + others.get(row.name, 0),
            others=others.get(row.name, 0),
            in_the_air=in_the_air.get(row.name, 0),
            per_hour=row.per_hour,
            at_once_max=row.at_once_max,
            cool_until=row.cool_until,
            held_because=row.held_because,
            is_paused=paused.everything or row.name in paused.destinations,
        )
        for row in await session.exec(_worth_showing({*by_name, *in_the_air, *others}))
    ]
    return sorted(found, key=lambda one: (one.held_because is None, -one.queued))


async def _count_others(session: AsyncSession) -> dict[str, int]:
    """By destination what is queued and no letter: of those with most of it, up to `OTHERS_COUNTED_MAX`."""
    by_line = select(Letter.line_id, func.count().label("queued")).where(IS_QUEUED_NO_LETTER)
    counts = by_line.group_by(col(Letter.line_id)).subquery()
    queued = func.sum(counts.c.queued)
    found = select(Line.destination, queued).join(counts, counts.c.line_id == Line.id).group_by(col(Line.destination))
    rows = await session.exec(found.order_by(queued.desc()).limit(OTHERS_COUNTED_MAX))
    return {name: int(count) for name, count in rows}


def _worth_showing(busy: Collection[str]) -> SelectOfScalar[Destination]:
    """Supporters' mail goes to thousands of domains: of these only what is busy, or not as it should be."""
    limits = (Destination.per_hour, Destination.cool_until, Destination.held_because)
    is_worth_it = or_(col(Destination.name).in_(sorted(busy)), *(col(limit).is_not(None) for limit in limits))
    return select(Destination).where(is_worth_it).order_by(col(Destination.name))


async def _cases(session: AsyncSession, lines: Sequence[LineCount], paused: Paused) -> list[CaseStanding]:
    by_case = _by(lines, lambda line: line.case_id)
    largest = sorted(by_case, key=lambda case_id: -sum(line.queued for line in by_case[case_id]))[:SHOWN_MAX]
    found = []
    for case_id in largest:
        slug = (await session.exec(select(Letter.case_slug).where(Letter.case_id == case_id).limit(1))).first()
        queued = sum(line.queued for line in by_case[case_id])
        closes_at = min((line.closes_at for line in by_case[case_id] if line.closes_at), default=None)
        is_paused = paused.everything or case_id in paused.cases
        found.append(CaseStanding(case_id, slug or str(case_id), queued, closes_at, is_paused))
    return found


def _by(lines: Iterable[LineCount], key: Callable[[LineCount], K]) -> Mapping[K, list[LineCount]]:
    groups: dict[K, list[LineCount]] = defaultdict(list)
    for line in lines:
        groups[key(line)].append(line)
    return groups
