"""An update stays the same one when its case is published again: feeds name it for ever by what is kept here. Pure."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from datetime import datetime
from uuid import UUID

from services.cases.case_files import UpdatePart
from services.cases.tables import CaseUpdate
from shared.messages.envelope import derived_id

Said = CaseUpdate | UpdatePart

# An update is one that we had if it says the same; else if it says so of another day, else other words of that day.
SAME: Sequence[Callable[[Said], Hashable]] = (
    lambda update: (update.kind, update.date, update.text),
    lambda update: (update.kind, update.text),
    lambda update: (update.kind, update.date),
)


def update_rows(
    case_id: UUID, updates: Sequence[UpdatePart], stored: Sequence[CaseUpdate], now: datetime
) -> Iterator[CaseUpdate]:
    """The rows of these updates, in their order. `changed_at` is when one of them first said what it says now."""
    before, taken = _matched(updates, list(stored)), {row.id for row in stored}
    for position, update in enumerate(updates):
        row = before.get(position)
        same = row is not None and _words(row) == _words(update)
        id_ = row.id if row else _new_id(case_id, update, taken)
        taken.add(id_)
        yield CaseUpdate(
            case_id=case_id,
            position=position,
            id=id_,
            published_at=row.published_at if row else now,
            changed_at=row.changed_at if row and same else now,
            **update.model_dump(),
        )


def _matched(updates: Sequence[UpdatePart], stored: list[CaseUpdate]) -> dict[int, CaseUpdate]:
    """The row that each position's update was before; each row once."""
    found: dict[int, CaseUpdate] = {}
    for same in SAME:
        for position, update in enumerate(updates):
            if position in found:
                continue
            row = next((row for row in stored if same(row) == same(update)), None)
            if row:
                found[position] = row
                stored.remove(row)
    return found


def _words(update: Said) -> tuple[object, ...]:
    return update.kind, update.date, update.text, dict(update.translations)


def _new_id(case_id: UUID, update: UpdatePart, taken: set[UUID]) -> UUID:
    """The same on every machine that publishes this update; another one where it was taken before."""
    ids = (derived_id("update", case_id, update.kind, update.date, update.text, turn) for turn in range(len(taken) + 1))
    return next(id_ for id_ in ids if id_ not in taken)
