"""Tells senders that letters are due, the moment the transaction that queued them is committed."""

from sqlmodel.ext.asyncio.session import AsyncSession

from shared.wake import Wake, ring_on_commit

CHANNEL = "w4r_letters"


async def ring_senders(session: AsyncSession, wake: Wake) -> None:
    """Those of this process and those of others. Lost on the way, it costs a poll's wait."""
    await ring_on_commit(session, CHANNEL, wake)
