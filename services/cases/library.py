"""Reads cases as readers see them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.cases.case_rows import risky_countries
from services.cases.errors import CaseWithdrawn, NotShown, UnknownCase
from services.cases.ledger_views import add_up, read_ledger, read_offline, read_totals
from services.cases.settings import CasesSettings
from services.cases.tables import Campaign, Case, CaseLetter, CaseStatus, CaseTarget, CaseUpdate
from services.cases.views import (
    CampaignView,
    CaseLine,
    CaseView,
    Counts,
    FrontView,
    LedgerView,
    LetterView,
    TargetView,
    UpdateView,
)
from shared.clock import Clock
from shared.db import Database
from shared.messages.cases import Channel, UpdateKind

CASES_MAX = 500


class Library:
    """Every question to the database that a reader's page asks."""

    def __init__(self, database: Database, clock: Clock, settings: CasesSettings) -> None:
        self._database, self._clock, self._settings = database, clock, settings

    async def read_case(self, slug: str, *, numbers: bool = True) -> CaseView | NotShown:
        """The case, or why it cannot be shown; without its numbers it costs less. Raises `DatabaseAway`."""
        async with self._database.transaction() as session:
            found = await session.exec(select(Case, Campaign).join(Campaign).where(col(Case.slug) == slug))
            row = found.one_or_none()
            if row is None:
                return UnknownCase
            case, campaign = row
            if case.status is CaseStatus.WITHDRAWN:
                return CaseWithdrawn
            return await self._view(session, case, campaign, numbers)

    async def read_front(self, *, numbers: bool = True) -> FrontView:
        """The newest campaign and its cases, open ones first; withdrawn ones are not there. Raises `DatabaseAway`."""
        now = self._clock.now()
        async with self._database.transaction() as session:
            newest = col(Campaign.starts_on).desc().nulls_last()
            campaign = (await session.exec(select(Campaign).order_by(newest, col(Campaign.slug)).limit(1))).first()
            if campaign is None:
                return FrontView(None, (), Counts() if numbers else None, now)
            cases = await _shown_cases(session, campaign.slug)
            totals = await read_totals(session, [case.slug for case in cases]) if numbers else None
            lines = await _lines(session, cases, totals, now)
        summed = add_up(totals.values()) if totals is not None else None
        return FrontView(_campaign(campaign), lines, summed, now)

    async def _view(self, session: AsyncSession, case: Case, campaign: Campaign, numbers: bool) -> CaseView:
        now = self._clock.now()
        ledger = await self._ledger(session, case.slug, now) if numbers else None
        offline = ledger.offline if ledger else (await read_offline(session, [case.slug])).get(case.slug, ())
        taken = {"channels", "demands", "status", "campaign", "risky_countries"}
        same = {name: getattr(case, name) for name in CaseView.__dataclass_fields__ if hasattr(case, name)}
        return CaseView(
            **{name: value for name, value in same.items() if name not in taken},
            status=status_now(case, now),
            campaign=campaign.slug,
            campaign_name=campaign.name,
            proof_of_work=campaign.proof_of_work,
            risky_countries=risky_countries(campaign, case),
            demands=tuple(case.demands),
            channels=tuple(Channel(channel) for channel in case.channels),
            targets=tuple(_target(row) for row in await _parts(session, CaseTarget, case.id)),
            letters=tuple(
                LetterView(row.language, row.subject, row.body) for row in await _parts(session, CaseLetter, case.id)
            ),
            updates=tuple(_update(row, case.language) for row in await _parts(session, CaseUpdate, case.id)),
            ledger=ledger,
            offline=offline,
            read_at=now,
        )

    async def _ledger(self, session: AsyncSession, slug: str, now: datetime) -> LedgerView:
        settings = self._settings
        days_max, country_count_min = settings.ledger_days_max, settings.country_count_min
        return await read_ledger(session, slug, now.date(), days_max=days_max, country_count_min=country_count_min)


async def _shown_cases(session: AsyncSession, campaign: str) -> Sequence[Case]:
    shown = (col(Case.campaign) == campaign, col(Case.status) != CaseStatus.WITHDRAWN)
    statement = select(Case).where(*shown).order_by(col(Case.position), col(Case.slug)).limit(CASES_MAX)
    return (await session.exec(statement)).all()


async def _lines(
    session: AsyncSession, cases: Sequence[Case], totals: Mapping[str, Counts] | None, now: datetime
) -> tuple[CaseLine, ...]:
    offline = await read_offline(session, [case.slug for case in cases])
    outcomes = await _outcomes(session, {case.id: case.language for case in cases})
    lines = [
        CaseLine(
            slug=case.slug,
            title=case.title,
            person=case.person,
            country=case.country,
            summary=case.summary,
            language=case.language,
            translations=case.translations,
            status=status_now(case, now),
            closes_at=case.closes_at,
            outcome=outcomes.get(case.id),
            collected=totals.get(case.slug, Counts()).collected if totals is not None else None,
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


async def _outcomes(session: AsyncSession, languages: Mapping[UUID, str]) -> dict[UUID, UpdateView]:
    wanted = (col(CaseUpdate.case_id).in_(languages), col(CaseUpdate.kind) == UpdateKind.OUTCOME)
    rows = await session.exec(select(CaseUpdate).where(*wanted).order_by(col(CaseUpdate.position)))
    first: dict[UUID, UpdateView] = defaultdict()
    for row in rows:
        first.setdefault(row.case_id, _update(row, languages[row.case_id]))
    return dict(first)


def _campaign(row: Campaign) -> CampaignView:
    return CampaignView(**row.model_dump(include=set(CampaignView.__dataclass_fields__)))


def _target(row: CaseTarget) -> TargetView:
    return TargetView(row.id, row.name, row.country, row.email, row.post_address, row.handle)


def _update(row: CaseUpdate, language: str) -> UpdateView:
    return UpdateView(row.kind, row.date, row.text, language, row.translations)
