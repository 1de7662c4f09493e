"""Delivery's migrations make the tables its code speaks of, and take back what the version before does not know."""

import asyncio
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from services.delivery.wiring import MIGRATIONS
from shared.db import Database
from shared.migrations import check_migrations, migrate
from tests.support.delivery_service import delivery_service, many_actions
from tests.support.events import requested_news

LINES = "SELECT (SELECT count(*) FROM line), (SELECT count(line_id) FROM letter), (SELECT count(*) FROM letter)"


def test_migrations_and_tables_agree(database_url: str) -> None:
    migrate(database_url, MIGRATIONS)
    migrate(database_url, MIGRATIONS)
    check_migrations(database_url, MIGRATIONS)


def test_the_version_before_lines_for_all_finds_those_of_letters_alone(database_url: str) -> None:
    migrate(database_url, MIGRATIONS)
    asyncio.run(_plan(database_url))
    assert _ask(database_url, LINES) == (2, 2, 2)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = database_url
    command.downgrade(config, "0010")
    assert _ask(database_url, LINES) == (1, 1, 2)
    migrate(database_url, MIGRATIONS)
    check_migrations(database_url, MIGRATIONS)


async def _plan(url: str) -> None:
    """A letter, and news."""
    async with delivery_service(url) as delivery:
        action = many_actions(1)[0]
        await delivery.tell(action.model_copy(update={"targets": action.targets[:1]}), requested_news())


def _ask(url: str, question: str) -> tuple[Any, ...]:
    async def ask() -> tuple[Any, ...]:
        database = Database(url)
        try:
            async with database.transaction() as session:
                return tuple((await (await session.connection()).execute(text(question))).one())
        finally:
            await database.close()

    return asyncio.run(ask())
