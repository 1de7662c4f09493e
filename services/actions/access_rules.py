"""Whom staff block and whom they let through: kept in a table, held in memory, looked at again every second.

As with cases, no request queries the database. A cheap look (`_marker`) tells whether anything changed; when the
database is away, the rules from before hold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import delete, or_
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.actions.errors import RuleExists, RulesFull, UnknownRule
from services.actions.rule_book import Rule, RuleBook, Ruled
from services.actions.rule_values import RuleKind, Verdict
from services.actions.tables import AccessRule
from shared.audit import Auditor, By
from shared.clock import Clock
from shared.db import Database

RULES_MAX = 5_000
KEEP_OLD = timedelta(days=30)

Marker = tuple[Any, ...]


@dataclass(frozen=True)
class NewRule:
    """A rule that staff make. `value` as `rule_values.read_value` gives it; without `until` it holds until removed."""

    kind: RuleKind
    value: str
    verdict: Verdict
    reason: str
    until: datetime | None


class AccessRules:
    """Judges by the rules as `refresh` last found them."""

    def __init__(self, database: Database, clock: Clock, audit: Auditor, rules_max: int = RULES_MAX) -> None:
        self._database, self._clock, self._audit, self._rules_max = database, clock, audit, rules_max
        self._rows: Sequence[AccessRule] = ()
        self._marker: Marker | None = None
        self._book = RuleBook()
        self._ends_at: datetime | None = None

    def judge(self, network: str | None, mailbox: str) -> Ruled | None:
        return self._book.judge(network, mailbox)

    async def refresh(self) -> None:
        """Look whether anything changed or ended. Raises `DatabaseAway`: then what was known holds on."""
        async with self._database.transaction() as session:
            marker = await _marker(session)
            changed = marker != self._marker
            if changed:
                self._rows = await self._read(session)
                self._marker = marker
        now = self._clock.now()
        if changed or (self._ends_at and self._ends_at <= now):
            self._open_book(now)

    async def current(self) -> Sequence[AccessRule]:
        """The rules that were not removed, the newest first; those whose time is over too. Raises `DatabaseAway`."""
        async with self._database.transaction() as session:
            return await self._read(session)

    async def add(self, new: NewRule, who: str) -> AccessRule:
        """Raises `RuleExists`, `RulesFull`, `DatabaseAway`."""
        now = self._clock.now()
        row = AccessRule(
            id=uuid4(),
            kind=new.kind.value,
            value=new.value,
            verdict=new.verdict.value,
            reason=new.reason,
            until=new.until,
            who=who,
            created_at=now,
        )
        async with self._database.transaction() as session:
            await self._make_room(session, new, now)
            session.add(row)
            until = new.until.isoformat() if new.until else None
            facts = {"rule": str(row.id), "kind": row.kind, "verdict": row.verdict, "until": until}
            await self._audit.note(session, By(who, new.reason), "rule_added", **facts)
        await self.refresh()
        return row

    async def remove(self, rule_id: UUID, by: By) -> None:
        """Raises `UnknownRule`, `DatabaseAway`."""
        async with self._database.transaction() as session:
            row = await session.get(AccessRule, rule_id, with_for_update=True)
            if row is None or row.removed_at:
                raise UnknownRule
            row.removed_at = self._clock.now()
            facts = {"rule": str(row.id), "kind": row.kind, "verdict": row.verdict}
            await self._audit.note(session, by, "rule_removed", **facts)
        await self.refresh()

    async def forget_old(self) -> None:
        """Drop rules that ended or were removed long ago: they name people."""
        before = self._clock.now() - KEEP_OLD
        old = or_(col(AccessRule.removed_at) < before, col(AccessRule.until) < before)
        async with self._database.transaction() as session:
            await session.exec(delete(AccessRule).where(old))

    async def _make_room(self, session: AsyncSession, new: NewRule, now: datetime) -> None:
        """A rule that has ended makes way for a new one on the same."""
        rows = await self._read(session)
        for row in rows:
            if (row.kind, row.value) == (new.kind, new.value):
                if not has_ended(row, now):
                    raise RuleExists
                row.removed_at = now
        if sum(not row.removed_at for row in rows) >= self._rules_max:
            raise RulesFull

    async def _read(self, session: AsyncSession) -> Sequence[AccessRule]:
        there = select(AccessRule).where(col(AccessRule.removed_at).is_(None))
        newest = col(AccessRule.created_at).desc(), col(AccessRule.id)
        return (await session.exec(there.order_by(*newest).limit(self._rules_max))).all()

    def _open_book(self, now: datetime) -> None:
        holding = [row for row in self._rows if not has_ended(row, now)]
        self._book = RuleBook(Rule(RuleKind(row.kind), row.value, Verdict(row.verdict)) for row in holding)
        self._ends_at = min((row.until for row in holding if row.until), default=None)


def has_ended(row: AccessRule, now: datetime) -> bool:
    return row.until is not None and row.until <= now


async def _marker(session: AsyncSession) -> Marker:
    """Changes with every rule that is added, removed or forgotten."""
    columns = func.count(), func.count(col(AccessRule.removed_at)), func.max(AccessRule.created_at)
    found = await session.exec(select(*columns, func.max(AccessRule.removed_at)))
    return tuple(found.one())
