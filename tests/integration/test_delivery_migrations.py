"""Delivery's migrations make the tables its code speaks of."""

from services.delivery.wiring import MIGRATIONS
from shared.migrations import check_migrations, migrate


def test_migrations_and_tables_agree(database_url: str) -> None:
    migrate(database_url, MIGRATIONS)
    migrate(database_url, MIGRATIONS)
    check_migrations(database_url, MIGRATIONS)
