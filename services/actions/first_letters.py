"""One letter per sender and target: what is kept of an action whose sender wrote on this case before.

The first action of a sender holds their `sender_key`, which is unique. A later one is kept too, so that it is answered
and repeated like any other, and `letters_of` says which action's letter counts for each of its targets. Only targets
that nobody wrote to before get a letter of its own.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from services.actions.tables import Action
from shared.insert_many import insert_many_once
from shared.messages.envelope import Message, seal
from shared.messages.registry import read
from shared.outbox import Outbox


async def keep_repeat(session: AsyncSession, outbox: Outbox, row: Mapping[str, Any], events: Sequence[Message]) -> None:
    """Keep the action, with a letter for those targets alone that have none of this sender yet.

    Harmless twice: its id is its own. Two at once wait for each other at the sender's first action."""
    first = await _hold_first(session, row["sender_key"])
    letters_of = _letters_of(first) if first else {}
    mine = {target_id: letters_of.get(target_id, str(row["id"])) for target_id in row["target_ids"]}
    repeat = {**row, "sender_key": None, "repeat_of": first and first.id, "letters_of": mine}
    if first is None:  # let go of while we came here
        repeat = {**row, "repeat_of": None, "letters_of": None}
    if not await insert_many_once(session, Action, [repeat]):
        return
    fresh = {target_id for target_id, owner in mine.items() if owner == str(row["id"])}
    if fresh:
        await outbox.add_sealed(session, [_for_targets(event, fresh) for event in events])
        if first:
            await _note(session, first.id, letters_of | {target_id: str(row["id"]) for target_id in fresh})


async def _hold_first(session: AsyncSession, sender_key: UUID) -> Action | None:
    statement = select(Action).where(col(Action.sender_key) == sender_key).with_for_update()
    return (await session.exec(statement)).one_or_none()


def _letters_of(first: Action) -> dict[str, str]:
    return first.letters_of or dict.fromkeys(first.target_ids, str(first.id))


async def _note(session: AsyncSession, first_id: UUID, letters_of: dict[str, str]) -> None:
    await session.exec(update(Action).where(col(Action.id) == first_id).values(letters_of=letters_of))


def _for_targets(event: Message, target_ids: set[str]) -> Message:
    """The event with a letter for these targets alone. One that names no targets stays as it is."""
    data = read(event.body).data
    targets = getattr(data, "targets", None)
    if targets is None:
        return event
    left = tuple(target for target in targets if str(target.id) in target_ids)
    return seal(data.model_copy(update={"targets": left}), event.traceparent)
