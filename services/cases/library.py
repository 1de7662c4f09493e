"""Reads cases as readers see them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.cases.case_rows import risky_countries
from services.cases.errors import CaseWithdrawn, NotShown, UnknownCase, UnknownPicture
from services.cases.front_views import CampaignView, CaseLine, FrontView, NewsLine, NewsView
from services.cases.issues import Issue
from services.cases.ledger_views import add_up, read_ledger, read_offline, read_totals
from services.cases.pictures import picture_views, read_picture
from services.cases.settings import CasesSettings
from services.cases.solidarity import read_messages
from services.cases.tables import Campaign, Case, CaseLetter, CaseStatus, CaseTarget, CaseUpdate
from services.cases.variants import variants_of
from services.cases.views import CaseView, Counts, LedgerView, LetterView, PictureView, TargetView, UpdateView
from shared.clock import Clock
from shared.db import Database
from shared.messages.cases import Channel, UpdateKind

CASES_MAX = 500
NEWS_MAX = 50
PARTS_MAX = 100


@dataclass(frozen=True)
class Parts:
    """What of a case is the same as long as its revision is."""

    picture: PictureView | None
    targets: tuple[TargetView, ...]
    letters: tuple[LetterView, ...]
    updates: tuple[UpdateView, ...]


class Library:
    """Every question to the database that a reader's page asks."""

    def __init__(self, database: Database, clock: Clock, settings: CasesSettings) -> None:
        self._database, self._clock, self._settings = database, clock, settings
        self._parts: dict[tuple[UUID, int], Parts] = {}

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

    async def read_ledger(self, slug: str) -> LedgerView | NotShown:
        """All public numbers of the case, or why they cannot be shown. Raises `DatabaseAway`."""
        settings = self._settings
        days_max, country_count_min = settings.ledger_days_max, settings.country_count_min
        async with self._database.transaction() as session:
            status = (await session.exec(select(Case.status).where(col(Case.slug) == slug))).one_or_none()
            if status is None:
                return UnknownCase
            if status is CaseStatus.WITHDRAWN:
                return CaseWithdrawn
            now = self._clock.now()
            return await read_ledger(session, slug, now, days_max=days_max, country_count_min=country_count_min)

    async def read_front(self, *, numbers: bool = True) -> FrontView:
        """The newest campaign and its cases, open ones first; withdrawn ones are not there. Raises `DatabaseAway`."""
        now = self._clock.now()
        async with self._database.transaction() as session:
            campaign = await _newest_campaign(session)
            if campaign is None:
                return FrontView(None, (), Counts() if numbers else None, now)
            cases = await _shown_cases(session, campaign.slug)
            totals = await read_totals(session, [case.slug for case in cases]) if numbers else None
            lines = await _lines(session, cases, totals, now)
        summed = add_up(totals.values()) if totals is not None else None
        return FrontView(_campaign(campaign), lines, summed, now)

    async def read_news(self) -> NewsView:
        """The latest `NEWS_MAX` updates of the newest campaign, but of withdrawn cases. Raises `DatabaseAway`."""
        now = self._clock.now()
        async with self._database.transaction() as session:
            campaign = await _newest_campaign(session)
            if campaign is None:
                return NewsView(None, (), now)
            shown = (col(Case.campaign) == campaign.slug, col(Case.status) != CaseStatus.WITHDRAWN)
            latest = (col(CaseUpdate.published_at).desc(), col(CaseUpdate.date).desc().nulls_last(), col(Case.slug))
            statement = select(CaseUpdate, Case).join(Case).where(*shown)
            rows = await session.exec(statement.order_by(*latest, col(CaseUpdate.position)).limit(NEWS_MAX))
            return NewsView(_campaign(campaign), tuple(_news_line(case, update) for update, case in rows), now)

    async def read_picture(self, digest: str) -> bytes:
        """A picture of a case that is shown. Raises `UnknownPicture`, `DatabaseAway`."""
        async with self._database.transaction() as session:
            body = await read_picture(session, digest)
        if body is None:
            raise UnknownPicture
        return body

    async def _view(self, session: AsyncSession, case: Case, campaign: Campaign, numbers: bool) -> CaseView:
        now = self._clock.now()
        totals = (await read_totals(session, [case.slug])).get(case.slug, Counts()) if numbers else None
        parts = await self._parts_of(session, case)
        taken = {"channels", "demands", "issues", "picture", "status", "campaign", "risky_countries"}
        same = {name: getattr(case, name) for name in CaseView.__dataclass_fields__ if hasattr(case, name)}
        return CaseView(
            **{name: value for name, value in same.items() if name not in taken},
            status=status_now(case, now),
            campaign=campaign.slug,
            campaign_name=campaign.name,
            proof_of_work=campaign.proof_of_work,
            risky_countries=risky_countries(campaign, case),
            demands=tuple(case.demands),
            issues=tuple(Issue(issue) for issue in case.issues),
            channels=tuple(Channel(channel) for channel in case.channels),
            **vars(parts),
            totals=totals,
            offline=(await read_offline(session, [case.slug])).get(case.slug, ()),
            messages=await read_messages(session, case.slug),
            read_at=now,
        )

    async def _parts_of(self, session: AsyncSession, case: Case) -> Parts:
        """From memory where it has them: they change with the case's revision alone."""
        key = case.id, case.revision
        if key not in self._parts:
            parts = Parts(
                picture=(await picture_views(session, [case])).get(case.id),
                targets=tuple(_target(row) for row in await _parts(session, CaseTarget, case.id)),
                letters=tuple(_letter(row) for row in await _parts(session, CaseLetter, case.id)),
                updates=tuple(_update(row, case.language) for row in await _parts(session, CaseUpdate, case.id)),
            )
            if len(self._parts) >= PARTS_MAX:
                self._parts.pop(next(iter(self._parts)))
            self._parts[key] = parts
        return self._parts[key]


async def _newest_campaign(session: AsyncSession) -> Campaign | None:
    newest = col(Campaign.starts_on).desc().nulls_last()
    return (await session.exec(select(Campaign).order_by(newest, col(Campaign.slug)).limit(1))).first()


async def _shown_cases(session: AsyncSession, campaign: str) -> Sequence[Case]:
    shown = (col(Case.campaign) == campaign, col(Case.status) != CaseStatus.WITHDRAWN)
    statement = select(Case).where(*shown).order_by(col(Case.position), col(Case.slug)).limit(CASES_MAX)
    return (await session.exec(statement)).all()


async def _lines(
    session: AsyncSession, cases: Sequence[Case], totals: Mapping[str, Counts] | None, now: datetime
) -> tuple[CaseLine, ...]:
    offline = await read_offline(session, [case.slug for case in cases])
    pictures = await picture_views(session, cases)
    letters = await _letter_languages(session, [case.id for case in cases])
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
            discreet=case.discreet,
            outcome=outcomes.get(case.id),
            collected=totals.get(case.slug, Counts()).collected if totals is not None else None,
            offline=offline.get(case.slug, ()),
            issues=tuple(Issue(issue) for issue in case.issues),
            letter_languages=tuple(letters.get(case.id, ())),
            picture=pictures.get(case.id),
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


async def _letter_languages(session: AsyncSession, case_ids: Sequence[UUID]) -> dict[UUID, list[str]]:
    wanted = select(CaseLetter.case_id, CaseLetter.language).where(col(CaseLetter.case_id).in_(case_ids))
    languages: dict[UUID, list[str]] = defaultdict(list)
    for case_id, language in await session.exec(wanted.order_by(col(CaseLetter.position))):
        languages[case_id].append(language)
    return languages


def _campaign(row: Campaign) -> CampaignView:
    return CampaignView(**row.model_dump(include=set(CampaignView.__dataclass_fields__)))


def _letter(row: CaseLetter) -> LetterView:
    bodies = variants_of(row.opening, tuple(row.points), row.closing) if row.opening and row.closing else (row.body,)
    return LetterView(row.language, row.subject, bodies[0], bodies, row.opening, tuple(row.points), row.closing)


def _target(row: CaseTarget) -> TargetView:
    return TargetView(row.id, row.name, row.country, row.email, row.post_address, row.handle)


def _update(row: CaseUpdate, language: str) -> UpdateView:
    same = ("id", "kind", "date", "text", "published_at", "changed_at", "translations")
    return UpdateView(**{name: getattr(row, name) for name in same}, language=language)


def _news_line(case: Case, update: CaseUpdate) -> NewsLine:
    told = _update(update, case.language)
    return NewsLine(case.slug, case.title, case.discreet, case.language, case.translations, told)
