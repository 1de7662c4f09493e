"""The counts that all processes share: a row for each key and window, added to and read back in one statement."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Table, delete, text, tuple_
from sqlalchemy.dialects.sqlite import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.actions.tables import RateCount
from shared.db import Database

# Rows locked in one order by whoever writes: two processes then wait for each other and never deadlock.
_ADD_ON_POSTGRESQL = text(
    "INSERT INTO rate_count (ends_at, key, count) "
    "SELECT * FROM unnest(CAST(:ends_at AS BIGINT[]), CAST(:keys AS VARCHAR[]), CAST(:counts AS INTEGER[])) "
    "ON CONFLICT (ends_at, key) DO UPDATE SET count = rate_count.count + excluded.count "
    "RETURNING ends_at, key, count"
)
FORGET_BATCH_MAX = 5_000
FORGET_BATCHES_MAX = 200
FORGET_AFTER_SECONDS = 60  # no process, its clock a little slow, still adds to a window that is over for that long

Window = tuple[int, str]


class Addition(NamedTuple):
    """How often `key` came, in the window that ends at `ends_at` (Unix time, s). A tuple, for it is sorted by."""

    ends_at: int
    key: str
    times: int


class SharedCounts(Protocol):
    """Where a process tells what it counted, and learns what all did."""

    async def add(self, additions: Sequence[Addition]) -> dict[Window, int]: ...


class RateTable:
    """The table in the service's own database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, additions: Sequence[Addition]) -> dict[Window, int]:
        """Add to the counts, and return what each has come to. No two additions are for the same key and window.

        Raises `DatabaseAway`: after a fault at commit they may have been added."""
        ordered = sorted(additions)
        async with self._database.transaction() as session:
            rows = await (_add_arrays if self._database.is_postgresql else _add_rows)(session, ordered)
        return {(ends_at, key): count for ends_at, key, count in rows}

    async def forget_ended(self, now_seconds: float) -> None:
        """Drop the counts of windows that are over, a bounded batch in each transaction."""
        over = col(RateCount.ends_at) < int(now_seconds) - FORGET_AFTER_SECONDS
        place = tuple_(col(RateCount.ends_at), col(RateCount.key))
        batch = select(RateCount.ends_at, RateCount.key).where(over).limit(FORGET_BATCH_MAX)
        statement = delete(RateCount).where(place.in_(batch)).execution_options(synchronize_session=False)
        for _ in range(FORGET_BATCHES_MAX):
            async with self._database.transaction() as session:
                forgotten = (await session.exec(statement)).rowcount
            if forgotten < FORGET_BATCH_MAX:
                return


async def _add_arrays(session: AsyncSession, additions: Sequence[Addition]) -> Sequence[Any]:
    columns = {
        "ends_at": [addition.ends_at for addition in additions],
        "keys": [addition.key for addition in additions],
        "counts": [addition.times for addition in additions],
    }
    return (await (await session.connection()).execute(_ADD_ON_POSTGRESQL, columns)).all()


async def _add_rows(session: AsyncSession, additions: Sequence[Addition]) -> Sequence[Any]:
    table: Table = RateCount.__table__  # type: ignore[attr-defined]
    plain = insert(table)
    adding = plain.on_conflict_do_update(
        index_elements=[table.c.ends_at, table.c.key], set_={"count": table.c.count + plain.excluded.count}
    ).returning(table.c.ends_at, table.c.key, table.c.count)
    rows = [{"ends_at": one.ends_at, "key": one.key, "count": one.times} for one in additions]
    return (await (await session.connection()).execute(adding, rows)).all()
