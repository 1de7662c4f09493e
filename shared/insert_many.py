"""Many rows, one statement: how intake and outbox write.

Handing the driver a row at a time costs more than the database needs to store it. PostgreSQL takes each column as
one array instead, a few values for hundreds of rows; SQLite has no arrays, and takes the rows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Dialect, Table, TextClause, text
from sqlmodel import SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession

from shared.db import insert_once

Row = Mapping[str, Any]


async def insert_many_once(session: AsyncSession, model: type[SQLModel], rows: Sequence[Row]) -> set[Any]:
    """Write the rows whose key is not there yet, and return their keys. All rows have the same columns.

    The primary key of `model` is one column."""
    if not rows:
        return set()
    connection = await session.connection()
    dialect = connection.dialect
    if dialect.name == "postgresql":
        plan = _plan(model, tuple(rows[0]), dialect)
        return set(await connection.scalars(plan.statement, plan.arrays(rows)))
    table: Table = model.__table__  # type: ignore[attr-defined]
    # Rows as parameters: the statement is compiled once, and not for every batch.
    return set(await connection.scalars(insert_once(dialect.name, model).returning(*table.primary_key), list(rows)))


@dataclass(frozen=True, slots=True)
class _Plan:
    """A statement with an array for each column, and how the column's values are put for the driver."""

    statement: TextClause
    columns: tuple[tuple[str, Callable[[Any], Any] | None], ...]

    def arrays(self, rows: Sequence[Row]) -> dict[str, list[Any]]:
        return {
            name: [row[name] for row in rows] if put is None else [put(row[name]) for row in rows]
            for name, put in self.columns
        }


@lru_cache(maxsize=64)
def _plan(model: type[SQLModel], names: tuple[str, ...], dialect: Dialect) -> _Plan:
    table: Table = model.__table__  # type: ignore[attr-defined]
    (key,) = table.primary_key
    types = {name: table.columns[name].type for name in names}
    arrays = ", ".join(f"CAST(:{name} AS {type_.compile(dialect)}[])" for name, type_ in types.items())
    # Nothing from outside is in the text: names and types are the model's own.
    into = f'INSERT INTO "{table.name}" ({", ".join(names)}) SELECT * FROM unnest({arrays})'  # noqa: S608
    statement = text(f"{into} ON CONFLICT DO NOTHING RETURNING {key.name}")
    puts = ((name, type_.dialect_impl(dialect).bind_processor(dialect)) for name, type_ in types.items())
    return _Plan(statement, tuple(puts))
