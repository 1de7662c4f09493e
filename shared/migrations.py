"""Brings a service's database to its newest schema, with Alembic, from the service's own `migrations/` folder."""

import asyncio
from pathlib import Path

from alembic import command, context
from alembic.config import Config
from sqlalchemy import Connection, MetaData

from shared.db import Database


def migrate(url: str, folder: Path) -> None:
    """Run every migration that has not run. Harmless to repeat."""
    command.upgrade(_config(url, folder), "head")


def write_migration(url: str, folder: Path, title: str) -> None:
    """For developers: write the difference between tables and database as a new migration."""
    command.revision(_config(url, folder), title, autogenerate=True)


def check_migrations(url: str, folder: Path) -> None:
    """Raises when the tables say something that no migration does."""
    command.check(_config(url, folder))


def run_environment(metadata: MetaData) -> None:
    """What a service's `migrations/env.py` calls."""
    asyncio.run(_run(context.config.attributes["url"], metadata))


def _config(url: str, folder: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(folder))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    return config


async def _run(url: str, metadata: MetaData) -> None:
    database = Database(url)
    try:
        async with database.engine.connect() as connection:
            await connection.run_sync(_upgrade, metadata)
            await connection.commit()
    finally:
        await database.close()


def _upgrade(connection: Connection, metadata: MetaData) -> None:
    # SQLite alters a table by copying it, which Alembic calls a batch.
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True, compare_type=False)
    with context.begin_transaction():
        context.run_migrations()
