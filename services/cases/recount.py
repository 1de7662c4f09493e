"""Makes the ledger's totals again from its facts, while consumers wait."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, literal_column, select
from sqlmodel import col
from sqlmodel import select as select_rows
from sqlmodel.ext.asyncio.session import AsyncSession

from services.cases.locks import lock_tables
from services.cases.offline_counts import offline_totals
from services.cases.offline_reports import confirmed_totals, read_confirmed
from services.cases.tables import LedgerAction, LedgerCount, LedgerKind, LedgerLetter, LedgerOffline, OfflineReport
from services.cases.totals import Tally, add_to_totals
from shared.db import Database

# As `validity.kinds_of` has it. Written out: to PostgreSQL a bound word would not be the same expression twice.
KIND_OF_ACTION: Any = literal_column(
    f"CASE WHEN is_invalid THEN '{LedgerKind.INVALIDATED}' ELSE '{LedgerKind.COLLECTED}' END"
)
KIND_VERIFIED: Any = literal_column(f"CASE WHEN is_verified THEN '{LedgerKind.VERIFIED}' END")


@dataclass(frozen=True)
class Recounted:
    """`wrong` totals were not what the facts say; 0 is the answer to hope for."""

    totals: int
    wrong: int


async def recount(database: Database) -> Recounted:
    """Rebuild `ledger_count`. Harmless to repeat. Raises `DatabaseAway`.

    The tables are locked in the order in which consumers write them, so neither ever waits for the other in a ring."""
    async with database.transaction() as session:
        await lock_tables(session, OfflineReport, LedgerAction, LedgerLetter, LedgerOffline, LedgerCount)
        before = await _totals(session)
        after = await _from_facts(session)
        await session.exec(delete(LedgerCount))
        await add_to_totals(session, after)
    wrong = sum(before[tally] != after[tally] for tally in before.keys() | after.keys())
    return Recounted(totals=len(after), wrong=wrong)


async def _totals(session: AsyncSession) -> Counter[Tally]:
    rows = await session.exec(select_rows(LedgerCount))
    return Counter(
        {Tally(row.case_slug, row.kind, row.day, row.country, row.channel, row.partner): row.count for row in rows}
    )


async def _from_facts(session: AsyncSession) -> Counter[Tally]:
    totals = await _grouped(session, LedgerAction, KIND_OF_ACTION)
    is_verified = (col(LedgerAction.is_verified), ~col(LedgerAction.is_invalid))
    totals.update(await _grouped(session, LedgerAction, KIND_VERIFIED, *is_verified))
    totals.update(await _grouped(session, LedgerLetter, LedgerLetter.outcome))
    totals.update(offline_totals(list(await session.exec(select_rows(LedgerOffline)))))
    totals.update(confirmed_totals(await read_confirmed(session)))
    return +totals


async def _grouped(session: AsyncSession, table: Any, kind: Any, *where: Any) -> Counter[Tally]:
    keys = (table.case_slug, kind, table.day, table.country, table.channel, table.partner)
    statement = select(*keys, func.count()).where(*where).group_by(*keys)
    found = await (await session.connection()).execute(statement)
    return Counter({Tally(row[0], LedgerKind(row[1]), *row[2:6]): row[6] for row in found})
