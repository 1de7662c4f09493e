"""Switches that staff turn at runtime: kept in a service's own database, seen by all its processes within seconds.

No request pays for them: `Switches` holds them in memory and looks again at most once a second. When the database is
slow or away, what was seen last serves on. Each service has its own, so they work while the broker is away.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import structlog
from sqlalchemy import Insert, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Field, SQLModel, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from shared.audit import Auditor, By
from shared.clock import Clock
from shared.db import Database, DatabaseAway, UtcDateTime

REFRESH_SECONDS = 1.0
WAIT_SECONDS = 0.25
FIRST_WAIT_SECONDS = 1.0
SWITCHES_MAX = 5_000

log = structlog.get_logger(__name__)


class SwitchState(StrEnum):
    """`auto`: on, unless there is too much to do. `on` and `off`: so, whatever there is to do."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


class SwitchColumns(SQLModel):
    """What a service's own table of switches has. A switch nobody ever turned has no row."""

    name: str = Field(primary_key=True)
    state: str
    who: str
    why: str
    changed_at: datetime = Field(sa_type=UtcDateTime)


@dataclass(frozen=True, slots=True)
class Turned:
    """How a switch was turned last."""

    state: SwitchState
    who: str
    why: str
    changed_at: datetime


class Switches:
    """What was turned, as this process saw it last. Nothing here raises because the database is away."""

    def __init__(
        self,
        database: Database,
        table: type[SwitchColumns],
        clock: Clock,
        *,
        refresh_seconds: float = REFRESH_SECONDS,
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        self._database, self._table, self._clock = database, table, clock
        self._refresh_after, self._wait_seconds = timedelta(seconds=refresh_seconds), wait_seconds
        self._turned: Mapping[str, Turned] = {}
        self._looked_at: datetime | None = None
        self._looking: asyncio.Task[None] | None = None
        self._patient_until = 0.0

    def turned(self, name: str) -> Turned | None:
        """As seen last; `refresh` first where it matters. None: nobody turned it, or nobody could be asked yet."""
        return self._turned.get(name)

    def is_off(self, name: str) -> bool:
        turned = self._turned.get(name)
        return turned is not None and turned.state is SwitchState.OFF

    def names(self) -> list[str]:
        """Every switch that was ever turned."""
        return sorted(self._turned)

    async def refresh(self) -> None:
        """Look again if the last look is old. Returns soon in any case, and at once when it is not."""
        if self._looked_at is not None and self._clock.now() - self._looked_at < self._refresh_after:
            return
        loop = asyncio.get_running_loop()
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
            self._patient_until = loop.time() + (self._wait_seconds if self._looked_at else FIRST_WAIT_SECONDS)
        # A look that takes longer than anybody's patience holds up those who came first, and nobody after them.
        looking, left = self._looking, self._patient_until - loop.time()
        if left > 0:
            await asyncio.wait({looking}, timeout=left)
        if looking.done() and not looking.cancelled():
            looking.result()

    def forget(self) -> None:
        """Look again at the next question, however young the answer. What was seen serves until then."""
        self._looked_at = None

    async def close(self) -> None:
        if self._looking and not self._looking.done():
            self._looking.cancel()
            await asyncio.wait({self._looking})

    async def _look(self) -> None:
        try:
            async with self._database.transaction() as session:
                self._turned = await _read(session, self._table)
        except DatabaseAway as fault:
            log.warning("switches_not_refreshed", reason=repr(fault), next="those seen before serve on")
        self._looked_at = self._clock.now()


async def _read(session: AsyncSession, table: type[SwitchColumns]) -> dict[str, Turned]:
    """The newest `SWITCHES_MAX`. A state this version does not know is as good as never turned."""
    rows = await session.exec(select(table).order_by(col(table.changed_at).desc()).limit(SWITCHES_MAX))
    return {
        row.name: Turned(SwitchState(row.state), row.who, row.why, row.changed_at)
        for row in rows
        if row.state in set(SwitchState)
    }


async def set_switch(
    session: AsyncSession,
    table: type[SwitchColumns],
    name: str,
    state: SwitchState,
    by: By,
    audit: Auditor,
    clock: Clock,
) -> None:
    """Turn a switch, and note who did and why, in the caller's transaction. The last to turn it wins."""
    row = {"name": name, "state": state.value, "who": by.who, "why": by.why, "changed_at": clock.now()}
    await session.exec(_upsert(session, table, row))
    await audit.note(session, by, "switch_set", switch=name, state=state.value)


def _upsert(session: AsyncSession, model: type[SwitchColumns], row: dict[str, Any]) -> Insert:
    table: Table = model.__table__  # type: ignore[attr-defined]
    is_postgresql = session.get_bind().dialect.name == "postgresql"
    # Both dialects have the clause, each in an Insert class of its own.
    insert = postgresql.insert(table) if is_postgresql else sqlite.insert(table)
    changes = {column: value for column, value in row.items() if column != "name"}
    return insert.values(row).on_conflict_do_update(index_elements=["name"], set_=changes)
