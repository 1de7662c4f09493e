"""The cases that people can act on, as far as events have told us: held in memory, looked at again every second.

No request queries the database for a case. A cheap look (`_marker`) tells whether anything changed; when the
database is slow or away, the cases from before serve on.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import case as when
from sqlalchemy import func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.actions.editing import forms_of, is_edited
from services.actions.tables import CaseStatus, KnownCaseRow
from shared.clock import Clock
from shared.db import Database, DatabaseAway
from shared.messages.cases import CasePublishedV1

Marker = tuple[int, int, int]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class KnownCase:
    """What intake needs to know of a case. `offered` are the letters it gives to start from, `forms`
    their normal forms."""

    status: CaseStatus
    snapshot: CasePublishedV1 | None
    offered: frozenset[str] = frozenset()
    forms: frozenset[str] = frozenset()

    def is_edited(self, body: str) -> bool:
        """Whether the letter says more than all that the case offers to start from."""
        return body not in self.offered and is_edited(body, self.forms)

    def status_at(self, now: datetime) -> CaseStatus:
        """A case whose closing date is past has ended, whether or not somebody said so yet."""
        closes_at = self.snapshot.closes_at if self.snapshot else None
        is_over = closes_at is not None and closes_at <= now
        return CaseStatus.ENDED if self.status is CaseStatus.OPEN and is_over else self.status


class KnownCases:
    """Finds a case by its slug. Never older than `refresh_seconds`, unless the database is slow or away."""

    def __init__(self, database: Database, clock: Clock, *, refresh_seconds: float, wait_seconds: float) -> None:
        self._database, self._clock = database, clock
        self._refresh_after, self._wait_seconds = timedelta(seconds=refresh_seconds), wait_seconds
        self._cases: dict[str, KnownCase] = {}
        self._marker: Marker | None = None
        self._looked_at: datetime | None = None
        self._looking: asyncio.Task[None] | None = None

    async def find(self, slug: str) -> KnownCase | None:
        """Raises `DatabaseAway` only if no cases were ever read."""
        if not self._is_fresh():
            await self._refresh()
        return self._cases.get(slug)

    async def all(self) -> Mapping[str, KnownCase]:
        """By slug. Raises `DatabaseAway` only if no cases were ever read."""
        if not self._is_fresh():
            await self._refresh()
        return self._cases

    def known(self, slug: str) -> KnownCase | None:
        """The case, if no look is needed to be sure of it."""
        return self._cases.get(slug) if self._is_fresh() else None

    def forget(self) -> None:
        """Look again at the next question, however young the answer."""
        self._looked_at = None

    async def close(self) -> None:
        if self._looking and not self._looking.done():
            self._looking.cancel()
            await asyncio.wait({self._looking})

    def _is_fresh(self) -> bool:
        return self._looked_at is not None and self._clock.now() - self._looked_at < self._refresh_after

    async def _refresh(self) -> None:
        """One look at a time, whoever asks. It goes on when its asker gives up: the next one finds it done."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        looking = self._looking
        await asyncio.wait({looking}, timeout=self._wait_seconds if self._marker else None)
        if looking.done() and not looking.cancelled():
            looking.result()

    async def _look(self) -> None:
        try:
            async with self._database.transaction() as session:
                marker = await _marker(session)
                if marker != self._marker:
                    self._cases = await _read(session, self._cases)
                    self._marker = marker
        except DatabaseAway as fault:
            if self._marker is None:
                raise
            log.warning("cases_not_refreshed", reason=repr(fault), next="the cases from before serve on")
        self._looked_at = self._clock.now()


async def _marker(session: AsyncSession) -> Marker:
    """Changes with every change of a case: a revision only grows, and a tie is broken by closing."""
    closed = func.sum(when((col(KnownCaseRow.status) == CaseStatus.OPEN, 0), else_=1))
    found = await session.exec(select(func.count(), func.sum(KnownCaseRow.revision), closed))
    count, revisions, closings = found.one()
    return int(count), int(revisions or 0), int(closings or 0)


async def _read(session: AsyncSession, before: Mapping[str, KnownCase]) -> dict[str, KnownCase]:
    rows = await session.exec(select(KnownCaseRow).order_by(col(KnownCaseRow.changed_at)))
    return {row.slug: _known(row, before.get(row.slug)) for row in rows}


def _known(row: KnownCaseRow, before: KnownCase | None) -> KnownCase:
    """Making the normal forms takes longest, with a dozen variants in each language: only where they are others."""
    snapshot = CasePublishedV1.model_validate(row.snapshot) if row.snapshot else None
    offered = (
        frozenset(body for template in snapshot.templates for body in template.bodies) if snapshot else frozenset()
    )
    forms = before.forms if before and before.offered == offered else forms_of(offered)
    return KnownCase(CaseStatus(row.status), snapshot, offered, forms)
