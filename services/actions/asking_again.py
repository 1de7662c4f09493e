"""Another mail with the link: because the supporter asked for it, or once as a reminder after a day."""

from datetime import datetime
from typing import Any

import structlog
from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.actions.receipts import TOKEN
from services.actions.tables import IS_UNREMINDED, Action, CaseStatus, KnownCaseRow
from services.actions.verification import (
    VerificationRules,
    is_awaited,
    is_late,
    last_moment,
    mails_sent,
    make_request,
    may_mail_again,
    new_verify_token,
)
from shared.clock import Clock
from shared.db import Database
from shared.messages.cases import CasePublishedV1
from shared.outbox import Outbox

REMINDED_AT_ONCE_MAX = 200
REMINDER_BATCHES_MAX = 50

log = structlog.get_logger(__name__)


class AskingAgain:
    def __init__(self, database: Database, outbox: Outbox, clock: Clock, rules: VerificationRules) -> None:
        self._database, self._outbox, self._clock, self.rules = database, outbox, clock, rules

    async def by_receipt(self, token: str) -> None:
        """For who holds the receipt, and says that no mail came. Tells nothing of what was done.

        Raises `DatabaseAway`."""
        await self._ask(col(Action.token) == token, token)

    async def by_link(self, token: str) -> None:
        """As `by_receipt`, for who holds a link, most often one that is too old."""
        await self._ask(col(Action.verify_token) == token, token)

    async def _ask(self, whose: Any, token: str) -> None:
        """A link that is too old is not made young again: the mail brings a new one."""
        if not TOKEN.fullmatch(token):
            return
        now = self._clock.now()
        async with self._database.transaction() as session:
            action = (await session.exec(select(Action).where(whose).with_for_update())).one_or_none()
            if action is None or not may_mail_again(action, now, self.rules):
                return
            case = await session.get(KnownCaseRow, action.case_id)
            if case is None or case.snapshot is None or case.status == CaseStatus.WITHDRAWN:
                return
            verify_by = last_moment(CasePublishedV1.model_validate(case.snapshot), now, self.rules)
            if verify_by <= now:
                return
            if is_late(action, now):
                action.verify_token = new_verify_token()
            action.verify_by = verify_by
            await self._mail(session, action, now)

    async def remind(self) -> None:
        """Remind, once, those who were asked a day ago and have not answered. Harmless beside others doing the same.

        Raises `DatabaseAway`; who was reminded until then stays so."""
        for _ in range(REMINDER_BATCHES_MAX):
            count = await self._remind_some()
            if count:
                log.info("reminded", actions=count)
            if count < REMINDED_AT_ONCE_MAX:
                return

    async def _remind_some(self) -> int:
        now, rules = self._clock.now(), self.rules
        due = (
            select(Action)
            .where(IS_UNREMINDED, col(Action.accepted_at) <= now - rules.reminded_after)
            # Older ones have expired, most of them: they are not walked over again and again.
            .where(col(Action.accepted_at) > now - rules.lasts, col(Action.verify_by) > now)
            .where(col(Action.cancelled_at).is_(None), col(Action.invalidation_id).is_(None))
            .where(or_(col(Action.last_mail_at).is_(None), col(Action.last_mail_at) <= now - rules.between_mails))
            .order_by(col(Action.accepted_at))
            .limit(REMINDED_AT_ONCE_MAX)
            .with_for_update(skip_locked=True)
        )
        async with self._database.transaction() as session:
            actions = (await session.exec(due)).all()
            for action in actions:
                action.reminded_at = now
                await self._mail(session, action, now)
        return len(actions)

    async def _mail(self, session: AsyncSession, action: Action, now: datetime) -> None:
        """The action must be held and have its token and its time."""
        if not is_awaited(action) or action.verify_token is None or action.verify_by is None:
            raise ValueError("this action awaits nothing")
        action.mails_sent, action.last_mail_at = mails_sent(action) + 1, now
        session.add(action)
        request = make_request(action, action.verify_token, action.verify_by, action.mails_sent, now, self.rules)
        await self._outbox.add(session, request)
