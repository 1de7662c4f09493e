"""Letters written at events: reported by their organisers, kept apart, and counted once staff have confirmed them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.cases.errors import AlreadyDecided, ReportsFull, UnknownCase, UnknownReport
from services.cases.report_form import WORDS, OfflineWish
from services.cases.tables import NOT_TOLD, Case, CaseStatus, LedgerKind, OfflineReport, ReportState
from services.cases.totals import Tally, add_to_totals
from shared.audit import Auditor, By
from shared.clock import Clock
from shared.db import Database, insert_once
from shared.messages.envelope import derived_id
from shared.web.problems import FieldError, invalid

WAITING_MAX = 5_000
SHOWN_MAX = 200


class OfflineReports:
    def __init__(self, database: Database, clock: Clock, audit: Auditor) -> None:
        self._database, self._clock, self._audit = database, clock, audit

    async def take(self, wish: OfflineWish) -> None:
        """Keep a report until staff decide. The same again is the same report. Raises `ReportsFull`, a 422 for a case
        that is not there, and `DatabaseAway`."""
        row = {
            "id": derived_id("offline report", wish.model_dump_json()),
            **wish.model_dump(exclude={"case"}),
            "case_slug": wish.case,
            "state": ReportState.WAITING,
            "reported_at": self._clock.now(),
            "decided_at": None,
        }
        async with self._database.transaction() as session:
            shown = select(Case.id).where(Case.slug == wish.case, Case.status != CaseStatus.WITHDRAWN)
            if (await session.exec(shown)).first() is None:
                raise invalid([FieldError("case", WORDS["case"])])
            if await _count_waiting(session) >= WAITING_MAX:
                raise ReportsFull
            await session.exec(insert_once(session.get_bind().dialect.name, OfflineReport, [row]))

    async def waiting(self) -> tuple[Sequence[OfflineReport], int]:
        """Those that wait longest, and how many wait at all."""
        oldest = select(OfflineReport).where(OfflineReport.state == ReportState.WAITING)
        async with self._database.transaction() as session:
            rows = await session.exec(oldest.order_by(col(OfflineReport.reported_at)).limit(SHOWN_MAX))
            return list(rows), await _count_waiting(session)

    async def decide(self, report_id: UUID, state: ReportState, by: By) -> None:
        """Confirm or refuse, once. Raises `UnknownReport`, `AlreadyDecided`, `UnknownCase` and `DatabaseAway`."""
        async with self._database.transaction() as session:
            held = select(OfflineReport).where(OfflineReport.id == report_id).with_for_update()
            report = (await session.exec(held)).one_or_none()
            if report is None:
                raise UnknownReport
            if report.state is not ReportState.WAITING:
                raise AlreadyDecided(report.state.value)
            if state is ReportState.CONFIRMED:
                await _require_case(session, report.case_slug)
                await add_to_totals(session, confirmed_totals([report]))
            report.state, report.decided_at, report.contact = state, self._clock.now(), None
            session.add(report)
            details = {"report": str(report.id), "case": report.case_slug, "count": report.count}
            await self._audit.note(session, by, f"offline_report_{state.value}", **details)


def confirmed_totals(reports: Iterable[OfflineReport]) -> Counter[Tally]:
    """What confirmed reports add, on the day of the event."""
    totals: Counter[Tally] = Counter()
    for report in reports:
        tally = Tally(report.case_slug, LedgerKind.OFFLINE_REPORTED, report.held_on, report.country, NOT_TOLD, NOT_TOLD)
        totals[tally] += report.count
    return totals


async def read_confirmed(session: AsyncSession, slug: str | None = None) -> list[OfflineReport]:
    """Of one case, or of all."""
    confirmed = select(OfflineReport).where(OfflineReport.state == ReportState.CONFIRMED)
    return list(await session.exec(confirmed.where(OfflineReport.case_slug == slug) if slug else confirmed))


async def _count_waiting(session: AsyncSession) -> int:
    waiting = select(func.count()).select_from(OfflineReport).where(OfflineReport.state == ReportState.WAITING)
    return (await session.exec(waiting)).one()


async def _require_case(session: AsyncSession, slug: str) -> None:
    if (await session.exec(select(Case.id).where(Case.slug == slug))).first() is None:
        raise UnknownCase
