"""What staff change while letters go out: pauses, policies of targets, and destinations that were held or have a rate.

Each takes effect at the next claim, which is within a second, and is audited with who and why. What claims write too is
changed in a turn of its own, as a claim has it: or a claim that began before would write back what it had read.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import update
from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.delivery.destinations import PROVIDERS
from services.delivery.errors import no_such_destination, no_such_subject, no_such_target, not_paused
from services.delivery.next_letters import take_turn
from services.delivery.pauses import Scope
from services.delivery.planning_policies import planned_by
from services.delivery.tables import Destination, KnownCase, Line, Pause, TargetPolicy
from services.delivery.waking import ring_senders
from shared.audit import Auditor, By
from shared.clock import Clock
from shared.db import Database
from shared.delivery_policy import DeliveryPolicy
from shared.messages.cases import Channel
from shared.wake import Wake

BY_OPERATOR, BY_DEFAULT = "operator", "default"

log = structlog.get_logger(__name__)


class Steering:
    def __init__(self, database: Database, clock: Clock, audit: Auditor, sender_wake: Wake) -> None:
        self._database, self._clock, self._audit, self._wake = database, clock, audit, sender_wake

    async def pause(self, scope: Scope, subject: str, by: By) -> None:
        """Send no more of it. What is in the air still lands. Harmless twice. Raises 404 for what is not there."""
        now = self._clock.now()
        async with self._database.transaction() as session:
            subject = await _known(session, scope, subject)
            if await session.get(Pause, (scope, subject)) is None:
                session.add(Pause(scope=scope, subject=subject, since=now, who=by.who, why=by.why))
            await self._audit.note(session, by, "paused", scope=scope, subject=subject)
        log.info("paused", scope=scope, subject=subject, next="nothing more of it is claimed")

    async def resume(self, scope: Scope, subject: str, by: By) -> None:
        """Raises 404 where it is not paused."""
        async with self._database.transaction() as session:
            gone = await session.exec(delete(Pause).where(col(Pause.scope) == scope, col(Pause.subject) == subject))
            if not gone.rowcount:
                raise not_paused()
            await self._audit.note(session, by, "resumed", scope=scope, subject=subject)
            await ring_senders(session, self._wake)
        log.info("resumed", scope=scope, subject=subject, next="claimed again")

    async def pauses(self) -> list[Pause]:
        """The newest first."""
        async with self._database.transaction() as session:
            return list(await session.exec(select(Pause).order_by(col(Pause.since).desc())))

    async def set_policy(self, target_id: UUID, policy: DeliveryPolicy, by: By) -> None:
        """From now on this one holds, for what is queued too. Raises 404."""
        await self._replan(target_id, policy, BY_OPERATOR, by)

    async def drop_policy(self, target_id: UUID, by: By) -> None:
        """Back to the default one. Raises 404."""
        await self._replan(target_id, None, BY_DEFAULT, by)

    async def set_rate(self, name: str, per_hour: int | None, by: By) -> None:
        """Letters an hour for a destination, over all its targets; none: as many as it bears. Raises 404."""
        await self._change(name, {"per_hour": per_hour, "tat": None, "open_at": None}, "rate_set", by)

    async def lift(self, name: str, by: By) -> None:
        """Let a destination go on that was held or is resting. Raises 404."""
        fresh = {"held_because": None, "cool_until": None, "cool_steps": 0, "at_once_max": None}
        await self._change(name, fresh | {"window_began": None, "attempted": 0, "refused": 0}, "destination_lifted", by)

    async def _replan(self, target_id: UUID, policy: DeliveryPolicy | None, source: str, by: By) -> None:
        """The day's count stays: a new policy must not open a new day."""
        values = planned_by(policy, self._clock.now()) | {"source": source}
        async with self._database.transaction() as session:
            await take_turn(session)
            if await session.get(TargetPolicy, target_id) is None:
                raise no_such_target()
            await session.exec(update(TargetPolicy).where(col(TargetPolicy.target_id) == target_id).values(**values))
            await self._audit.note(session, by, "policy_set", target=str(target_id), policy=values["policy"])
            await ring_senders(session, self._wake)
        log.info("policy_set", target=str(target_id), source=source, next="holds from the next claim on")

    async def _change(self, name: str, values: Mapping[str, object], did: str, by: By) -> None:
        async with self._database.transaction() as session:
            await take_turn(session)
            if await session.get(Destination, name) is None:
                raise no_such_destination()
            await session.exec(update(Destination).where(col(Destination.name) == name).values(**values))
            told = {key: value for key, value in values.items() if not isinstance(value, datetime)}
            await self._audit.note(session, by, did, destination=name, values=told)
            await ring_senders(session, self._wake)


async def _known(session: AsyncSession, scope: Scope, subject: str) -> str:
    """The subject as it is written down. Raises 404 for a case or target nobody knows, a channel that there is not,
    and a destination that nothing went to yet, unless it is a provider."""
    match scope:
        case Scope.EVERYTHING:
            return ""
        case Scope.CHANNEL if subject in set(Channel):
            return subject
        case Scope.DESTINATION if subject in PROVIDERS.values():
            return subject
        case Scope.DESTINATION if await session.get(Destination, subject):
            return subject
        case Scope.TARGET | Scope.CASE:
            column = col(Line.target_id) if scope is Scope.TARGET else col(Line.case_id)
            key = _read_id(subject, no_such_subject)
            if (await session.exec(select(Line.id).where(column == key).limit(1))).first():
                return str(key)
            if scope is Scope.CASE and (await session.get(KnownCase, key)) is not None:
                return str(key)
    raise no_such_subject()


def _read_id(text: str, otherwise: Callable[[], Exception]) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise otherwise() from None
