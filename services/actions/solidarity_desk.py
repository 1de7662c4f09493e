"""Staff read messages to people at risk, one after the other, and say what becomes of each."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, TextClause, tuple_
from sqlmodel import col, func, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.actions.solidarity_showing import show, take_down
from services.actions.tables import IS_MESSAGE, Action, CaseStatus, Judgement, KnownCaseRow, SolidarityBundle
from shared.audit import Auditor, By
from shared.clock import Clock
from shared.db import Database
from shared.outbox import Outbox
from shared.web.problems import FieldError, invalid

AT_ONCE_MAX = 50

Place = tuple[datetime, UUID]

# Messages that are neither taken back nor set aside, that wait for no word of their writers, and whose cases are not
# withdrawn. The first as it is written for the index.
STANDING: tuple[ColumnElement[bool] | TextClause, ...] = (
    IS_MESSAGE,
    col(Action.cancelled_at).is_(None),
    col(Action.invalidation_id).is_(None),
    or_(col(Action.verify_token).is_(None), col(Action.verified_at).is_not(None)),
    col(Action.case_id).not_in(
        select(KnownCaseRow.case_id).where(col(KnownCaseRow.status) == CaseStatus.WITHDRAWN.value)
    ),
)


class SolidarityDesk:
    def __init__(self, database: Database, outbox: Outbox, clock: Clock, audit: Auditor) -> None:
        self._database, self._outbox, self._clock, self._audit = database, outbox, clock, audit

    async def read(self, judgement: Judgement, after: Place | None = None) -> tuple[Sequence[Action], int]:
        """At most `AT_ONCE_MAX` of them, and how many there are: those that wait oldest first, others newest first.

        `after` goes on where a list ended. Raises `DatabaseAway`."""
        there = (*STANDING, col(Action.judgement) == judgement.value)
        place = tuple_(col(Action.accepted_at), col(Action.id))
        listed = select(Action).where(*there).limit(AT_ONCE_MAX)
        if judgement is Judgement.WAITING:
            listed = listed.order_by(col(Action.accepted_at), col(Action.id))
            listed = listed.where(place > after) if after else listed
        else:
            listed = listed.order_by(col(Action.accepted_at).desc(), col(Action.id).desc())
            listed = listed.where(place < after) if after else listed
        async with self._database.transaction() as session:
            rows = (await session.exec(listed)).all()
            count = (await session.exec(select(func.count()).select_from(Action).where(*there))).one()
        return rows, count

    async def judge(self, judgements: Mapping[UUID, Judgement], by: By) -> int:
        """Say what becomes of messages. Returns of how many: what was taken back meanwhile is passed over.

        Raises the 422 for one that is to be shown although its writer did not agree, and `DatabaseAway`."""
        held = select(Action).where(*STANDING, col(Action.id).in_(judgements))
        changed = 0
        async with self._database.transaction() as session:
            now = self._clock.now()
            for action in (await session.exec(held.order_by(col(Action.id)).with_for_update())).all():
                judgement = judgements[action.id]
                if judgement is Judgement.SHOWN and not action.may_be_shown:
                    raise invalid([FieldError(str(action.id), "Its writer did not agree that everybody sees it.")])
                if action.judgement == judgement:
                    continue
                taken_down = take_down(action, now)
                action.judgement = judgement.value
                if judgement in {Judgement.WAITING, Judgement.REFUSED}:
                    await leave_bundle(session, action)
                if told := show(action, now) or taken_down:
                    await self._outbox.add(session, told)
                facts = {"action": str(action.id), "case": action.case_slug, "judgement": judgement.value}
                await self._audit.note(session, by, "solidarity_judged", **facts)
                changed += 1
        return changed


async def leave_bundle(session: AsyncSession, action: Action) -> None:
    """What is not let through any more goes into another bundle if it ever is again; but not what was given."""
    bundle = await session.get(SolidarityBundle, action.bundle_id) if action.bundle_id else None
    if bundle and bundle.handed_over_at is None:
        action.bundle_id = None
