"""One way into a database: `transaction()` on PostgreSQL or SQLite, and what both need to behave alike."""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, DateTime, Dialect, Insert, Table, event, literal
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, DisconnectionError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.types import TypeDecorator
from sqlmodel import SQLModel, select
from sqlmodel.ext.asyncio.session import AsyncSession

CONNECT_TIMEOUT_SECONDS = 5
STATEMENT_TIMEOUT_SECONDS = 30
POOL_WAIT_SECONDS_MAX = 10
SQLITE_BUSY_TIMEOUT_MS = 10_000


class DatabaseAway(Exception):
    """The database could not be reached, or went away. Nothing is known to be committed; try again later."""


class Database:
    """A pool of connections to one service's database.

    `url` is `postgresql+asyncpg://...` or `sqlite+aiosqlite:///path`.
    """

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = url
        self.is_postgresql = url.startswith("postgresql")
        self.engine = _postgresql_engine(url, pool_size) if self.is_postgresql else _sqlite_engine(url)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """Commit when the block ends, roll back when it raises.

        Raises `DatabaseAway` when the database is at fault. After a fault at commit the rows may be there."""
        try:
            async with AsyncSession(self.engine, expire_on_commit=False) as session, session.begin():
                await _connect(session)
                yield session
        except (DBAPIError, PoolTimeoutError, OSError) as error:
            if is_away(error):
                raise DatabaseAway(type(error).__name__) from error
            raise

    async def ping(self) -> None:
        """Raises `DatabaseAway`."""
        async with self.transaction() as session:
            await session.exec(select(literal(1)))

    async def close(self) -> None:
        await self.engine.dispose()


async def _connect(session: AsyncSession) -> None:
    """Take a connection before the first statement. Whatever keeps us from one, the database is away."""
    try:
        await session.connection()
    except DBAPIError as error:
        raise DatabaseAway(type(error.orig).__name__) from error


def is_away(error: BaseException) -> bool:
    """Whether the fault is the database's being away, and not the statement's."""
    if isinstance(error, DBAPIError):
        return (
            error.connection_invalidated
            or isinstance(error, OperationalError | InterfaceError)
            or is_stopping(error.orig)
        )
    return isinstance(error, PoolTimeoutError | OSError)


def is_stopping(fault: BaseException | None) -> bool:
    """Of what a driver raised. SQLSTATE classes 08 (connection), 53 (resources) and 57 (operator intervention) tell of
    the server's state, not of our statement."""
    return str(getattr(fault, "sqlstate", "") or "")[:2] in {"08", "53", "57"}


def insert_once(dialect: str, model: type[SQLModel], rows: Sequence[Mapping[str, Any]] | None = None) -> Insert:
    """An INSERT that passes over rows whose key is already there. Both databases spell it alike.

    With `rows` it is complete; without, hand them to `execute`, which is quicker for many."""
    table: Table = model.__table__  # type: ignore[attr-defined]
    insert = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    return (insert if rows is None else insert.values(list(rows))).on_conflict_do_nothing()


def insert_latest(
    dialect: str,
    model: type[SQLModel],
    rows: Sequence[Mapping[str, Any]],
    is_later: Callable[[Any, Any], ColumnElement[bool]],
) -> Insert:
    """An INSERT whose rows, all of the same columns, replace those that have their key, where `is_later` says so of the
    new columns and the old: whatever order they come in, the latest stays."""
    table: Table = model.__table__  # type: ignore[attr-defined]
    insert = (postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)).values(list(rows))
    keys = [column.name for column in table.primary_key]
    changes = {name: insert.excluded[name] for name in rows[0] if name not in keys}
    return insert.on_conflict_do_update(index_elements=keys, set_=changes, where=is_later(insert.excluded, table.c))


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC, on databases that keep the zone and on those that forget it."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _postgresql_engine(url: str, pool_size: int) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_WAIT_SECONDS_MAX,
        json_serializer=_json,
        hide_parameters=True,  # what people wrote must not come out in an error's text
        connect_args={
            "timeout": CONNECT_TIMEOUT_SECONDS,
            "command_timeout": STATEMENT_TIMEOUT_SECONDS,
            # The planner's compilation costs more than these short statements take.
            "server_settings": {"jit": "off", "timezone": "UTC"},
        },
    )
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    return engine


def _refuse_closed(connection: Any, _record: Any, _proxy: Any) -> None:
    """What the server has closed while it lay idle is replaced. The driver knows without asking: the pool's own ping,
    three round trips before every transaction, took longer than many a transaction."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def _sqlite_engine(url: str) -> AsyncEngine:
    engine = create_async_engine(url, pool_timeout=POOL_WAIT_SECONDS_MAX, json_serializer=_json, hide_parameters=True)
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_immediate)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver must not open transactions by itself: `_begin_immediate` does.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (f"busy_timeout={SQLITE_BUSY_TIMEOUT_MS}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Any) -> None:
    # A deferred transaction that turns from reading to writing fails at once when another writes; this one queues.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
