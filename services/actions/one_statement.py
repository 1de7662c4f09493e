"""A batch of actions and their events in one statement: one round trip and one fsync, on PostgreSQL.

What a transaction of several statements does, this does in a quarter of the time, and every supporter waits for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import Dialect

from services.actions.tables import Action
from shared.bare import BareConnections
from shared.insert_many import Columns, columns_of
from shared.outbox import Outbox

if TYPE_CHECKING:
    from services.actions.store import Entry


class OneStatement:
    """Writes new actions and leaves their events in the outbox, all or nothing."""

    def __init__(self, bare: BareConnections, dialect: Dialect, outbox: Outbox) -> None:
        self._bare, self._dialect, self._outbox = bare, dialect, outbox

    async def keep_new(self, entries: Sequence[Entry]) -> set[UUID]:
        """The ids of those that were written. An action whose id or sender is there already is passed over, and so
        are its events.

        Raises `DatabaseAway`, and the driver's errors for a row it cannot take."""
        events = [(entry.id, event) for entry in entries for event in entry.events]
        rows = self._outbox.rows([event for _, event in events])
        actions = columns_of(Action, tuple(entries[0].row), self._dialect)
        outbox = columns_of(self._outbox.table, tuple(rows[0]), self._dialect)
        written = await self._bare.fetch(
            _statement(actions, outbox),
            *actions.arrays([entry.row for entry in entries]),
            [action_id for action_id, _ in events],
            *outbox.arrays(rows),
        )
        return {row[0] for row in written}


@lru_cache(maxsize=8)
def _statement(actions: Columns, outbox: Columns) -> str:
    """Nothing from outside is in the text: names and types are the models' own."""
    count = len(actions.names)
    action_ids = f"${count + 1}"
    of_actions = [f"${number}" for number in range(1, count + 1)]
    of_outbox = [f"${number}" for number in range(count + 2, count + 2 + len(outbox.names))]
    arrays = [f"CAST({place} AS {type_}[])" for place, type_ in zip(of_outbox, outbox.types, strict=True)]
    events = f"unnest(CAST({action_ids} AS uuid[]), {', '.join(arrays)}) AS event(action_id, {', '.join(outbox.names)})"
    fields = ", ".join(f"event.{name}" for name in outbox.names)
    source = f"SELECT {fields} FROM {events} JOIN new ON new.id = action_id"  # noqa: S608
    new, told = actions.insert_once(actions.unnest(of_actions)), outbox.insert_once(source)
    return f"WITH new AS ({new}), told AS ({told}) SELECT id FROM new"  # noqa: S608
