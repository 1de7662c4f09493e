"""What staff see of letters and crowds: numbers and names of targets, nothing of who wrote or what."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, Field
from sqlmodel import and_, col, select

from services.actions.crowd_tables import DominanceAlarm, LetterLikeness
from services.actions.dominance import CrowdKind
from services.actions.likeness_words import ADVICE, Alike, alike_of, edited_share_of
from services.actions.openapi import Part
from services.actions.tables import KnownCaseRow, KnownTargetRow
from shared.db import Database

LINES_MAX = 200
OPEN_ALARMS_MAX = 50
ENDED_ALARMS_MAX = 20


class LettersOut(Part):
    """The letters of one case to one target."""

    case: str = Field(description="the case's slug")
    target_id: UUID
    target: str
    letters: int = Field(description="accepted so far")
    edited: int = Field(description="of those, how many say more than their template")
    unedited: int = Field(description="of those, how many do not; the rest is not known")
    edited_share: float | None = Field(description="0 to 1, of all letters it is known of, else of the sample")
    alike: Alike
    advice: str
    sample_letters: int = Field(description="newest letters that were compared")
    likeness: float | None = Field(description="0 to 1, how alike two of them are on average")
    twins_share: float | None = Field(description="0 to 1, the share of them that have a near twin among them")
    measured_at: AwareDatetime | None


class AlarmOut(Part):
    """A network or mailbox domain that dominates a case, or did."""

    case: str = Field(description="the case's slug")
    kind: CrowdKind
    value: str
    count: int = Field(description="actions when it was last seen")
    share: float = Field(description="0 to 1, of the case's latest actions when it was last seen")
    earlier_share: float | None = Field(description="0 to 1, its share in the day before the alarm")
    began_at: AwareDatetime
    last_seen_at: AwareDatetime
    ended_at: AwareDatetime | None


class CrowdsOut(Part):
    """How the crowd writes, and whether it is one."""

    alarms: list[AlarmOut] = Field(description="the open ones, then the latest that ended; at most 70")
    letters: list[LettersOut] = Field(description=f"most letters first, at most {LINES_MAX}")


async def read_crowds_seen(database: Database) -> CrowdsOut:
    """Raises `DatabaseAway`."""
    ended_at = col(DominanceAlarm.ended_at)
    open_ = select(DominanceAlarm).where(ended_at.is_(None)).order_by(col(DominanceAlarm.began_at).desc())
    ended = select(DominanceAlarm).where(ended_at.is_not(None)).order_by(ended_at.desc())
    async with database.transaction() as session:
        alarms = [*await session.exec(open_.limit(OPEN_ALARMS_MAX)), *await session.exec(ended.limit(ENDED_ALARMS_MAX))]
        letters = (await session.exec(_letters())).all()
    return CrowdsOut(alarms=[_alarm(alarm) for alarm in alarms], letters=[_line(*found) for found in letters])


def by_case(letters: Sequence[LettersOut]) -> dict[str, list[LettersOut]]:
    """In the order they come."""
    cases: dict[str, list[LettersOut]] = {}
    for line in letters:
        cases.setdefault(line.case, []).append(line)
    return cases


def _letters() -> Any:
    is_target = and_(
        col(KnownTargetRow.case_id) == LetterLikeness.case_id, col(KnownTargetRow.target_id) == LetterLikeness.target_id
    )
    return (
        select(LetterLikeness, KnownCaseRow.slug, KnownTargetRow.target)
        .join(KnownCaseRow, col(KnownCaseRow.case_id) == LetterLikeness.case_id)
        .join(KnownTargetRow, is_target, isouter=True)
        .order_by(col(LetterLikeness.letters).desc(), col(KnownCaseRow.slug), col(LetterLikeness.target_id))
        .limit(LINES_MAX)
    )


def _line(row: LetterLikeness, slug: str, target: dict[str, Any] | None) -> LettersOut:
    alike = alike_of(row.sample_letters, row.likeness, row.twins_share)
    return LettersOut(
        case=slug,
        target_id=row.target_id,
        target=(target or {}).get("name", str(row.target_id)),
        letters=row.letters,
        edited=row.edited,
        unedited=row.unedited,
        edited_share=edited_share_of(row.edited, row.unedited, row.sample_edited, row.sample_letters),
        alike=alike,
        advice=ADVICE[alike],
        sample_letters=row.sample_letters,
        likeness=row.likeness,
        twins_share=row.twins_share,
        measured_at=row.measured_at,
    )


def _alarm(alarm: DominanceAlarm) -> AlarmOut:
    return AlarmOut(
        case=alarm.case_slug,
        kind=CrowdKind(alarm.kind),
        value=alarm.value,
        count=alarm.count,
        share=alarm.share,
        earlier_share=alarm.earlier_share,
        began_at=alarm.began_at,
        last_seen_at=alarm.last_seen_at,
        ended_at=alarm.ended_at,
    )
