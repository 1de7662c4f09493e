"""The ledger's totals: added to in one step, in one order, so that consumers side by side never wait in a ring."""

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from datetime import date
from typing import Any

from sqlalchemy import Insert
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import SQLModel, col
from sqlmodel.ext.asyncio.session import AsyncSession

from services.cases.tables import LedgerCount, LedgerKind

ROWS_PER_STATEMENT_MAX = 1_000


@dataclass(frozen=True, order=True)
class Tally:
    """What one total counts."""

    case_slug: str
    kind: LedgerKind
    day: date
    country: str
    channel: str
    partner: str


async def add_to_totals(session: AsyncSession, changes: Mapping[Tally, int]) -> None:
    """Add every change to its total, making totals that are not there yet."""
    rows = [_row(tally, change) for tally, change in sorted(changes.items()) if change]
    for start in range(0, len(rows), ROWS_PER_STATEMENT_MAX):
        statement = _upsert(session.get_bind().dialect.name, rows[start : start + ROWS_PER_STATEMENT_MAX])
        await session.exec(statement)


def tally_of(fact: Any, kind: LedgerKind) -> Tally:
    """Where a fact row is counted."""
    return Tally(fact.case_slug, kind, fact.day, fact.country, str(fact.channel), fact.partner)


def _row(tally: Tally, change: int) -> dict[str, Any]:
    names = ("case_slug", "kind", "day", "country", "channel", "partner")
    return dict(zip(names, astuple(tally), strict=True)) | {"count": change}


def _upsert(dialect: str, rows: list[dict[str, Any]]) -> Insert:
    table = _table(LedgerCount)
    keys = [column.name for column in table.primary_key]
    # Both dialects have the clause, each in an Insert class of its own.
    insert = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    new = insert.values(rows)
    return new.on_conflict_do_update(
        index_elements=keys, set_={"count": col(LedgerCount.count) + new.excluded["count"]}
    )


def _table(model: type[SQLModel]) -> Any:
    return model.__table__  # type: ignore[attr-defined]
