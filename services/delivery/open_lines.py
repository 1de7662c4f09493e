"""Which lines are open: something of them is due, their target and destination take letters, and nothing is paused."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, or_, select
from sqlmodel import col

from services.delivery.pauses import Paused
from services.delivery.tables import Cancellation, Destination, Line, TargetPolicy

_LINES = Line.__table__  # type: ignore[attr-defined]
_TARGETS = TargetPolicy.__table__  # type: ignore[attr-defined]
_DESTINATIONS = Destination.__table__  # type: ignore[attr-defined]
NOW = bindparam("now", type_=_LINES.c.due_at.type)


def open_lines(*columns: Any) -> Select[Any]:
    """`columns` of lines, of their targets' policies and of their destinations. Its values are `of_open_lines`: built
    once, it costs a claim no more than its run."""
    reason = select(col(Cancellation.reason)).where(col(Cancellation.subject) == _LINES.c.case_id).scalar_subquery()
    moments = (_DESTINATIONS.c.cool_until, _DESTINATIONS.c.open_at)
    return (
        select(*columns)
        .select_from(_LINES)
        .join(_TARGETS, _TARGETS.c.target_id == _LINES.c.target_id)
        .join(_DESTINATIONS, _DESTINATIONS.c.name == _LINES.c.destination)
        .where(_LINES.c.due_at <= NOW, reason.is_(None))
        .where(_LINES.c.case_id.not_in(bindparam("closed_cases", expanding=True)))
        .where(_LINES.c.target_id.not_in(bindparam("closed_targets", expanding=True)))
        .where(_LINES.c.destination.not_in(bindparam("closed_destinations", expanding=True)))
        .where(_TARGETS.c.open_at <= NOW, ~_TARGETS.c.is_bundled, _DESTINATIONS.c.held_because.is_(None))
        .where(*(or_(moment.is_(None), moment <= NOW) for moment in moments))
    )


def of_open_lines(paused: Paused, now: datetime, passed_over: Collection[str] = ()) -> dict[str, Any]:
    return {
        "now": now,
        "closed_cases": list(paused.cases),
        "closed_targets": list(paused.targets),
        "closed_destinations": list(paused.destinations.union(passed_over)),
    }
