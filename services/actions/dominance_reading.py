"""Reads which networks and mailbox domains the latest actions came from, and how common each was before. Bounded."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Subquery, func, literal, union_all
from sqlalchemy import case as when
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.actions.dominance import Crowd, CrowdKind, Tally
from services.actions.tables import Action

LATEST_ACTIONS_MAX = 20_000
EARLIER_HOURS = 24
# From each hour, because the newest of a whole day may all be of the last minutes, and of the very crowd in question.
EARLIER_ACTIONS_AN_HOUR_MAX = 500
HOUR = timedelta(hours=1)


async def read_crowds(session: AsyncSession, since: datetime, count_min: int) -> list[Crowd]:
    """The crowds of at least `count_min` among the newest actions since then, the largest first."""
    columns = [_value(session, kind).label(kind.value) for kind in CrowdKind]
    newest = (
        select(Action.case_id, Action.case_slug, *columns)
        .where(col(Action.accepted_at) >= since)
        .order_by(col(Action.accepted_at).desc())
        .limit(LATEST_ACTIONS_MAX)
        .subquery()
    )
    of_cases = dict((await session.exec(select(newest.c.case_id, func.count()).group_by(newest.c.case_id))).all())
    crowds = [crowd for kind in CrowdKind for crowd in await _group(session, newest, kind, count_min, of_cases)]
    return sorted(crowds, key=lambda crowd: (-crowd.tally.count, crowd.case_slug, crowd.kind, crowd.value))


async def read_earlier(session: AsyncSession, crowd: Crowd, before: datetime, *, all_cases: bool = False) -> Tally:
    """How many of the actions of the 24 hours before were of this crowd: on its case, or on all of them."""
    hours = [_hour(session, crowd, before - HOUR * number, all_cases) for number in range(EARLIER_HOURS)]
    value = union_all(*hours).subquery().c.value
    mine = func.sum(when((value == crowd.value, 1), else_=0))
    count, of = (await session.exec(select(mine, func.count()))).one()
    return Tally(int(count or 0), of)


async def _group(
    session: AsyncSession, newest: Subquery, kind: CrowdKind, count_min: int, of_cases: dict[UUID, int]
) -> list[Crowd]:
    value = newest.c[kind.value]
    groups = (
        select(newest.c.case_id, newest.c.case_slug, value, func.count())
        .where(value.is_not(None))
        .group_by(newest.c.case_id, newest.c.case_slug, value)
        .having(func.count() >= count_min)
    )
    found = await session.exec(groups)
    return [Crowd(case_id, slug, kind, value, Tally(count, of_cases[case_id])) for case_id, slug, value, count in found]


def _hour(session: AsyncSession, crowd: Crowd, end: datetime, all_cases: bool) -> Select[tuple[str | None]]:
    newest = (
        select(_value(session, crowd.kind).label("value"))
        .where(col(Action.accepted_at) >= end - HOUR, col(Action.accepted_at) < end)
        .order_by(col(Action.accepted_at).desc())
        .limit(EARLIER_ACTIONS_AN_HOUR_MAX)
    )
    if not all_cases:
        newest = newest.where(col(Action.case_id) == crowd.case_id)
    # SQLite takes a LIMIT in a part of a UNION only one level down.
    return select(newest.subquery().c.value)


def _value(session: AsyncSession, kind: CrowdKind) -> ColumnElement[str | None]:
    if kind is CrowdKind.NETWORK:
        return col(Action.network)  # type: ignore[return-value]
    email = func.lower(col(Action.supporter_email))
    if session.get_bind().dialect.name == "postgresql":
        return func.split_part(email, literal("@"), 2)
    return func.substr(email, func.instr(email, "@") + 1)
