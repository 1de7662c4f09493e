"""When delivery expects what waits for a target to be out, for receipts. An old forecast is none.

A forecast speaks of the letters that waited when it was made, and not of those that joined the line later.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlmodel import Field, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.actions.tables import Row
from shared.db import Database, UtcDateTime, insert_latest
from shared.messages.delivery import TargetForecastV1
from shared.messages.envelope import Envelope

STALE_AFTER = timedelta(hours=48)


class TargetForecast(Row, table=True):
    """The latest that delivery said of a target. `done_at`: none, if letters to it go soon or nobody can say."""

    __tablename__ = "target_forecast"

    target_id: UUID = Field(primary_key=True)
    done_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    noticed_at: datetime = Field(sa_type=UtcDateTime)

    def expects(self, joined_at: datetime, now: datetime) -> datetime | None:
        """By when a letter that waits since `joined_at` is expected out. Pure."""
        is_good = now - self.noticed_at <= STALE_AFTER and joined_at <= self.noticed_at
        return self.done_at if is_good and self.done_at and self.done_at > now else None


async def keep_forecasts(events: Sequence[Envelope[TargetForecastV1]], database: Database) -> None:
    """Harmless twice and in any order: the latest of a target stays."""
    async with database.transaction() as session:
        dialect = session.get_bind().dialect.name
        # In this order, so that no two workers wait for each other's rows.
        for event in sorted(events, key=lambda one: one.data.target_id):
            await session.exec(insert_latest(dialect, TargetForecast, [dict(event.data)], _is_later))


def _is_later(new: Any, old: Any) -> ColumnElement[bool]:
    later: ColumnElement[bool] = new.noticed_at > old.noticed_at
    return later


async def read_forecasts(session: AsyncSession, target_ids: Collection[UUID]) -> dict[UUID, TargetForecast]:
    found = await session.exec(select(TargetForecast).where(col(TargetForecast.target_id).in_(target_ids)))
    return {row.target_id: row for row in found}
