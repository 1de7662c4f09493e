"""Tells senders that letters are due, the moment the transaction that queued them is committed."""

from sqlalchemy import event, func
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from shared.wake import Wake

CHANNEL = "w4r_letters"


async def ring_senders(session: AsyncSession, wake: Wake) -> None:
    """Those of this process by `wake`, those of others by NOTIFY. Lost on the way, it costs a poll's wait."""
    if session.get_bind().dialect.name == "postgresql":
        await session.exec(select(func.pg_notify(CHANNEL, "")))
    event.listen(session.sync_session, "after_commit", lambda _: wake.set(), once=True)
