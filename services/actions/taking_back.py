"""What supporters may still change of what they sent, by their receipt: take it back, or hide their address.

Both hold for letters that are not out yet. Which are is delivery's to say: a letter that is just leaving, leaves, and
its receipt will tell so.
"""

from datetime import datetime
from typing import Any

from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from services.actions.errors import UnknownReceipt
from services.actions.letter_states import LetterState
from services.actions.receipts import TOKEN
from services.actions.solidarity_showing import take_down
from services.actions.tables import Action, LetterReport
from shared.clock import Clock
from shared.db import Database
from shared.messages.actions import ActionCancelledV1, AddressHiddenV1
from shared.outbox import Outbox

BY_SUPPORTER = "taken back by the supporter"
NOT_OUT = frozenset({LetterState.QUEUED, LetterState.CANCELLED, LetterState.FAILED, LetterState.BOUNCED})


class TakingBack:
    def __init__(self, database: Database, outbox: Outbox, clock: Clock) -> None:
        self._database, self._outbox, self._clock = database, outbox, clock

    async def take_back(self, token: str) -> None:
        """Cancel the action that `token` opens; again, it stays as it is. Raises `UnknownReceipt` and `DatabaseAway`.

        Where no letter of it went out, nor a later one in its place, its sender may write anew."""
        async with self._database.transaction() as session:
            action = await _hold(session, token)
            if action.cancelled_at is None:
                now = self._clock.now()
                columns: dict[str, Any] = {"cancelled_at": now}
                if action.letters_of is None and not await _is_any_out(session, action):
                    columns["sender_key"] = None
                await _write(session, action, columns)
                await self._outbox.add(session, _cancelled(action, now))
                if shown := take_down(action, now):
                    await self._outbox.add(session, shown)

    async def hide_address(self, token: str) -> None:
        """As `take_back`: from now on officials do not learn the address. Answers then come by way of us."""
        async with self._database.transaction() as session:
            action = await _hold(session, token)
            if not action.hide_email and action.cancelled_at is None:
                await _write(session, action, {"hide_email": True})
                hidden = AddressHiddenV1(action_id=action.id, case_id=action.case_id, hidden_at=self._clock.now())
                await self._outbox.add(session, hidden)


async def _hold(session: AsyncSession, token: str) -> Action:
    if not TOKEN.fullmatch(token):
        raise UnknownReceipt
    found = await session.exec(select(Action).where(Action.token == token).with_for_update())
    if action := found.one_or_none():
        return action
    raise UnknownReceipt


async def _is_any_out(session: AsyncSession, action: Action) -> bool:
    states = await session.exec(select(LetterReport.state).where(LetterReport.action_id == action.id))
    return any(LetterState(state) not in NOT_OUT for state in states)


async def _write(session: AsyncSession, action: Action, columns: dict[str, Any]) -> None:
    await session.exec(update(Action).where(col(Action.id) == action.id).values(**columns))


def _cancelled(action: Action, now: datetime) -> ActionCancelledV1:
    return ActionCancelledV1(action_id=action.id, case_id=action.case_id, reason=BY_SUPPORTER, cancelled_at=now)
