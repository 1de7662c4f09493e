"""Wakes a loop when there is work: at once within a process, by LISTEN/NOTIFY across processes on PostgreSQL.

Waking is only for speed. Every loop that waits here also looks by itself when its time is up, so a lost
notification costs a moment and never a row.
"""

import asyncio
from contextlib import suppress
from functools import cache
from typing import Any

import asyncpg
import structlog
from sqlalchemy import TextClause, event, text
from sqlmodel.ext.asyncio.session import AsyncSession

from shared.bare import BareConnections
from shared.db import DatabaseAway

LISTEN_AGAIN_SECONDS = 5.0
RING_AGAIN_SECONDS = 0.02

log = structlog.get_logger(__name__)


class Wake:
    """An alarm that many may ring and one loop waits for."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    @property
    def is_set(self) -> bool:
        return self._rung.is_set()

    def set(self) -> None:
        self._rung.set()

    async def wait(self, stop: asyncio.Event, timeout_seconds: float) -> None:
        """Return when rung, when `stop` is set, or after `timeout_seconds`."""
        waiters = [asyncio.create_task(self._rung.wait()), asyncio.create_task(stop.wait())]
        try:
            await asyncio.wait(waiters, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiter in waiters:
                waiter.cancel()
        self._rung.clear()


async def ring_on_commit(session: AsyncSession, channel: str, wake: Wake) -> None:
    """When the session's transaction commits, ring `wake` here, and by NOTIFY those that `listen` elsewhere."""
    connection = await session.connection()
    if connection.dialect.name == "postgresql":
        await connection.execute(_notify(channel))
    event.listen(session.sync_session, "after_commit", lambda _: wake.set(), once=True)


@cache
def _notify(channel: str) -> TextClause:
    return text(f"NOTIFY {channel}")


class Ringer:
    """Rings `wake` here and, on PostgreSQL, those that `listen` elsewhere, for a commit that is done already.

    A NOTIFY inside a transaction makes its commit wait for all others that notify. So this one goes out by itself,
    behind the commit, and seldom: whoever is woken takes all there is."""

    def __init__(self, channel: str, wake: Wake, bare: BareConnections | None) -> None:
        self._channel, self._wake, self._bare = channel, wake, bare
        self._ringing: asyncio.Task[None] | None = None
        self._again = False

    def ring(self) -> None:
        self._wake.set()
        self._again = True
        if self._bare and (self._ringing is None or self._ringing.done()):
            self._ringing = asyncio.create_task(self._notify(self._bare))

    async def close(self) -> None:
        if self._ringing:
            await asyncio.wait({self._ringing})

    async def _notify(self, bare: BareConnections) -> None:
        while self._again:
            self._again = False
            with suppress(DatabaseAway, asyncpg.PostgresError):
                await bare.fetch(f"NOTIFY {self._channel}")
            await asyncio.sleep(RING_AGAIN_SECONDS)


async def listen(url: str, channel: str, wake: Wake, stop: asyncio.Event) -> None:
    """Ring `wake` for every NOTIFY on `channel`, until `stop`. Reconnects; on SQLite there is nothing to hear."""
    if not url.startswith("postgresql"):
        return
    while not stop.is_set():
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await _listen_once(url, channel, wake, stop)
        wake.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), LISTEN_AGAIN_SECONDS)


async def _listen_once(url: str, channel: str, wake: Wake, stop: asyncio.Event) -> None:
    connection: Any = await asyncpg.connect(url.replace("+asyncpg", ""))
    lost = asyncio.Event()
    try:
        connection.add_termination_listener(lambda _: lost.set())
        await connection.add_listener(channel, lambda *_: wake.set())
        wake.set()
        ends = [asyncio.create_task(lost.wait()), asyncio.create_task(stop.wait())]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()
    finally:
        await connection.close(timeout=1)
