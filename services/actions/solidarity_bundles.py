"""Messages that staff let through, put together for the person at risk and the family, and given to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlmodel import col, func, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from services.actions.errors import NoSuchBundle, NothingToBundle
from services.actions.solidarity_desk import STANDING
from services.actions.tables import IS_BUNDLED, Action, Judgement, SolidarityBundle
from shared.audit import Auditor, By
from shared.clock import Clock
from shared.db import Database

MESSAGES_MAX = 500
SHOWN_MAX = 50
LET_THROUGH = (*STANDING, col(Action.judgement).in_([Judgement.SHOWN.value, Judgement.FOR_FAMILY.value]))
UNBUNDLED = (*LET_THROUGH, col(Action.bundle_id).is_(None))


@dataclass(frozen=True)
class Unbundled:
    """How many messages of a case are in no bundle yet."""

    case_slug: str
    messages: int


class SolidarityBundles:
    def __init__(self, database: Database, clock: Clock, audit: Auditor) -> None:
        self._database, self._clock, self._audit = database, clock, audit

    async def look(self) -> tuple[list[Unbundled], Sequence[SolidarityBundle]]:
        """What is in no bundle yet, by case, and the latest bundles. Raises `DatabaseAway`."""
        by_case = select(Action.case_slug, func.count()).where(*UNBUNDLED).group_by(Action.case_slug)
        latest = select(SolidarityBundle).order_by(col(SolidarityBundle.made_at).desc()).limit(SHOWN_MAX)
        async with self._database.transaction() as session:
            rows = (await session.exec(by_case.order_by(Action.case_slug))).all()
            return [Unbundled(slug, count) for slug, count in rows], (await session.exec(latest)).all()

    async def make(self, case_slug: str, by: By) -> SolidarityBundle:
        """Of the oldest `MESSAGES_MAX`. Raises `NothingToBundle` and `DatabaseAway`."""
        there = select(Action.id).where(*UNBUNDLED, Action.case_slug == case_slug)
        oldest = there.order_by(col(Action.accepted_at)).limit(MESSAGES_MAX).with_for_update(skip_locked=True)
        async with self._database.transaction() as session:
            ids = (await session.exec(oldest)).all()
            if not ids:
                raise NothingToBundle
            now = self._clock.now()
            bundle = SolidarityBundle(id=uuid4(), case_slug=case_slug, messages=len(ids), made_at=now)
            session.add(bundle)
            await session.exec(update(Action).where(col(Action.id).in_(ids)).values(bundle_id=bundle.id))
            told = {"bundle": str(bundle.id), "case": case_slug, "messages": len(ids)}
            await self._audit.note(session, by, "solidarity_bundled", **told)
        return bundle

    async def open(self, bundle_id: UUID) -> tuple[SolidarityBundle, Sequence[Action]]:
        """The bundle, and those of its messages that nobody took back meanwhile. Raises `NoSuchBundle` and
        `DatabaseAway`."""
        inside = select(Action).where(IS_BUNDLED, Action.bundle_id == bundle_id, *LET_THROUGH)
        async with self._database.transaction() as session:
            messages = await session.exec(inside.order_by(col(Action.accepted_at)))
            return await _find(session, bundle_id), messages.all()

    async def hand_over(self, bundle_id: UUID, handed_to: str, by: By) -> None:
        """Once; again changes nothing. From then on receipts say so. Raises `NoSuchBundle` and `DatabaseAway`."""
        async with self._database.transaction() as session:
            bundle = await _find(session, bundle_id, hold=True)
            if bundle.handed_over_at is None:
                bundle.handed_over_at, bundle.handed_to = self._clock.now(), handed_to
                await self._audit.note(session, by, "solidarity_handed_over", bundle=str(bundle.id))


async def _find(session: AsyncSession, bundle_id: UUID, *, hold: bool = False) -> SolidarityBundle:
    bundle = await session.get(SolidarityBundle, bundle_id, with_for_update=hold)
    if bundle is None:
        raise NoSuchBundle
    return bundle
