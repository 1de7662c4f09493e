"""Delivery's migrations make the tables its code speaks of, and take back what the version before does not know."""

import asyncio
from collections.abc import Mapping
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from services.delivery.wiring import MIGRATIONS
from shared.db import Database
from shared.migrations import check_migrations, migrate
from tests.support.delivery_service import delivery_service, many_actions
from tests.support.events import requested_news

BEFORE_LANES = "0010"


def test_migrations_and_tables_agree(database_url: str) -> None:
    migrate(database_url, MIGRATIONS)
    migrate(database_url, MIGRATIONS)
    check_migrations(database_url, MIGRATIONS)


def test_lines_of_what_is_no_letter_go_with_their_migration_and_letters_keep_theirs(database_url: str) -> None:
    migrate(database_url, MIGRATIONS)
    asyncio.run(plan_one_of_each(database_url))
    before = asyncio.run(lines_by_kind(database_url))
    assert all(before.values())
    migrate_back(database_url, BEFORE_LANES)
    assert asyncio.run(lines_by_kind(database_url)) == {"letter": before["letter"], "news": None}
    migrate(database_url, MIGRATIONS)
    check_migrations(database_url, MIGRATIONS)
    assert asyncio.run(sweep(database_url)) == 1
    assert asyncio.run(lines_by_kind(database_url)) == before


def migrate_back(url: str, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    command.downgrade(config, revision)


async def plan_one_of_each(url: str) -> None:
    async with delivery_service(url) as delivery:
        await delivery.tell(*many_actions(1), requested_news())


async def sweep(url: str) -> int:
    async with delivery_service(url) as delivery:
        return await delivery.sweep().sweep()


async def lines_by_kind(url: str) -> Mapping[str, Any]:
    """Of one letter of each kind, the line it stands in, if that is there."""
    database = Database(url)
    asked = text("SELECT kind, line.id FROM letter LEFT JOIN line ON line.id = letter.line_id")
    try:
        async with database.transaction() as session:
            rows = await (await session.connection()).execute(asked)
            return {row.kind: row.id for row in rows}
    finally:
        await database.close()
