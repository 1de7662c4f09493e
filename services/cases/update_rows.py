"""An update stays the same one when its case is published again, and is news but once. Pure.

Feeds name an update for ever by what is kept here, and who asked for news gets a mail of each. A campaigner who
corrects a word or a date tells nothing new. So an update is known again by its `key`, where it has one; else by its
text; else by being like one that is no longer there. What is like none of those is new.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.cases.case_files import UpdatePart
from services.cases.tables import CaseUpdate
from shared.messages.envelope import derived_id

SHARED_WORDS_MIN = 0.6
_WORD = re.compile(r"\w+")

Same = Callable[[CaseUpdate, UpdatePart], bool]


@dataclass(frozen=True)
class Updates:
    """The rows of a case's updates, in their order, and which of them nobody was told of before."""

    rows: tuple[CaseUpdate, ...] = ()
    fresh: frozenset[UUID] = frozenset()


def make_updates(
    case_id: UUID, wanted: Sequence[UpdatePart], stored: Sequence[CaseUpdate] | None, now: datetime
) -> Updates:
    """`stored`: none for a case that is published for the first time; then nothing is news.

    A row's `changed_at` is when it first said what it says now."""
    before = _matched(wanted, list(stored or ()))
    rows = tuple(_rows(case_id, wanted, before, {row.id for row in stored or ()}, now))
    fresh = (row.id for row in rows if stored is not None and row.position not in before)
    return Updates(rows, frozenset(fresh))


def _rows(
    case_id: UUID, wanted: Sequence[UpdatePart], before: dict[int, CaseUpdate], taken: set[UUID], now: datetime
) -> Iterator[CaseUpdate]:
    for position, update in enumerate(wanted):
        old = before.get(position)
        id_ = old.id if old else _new_id(case_id, update, taken)
        taken.add(id_)
        yield CaseUpdate(
            case_id=case_id,
            position=position,
            id=id_,
            published_at=old.published_at if old else now,
            changed_at=old.changed_at if old and _words(old) == _words(update) else now,
            **update.model_dump(exclude={"mail"}),
        )


def _matched(wanted: Sequence[UpdatePart], left: list[CaseUpdate]) -> dict[int, CaseUpdate]:
    """The row that each position's update was before; each row once."""
    found: dict[int, CaseUpdate] = {}
    rules: tuple[Same, ...] = (_has_the_key, _says_the_same_of_that_day, _says_the_same, _is_a_correction)
    for is_same in rules:
        for position, update in enumerate(wanted):
            if position in found:
                continue
            if old := next((row for row in left if not _have_two_keys(row, update) and is_same(row, update)), None):
                found[position] = old
                left.remove(old)
    return found


def _have_two_keys(old: CaseUpdate, new: UpdatePart) -> bool:
    return old.key is not None and new.key is not None and old.key != new.key


def _has_the_key(old: CaseUpdate, new: UpdatePart) -> bool:
    return old.key is not None and old.key == new.key


def _says_the_same_of_that_day(old: CaseUpdate, new: UpdatePart) -> bool:
    return (old.kind, old.date, old.text) == (new.kind, new.date, new.text)


def _says_the_same(old: CaseUpdate, new: UpdatePart) -> bool:
    return old.text == new.text


def _is_a_correction(old: CaseUpdate, new: UpdatePart) -> bool:
    """It tells of the same day, or most words are the same."""
    same_day = old.date is not None and (old.date, old.kind) == (new.date, new.kind)
    return same_day or _shared_words(old.text, new.text) >= SHARED_WORDS_MIN


def _shared_words(one: str, other: str) -> float:
    words, others = (Counter(_WORD.findall(text.casefold())) for text in (one, other))
    return 2 * (words & others).total() / max(1, words.total() + others.total())


def _words(update: CaseUpdate | UpdatePart) -> tuple[object, ...]:
    return update.kind, update.date, update.text, dict(update.translations)


def _new_id(case_id: UUID, update: UpdatePart, taken: set[UUID]) -> UUID:
    """The same on every machine that publishes this update; another one where it was taken before."""
    ids = (derived_id("update", case_id, update.kind, update.date, update.text, turn) for turn in range(len(taken) + 1))
    return next(id_ for id_ in ids if id_ not in taken)
