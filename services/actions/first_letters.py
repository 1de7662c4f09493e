"""One letter per sender and target: what is kept of an action whose sender wrote on this case before.

The first action of a sender holds their `sender_key`, which is unique. A later one is kept too, so that it is answered
and repeated like any other, and `letters_of` says which action's letter counts for each of its targets. Only targets
that nobody wrote to before get a letter of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from services.actions.tables import Action
from shared.insert_many import insert_many_once
from shared.messages.envelope import Message, seal
from shared.messages.registry import read
from shared.outbox import Outbox


@dataclass(frozen=True)
class Share:
    """What is left for a later action: `columns` for its row, and the targets that get a letter of its own."""

    columns: Mapping[str, Any]
    fresh: frozenset[str]


async def keep_repeat(session: AsyncSession, outbox: Outbox, row: Mapping[str, Any], events: Sequence[Message]) -> None:
    """Keep the action, with a letter for those targets alone that have none of this sender yet.

    Harmless twice: its id is its own. Two at once wait for each other at the sender's first action."""
    first = await hold_first(session, row["sender_key"])
    share = share_with(first, row["id"], row["target_ids"])
    if await insert_many_once(session, Action, [{**row, **share.columns}]):
        await tell_fresh(session, outbox, first, row["id"], share, events)


async def hold_first(session: AsyncSession, sender_key: UUID) -> Action | None:
    """The sender's first action, held until the transaction ends."""
    statement = select(Action).where(col(Action.sender_key) == sender_key).with_for_update()
    return (await session.exec(statement)).one_or_none()


def share_with(first: Action | None, action_id: UUID, target_ids: Sequence[str]) -> Share:
    """What a later action gets. Where the first was let go of while we came here, all of it."""
    if first is None:
        return Share({"sender_key": None, "repeat_of": None, "letters_of": None}, frozenset(target_ids))
    letters_of = _letters_of(first)
    mine = {target_id: letters_of.get(target_id, str(action_id)) for target_id in target_ids}
    columns = {"sender_key": None, "repeat_of": first.id, "letters_of": mine}
    return Share(columns, frozenset(target_id for target_id, owner in mine.items() if owner == str(action_id)))


async def tell_fresh(
    session: AsyncSession,
    outbox: Outbox,
    first: Action | None,
    action_id: UUID,
    share: Share,
    events: Sequence[Message],
) -> None:
    """Leave the events for the fresh targets in the outbox, and note with the first action whose letters they get."""
    if not share.fresh:
        return
    await outbox.add_sealed(session, [_for_targets(event, share.fresh) for event in events])
    if first:
        letters_of = _letters_of(first) | dict.fromkeys(share.fresh, str(action_id))
        await session.exec(update(Action).where(col(Action.id) == first.id).values(letters_of=letters_of))


def _letters_of(first: Action) -> dict[str, str]:
    return first.letters_of or dict.fromkeys(first.target_ids, str(first.id))


def _for_targets(event: Message, target_ids: frozenset[str]) -> Message:
    """The event with a letter for these targets alone. One that names no targets stays as it is."""
    data = read(event.body).data
    targets = getattr(data, "targets", None)
    if targets is None:
        return event
    left = tuple(target for target in targets if str(target.id) in target_ids)
    return seal(data.model_copy(update={"targets": left}), event.traceparent)
