"""A service's tables at their smallest: outbox, inbox, dead letters. For tests of what is shared."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.orm import registry
from sqlmodel import SQLModel

from shared.db import Database
from shared.dead_letters import DeadLetterColumns
from shared.inbox import InboxColumns
from shared.outbox import OutboxColumns


class Row(SQLModel, registry=registry()):
    pass


class OutboxRow(OutboxColumns, Row, table=True):
    __tablename__ = "outbox"


class InboxRow(InboxColumns, Row, table=True):
    __tablename__ = "inbox"


class DeadLetterRow(DeadLetterColumns, Row, table=True):
    __tablename__ = "dead_letter"


@asynccontextmanager
async def database_with_rows(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    async with database.engine.begin() as connection:
        await connection.run_sync(Row.metadata.create_all)
    try:
        yield database
    finally:
        await database.close()
