"""The migrations make the tables that the code speaks of, on both databases."""

from services.actions.wiring import MIGRATIONS
from shared.migrations import check_migrations, migrate


def test_migrations_and_tables_say_the_same(database_url: str) -> None:
    migrate(database_url, MIGRATIONS)
    migrate(database_url, MIGRATIONS)
    check_migrations(database_url, MIGRATIONS)
