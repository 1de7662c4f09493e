"""When others are told by when a line will be out, and when not."""

from datetime import datetime, timedelta

import pytest

from services.delivery.foretelling import is_to_be_told
from tests.support.events import NOW

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("known", "told_ago", "done_at", "told"),
    [
        (None, None, None, False),
        (None, 9 * DAY, None, False),
        (None, None, NOW + 3 * DAY, True),
        (None, HOUR, NOW + 3 * DAY, False),
        (NOW + 3 * DAY, HOUR, NOW + 9 * DAY, False),
        (NOW + 3 * DAY, 7 * HOUR, NOW + 9 * DAY, True),
        (NOW + 3 * DAY, 7 * HOUR, NOW + 3 * DAY + 5 * HOUR, False),
        (NOW + 30 * DAY, 7 * HOUR, NOW + 32 * DAY, False),
        (NOW + 3 * DAY, 24 * HOUR, NOW + 3 * DAY, True),
        (NOW + 3 * DAY, 7 * HOUR, None, True),
    ],
)
def test_it_is_told_when_it_begins_changes_much_grows_old_or_ends(
    known: datetime | None, told_ago: timedelta | None, done_at: datetime | None, told: bool
) -> None:
    told_at = None if told_ago is None else NOW - told_ago
    assert is_to_be_told(known, told_at, done_at, NOW) is told
