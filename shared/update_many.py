"""Many rows, one UPDATE: as `insert_many.py`, for rows that are there."""

from collections.abc import Sequence

from sqlalchemy import Table, bindparam, text, update
from sqlmodel import SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession

from shared.insert_many import Row, columns_of, told


async def update_many(session: AsyncSession, model: type[SQLModel], old: Sequence[Row], new: Sequence[Row]) -> None:
    """Write each of `new` where a row is still as its neighbour in `old` says. All have the same columns.

    In no order that could be told: whoever may meet others at these rows holds them before."""
    if not old:
        return
    connection = await session.connection()
    if connection.dialect.name != "postgresql":
        table: Table = model.__table__  # type: ignore[attr-defined]
        same = (table.c[name] == bindparam(f"old_{name}") for name in old[0])
        each = update(table).where(*same).values({name: bindparam(f"new_{name}") for name in new[0]})
        await connection.execute(each, [_named(was, is_now) for was, is_now in zip(old, new, strict=True)])
        return
    was, is_now = (columns_of(model, tuple(rows[0]), connection.dialect) for rows in (old, new))
    source, parameters = told([*was.tell(old, "old_"), *is_now.tell(new, "new_")])
    values = ", ".join(f"{name} = told.new_{name}" for name in is_now.names)
    same_row = " AND ".join(f"kept.{name} = told.old_{name}" for name in was.names)
    # Nothing from outside is in the text.
    statement = f'UPDATE "{was.table}" AS kept SET {values} FROM ({source}) AS told WHERE {same_row}'  # noqa: S608
    await connection.execute(text(statement), parameters)


def _named(old: Row, new: Row) -> Row:
    """Both in one, for a column may be in both."""
    return {f"old_{name}": value for name, value in old.items()} | {f"new_{name}": new[name] for name in new}
