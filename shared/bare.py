"""Single statements on PostgreSQL, straight through its driver, for the few places where every request pays.

Each statement is a transaction of its own: begun, done and on disk in one round trip. Everything else goes through
`shared/db.py`, which is the way to work with several statements, and the only way into SQLite.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg

from shared.db import CONNECT_TIMEOUT_SECONDS, STATEMENT_TIMEOUT_SECONDS, DatabaseAway, is_stopping

# What a connection that breaks under a statement may raise; the last is the driver's surprise at how it broke.
CONNECTION_FAULTS = (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError)
SERVER_SETTINGS = {"jit": "off", "timezone": "UTC"}


class BareConnections:
    """Connections that are kept between statements: as many as run at once, so its callers bound them."""

    def __init__(self, url: str) -> None:
        self._url = url.replace("+asyncpg", "")
        self._idle: list[Any] = []

    async def fetch(self, statement: str, *values: Any) -> Sequence[Any]:
        """The rows. Raises `DatabaseAway`, and the driver's `PostgresError` for a statement it cannot take.

        After `DatabaseAway` nobody knows whether it was done."""
        connection = await self._take()
        try:
            rows: Sequence[Any] = await connection.fetch(statement, *values)
        except asyncpg.PostgresError as fault:
            if not is_stopping(fault):
                self._idle.append(connection)
                raise
            connection.terminate()
            raise DatabaseAway(type(fault).__name__) from fault
        except CONNECTION_FAULTS as fault:
            connection.terminate()
            raise DatabaseAway(type(fault).__name__) from fault
        except asyncio.CancelledError:
            self._idle.append(connection)  # The driver cancels what runs, and waits for that before the next statement.
            raise
        self._idle.append(connection)
        return rows

    async def close(self) -> None:
        while self._idle:
            self._idle.pop().terminate()

    async def _take(self) -> Any:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        try:
            return await asyncpg.connect(
                self._url,
                timeout=CONNECT_TIMEOUT_SECONDS,
                command_timeout=STATEMENT_TIMEOUT_SECONDS,
                server_settings=SERVER_SETTINGS,
            )
        except (asyncpg.PostgresError, *CONNECTION_FAULTS) as fault:
            raise DatabaseAway(type(fault).__name__) from fault
