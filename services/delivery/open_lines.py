"""Which lines are open: something of them is due, their target and destination take letters, and nothing is paused.

Lines of what is no letter have no target, and wait for their destination alone."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, or_, select
from sqlmodel import col

from services.delivery.kinds import Lane
from services.delivery.pauses import Paused
from services.delivery.tables import IS_QUEUED_NO_LETTER, Cancellation, Destination, Letter, Line, TargetPolicy

_LETTERS = Letter.__table__  # type: ignore[attr-defined]
_LINES = Line.__table__  # type: ignore[attr-defined]
_TARGETS = TargetPolicy.__table__  # type: ignore[attr-defined]
_DESTINATIONS = Destination.__table__  # type: ignore[attr-defined]
NOW = bindparam("now", type_=_LINES.c.due_at.type)


def open_lines(*columns: Any) -> Select[Any]:
    """`columns` of lines, of their targets' policies and of their destinations. Its values are `of_open_lines`: built
    once, it costs a claim no more than its run."""
    reason = select(col(Cancellation.reason)).where(col(Cancellation.subject) == _LINES.c.case_id).scalar_subquery()
    return (
        select(*columns)
        .select_from(_LINES)
        .join(_TARGETS, _TARGETS.c.target_id == _LINES.c.target_id)
        .join(_DESTINATIONS, _DESTINATIONS.c.name == _LINES.c.destination)
        .where(_LINES.c.lane == Lane.LETTERS, _LINES.c.due_at <= NOW, reason.is_(None))
        .where(_LINES.c.case_id.not_in(bindparam("closed_cases", expanding=True)))
        .where(_LINES.c.target_id.not_in(bindparam("closed_targets", expanding=True)))
        .where(_TARGETS.c.open_at <= NOW, ~_TARGETS.c.is_bundled)
        .where(*_is_open())
    )


def open_shared_lines(*columns: Any) -> Select[Any]:
    """As `open_lines`, of what is no letter. Some only are to be looked at, and have nothing due."""
    return (
        select(*columns)
        .select_from(_LINES)
        .join(_DESTINATIONS, _DESTINATIONS.c.name == _LINES.c.destination)
        .where(_LINES.c.lane != Lane.LETTERS, _LINES.c.due_at <= NOW)
        .where(*_is_open())
    )


def due_in(line_id: ColumnElement[Any]) -> Select[Any]:
    """Of what is no letter and due in this line, since when, those first that have been so longest."""
    mine = (IS_QUEUED_NO_LETTER, _LETTERS.c.line_id == line_id, _LETTERS.c.next_at <= NOW)
    return select(_LETTERS.c.next_at).where(*mine).order_by(_LETTERS.c.next_at).correlate_except(_LETTERS)


def _is_open() -> list[ColumnElement[bool]]:
    """True of a destination that takes something now."""
    moments = (_DESTINATIONS.c.cool_until, _DESTINATIONS.c.open_at)
    return [
        _LINES.c.destination.not_in(bindparam("closed_destinations", expanding=True)),
        _DESTINATIONS.c.held_because.is_(None),
        *(or_(moment.is_(None), moment <= NOW) for moment in moments),
    ]


def of_open_lines(paused: Paused, now: datetime, passed_over: Collection[str] = ()) -> dict[str, Any]:
    of_shared = of_open_shared_lines(paused, now, passed_over)
    return of_shared | {"closed_cases": list(paused.cases), "closed_targets": list(paused.targets)}


def of_open_shared_lines(paused: Paused, now: datetime, passed_over: Collection[str] = ()) -> dict[str, Any]:
    return {"now": now, "closed_destinations": list(paused.destinations.union(passed_over))}
