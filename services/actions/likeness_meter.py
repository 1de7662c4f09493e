"""Measures how alike the letters of each case to each target are. A chore: no request waits for it.

Letters are read, compared and forgotten; only numbers are kept.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.actions.crowd_tables import LetterLikeness
from services.actions.editing import forms_of, is_edited
from services.actions.letter_counts import count_letters
from services.actions.likeness import Likeness, likeness_of, sign_letters
from services.actions.tables import Action, KnownCaseRow
from shared.clock import Clock
from shared.db import Database
from shared.messages.cases import LetterTemplate

CASES_MAX = 1000
# Not everybody writes to every target: read further back than one target's sample, and take what is there.
READ_FOR_EACH_SAMPLED = 3


@dataclass(frozen=True, slots=True)
class WrittenLetter:
    """What is read of an action to be compared."""

    target_ids: tuple[UUID, ...]
    body: str


@dataclass(frozen=True, slots=True)
class Measured:
    """The sample of one target."""

    letters: int
    edited: int
    likeness: Likeness | None


class LikenessMeter:
    """`sample_letters_max` newest letters of each case to each target are compared, each with each."""

    def __init__(self, database: Database, clock: Clock, *, sample_letters_max: int) -> None:
        self._database, self._clock, self._sample_max = database, clock, sample_letters_max

    async def measure_cases(self) -> None:
        """Count what is new, and compare again where there is anything. Raises `DatabaseAway`."""
        cases = select(KnownCaseRow.case_id).order_by(col(KnownCaseRow.changed_at).desc()).limit(CASES_MAX)
        async with self._database.transaction() as session:
            case_ids = list(await session.exec(cases))
        for case_id in case_ids:
            await count_letters(self._database, self._clock, case_id)
        for case_id in await self._due():
            await self._measure(case_id)

    async def _due(self) -> list[UUID]:
        never, since = col(LetterLikeness.measured_at).is_(None), LetterLikeness.counted_at
        due = select(LetterLikeness.case_id).where(or_(never, col(LetterLikeness.measured_at) < since)).distinct()
        async with self._database.transaction() as session:
            return list(await session.exec(due.limit(CASES_MAX)))

    async def _measure(self, case_id: UUID) -> None:
        """Two workers may measure at once: they write the same."""
        now = self._clock.now()
        async with self._database.transaction() as session:
            templates = await _read_templates(session, case_id)
            letters = await _read_newest(session, case_id, self._sample_max * READ_FOR_EACH_SAMPLED)
        # Beside the loop: a second of comparing must not keep events waiting.
        measured = await asyncio.to_thread(measure_targets, letters, templates, self._sample_max)
        async with self._database.transaction() as session:
            for row in await session.exec(select(LetterLikeness).where(col(LetterLikeness.case_id) == case_id)):
                row.measured_at = now
                if row.target_id in measured:
                    _note(row, measured[row.target_id])
                session.add(row)


def measure_targets(
    letters: Sequence[WrittenLetter], templates: Sequence[str], sample_max: int
) -> dict[UUID, Measured]:
    """`letters` are the newest first; a target without any is left out. The same letters give the same numbers."""
    forms = forms_of(templates)
    edited = [is_edited(letter.body, forms) for letter in letters]
    signatures = sign_letters(letter.body for letter in letters)
    samples: defaultdict[UUID, list[int]] = defaultdict(list)
    for number, letter in enumerate(letters):
        for target_id in letter.target_ids:
            if signatures[number] is not None and len(samples[target_id]) < sample_max:
                samples[target_id].append(number)
    # Targets that all are written to together share their sample, and its cost.
    known: dict[tuple[int, ...], Measured] = {}
    for sample in {tuple(numbers) for numbers in samples.values() if numbers}:
        signed = [signature for number in sample if (signature := signatures[number]) is not None]
        known[sample] = Measured(len(sample), sum(edited[number] for number in sample), likeness_of(signed))
    return {target_id: known[tuple(numbers)] for target_id, numbers in samples.items() if numbers}


def _note(row: LetterLikeness, measured: Measured) -> None:
    row.sample_letters, row.sample_edited = measured.letters, measured.edited
    row.likeness = measured.likeness.mean if measured.likeness else None
    row.twins_share = measured.likeness.twins if measured.likeness else None


async def _read_templates(session: AsyncSession, case_id: UUID) -> list[str]:
    """The newest ones: an earlier revision's count as edited in the sample, not where intake looked itself."""
    case = await session.get(KnownCaseRow, case_id)
    snapshot = case.snapshot if case else None
    templates = [LetterTemplate.model_validate(template) for template in (snapshot or {}).get("templates", [])]
    return [body for template in templates for body in template.bodies]


async def _read_newest(session: AsyncSession, case_id: UUID, limit: int) -> list[WrittenLetter]:
    newest = (
        select(Action.target_ids, Action.letter_body)
        .where(col(Action.case_id) == case_id, col(Action.cancelled_at).is_(None), col(Action.repeat_of).is_(None))
        .order_by(col(Action.accepted_at).desc(), col(Action.id))
        .limit(limit)
    )
    found = await session.exec(newest)
    return [WrittenLetter(tuple(UUID(target_id) for target_id in ids), body) for ids, body in found]
