"""Tells others by when what waits for a target will be out, where that takes days; never of targets that are quick.

At most every `INTERVAL` of one target, and then only of what changed enough to say; what still holds is said again once
in `AGAIN`, for who heard of it forgets it when it grows old.
"""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.delivery.standing import Overview, TargetStanding
from services.delivery.told_tables import ToldForecast
from shared.db import insert_once
from shared.delivery_policy import PolicyMode
from shared.messages.delivery import TargetForecastV1
from shared.outbox import Outbox

NOTABLE = timedelta(days=1)
INTERVAL = timedelta(hours=6)
AGAIN = timedelta(hours=24)
CHANGE_SHARE = 4  # of the time that is left, a change by one in so many is worth telling
ONE_BY_ONE = frozenset({PolicyMode.SINGLE, PolicyMode.THROTTLED})


async def tell_forecasts(session: AsyncSession, outbox: Outbox, overview: Overview) -> None:
    """Harmless beside others doing the same: the one that writes down what it tells, tells it."""
    now = overview.read_at
    wanted = {target.target_id: notable(target, now) for target in overview.targets}
    told = {row.target_id: row for row in await session.exec(select(ToldForecast))}
    for target_id in sorted(wanted.keys() | told.keys()):
        done_at, before = wanted.get(target_id), told.get(target_id)
        known, told_at = (before.done_at, before.told_at) if before else (None, None)
        if not is_to_be_told(known, told_at, done_at, now):
            continue
        if await _write(session, before, target_id, done_at, now):
            await outbox.add(session, TargetForecastV1(target_id=target_id, done_at=done_at, noticed_at=now))


def notable(target: TargetStanding, now: datetime) -> datetime | None:
    """When the last letter that waits now will be out; none where that is soon, or staff hold some of them. Pure."""
    if not target.queued or target.is_held_up or target.policy.mode not in ONE_BY_ONE or target.done_at is None:
        return None
    return target.done_at if target.done_at - now >= NOTABLE else None


def is_to_be_told(known: datetime | None, told_at: datetime | None, done_at: datetime | None, now: datetime) -> bool:
    """`known` is what was told at `told_at`. Pure."""
    if known is None and done_at is None:
        return False
    if told_at and now - told_at < INTERVAL:
        return False
    if known is None or done_at is None or told_at is None or now - told_at >= AGAIN:
        return True
    return abs(done_at - known) >= max(NOTABLE, (done_at - now) / CHANGE_SHARE)


async def _write(
    session: AsyncSession, before: ToldForecast | None, target_id: UUID, done_at: datetime | None, now: datetime
) -> bool:
    """Whether nobody was quicker."""
    if before is None:
        row = {"target_id": target_id, "done_at": done_at, "told_at": now}
        insert = insert_once(session.get_bind().dialect.name, ToldForecast, [row])
        return bool((await session.exec(insert)).rowcount)
    same = (col(ToldForecast.target_id) == target_id, col(ToldForecast.told_at) == before.told_at)
    change = update(ToldForecast).where(*same).values(done_at=done_at, told_at=now)
    return bool((await session.exec(change.execution_options(synchronize_session=False))).rowcount)
