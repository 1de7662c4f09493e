"""Tells when a target's queue will not be out before its case closes: once, and again only after it was in time."""

import structlog
from sqlalchemy import update
from sqlmodel import col, select

from services.delivery.foretelling import tell_forecasts
from services.delivery.metrics import DeliveryMetrics
from services.delivery.standing import Overview, Standing, TargetStanding
from services.delivery.tables import TargetPolicy
from shared.clock import Clock
from shared.db import Database
from shared.messages.delivery import TargetRunsLateV1
from shared.outbox import Outbox

log = structlog.get_logger(__name__)


class Lateness:
    def __init__(
        self, database: Database, outbox: Outbox, clock: Clock, standing: Standing, metrics: DeliveryMetrics
    ) -> None:
        self._database, self._outbox, self._clock = database, outbox, clock
        self._standing, self._metrics = standing, metrics

    async def look(self) -> None:
        """A chore: foresee every queue, measure how delivery stands, and tell of what takes long or has become late.

        Any number may look at once: the one that writes the mark tells. Raises `DatabaseAway`."""
        overview = await self._standing.read(most=None)
        self._metrics.set_standing(overview)
        late = {target.target_id: target for target in overview.targets if target.is_late}
        async with self._database.transaction() as session:
            await tell_forecasts(session, self._outbox, overview)
            marked = set(
                await session.exec(select(TargetPolicy.target_id).where(col(TargetPolicy.late_since).is_not(None)))
            )
            again = marked - late.keys()
            if again:
                in_time = update(TargetPolicy).where(col(TargetPolicy.target_id).in_(again))
                await session.exec(in_time.values(late_since=None))
            for target_id in late.keys() - marked:
                unmarked = (col(TargetPolicy.target_id) == target_id, col(TargetPolicy.late_since).is_(None))
                mark = update(TargetPolicy).where(*unmarked).values(late_since=overview.read_at)
                if (await session.exec(mark)).rowcount:
                    await self._outbox.add(session, _event(late[target_id], overview))
                    log.warning("target_late", target=str(target_id), next="told; see its policy at /ops/targets")


def _event(target: TargetStanding, overview: Overview) -> TargetRunsLateV1:
    if target.closes_at is None:
        raise ValueError("what never closes is never late")
    return TargetRunsLateV1(
        target_id=target.target_id,
        queued=target.queued,
        done_at=target.done_at,
        closes_at=target.closes_at,
        noticed_at=overview.read_at,
    )
