"""Watches who is acting: opens an alarm when one network or mailbox domain suddenly dominates a case, and closes it.

A chore of every worker. An index lets each alarm be open once, so any number of them may watch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import structlog
from prometheus_client import CollectorRegistry, Gauge
from sqlalchemy import delete, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.actions.crowd_tables import DominanceAlarm
from services.actions.dominance import Crowd, CrowdKind, DominanceRules, dominates, earlier_share, is_large
from services.actions.dominance_reading import read_crowds, read_earlier
from shared.clock import Clock
from shared.db import Database, insert_once

CROWDS_MAX = 50
KEEP_ENDED = timedelta(days=30)
NEXT = "look at /ops/intake/likeness; then invalidate, or set a rule, or leave it"

log = structlog.get_logger(__name__)

Key = tuple[UUID, str, str]


@dataclass(frozen=True, slots=True)
class Dominance:
    """A crowd that dominates, and what its share was before."""

    crowd: Crowd
    earlier_share: float | None


class DominanceMetrics:
    """For the registry of one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.alarms = Gauge("actions_dominance_alarms", "Crowds that dominate a case now", registry=registry)
        self.share = Gauge(
            "actions_dominance_share",
            "The largest share of one crowd in a case's actions",
            ("kind",),
            registry=registry,
        )


class DominanceWatch:
    def __init__(
        self, database: Database, clock: Clock, rules: DominanceRules, window: timedelta, metrics: DominanceMetrics
    ) -> None:
        self._database, self._clock, self._rules = database, clock, rules
        self._window, self._metrics = window, metrics

    async def look(self) -> None:
        """One look at the newest actions. Harmless to repeat, and beside other workers. Raises `DatabaseAway`."""
        now = self._clock.now()
        async with self._database.transaction() as session:
            crowds = await read_crowds(session, now - self._window, self._rules.count_min)
            found = await self._find_dominances(session, crowds, now - self._window)
        async with self._database.transaction() as session:
            opened = [dominance for dominance in found if await _keep_open(session, dominance, now)]
            closed = await _close_unseen(session, now - self._window, now)
            open_ = list(await session.exec(select(DominanceAlarm.id).where(col(DominanceAlarm.ended_at).is_(None))))
        for dominance in opened:
            _tell_opened(dominance)
        for alarm_id in closed:
            log.info("dominance", action="alarm_closed", alarm=str(alarm_id), next="nothing")
        self._measure(crowds, len(open_))

    async def _find_dominances(
        self, session: AsyncSession, crowds: Sequence[Crowd], before: datetime
    ) -> list[Dominance]:
        earlier, held = await _shares_before_alarms(session), []
        for crowd in [crowd for crowd in crowds if is_large(crowd, self._rules)][:CROWDS_MAX]:
            key = (crowd.case_id, crowd.kind.value, crowd.value)
            share = earlier[key] if key in earlier else await self._share_before(session, crowd, before)
            if dominates(crowd, share, self._rules):
                held.append(Dominance(crowd, share))
        return held

    async def _share_before(self, session: AsyncSession, crowd: Crowd, before: datetime) -> float | None:
        of_case = await read_earlier(session, crowd, before)
        of_all = await read_earlier(session, crowd, before, all_cases=True)
        return earlier_share(of_case, of_all, self._rules)

    def _measure(self, crowds: Sequence[Crowd], alarms: int) -> None:
        self._metrics.alarms.set(alarms)
        for kind in CrowdKind:
            largest = max((crowd.tally.share for crowd in crowds if crowd.kind is kind), default=0.0)
            self._metrics.share.labels(kind.value).set(largest)


async def _shares_before_alarms(session: AsyncSession) -> dict[Key, float | None]:
    """What the shares were before each alarm that is open: by now the crowd is part of what came before."""
    open_ = await session.exec(select(DominanceAlarm).where(col(DominanceAlarm.ended_at).is_(None)))
    return {(alarm.case_id, alarm.kind, alarm.value): alarm.earlier_share for alarm in open_}


async def _keep_open(session: AsyncSession, dominance: Dominance, now: datetime) -> bool:
    """Open its alarm, or note on the open one that it lasts. Returns whether it was opened, by us."""
    crowd, tally = dominance.crowd, dominance.crowd.tally
    seen = {"share": tally.share, "count": tally.count, "last_seen_at": now}
    key = {"case_id": crowd.case_id, "kind": crowd.kind.value, "value": crowd.value}
    opening = {"id": uuid4(), "case_slug": crowd.case_slug, "earlier_share": dominance.earlier_share, "began_at": now}
    insert = insert_once(session.get_bind().dialect.name, DominanceAlarm, [key | opening | seen])
    if (await session.exec(insert.returning(col(DominanceAlarm.id)))).scalars().all():
        return True
    is_it = [getattr(DominanceAlarm, name) == value for name, value in key.items()]
    await session.exec(update(DominanceAlarm).where(*is_it, col(DominanceAlarm.ended_at).is_(None)).values(**seen))
    return False


async def _close_unseen(session: AsyncSession, since: datetime, now: datetime) -> list[UUID]:
    """End what was not seen for a whole window: a share that wavers about its limit must not ring every minute."""
    is_over = (col(DominanceAlarm.ended_at).is_(None), col(DominanceAlarm.last_seen_at) <= since)
    ended = update(DominanceAlarm).where(*is_over).values(ended_at=now).returning(col(DominanceAlarm.id))
    closed = list((await session.exec(ended)).scalars())
    await session.exec(delete(DominanceAlarm).where(col(DominanceAlarm.ended_at) < now - KEEP_ENDED))
    return closed


def _tell_opened(dominance: Dominance) -> None:
    # A network or a domain, never an address or a mailbox, and wide enough for `count_min` actions in one window: what
    # an operator needs at once to set a rule. docs/decisions/likeness.md says more.
    crowd, earlier = dominance.crowd, dominance.earlier_share
    log.warning(
        "dominance",
        action="alarm_opened",
        case=crowd.case_slug,
        kind=crowd.kind.value,
        value=crowd.value,
        count=crowd.tally.count,
        share=round(crowd.tally.share, 3),
        earlier_share=None if earlier is None else round(earlier, 3),
        next=NEXT,
    )
