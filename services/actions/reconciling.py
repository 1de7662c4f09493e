"""Finds actions that were published and never reached delivery's books, and has them published once more.

A broker that confirmed an event may still lose it, with its disk. Waiting is not being lost: delivery's queue keeps
its order, so an event is lost only when delivery has registered one that was *created* after this one was already
published. Every copy of that other one stood further back in the line, however often either was published; and a
queue that is merely long never shows such a pair.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge
from sqlalchemy import literal, or_, update
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.actions.tables import IS_UNREGISTERED, Outbox
from shared.clock import Clock
from shared.db import Database
from shared.messages.actions import ActionAcceptedV1
from shared.outbox import Relay

KEEP_UNREGISTERED = timedelta(days=90)
LAST_REGISTERED = 500  # one report's worth
COUNTED_MAX = 100_000

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class ReconcileLimits:
    """How soon, how much and how often. `ActionsSettings` says what each is for."""

    grace: timedelta = timedelta(minutes=5)
    quiet: timedelta = timedelta(minutes=10)
    old: timedelta = timedelta(hours=1)
    batch_max: int = 1000
    times_max: int = 5


class ReconcileMetrics:
    """For the registry of one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.reemitted = Counter("actions_reemitted", "Actions published once more", registry=registry)
        self.unregistered = Gauge(
            "actions_unregistered",
            f"Actions published that delivery has not registered, counted up to {COUNTED_MAX}",
            registry=registry,
        )


@dataclass(frozen=True)
class Sight:
    """What a turn of the reconciler sees.

    `passed` is when the newest action was created of which we have known for the grace that delivery registered it.
    `registered_at` is when we last heard of any. `published_at` is that of the newest not registered."""

    passed: datetime | None
    registered_at: datetime | None
    published_at: datetime | None


@dataclass(frozen=True)
class Search:
    """Not registered and published before this: lost. The oldest or the newest of them first."""

    before: datetime
    newest_first: bool = False


def searches(sight: Sight, now: datetime, limits: ReconcileLimits) -> list[Search]:
    """Where to look for what is lost, the first that finds something ending it. Pure.

    Where nobody acts any more, nothing later can prove a loss. Then, when all has been silent for long, a few of the
    newest are sent on chance: once they are registered, they are the later ones that prove the rest. While those few
    are unanswered there is something newly published, so a delivery that is down gets no more of them for an hour."""
    if sight.published_at is None:
        return []
    found = [Search(sight.passed - limits.grace)] if sight.passed else []
    is_quiet = sight.registered_at is None or sight.registered_at <= now - limits.quiet
    if is_quiet and sight.published_at <= now - limits.old:
        found.append(Search(now - limits.old, newest_first=True))
    return found


class Reconciler:
    """Any number may run side by side: what one has locked, another passes over."""

    def __init__(self, database: Database, clock: Clock, limits: ReconcileLimits, metrics: ReconcileMetrics) -> None:
        self._database, self._clock, self._limits, self._metrics = database, clock, limits, metrics
        self._passed: datetime | None = None

    async def reconcile(self) -> None:
        """One turn: find what is lost and make it due again, `batch_max` at most. Raises `DatabaseAway`."""
        now, count = self._clock.now(), 0
        async with self._database.transaction() as session:
            sight = await self._look(session, now)
            for search in searches(sight, now, self._limits):
                count = await self._reemit(session, search, now)
                if count:
                    break
            unregistered = await _count_unregistered(session)
        self._metrics.unregistered.set(unregistered)
        if count:
            self._metrics.reemitted.inc(count)
            log.warning("actions_lost", count=count, left=unregistered, next="published once more")

    async def _look(self, session: AsyncSession, now: datetime) -> Sight:
        published_at = await _newest_unregistered(session)
        if published_at is None:
            return Sight(None, None, None)
        passed = await _newest_registered(session, before=now - self._limits.grace)
        # The last that were registered may be old ones sent once more; what was passed by stays passed by.
        self._passed = max(filter(None, (self._passed, passed)), default=None)
        return Sight(self._passed, await _last_registered_at(session), published_at)

    async def _reemit(self, session: AsyncSession, search: Search, now: datetime) -> int:
        published_at = col(Outbox.published_at)
        lost = (
            select(Outbox.event_id)
            .where(
                IS_UNREGISTERED,
                published_at < search.before,
                col(Outbox.reemitted) < self._limits.times_max,
            )
            .order_by(published_at.desc() if search.newest_first else published_at)
            .limit(self._limits.batch_max)
            .with_for_update(skip_locked=True)
        )
        again = (
            update(Outbox)
            .where(col(Outbox.event_id).in_(lost))
            .values(published_at=None, next_at=now, reemitted=col(Outbox.reemitted) + 1)
            .execution_options(synchronize_session=False)
        )
        return (await session.exec(again)).rowcount


async def forget_published(relay: Relay) -> None:
    """Drop events that have done their work. One that delivery never registered is kept for a campaign's length."""
    is_settled = or_(col(Outbox.registered_at).is_not(None), col(Outbox.type) != ActionAcceptedV1.wire_type)
    await relay.forget_published(only=is_settled)
    await relay.forget_published(keep=KEEP_UNREGISTERED)


async def _newest_unregistered(session: AsyncSession) -> datetime | None:
    return (await session.exec(select(func.max(Outbox.published_at)).where(IS_UNREGISTERED))).one()


async def _newest_registered(session: AsyncSession, before: datetime) -> datetime | None:
    """When the newest of those was created that were registered last before that time."""
    last = (
        select(Outbox.created_at)
        .where(col(Outbox.registered_at) <= before)
        .order_by(col(Outbox.registered_at).desc())
        .limit(LAST_REGISTERED)
        .subquery()
    )
    newest: datetime | None = (await session.exec(select(func.max(last.c.created_at)))).one()
    return newest


async def _last_registered_at(session: AsyncSession) -> datetime | None:
    return (await session.exec(select(func.max(Outbox.registered_at)))).one()


async def _count_unregistered(session: AsyncSession) -> int:
    some = select(literal(1)).select_from(Outbox).where(IS_UNREGISTERED).limit(COUNTED_MAX).subquery()
    return (await session.exec(select(func.count()).select_from(some))).one()
