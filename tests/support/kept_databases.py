"""PostgreSQL databases that one test after the other uses: emptied in between, which costs a tenth of a fresh one.

Each file of tests has its own, for its tests make the same tables. A database whose tables are no longer what they were
is dropped, and so is one that was migrated: the next test gets a fresh one.
"""

import asyncpg

from deploy.local.databases import finish
from tests.support.servers import Databases

LOCK_SECONDS_MAX = 5
END_CONNECTIONS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
SHAPE = """
    SELECT md5(string_agg(line, '|' ORDER BY line)) FROM (
        SELECT concat_ws(' ', c.relname, c.relkind, a.attname, a.atttypid, a.attnotnull) FROM pg_class c
            JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0
        UNION ALL SELECT concat_ws(' ', conname, pg_get_constraintdef(oid)) FROM pg_constraint
            WHERE connamespace = 'public'::regnamespace
        UNION ALL SELECT concat_ws(' ', tgname, tgrelid::regclass) FROM pg_trigger WHERE NOT tgisinternal
    ) AS shape (line)
"""
IS_MIGRATED = "SELECT to_regclass('public.alembic_version') IS NOT NULL"
EMPTY = """
    DO $$ DECLARE named regclass; BEGIN
        SET LOCAL session_replication_role = replica;
        FOR named IN SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' LOOP
            EXECUTE format('DELETE FROM %s', named);
        END LOOP;
        PERFORM setval(oid, 1, false) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'S';
    END $$
"""


class KeptDatabases:
    """Lends databases by the name of the file of tests that asks."""

    def __init__(self, admin_url: str) -> None:
        self._made = Databases(admin_url)
        self._free: dict[str, list[str]] = {}
        self._shapes: dict[str, str] = {}

    def lend(self, file: str) -> str:
        """An empty database, perhaps with the tables that a test of this file made before. Returns its URL."""
        free = self._free.get(file)
        return free.pop() if free else self._made.create_database()

    def take_back(self, file: str, url: str) -> None:
        shape = finish(_empty(url))
        if shape and self._shapes.setdefault(file, shape) == shape:
            self._free.setdefault(file, []).append(url)
        else:
            self._made.drop_database(url)

    def drop(self) -> None:
        self._made.drop_databases()


async def _empty(url: str) -> str | None:
    """What shape it has, once nothing is in it and nobody connected; none for one that is not to be used again."""
    connection = await asyncpg.connect(url.replace("+asyncpg", ""), timeout=LOCK_SECONDS_MAX)
    try:
        await connection.execute(END_CONNECTIONS)
        if await connection.fetchval(IS_MIGRATED):
            return None
        await connection.execute(EMPTY, timeout=LOCK_SECONDS_MAX)
        shape: str | None = await connection.fetchval(SHAPE)
        return shape
    except (asyncpg.PostgresError, TimeoutError):
        return None
    finally:
        await connection.close()
