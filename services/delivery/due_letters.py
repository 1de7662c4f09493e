"""Which letters of given lines are due: by an index, line by line, and never more than are wanted."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Integer, TextClause, Uuid, bindparam, func, select, true
from sqlalchemy.sql.selectable import Select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.delivery.tables import Letter

Condition = ColumnElement[bool] | TextClause

_LETTERS = Letter.__table__  # type: ignore[attr-defined]
_NOW = bindparam("now", type_=_LETTERS.c.next_at.type)
_MOST = bindparam("most", type_=Integer())


class DueLetters:
    """Those of which all of `which` is true: it names a partial index that begins with the line."""

    def __init__(self, *which: Condition) -> None:
        self._of_one_line = _due(*which, _LETTERS.c.line_id == bindparam("line"))
        self._of_many_lines = _of_many_lines(*which)

    async def find(self, session: AsyncSession, wanted: Mapping[UUID, int], now: datetime) -> list[tuple[UUID, UUID]]:
        """For each line up to so many letters, those first that have been due longest. As pairs of letter and line."""
        if not wanted:
            return []
        connection = await session.connection()
        if session.get_bind().dialect.name == "postgresql":
            counts = list(wanted.values())
            values = {"now": now, "lines": list(wanted), "counts": counts, "most": max(counts)}
            return [
                (letter_id, line_id) for letter_id, line_id in await connection.execute(self._of_many_lines, values)
            ]
        found = []
        for line_id, count in wanted.items():
            rows = await connection.execute(self._of_one_line, {"now": now, "line": line_id, "most": count})
            found += [(letter_id, line_id) for letter_id in rows.scalars()]
        return found


def _due(*which: Condition) -> Select[Any]:
    due = (_LETTERS.c.next_at <= _NOW, _LETTERS.c.expires_at > _NOW)
    return select(_LETTERS.c.id).where(*which, *due).order_by(_LETTERS.c.next_at).limit(_MOST)


def _of_many_lines(*which: Condition) -> Select[Any]:
    wanted = select(
        func.unnest(bindparam("lines", type_=ARRAY(Uuid))).label("line_id"),
        func.unnest(bindparam("counts", type_=ARRAY(Integer))).label("most"),
    ).subquery("wanted")
    # The bound is inside: a window function would read all that waits in the line before its first row.
    some = (
        _due(*which, _LETTERS.c.line_id == wanted.c.line_id)
        .add_columns(_LETTERS.c.next_at)
        .correlate(wanted)
        .lateral("some")
    )
    place = func.row_number().over(order_by=some.c.next_at).label("place")
    due = select(some.c.id, place).correlate(wanted).lateral("due")
    return select(due.c.id, wanted.c.line_id).select_from(wanted.join(due, true())).where(due.c.place <= wanted.c.most)
