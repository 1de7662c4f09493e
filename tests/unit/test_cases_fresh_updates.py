"""Which updates of a case are told of by mail: those that are new, and each of them once."""

from typing import Any
from uuid import UUID

import pytest

from services.cases.case_files import UpdatePart
from services.cases.fresh_updates import Marked, mark_updates
from services.cases.tables import CaseUpdate
from tests.support.events import CASE_ID

RELEASED = {"kind": "news", "date": "2026-10-01", "text": "They were released on bail and are with their family."}
MOVED = {"kind": "news", "text": "They were moved to another prison, far from home."}


def imported(*updates: dict[str, Any], before: Marked | None = None, were: tuple[dict[str, Any], ...] = ()) -> Marked:
    """As the file says it now; `were` is what it said before."""
    stored = None if before is None else [row(update, one) for update, one in zip(were, before.ids, strict=True)]
    return mark_updates(CASE_ID, stored, [UpdatePart(**update) for update in updates])


def row(update: dict[str, Any], update_id: UUID | None) -> CaseUpdate:
    said = {name: value for name, value in update.items() if name not in {"key", "mail"}}
    return CaseUpdate(case_id=CASE_ID, position=0, id=update_id, **said)


def test_nothing_is_news_when_a_case_is_published_first() -> None:
    assert imported(RELEASED, MOVED).fresh == frozenset()


def test_what_was_added_is_new_wherever_it_stands() -> None:
    first = imported(RELEASED)
    marked = imported(MOVED, RELEASED, before=first, were=(RELEASED,))
    assert marked.ids[1] == first.ids[0]
    assert marked.fresh == {marked.ids[0]}


@pytest.mark.parametrize(
    "corrected",
    [
        RELEASED | {"date": "2026-10-02"},
        RELEASED | {"text": "They were released on bail, and are with their family again."},
        RELEASED | {"text": "Quite other words about the same day."},
        RELEASED | {"kind": "outcome"},
        RELEASED | {"translations": {"es": "Fueron puestos en libertad bajo fianza."}},
    ],
)
def test_a_correction_is_not_news_and_keeps_its_id(corrected: dict[str, Any]) -> None:
    first = imported(RELEASED, MOVED)
    again = imported(corrected, MOVED, before=first, were=(RELEASED, MOVED))
    assert (again.ids, again.fresh) == (first.ids, frozenset())


def test_one_that_takes_anothers_place_is_new() -> None:
    first = imported(MOVED)
    again = imported({"kind": "outcome", "text": "All charges have been dropped."}, before=first, were=(MOVED,))
    assert again.fresh == set(again.ids)
    assert again.ids != first.ids


def test_with_a_key_it_may_be_rewritten_whole() -> None:
    first = imported(MOVED | {"key": "prison"})
    rewritten = {"kind": "news", "text": "No word of it is as it was.", "key": "prison"}
    again = imported(rewritten, before=first, were=(MOVED,))
    assert (again.ids, again.fresh) == (first.ids, frozenset())


def test_rows_from_before_there_were_ids_are_no_news_and_get_one() -> None:
    marked = mark_updates(CASE_ID, [row(MOVED, None)], [UpdatePart(**MOVED)])
    assert marked == imported(MOVED)
