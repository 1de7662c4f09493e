"""Reads cases as readers see them."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.cases.errors import CaseWithdrawn, NotShown, UnknownCase
from services.cases.ledger_views import add_up, read_ledger, read_offline, read_totals
from services.cases.settings import CasesSettings
from services.cases.tables import Campaign, Case, CaseLetter, CaseStatus, CaseTarget, CaseUpdate, UpdateKind
from services.cases.views import (
    CampaignView,
    CaseLine,
    CaseView,
    Counts,
    FrontView,
    LetterView,
    TargetView,
    UpdateView,
)
from shared.clock import Clock
from shared.db import Database
from shared.messages.cases import Channel

CASES_MAX = 500


class Library:
    """Every question to the database that a reader's page asks."""

    def __init__(self, database: Database, clock: Clock, settings: CasesSettings) -> None:
        self._database, self._clock, self._settings = database, clock, settings

    async def read_case(self, slug: str) -> CaseView | NotShown:
        """The case, or why it cannot be shown. Raises `DatabaseAway`."""
        async with self._database.transaction() as session:
            found = await session.exec(select(Case, Campaign).join(Campaign).where(col(Case.slug) == slug))
            row = found.one_or_none()
            if row is None:
                return UnknownCase
            case, campaign = row
            if case.status is CaseStatus.WITHDRAWN:
                return CaseWithdrawn
            return await self._view(session, case, campaign)

    async def read_front(self) -> FrontView:
        """The newest campaign and its cases, open ones first; withdrawn ones are not there. Raises `DatabaseAway`."""
        now = self._clock.now()
        async with self._database.transaction() as session:
            newest = col(Campaign.starts_on).desc().nulls_last()
            campaign = (await session.exec(select(Campaign).order_by(newest, col(Campaign.slug)).limit(1))).first()
            if campaign is None:
                return FrontView(None, (), Counts(), now)
            lines = await self._lines(session, campaign.slug, now)
            totals = await read_totals(session, [line.slug for line in lines])
        return FrontView(_campaign(campaign), lines, add_up(totals.values()), now)

    async def _view(self, session: AsyncSession, case: Case, campaign: Campaign) -> CaseView:
        now, settings = self._clock.now(), self._settings
        ledger = await read_ledger(
            session,
            case.slug,
            now.date(),
            days_max=settings.ledger_days_max,
            country_count_min=settings.country_count_min,
        )
        taken = {"channels", "demands", "status", "campaign"}
        same = {name: getattr(case, name) for name in CaseView.__dataclass_fields__ if hasattr(case, name)}
        return CaseView(
            **{name: value for name, value in same.items() if name not in taken},
            status=status_now(case, now),
            campaign=campaign.slug,
            campaign_name=campaign.name,
            demands=tuple(case.demands),
            channels=tuple(Channel(channel) for channel in case.channels),
            targets=tuple(_target(row) for row in await _parts(session, CaseTarget, case.id)),
            letters=tuple(
                LetterView(row.language, row.subject, row.body) for row in await _parts(session, CaseLetter, case.id)
            ),
            updates=tuple(_update(row) for row in await _parts(session, CaseUpdate, case.id)),
            ledger=ledger,
            read_at=now,
        )

    async def _lines(self, session: AsyncSession, campaign: str, now: datetime) -> tuple[CaseLine, ...]:
        shown = (col(Case.campaign) == campaign, col(Case.status) != CaseStatus.WITHDRAWN)
        statement = select(Case).where(*shown).order_by(col(Case.position), col(Case.slug)).limit(CASES_MAX)
        cases = (await session.exec(statement)).all()
        slugs = [case.slug for case in cases]
        totals, offline = await read_totals(session, slugs), await read_offline(session, slugs)
        outcomes = await _outcomes(session, [case.id for case in cases])
        lines = [
            CaseLine(
                slug=case.slug,
                title=case.title,
                country=case.country,
                summary=case.summary,
                status=status_now(case, now),
                closes_at=case.closes_at,
                outcome=outcomes.get(case.id),
                collected=totals.get(case.slug, Counts()).collected,
                offline=offline.get(case.slug, ()),
            )
            for case in cases
        ]
        return tuple(sorted(lines, key=lambda line: not line.is_open))


def status_now(case: Case, now: datetime) -> CaseStatus:
    """A case past its closing date is over, even in the seconds before the chore says so."""
    is_over = case.closes_at is not None and case.closes_at <= now
    return CaseStatus.ENDED if case.status is CaseStatus.OPEN and is_over else case.status


async def _parts(session: AsyncSession, table: Any, case_id: UUID) -> Sequence[Any]:
    rows: Sequence[Any] = (
        await session.exec(select(table).where(table.case_id == case_id).order_by(table.position))
    ).all()
    return rows


async def _outcomes(session: AsyncSession, case_ids: Sequence[UUID]) -> dict[UUID, UpdateView]:
    wanted = (col(CaseUpdate.case_id).in_(case_ids), col(CaseUpdate.kind) == UpdateKind.OUTCOME)
    rows = await session.exec(select(CaseUpdate).where(*wanted).order_by(col(CaseUpdate.position)))
    first: dict[UUID, UpdateView] = defaultdict()
    for row in rows:
        first.setdefault(row.case_id, _update(row))
    return dict(first)


def _campaign(row: Campaign) -> CampaignView:
    return CampaignView(**row.model_dump(include=set(CampaignView.__dataclass_fields__)))


def _target(row: CaseTarget) -> TargetView:
    return TargetView(row.id, row.name, row.country, row.email, row.post_address, row.handle)


def _update(row: CaseUpdate) -> UpdateView:
    return UpdateView(row.kind, row.date, row.text)
