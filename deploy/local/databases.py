"""Makes databases on a PostgreSQL server, from ordinary code as well as from inside an event loop."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import asyncpg
from sqlalchemy.engine import make_url

T = TypeVar("T")
CONNECT_TIMEOUT_SECONDS = 10


def create_database(admin_url: str, name: str) -> str:
    """Make `name` on the server of `admin_url`. Returns its URL. Raises `asyncpg.DuplicateDatabaseError`."""
    finish(_execute(admin_url, f'CREATE DATABASE "{_plain(name)}"'))
    return url_of(admin_url, name)


def drop_database(admin_url: str, name: str) -> None:
    """Drop it, together with whatever is still connected to it. Harmless when there is none."""
    finish(_execute(admin_url, f'DROP DATABASE IF EXISTS "{_plain(name)}" WITH (FORCE)'))


def has_database(admin_url: str, name: str) -> bool:
    return bool(finish(_fetch(admin_url, "SELECT 1 FROM pg_database WHERE datname = $1", name)))


def close_database(admin_url: str, name: str) -> None:
    """Let nobody in, and end every connection to it: for its users, the database is away."""
    finish(_execute(admin_url, f'ALTER DATABASE "{_plain(name)}" WITH ALLOW_CONNECTIONS false'))
    finish(_fetch(admin_url, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = $1", name))


def open_database(admin_url: str, name: str) -> None:
    """Let its users in again."""
    finish(_execute(admin_url, f'ALTER DATABASE "{_plain(name)}" WITH ALLOW_CONNECTIONS true'))


def url_of(admin_url: str, name: str) -> str:
    return make_url(admin_url).set(database=name).render_as_string(hide_password=False)


def _plain(name: str) -> str:
    if not name.replace("_", "").isalnum():
        raise ValueError(f"a database name is letters, digits and underscores, not {name!r}")
    return name


async def _execute(url: str, statement: str) -> None:
    connection = await _connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _fetch(url: str, statement: str, *values: str) -> Any:
    connection = await _connect(url)
    try:
        return await connection.fetchval(statement, *values)
    finally:
        await connection.close()


async def _connect(url: str) -> Any:
    return await asyncpg.connect(url.replace("+asyncpg", ""), timeout=CONNECT_TIMEOUT_SECONDS)


def finish(work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns. In a thread of its own, because the caller may be inside a running event loop."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, work).result()
