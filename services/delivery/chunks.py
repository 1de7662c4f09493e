"""Works through many letters in chunks, each a short transaction: senders and planners get their turn in between."""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from services.delivery.holding import Condition, hold_letters
from services.delivery.reports import HeldLetter
from services.delivery.tables import Letter
from shared.db import Database

CHUNK_LETTERS_MAX = 500
CHUNKS_MAX = 20_000

Turn = Callable[[AsyncSession, UUID], Awaitable[Sequence[HeldLetter]]]


async def hold_after(session: AsyncSession, last_id: UUID, *where: Condition) -> list[HeldLetter]:
    """The next chunk of these letters, locked until the transaction ends."""
    after = col(Letter.id) > last_id
    return await hold_letters(session, *where, after, order_by=col(Letter.id), limit=CHUNK_LETTERS_MAX)


async def in_chunks(database: Database, turn: Turn, chunks_max: int = CHUNKS_MAX) -> int:
    """`turn` sees to up to `CHUNK_LETTERS_MAX` letters after an id, in order of it, and returns them. Returns how many
    there were in all."""
    count, last_id = 0, UUID(int=0)
    for _ in range(chunks_max):
        async with database.transaction() as session:
            letters = await turn(session, last_id)
        count += len(letters)
        if len(letters) < CHUNK_LETTERS_MAX:
            break
        last_id = letters[-1].id
    return count
