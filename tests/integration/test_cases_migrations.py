"""The migrations of the cases service make the tables that its code speaks of."""

from services.cases.wiring import MIGRATIONS
from shared.migrations import check_migrations, migrate


def test_migrations_make_every_table(database_url: str) -> None:
    migrate(database_url, MIGRATIONS)
    check_migrations(database_url, MIGRATIONS)


def test_migrating_twice_is_harmless(database_url: str) -> None:
    migrate(database_url, MIGRATIONS)
    migrate(database_url, MIGRATIONS)
    check_migrations(database_url, MIGRATIONS)
