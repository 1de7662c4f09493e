"""Heeds what a case's publication says of its targets: how they want their letters, and which are named no more.

A campaign's policy gives way to staff's own. Letters that are queued for a target the case no longer names are stopped;
should it be named again, new letters go to it, and those that were stopped stay so. A target that never had a letter
when it was dropped may still get those that were on their way.
"""

from collections.abc import Sequence
from uuid import UUID

import structlog
from pydantic import ValidationError
from sqlalchemy import update
from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.delivery.cancelling import Canceller, lock_cases, named_by
from services.delivery.next_letters import take_turn
from services.delivery.planning_policies import planned_by
from services.delivery.tables import Cancellation, KnownCase, Line, TargetPolicy
from services.delivery.waking import ring_senders
from shared.clock import Clock
from shared.db import Database, insert_once
from shared.delivery_policy import DeliveryPolicy
from shared.messages.cases import CasePublishedV1, Target
from shared.messages.envelope import Envelope
from shared.wake import Wake

BY_CAMPAIGN, BY_DEFAULT = "campaign", "default"
NOT_NAMED = "the case no longer names this target"

log = structlog.get_logger(__name__)


async def heed_cases(
    events: Sequence[Envelope[CasePublishedV1]], database: Database, canceller: Canceller, clock: Clock, wake: Wake
) -> None:
    """Harmless twice, and in any order: an older revision than the one that is known changes nothing."""
    for envelope in events:
        case = envelope.data
        async with database.transaction() as session:
            if not await _is_new(session, case):
                continue
            await take_turn(session)  # claims write targets too
            for target in sorted(case.targets, key=lambda one: one.id.bytes):
                await _keep_policy(session, target, clock)
            gone = await _find_gone(session, case)
            named = [named_by(case.case_id, target.id) for target in case.targets]
            await session.exec(delete(Cancellation).where(col(Cancellation.subject).in_(named)))
            await ring_senders(session, wake)
        for target_id in gone:
            letters = await canceller.cancel_target(case.case_id, target_id, NOT_NAMED)
            log.info("target_gone", case=case.slug, target=str(target_id), letters=letters)
        await _remember(database, case)


async def _is_new(session: AsyncSession, case: CasePublishedV1) -> bool:
    await lock_cases(session, [case.case_id])
    known = await session.get(KnownCase, case.case_id)
    return known is None or case.revision > known.revision


async def _remember(database: Database, case: CasePublishedV1) -> None:
    """Last of all: what breaks off before is done again."""
    async with database.transaction() as session:
        await lock_cases(session, [case.case_id])
        row = {"case_id": case.case_id, "revision": case.revision}
        await session.exec(insert_once(session.get_bind().dialect.name, KnownCase, [row]))
        is_older = (col(KnownCase.case_id) == case.case_id, col(KnownCase.revision) < case.revision)
        await session.exec(update(KnownCase).where(*is_older).values(revision=case.revision))


async def _find_gone(session: AsyncSession, case: CasePublishedV1) -> list[UUID]:
    """Targets that stand in this case's lines and that it no longer names."""
    named = [target.id for target in case.targets]
    statement = select(Line.target_id).where(col(Line.case_id) == case.case_id, col(Line.target_id).not_in(named))
    return sorted(set(await session.exec(statement)), key=lambda one: one.bytes)


async def _keep_policy(session: AsyncSession, target: Target, clock: Clock) -> None:
    policy = _read(target)
    values = planned_by(policy, clock.now()) | {"source": BY_DEFAULT if policy is None else BY_CAMPAIGN}
    row = {"target_id": target.id, "target_name": target.name, "country": target.country, "day_count": 0}
    await session.exec(insert_once(session.get_bind().dialect.name, TargetPolicy, [row | values]))
    known = await session.get_one(TargetPolicy, target.id)
    if known.source in (BY_DEFAULT, BY_CAMPAIGN) and known.policy != values["policy"]:
        # Staff may be changing it at this moment; theirs stays.
        is_ours = (col(TargetPolicy.target_id) == target.id, col(TargetPolicy.source).in_((BY_DEFAULT, BY_CAMPAIGN)))
        await session.exec(update(TargetPolicy).where(*is_ours).values(**values))


def _read(target: Target) -> DeliveryPolicy | None:
    """One that this release does not understand is left out, loudly: the default one holds."""
    if target.delivery is None:
        return None
    try:
        return DeliveryPolicy.model_validate(target.delivery)
    except ValidationError as fault:
        log.error("policy_unknown", target=str(target.id), faults=fault.error_count(), next="the default one holds")
        return None
