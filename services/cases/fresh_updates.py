"""Tells which updates of a case are new, and which are old ones in other words. Pure.

A campaigner corrects a word or a date, and nobody is to be told of it again. So an update is known by its `key`, where
it has one; else by its text; else by being like one that is no longer there. What is like none of those is new.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.cases.case_files import UpdatePart
from services.cases.tables import CaseUpdate
from shared.messages.envelope import derived_id

SHARED_WORDS_MIN = 0.6
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Marked:
    """Of each update of the file, in its order, the id; and which of them nobody was told of before."""

    ids: tuple[UUID, ...] = ()
    fresh: frozenset[UUID] = frozenset()


def mark_updates(case_id: UUID, stored: Sequence[CaseUpdate] | None, wanted: Sequence[UpdatePart]) -> Marked:
    """`stored`: none for a case that is published for the first time; then nothing is news."""
    left, meant = list(stored or ()), dict[int, CaseUpdate]()
    for is_same in (_has_the_key, _says_the_same, _is_a_correction):
        for place, update in enumerate(wanted):
            if place not in meant and (old := next((one for one in left if is_same(case_id, one, update)), None)):
                meant[place] = old
                left.remove(old)
    ids = tuple(_id_of(case_id, update, meant.get(place)) for place, update in enumerate(wanted))
    fresh = (one for place, one in enumerate(ids) if stored is not None and place not in meant)
    return Marked(ids, frozenset(fresh))


def _id_of(case_id: UUID, update: UpdatePart, old: CaseUpdate | None) -> UUID:
    if update.key:
        return _id_by_key(case_id, update.key)
    if old and old.id:
        return old.id
    return derived_id("update", case_id, update.kind, update.date or "", update.text)


def _id_by_key(case_id: UUID, key: str) -> UUID:
    return derived_id("update", case_id, key)


def _has_the_key(case_id: UUID, old: CaseUpdate, new: UpdatePart) -> bool:
    return new.key is not None and old.id == _id_by_key(case_id, new.key)


def _says_the_same(_: UUID, old: CaseUpdate, new: UpdatePart) -> bool:
    return old.text == new.text


def _is_a_correction(_: UUID, old: CaseUpdate, new: UpdatePart) -> bool:
    """Of an update that the file no longer has: most words are the same, or it tells of the same day."""
    same_day = old.date is not None and (old.date, old.kind) == (new.date, new.kind)
    return same_day or _shared_words(old.text, new.text) >= SHARED_WORDS_MIN


def _shared_words(one: str, other: str) -> float:
    words, others = (Counter(_WORD.findall(text.casefold())) for text in (one, other))
    return 2 * (words & others).total() / max(1, words.total() + others.total())
