"""An update is known again when its case is published anew, whatever was put before it or changed in it."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.cases.case_files import UpdatePart
from services.cases.tables import CaseUpdate, UpdateKind
from services.cases.update_rows import update_rows
from tests.support.events import NOW

CASE, LATER = uuid4(), NOW + timedelta(days=3)
FIRST: dict[str, Any] = {"kind": UpdateKind.NEWS, "date": "2021-01", "text": "He was heard of."}


def published(updates: list[dict[str, Any]], before: list[CaseUpdate], at: Any = LATER) -> list[CaseUpdate]:
    return list(update_rows(CASE, [UpdatePart(**update) for update in updates], before, at))


@pytest.mark.parametrize("added", [FIRST | {"text": "News."}, FIRST | {"date": None}, FIRST | {"date": "2022"}])
def test_another_update_before_it_changes_nothing_of_it(added: dict[str, Any]) -> None:
    (first,) = published([FIRST], [], NOW)
    new, same = published([added, FIRST], [first])
    assert (same.id, same.published_at, same.changed_at) == (first.id, NOW, NOW)
    assert new.id != first.id
    assert new.published_at == LATER


@pytest.mark.parametrize(
    "change", [{"text": "He was seen."}, {"date": "2021-01-07"}, {"translations": {"es": "Vivo."}}]
)
def test_what_is_corrected_stays_the_same_update_changed_now(change: dict[str, Any]) -> None:
    (first,) = published([FIRST], [], NOW)
    (same,) = published([FIRST | change], [first])
    assert (same.id, same.published_at, same.changed_at) == (first.id, NOW, LATER)


def test_two_that_say_the_same_are_two_and_keep_their_ids() -> None:
    before = published([FIRST, FIRST], [], NOW)
    assert before[0].id != before[1].id
    assert [row.id for row in published([FIRST, FIRST], before)] == [row.id for row in before]


def test_an_id_once_taken_is_given_to_no_other() -> None:
    (first,) = published([FIRST], [], NOW)
    (reworded,) = published([FIRST | {"text": "He was seen."}], [first])
    kept, new = published([FIRST | {"text": "He was seen."}, FIRST], [reworded])
    assert kept.id == first.id
    assert new.id != first.id
