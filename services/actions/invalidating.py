"""Invalidates actions in bulk, and takes that back: looked at first, begun at a word, worked off in steps.

What is begun is a row. Workers hold it while they do a step of it, so two never do the same, and one that is killed
leaves the rest to the next. Every action that changes leaves an event in the same transaction.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

import structlog
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.actions.criteria import Criteria, conditions_of, end_of
from services.actions.errors import CannotUndo, CountChanged, NoSuchInvalidation, TooManyAtOnce
from services.actions.previewing import ACTIONS_MAX, Preview, bounded_look, count_matching, look
from services.actions.senders import sender_key
from services.actions.solidarity_desk import leave_bundle
from services.actions.solidarity_showing import take_down
from services.actions.tables import Action, Invalidation, InvalidationState, Judgement
from services.actions.verification import is_unconfirmed
from shared.audit import Auditor, By
from shared.clock import Clock
from shared.db import Database
from shared.messages.actions import ActionInvalidatedV1, ActionReinstatedV1
from shared.messages.cases import Channel
from shared.messages.envelope import Event
from shared.outbox import Outbox

ACTIONS_AT_ONCE_MAX = 500
STEPS_MAX = 400
LISTED_MAX = 100
COUNT_LEEWAY_SHARE = 0.02

Reached = dict[UUID, datetime]  # of an invalidation, up to when actions are seen to

log = structlog.get_logger(__name__)


class Invalidations:
    """The only one who decides that actions do not count."""

    def __init__(self, database: Database, outbox: Outbox, clock: Clock, audit: Auditor) -> None:
        self._database, self._outbox, self._clock, self._audit = database, outbox, clock, audit

    async def preview(self, criteria: Criteria) -> Preview:
        """Changes nothing. Its criteria end by now: with them, `begin` hits what was seen. Raises `LookTooLong`."""
        meant = end_of(criteria, self._clock.now())
        async with bounded_look(), self._database.transaction() as session:
            return await look(session, meant)

    async def begin(self, criteria: Criteria, count_seen: int, by: By) -> Invalidation:
        """Raises `CountChanged` when it would hit another number than was seen, `TooManyAtOnce`, and `LookTooLong`."""
        now = self._clock.now()
        meant = end_of(criteria, now)
        async with bounded_look(), self._database.transaction() as session:
            count = await count_matching(session, meant)
            if count > ACTIONS_MAX:
                raise TooManyAtOnce(ACTIONS_MAX)
            if abs(count - count_seen) > COUNT_LEEWAY_SHARE * count_seen:
                raise CountChanged(count_seen, count)
            row = Invalidation(
                id=uuid4(),
                criteria=meant.model_dump(mode="json"),
                who=by.who,
                why=by.why,
                state=InvalidationState.RUNNING,
                created_at=now,
            )
            session.add(row)
            await self._audit.note(session, by, "invalidation_begun", invalidation=str(row.id), actions=count)
        return row

    async def undo(self, invalidation_id: UUID, by: By) -> Invalidation:
        """Raises `NoSuchInvalidation`, and `CannotUndo` for one that is being taken back already."""
        async with self._database.transaction() as session:
            row = await _hold(session, invalidation_id)
            if row.state in {InvalidationState.UNDOING, InvalidationState.UNDONE}:
                raise CannotUndo(row.state)
            row.state, row.finished_at = InvalidationState.UNDOING, None
            session.add(row)
            await self._audit.note(session, by, "invalidation_undone", invalidation=str(row.id))
        return row

    async def latest(self) -> Sequence[Invalidation]:
        statement = select(Invalidation).order_by(col(Invalidation.created_at).desc()).limit(LISTED_MAX)
        async with self._database.transaction() as session:
            return (await session.exec(statement)).all()

    async def find(self, invalidation_id: UUID) -> Invalidation:
        """Raises `NoSuchInvalidation`."""
        async with self._database.transaction() as session:
            row = await session.get(Invalidation, invalidation_id)
        if row is None:
            raise NoSuchInvalidation
        return row

    async def work_off(self) -> None:
        """A chore: do what was begun, a step a transaction. Raises `DatabaseAway`.

        How far a step came is remembered only here: whoever goes on after us looks from the start once."""
        reached: Reached = {}
        for _ in range(STEPS_MAX):
            if not await self._step(reached):
                return

    async def _step(self, reached: Reached) -> bool:
        """Whether there was anything to do."""
        working = col(Invalidation.state).in_([InvalidationState.RUNNING, InvalidationState.UNDOING])
        oldest = select(Invalidation).where(working).order_by(col(Invalidation.created_at)).limit(1)
        async with self._database.transaction() as session:
            row = (await session.exec(oldest.with_for_update(skip_locked=True))).one_or_none()
            if row is None:
                return False
            is_undoing = row.state == InvalidationState.UNDOING
            done = await (self._reinstate(session, row) if is_undoing else self._invalidate(session, row, reached))
            if done < ACTIONS_AT_ONCE_MAX:
                row.state = InvalidationState.UNDONE if is_undoing else InvalidationState.DONE
                row.finished_at = self._clock.now()
                log.info("invalidation", action=row.state, id=str(row.id), actions=row.actions)
            session.add(row)
        return True

    async def _invalidate(self, session: AsyncSession, row: Invalidation, reached: Reached) -> int:
        """Oldest first, on from where the last step ended: so words are searched in every letter once."""
        meant = Criteria.model_validate(row.criteria)
        since = col(Action.accepted_at) >= reached.get(row.id, meant.accepted_from)
        actions = await _take(session, since, *conditions_of(meant))
        now = self._clock.now()
        for action in actions:
            action.invalidation_id, action.sender_key = row.id, None
            await leave_bundle(session, action)
            action.validity_number += 1
        events: list[Event] = [ActionInvalidatedV1(**_told(action, row, now)) for action in actions]
        events += [shown for action in actions if (shown := take_down(action, now))]
        await self._outbox.add(session, *events)
        row.actions += len(actions)
        if actions:
            reached[row.id] = actions[-1].accepted_at
        return len(actions)

    async def _reinstate(self, session: AsyncSession, row: Invalidation) -> int:
        actions = await _take(session, col(Action.invalidation_id) == row.id)
        free = await _free_keys(session, actions)
        now = self._clock.now()
        for action in actions:
            action.invalidation_id = None
            action.validity_number += 1
            if action.judgement == Judgement.SHOWN:
                action.judgement = Judgement.WAITING.value
            is_first = action.repeat_of is None and bool(action.supporter_email) and not is_unconfirmed(action)
            if is_first and (key := _key_of(action)) in free:
                action.sender_key = key
                free.discard(key)
        events = [ActionReinstatedV1(**_told(action, row, now)) for action in actions]
        await self._outbox.add(session, *events)
        row.actions -= len(actions)
        return len(actions)


async def _take(session: AsyncSession, *conditions: object) -> list[Action]:
    oldest = (col(Action.accepted_at), col(Action.id))
    statement = select(Action).where(*conditions).order_by(*oldest).limit(ACTIONS_AT_ONCE_MAX)  # type: ignore[arg-type]
    return list(await session.exec(statement.with_for_update()))


def _told(action: Action, row: Invalidation, now: datetime) -> dict[str, object]:
    return {
        "action_id": action.id,
        "case_id": action.case_id,
        "case_slug": action.case_slug,
        "country": action.supporter_country,
        "channel": action.channel,
        "partner": action.source.get("partner"),
        "accepted_at": action.accepted_at,
        "invalidation_id": row.id,
        "number": action.validity_number,
        "changed_at": now,
    }


def _key_of(action: Action) -> UUID:
    return sender_key(action.case_id, Channel(action.channel), action.supporter_email, action.supporter_name)


async def _free_keys(session: AsyncSession, actions: Sequence[Action]) -> set[UUID]:
    """The senders' keys that nobody took meanwhile: somebody who wrote again holds theirs by right."""
    wanted = {_key_of(action) for action in actions}
    taken = await session.exec(select(Action.sender_key).where(col(Action.sender_key).in_(wanted)))
    return wanted - {key for key in taken if key}


async def _hold(session: AsyncSession, invalidation_id: UUID) -> Invalidation:
    statement = select(Invalidation).where(col(Invalidation.id) == invalidation_id).with_for_update()
    row = (await session.exec(statement)).one_or_none()
    if row is None:
        raise NoSuchInvalidation
    return row
