"""An update is known again when its case is published anew, whatever was changed in it; and is news once."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.cases.case_files import UpdatePart
from services.cases.update_rows import Updates, make_updates
from tests.support.events import NOW

CASE, LATER = uuid4(), NOW + timedelta(days=3)
RELEASED: dict[str, Any] = {
    "kind": "news",
    "date": "2026-10-01",
    "text": "They were released on bail and are with their family.",
}
MOVED: dict[str, Any] = {"kind": "news", "text": "They were moved to another prison, far from home."}


def published(*updates: dict[str, Any], before: Updates | None = None, at: datetime = LATER) -> Updates:
    return make_updates(CASE, [UpdatePart(**update) for update in updates], before.rows if before else None, at)


def test_nothing_is_news_when_a_case_is_published_first() -> None:
    assert published(RELEASED, MOVED).fresh == frozenset()


@pytest.mark.parametrize("added", [MOVED, RELEASED | {"text": "News."}, RELEASED | {"date": "2022", "text": "He."}])
def test_another_update_before_it_changes_nothing_of_it_and_is_news(added: dict[str, Any]) -> None:
    before = published(RELEASED, at=NOW)
    again = published(added, RELEASED, before=before)
    new, same = again.rows
    assert (same.id, same.published_at, same.changed_at) == (before.rows[0].id, NOW, NOW)
    assert (new.published_at, again.fresh) == (LATER, frozenset([new.id]))


@pytest.mark.parametrize(
    "change",
    [
        {"date": "2026-10-02"},
        {"text": "They were released on bail, and are with their family again."},
        {"text": "Quite other words about the same day."},
        {"kind": "outcome"},
        {"translations": {"es": "Fueron puestos en libertad bajo fianza."}},
    ],
)
def test_a_correction_is_the_same_update_changed_now_and_no_news(change: dict[str, Any]) -> None:
    before = published(RELEASED, MOVED, at=NOW)
    again = published(RELEASED | change, MOVED, before=before)
    assert (again.fresh, [row.id for row in again.rows]) == (frozenset(), [row.id for row in before.rows])
    assert [(row.published_at, row.changed_at) for row in again.rows] == [(NOW, LATER), (NOW, NOW)]


def test_one_that_takes_anothers_place_is_news() -> None:
    before = published(MOVED, at=NOW)
    again = published({"kind": "outcome", "text": "All charges have been dropped."}, before=before)
    assert again.fresh == {again.rows[0].id}
    assert again.rows[0].id != before.rows[0].id


def test_with_a_key_it_may_be_rewritten_whole() -> None:
    before = published(MOVED | {"key": "prison"}, at=NOW)
    again = published({"kind": "news", "text": "No word of it is as it was.", "key": "prison"}, before=before)
    assert (again.rows[0].id, again.fresh) == (before.rows[0].id, frozenset())


def test_a_key_given_later_changes_nothing_and_another_key_is_another_update() -> None:
    before = published(RELEASED, at=NOW)
    keyed = published(RELEASED | {"key": "release"}, before=before)
    assert (keyed.rows[0].id, keyed.fresh) == (before.rows[0].id, frozenset())
    other = published({"kind": "news", "date": "2026-10-01", "text": "Of another thing.", "key": "other"}, before=keyed)
    assert other.fresh == {other.rows[0].id}


def test_two_that_say_the_same_are_two_and_keep_their_ids() -> None:
    before = published(RELEASED, RELEASED, at=NOW)
    assert before.rows[0].id != before.rows[1].id
    assert [row.id for row in published(RELEASED, RELEASED, before=before).rows] == [row.id for row in before.rows]


def test_an_id_once_taken_is_given_to_no_other() -> None:
    first = published(RELEASED, at=NOW)
    reworded = published(RELEASED | {"text": "He was seen."}, before=first)
    kept, new = published(RELEASED | {"text": "He was seen."}, RELEASED, before=reworded).rows
    assert kept.id == first.rows[0].id
    assert new.id != first.rows[0].id
