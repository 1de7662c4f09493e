"""Looks at what an invalidation would hit, in a bounded time, and changes nothing."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func
from sqlalchemy import select as grouped
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.actions.criteria import Criteria, conditions_of
from services.actions.errors import LookTooLong
from services.actions.tables import Action

ACTIONS_MAX = 100_000
LOOK_SECONDS_MAX = 10.0  # the gateway waits for 15
SAMPLES_MAX = 5
GROUPS_MAX = 20


@dataclass(frozen=True)
class Sample:
    """One action that would be hit, as far as staff need to see it."""

    case: str
    country: str
    mailbox_domain: str
    network: str | None
    subject: str
    accepted_at: datetime


@dataclass(frozen=True)
class Preview:
    """What an invalidation would hit: of more than can be done at once, the earliest, and `count` is one more."""

    criteria: Criteria
    count: int
    by_case: dict[str, int]
    by_country: dict[str, int]
    first_at: datetime | None
    last_at: datetime | None
    samples: Sequence[Sample]

    @property
    def is_too_many(self) -> bool:
        return self.count > ACTIONS_MAX


@asynccontextmanager
async def bounded_look() -> AsyncIterator[None]:
    """Raises `LookTooLong` when what is within takes too long."""
    try:
        async with asyncio.timeout(LOOK_SECONDS_MAX):
            yield
    except TimeoutError:
        raise LookTooLong from None


async def look(session: AsyncSession, criteria: Criteria) -> Preview:
    """Words are searched in every letter of the time given, so all counts come from one walk over them."""
    by_case: Counter[str] = Counter()
    by_country: Counter[str] = Counter()
    ends: list[datetime] = []
    for case, country, count, first_at, last_at in await (await session.connection()).execute(_groups(criteria)):
        by_case[case] += count
        by_country[country] += count
        ends += [first_at, last_at]
    return Preview(
        criteria,
        by_case.total(),
        dict(by_case.most_common(GROUPS_MAX)),
        dict(by_country.most_common(GROUPS_MAX)),
        min(ends, default=None),
        max(ends, default=None),
        await _samples(session, criteria) if ends else [],
    )


async def count_matching(session: AsyncSession, criteria: Criteria) -> int:
    """Up to one more than can be done at once."""
    some = select(Action.id).where(*conditions_of(criteria)).limit(ACTIONS_MAX + 1).subquery()
    return (await session.exec(select(func.count()).select_from(some))).one()


def _groups(criteria: Criteria) -> Any:
    case, country, at = col(Action.case_slug), col(Action.supporter_country), col(Action.accepted_at)
    earliest = select(case, country, at).where(*conditions_of(criteria)).order_by(at).limit(ACTIONS_MAX + 1).subquery()
    keys, found_at = (earliest.c.case_slug, earliest.c.supporter_country), earliest.c.accepted_at
    return grouped(*keys, func.count(), func.min(found_at), func.max(found_at)).group_by(*keys)


async def _samples(session: AsyncSession, criteria: Criteria) -> list[Sample]:
    newest = select(Action).where(*conditions_of(criteria)).order_by(col(Action.accepted_at).desc()).limit(SAMPLES_MAX)
    return [_sample(action) for action in await session.exec(newest)]


def _sample(action: Action) -> Sample:
    domain = action.supporter_email.rpartition("@")[2]
    return Sample(
        action.case_slug, action.supporter_country, domain, action.network, action.letter_subject, action.accepted_at
    )
