"""Which lines are open: something of them is due, their target and destination take letters, and nothing is paused."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Select, or_, select
from sqlmodel import col

from services.delivery.pauses import Paused
from services.delivery.tables import Cancellation, Destination, Line, TargetPolicy

_LINES = Line.__table__  # type: ignore[attr-defined]
_TARGETS = TargetPolicy.__table__  # type: ignore[attr-defined]
_DESTINATIONS = Destination.__table__  # type: ignore[attr-defined]


def open_lines(*columns: Any, paused: Paused, passed_over: Collection[str] = (), now: datetime) -> Select[Any]:
    """`columns` of lines, of their targets' policies and of their destinations."""
    reason = select(col(Cancellation.reason)).where(col(Cancellation.subject) == _LINES.c.case_id).scalar_subquery()
    closed = [_LINES.c.case_id.in_(paused.cases), _LINES.c.target_id.in_(paused.targets)]
    closed.append(_LINES.c.destination.in_(paused.destinations.union(passed_over)))
    moments = (_DESTINATIONS.c.cool_until, _DESTINATIONS.c.open_at)
    return (
        select(*columns)
        .select_from(_LINES)
        .join(_TARGETS, _TARGETS.c.target_id == _LINES.c.target_id)
        .join(_DESTINATIONS, _DESTINATIONS.c.name == _LINES.c.destination)
        .where(_LINES.c.due_at <= now, reason.is_(None), ~or_(*closed))
        .where(_TARGETS.c.open_at <= now, ~_TARGETS.c.is_bundled, _DESTINATIONS.c.held_because.is_(None))
        .where(*(or_(moment.is_(None), moment <= now) for moment in moments))
    )
