"""What time it is for letters: the database's, whatever the clock says of the machine that asks."""

from datetime import datetime

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from shared.clock import Clock, FollowingClock

_TELL = text("SELECT clock_timestamp()")


async def tell_time(session: AsyncSession, clock: Clock) -> datetime:
    """On SQLite there is one machine and one clock; a clock that a test turns by hand is left alone."""
    if isinstance(clock, FollowingClock) and session.get_bind().dialect.name == "postgresql":
        clock.hear((await (await session.connection()).execute(_TELL)).scalar_one())
    return clock.now()
