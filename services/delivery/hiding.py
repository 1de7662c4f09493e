"""Takes a supporter's address off letters that are not out yet, because they asked for that afterwards.

It is remembered under the lock on its case that planning shares, as a cancellation is: letters planned before are found
here, and letters planned later find what is remembered.
"""

from collections.abc import Container, Iterable, Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy import update
from sqlmodel import col

from services.delivery.cancelling import lock_cases
from services.delivery.planning import PlannedLetter
from services.delivery.tables import IS_LIVE, Cancellation, Letter
from shared.clock import Clock
from shared.db import Database, insert_once
from shared.messages.actions import AddressHiddenV1
from shared.messages.envelope import Envelope, derived_id

HIDDEN = "hidden"


def address_of(action_id: UUID) -> UUID:
    """What is cancelled when a supporter hides their address."""
    return derived_id("address of", action_id)


async def hide_addresses(events: Sequence[Envelope[AddressHiddenV1]], database: Database, clock: Clock) -> None:
    """Harmless twice. A letter that is in the air keeps what it left with."""
    hidden = {envelope.data.action_id: envelope.data.case_id for envelope in events}
    rows = [{"subject": address_of(action_id), "reason": HIDDEN, "at": clock.now()} for action_id in sorted(hidden)]
    mine = update(Letter).where(IS_LIVE, col(Letter.action_id).in_(hidden)).values(reply_to=None)
    async with database.transaction() as session:
        await lock_cases(session, hidden.values())
        await session.exec(insert_once(session.get_bind().dialect.name, Cancellation, rows))
        await session.exec(mine.execution_options(synchronize_session=False))


def hide_in(letters: Iterable[PlannedLetter], cancelled: Container[UUID]) -> list[PlannedLetter]:
    """Letters that are being planned, without the addresses that were hidden before. Pure."""
    return [
        replace(letter, reply_to=None) if address_of(letter.action_id) in cancelled else letter for letter in letters
    ]
