"""Counts reported from elsewhere: kept with who says so, and added to the ledger's totals under a kind of their own."""

from collections import Counter
from datetime import UTC, datetime

from sqlalchemy import delete
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from services.cases.case_files import CaseFile
from services.cases.offline_reports import confirmed_totals, read_confirmed
from services.cases.tables import NOT_TOLD, LedgerCount, LedgerKind, LedgerOffline
from services.cases.totals import Tally, add_to_totals


async def write_offline(session: AsyncSession, case: CaseFile, now: datetime) -> None:
    """Put the case's offline counts in the place of what was reported before."""
    await session.exec(delete(LedgerOffline).where(col(LedgerOffline.case_slug) == case.slug))
    rows = [
        LedgerOffline(case_slug=case.slug, position=position, day=now.astimezone(UTC).date(), **offline.model_dump())
        for position, offline in enumerate(case.offline)
    ]
    session.add_all(rows)
    await session.flush()
    await session.exec(
        delete(LedgerCount).where(
            col(LedgerCount.case_slug) == case.slug, col(LedgerCount.kind) == LedgerKind.OFFLINE_REPORTED
        )
    )
    await add_to_totals(session, offline_totals(rows) + confirmed_totals(await read_confirmed(session, case.slug)))


def offline_totals(rows: list[LedgerOffline]) -> Counter[Tally]:
    """A report without an exact number adds nothing: it is shown in its own words."""
    totals: Counter[Tally] = Counter()
    for row in rows:
        totals[_tally(row)] += row.count or 0
    return totals


def _tally(row: LedgerOffline) -> Tally:
    return Tally(row.case_slug, LedgerKind.OFFLINE_REPORTED, row.day, NOT_TOLD, NOT_TOLD, NOT_TOLD)
