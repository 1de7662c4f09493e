"""Reads the public numbers from the ledger's totals."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlmodel import col
from sqlmodel import select as select_rows
from sqlmodel.ext.asyncio.session import AsyncSession

from services.cases.tables import NOT_TOLD, LedgerCount, LedgerKind, LedgerOffline
from services.cases.views import Counts, LedgerView, OfflineView

ELSEWHERE = "ZZ"

Line = tuple[str, LedgerKind, int]


async def read_ledger(
    session: AsyncSession, slug: str, now: datetime, *, days_max: int, country_count_min: int
) -> LedgerView:
    """All that is public of one case's numbers.

    A country with fewer actions than `country_count_min` is summed under ZZ: one letter from a small country could
    point at who wrote it."""
    countries = await _lines(session, col(LedgerCount.country), slug)
    channels = await _lines(session, col(LedgerCount.channel), slug)
    days = await _lines(session, col(LedgerCount.day), slug, since=now.date() - timedelta(days=days_max))
    return LedgerView(
        case=slug,
        totals=counts(countries),
        by_country=fold_small(grouped(countries), country_count_min),
        by_channel=grouped(channels),
        by_day={date.fromisoformat(day): of_day for day, of_day in grouped(days).items()},
        offline=(await read_offline(session, [slug])).get(slug, ()),
        read_at=now,
    )


async def read_totals(session: AsyncSession, slugs: Sequence[str]) -> dict[str, Counts]:
    """The totals of each of these cases."""
    wanted = col(LedgerCount.case_slug).in_(slugs)
    key = col(LedgerCount.case_slug)
    kind = col(LedgerCount.kind)
    statement = select(key, kind, func.sum(LedgerCount.count)).where(wanted).group_by(key, kind)
    return grouped([(str(slug), of, int(count)) for slug, of, count in await _rows(session, statement)])


async def read_offline(session: AsyncSession, slugs: Sequence[str]) -> dict[str, tuple[OfflineView, ...]]:
    statement = select_rows(LedgerOffline).where(col(LedgerOffline.case_slug).in_(slugs))
    found: dict[str, tuple[OfflineView, ...]] = defaultdict(tuple)
    for row in await session.exec(statement.order_by(col(LedgerOffline.position))):
        found[row.case_slug] += (OfflineView(row.count, row.wording, row.source, row.reported_on),)
    return dict(found)


def counts(lines: Iterable[Line]) -> Counts:
    sums: dict[str, int] = defaultdict(int)
    for _, kind, count in lines:
        sums[kind.value] += count
    return Counts(**sums)


def grouped(lines: Iterable[Line]) -> dict[str, Counts]:
    """By key, without what was never told."""
    parts: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        if line[0] != NOT_TOLD:
            parts[line[0]].append(line)
    return {key: counts(part) for key, part in sorted(parts.items())}


def fold_small(by_country: Mapping[str, Counts], collected_min: int) -> dict[str, Counts]:
    large = {country: some for country, some in by_country.items() if some.collected >= collected_min}
    small = [some for country, some in by_country.items() if country not in large]
    return large | ({ELSEWHERE: add_up(small)} if small else {})


def add_up(parts: Iterable[Counts]) -> Counts:
    sums: dict[str, int] = defaultdict(int)
    for part in parts:
        for kind, count in vars(part).items():
            sums[kind] += count
    return Counts(**sums)


async def _lines(session: AsyncSession, key: Any, slug: str, since: date | None = None) -> list[Line]:
    statement = select(key, col(LedgerCount.kind), func.sum(LedgerCount.count))
    statement = statement.where(col(LedgerCount.case_slug) == slug).group_by(key, col(LedgerCount.kind))
    if since:
        # What was counted elsewhere happened on days that nobody told us.
        ours = col(LedgerCount.kind) != LedgerKind.OFFLINE_REPORTED
        statement = statement.where(col(LedgerCount.day) > since, ours)
    return [(str(value), kind, int(count)) for value, kind, count in await _rows(session, statement)]


async def _rows(session: AsyncSession, statement: Any) -> Any:
    return await (await session.connection()).execute(statement)
