"""Staff read messages to people at risk, one after the other, and say what becomes of each."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlmodel import col, func, or_, select

from services.actions.solidarity_showing import show, take_down
from services.actions.tables import Action, Judgement
from shared.audit import Auditor, By
from shared.clock import Clock
from shared.db import Database
from shared.outbox import Outbox
from shared.web.problems import FieldError, invalid

AT_ONCE_MAX = 50


class SolidarityDesk:
    def __init__(self, database: Database, outbox: Outbox, clock: Clock, audit: Auditor) -> None:
        self._database, self._outbox, self._clock, self._audit = database, outbox, clock, audit

    async def read(self, judgement: Judgement, before: datetime | None = None) -> tuple[Sequence[Action], int]:
        """At most `AT_ONCE_MAX` of them, and how many there are: those that wait oldest first, others newest first.

        `before` goes on where a page of the newest ended. Raises `DatabaseAway`."""
        there = standing_in(judgement)
        at = col(Action.accepted_at)
        wanted = select(Action).where(*there)
        if judgement is Judgement.WAITING:
            wanted = wanted.order_by(at)
        else:
            wanted = wanted.where(at < before if before else True).order_by(at.desc())
        async with self._database.transaction() as session:
            rows = (await session.exec(wanted.limit(AT_ONCE_MAX))).all()
            count = (await session.exec(select(func.count()).select_from(Action).where(*there))).one()
        return rows, count

    async def judge(self, judgements: Mapping[UUID, Judgement], by: By) -> int:
        """Say what becomes of messages. Returns of how many: what was taken back meanwhile is passed over.

        Raises the 422 for one that is to be shown although its writer did not agree, and `DatabaseAway`."""
        held = select(Action).where(col(Action.id).in_(judgements), col(Action.judgement).is_not(None))
        changed = 0
        async with self._database.transaction() as session:
            now = self._clock.now()
            for action in (await session.exec(held.order_by(col(Action.id)).with_for_update())).all():
                judgement = judgements[action.id]
                if judgement is Judgement.SHOWN and not action.may_be_shown:
                    raise invalid([FieldError(str(action.id), "Its writer did not agree that everybody sees it.")])
                if is_gone(action) or action.judgement == judgement:
                    continue
                taken_down = take_down(action, now)
                action.judgement = judgement.value
                if told := show(action, now) or taken_down:
                    await self._outbox.add(session, told)
                facts = {"action": str(action.id), "case": action.case_slug, "judgement": judgement.value}
                await self._audit.note(session, by, "solidarity_judged", **facts)
                changed += 1
        return changed


def standing_in(judgement: Judgement) -> tuple[ColumnElement[bool], ...]:
    """Messages of this judgement that are not taken back, and not waiting for their writer's word."""
    is_judged = col(Action.judgement) == judgement.value
    confirmed = or_(col(Action.verify_token).is_(None), col(Action.verified_at).is_not(None))
    return is_judged, col(Action.cancelled_at).is_(None), col(Action.invalidation_id).is_(None), confirmed


def is_gone(action: Action) -> bool:
    return action.cancelled_at is not None or action.invalidation_id is not None
