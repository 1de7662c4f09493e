"""Marks in the outbox which actions delivery has in its books. What stays unmarked, the reconciler looks after."""

import asyncio
from collections.abc import Iterable, Sequence
from uuid import UUID

import structlog
from sqlalchemy import ARRAY, ColumnElement, Uuid, any_, bindparam, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.actions.tables import Outbox
from shared.clock import Clock
from shared.db import Database
from shared.messages.actions import ActionAcceptedV1
from shared.messages.delivery import ActionsRegisteredV1
from shared.messages.envelope import Envelope, derived_id

LOOKS_MAX = 5
LOOK_AGAIN_SECONDS = 0.1

log = structlog.get_logger(__name__)


async def note_registered(events: Sequence[Envelope[ActionsRegisteredV1]], database: Database, clock: Clock) -> None:
    """Mark these actions' events as registered. Harmless twice: what is marked is passed over.

    So is, for the moment, what the relay has in its hands to mark it published: two that wait for each other's rows
    would be a deadlock. Those are looked at again; what is still held then is left to the reconciler."""
    left = {event_of(action_id) for event in events for action_id in event.data.action_ids}
    for look in range(LOOKS_MAX):
        if look:
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
        async with database.transaction() as session:
            left -= await _mark(session, left, clock)
            left = await _unmarked(session, left)
        if not left:
            return
    log.warning("registrations_left", actions=len(left), next="the reconciler sends them once more")


def event_of(action_id: UUID) -> UUID:
    """The id of the event that told of this action: its key in the outbox."""
    return derived_id(str(action_id), ActionAcceptedV1.wire_type)


async def _mark(session: AsyncSession, event_ids: Iterable[UUID], clock: Clock) -> set[UUID]:
    free = (
        select(Outbox.event_id)
        .where(_among(session, event_ids), col(Outbox.registered_at).is_(None))
        .with_for_update(skip_locked=True)
    )
    mark = (
        update(Outbox)
        .where(col(Outbox.event_id).in_(free))
        .values(registered_at=clock.now())
        .returning(col(Outbox.event_id))
        .execution_options(synchronize_session=False)
    )
    return set((await session.exec(mark)).scalars())


async def _unmarked(session: AsyncSession, event_ids: set[UUID]) -> set[UUID]:
    if not event_ids:
        return set()
    unmarked = select(Outbox.event_id).where(_among(session, event_ids), col(Outbox.registered_at).is_(None))
    return set(await session.exec(unmarked))


def _among(session: AsyncSession, event_ids: Iterable[UUID]) -> ColumnElement[bool]:
    ids = list(event_ids)
    if session.get_bind().dialect.name != "postgresql":
        return col(Outbox.event_id).in_(ids)
    # One parameter whatever the batch: the statement stays prepared.
    return col(Outbox.event_id) == any_(bindparam("event_ids", ids, ARRAY(Uuid)))
