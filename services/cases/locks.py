"""Holds writers of whole tables back for the length of a transaction; readers go on."""

from sqlalchemy import text
from sqlmodel import SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession


async def lock_tables(session: AsyncSession, *tables: type[SQLModel]) -> None:
    """Wait for those who write to `tables`, then keep them out until this transaction ends.

    SQLite has one writer at a time as it is."""
    connection = await session.connection()
    if connection.dialect.name != "postgresql":
        return
    # One statement would lock in the order of the list as well, but one by one is what the order is read from.
    for table in tables:
        await connection.execute(text(f'LOCK TABLE "{table.__tablename__}" IN EXCLUSIVE MODE'))
