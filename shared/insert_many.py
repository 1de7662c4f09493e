"""Many rows, one statement: how intake and outbox write.

Handing the driver a row at a time costs more than the database needs to store it. PostgreSQL takes each column as
one array instead, a few values for hundreds of rows; SQLite has no arrays, and takes the rows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Dialect, Table, insert, text
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
        columns = columns_of(model, tuple(rows[0]), dialect)
        source, values = told(columns.tell(rows))
        return set(await connection.scalars(text(columns.insert_once(source)), values))
    table: Table = model.__table__  # type: ignore[attr-defined]
    # Rows as parameters: the statement is compiled once, and not for every batch.
    return set(await connection.scalars(insert_once(dialect.name, model).returning(*table.primary_key), list(rows)))


async def insert_many(session: AsyncSession, model: type[SQLModel], rows: Sequence[Row]) -> None:
    """Write the rows, whose keys are new. All have the same columns."""
    if not rows:
        return
    connection = await session.connection()
    if connection.dialect.name == "postgresql":
        columns = columns_of(model, tuple(rows[0]), connection.dialect)
        source, values = told(columns.tell(rows))
        await connection.execute(text(columns.insert(source)), values)
    else:
        await connection.execute(insert(model), list(rows))


@dataclass(frozen=True, slots=True)
class Column:
    """One column of many rows, as a statement takes it: the name it has there, its type, and its value in each row."""

    name: str
    type: str
    values: list[Any]

    @property
    def is_same(self) -> bool:
        return all(value == self.values[0] for value in self.values)


def told(columns: Sequence[Column]) -> tuple[str, dict[str, Any]]:
    """A query that gives these columns, and its parameters. What is the same in all rows travels once: a driver takes
    its time over every element of an array."""
    same = {column.name for column in columns if column.is_same}
    arrays = [column for column in columns if column.name not in same]
    fields = ", ".join(
        f"CAST(:{one.name} AS {one.type}) AS {one.name}" if one.name in same else one.name for one in columns
    )
    casts = ", ".join(f"CAST(:{one.name} AS {one.type}[])" for one in arrays)
    source = f" FROM unnest({casts}) AS told ({', '.join(one.name for one in arrays)})" if arrays else ""
    values = {one.name: one.values[0] if one.name in same else one.values for one in columns}
    return f"SELECT {fields}{source}", values  # nothing from outside is in the text


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of a table, and how their values are put for PostgreSQL's driver. The names are the model's own."""

    table: str
    key: str
    names: tuple[str, ...]
    types: tuple[str, ...]
    puts: tuple[Callable[[Any], Any] | None, ...]

    def arrays(self, rows: Sequence[Row]) -> list[list[Any]]:
        """For each column, its values."""
        return [
            [row[name] for row in rows] if put is None else [put(row[name]) for row in rows]
            for name, put in zip(self.names, self.puts, strict=True)
        ]

    def tell(self, rows: Sequence[Row], prefix: str = "") -> list[Column]:
        """For `told`. With a prefix, a column may stand beside one of the same name."""
        arrays = zip(self.names, self.types, self.arrays(rows), strict=True)
        return [Column(prefix + name, type_, values) for name, type_, values in arrays]

    def unnest(self, places: Sequence[str]) -> str:
        """The rows, from one array a column; `places` are how the statement's parameters are written."""
        arrays = (f"CAST({place} AS {type_}[])" for place, type_ in zip(places, self.types, strict=True))
        return f"SELECT * FROM unnest({', '.join(arrays)})"  # noqa: S608  # nothing from outside is in the text

    def insert(self, source: str) -> str:
        return f'INSERT INTO "{self.table}" ({", ".join(self.names)}) {source}'  # as above

    def insert_once(self, source: str) -> str:
        return f"{self.insert(source)} ON CONFLICT DO NOTHING RETURNING {self.key}"


@lru_cache(maxsize=64)
def columns_of(model: type[SQLModel], names: tuple[str, ...], dialect: Dialect) -> Columns:
    table: Table = model.__table__  # type: ignore[attr-defined]
    key, *_ = table.primary_key
    types = [table.columns[name].type for name in names]
    return Columns(
        table.name,
        key.name,
        names,
        tuple(type_.compile(dialect) for type_ in types),
        tuple(type_.dialect_impl(dialect).bind_processor(dialect) for type_ in types),
    )
