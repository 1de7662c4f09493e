"""Reads which addresses of targets nothing is sent to. Written is the list by `suppressing.py`."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import BindParameter, ColumnElement, bindparam, func, or_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.delivery.tables import Suppression
from shared.db import UtcDateTime

BY_MAIL_SERVER = "a mail server"
_KEY = 7_233_104_461_023


def normal(address: str) -> str:
    """As addresses are compared: in lower case, as nearly every mail server takes them."""
    return address.strip().lower()


def lasts(now: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    """Whether a suppression still holds."""
    return or_(col(Suppression.expires_at).is_(None), col(Suppression.expires_at) > now)


# Built once: every claim asks.
_SUPPRESSED = select(col(Suppression.address)).where(
    col(Suppression.address).in_(bindparam("addresses", expanding=True)),
    lasts(bindparam("now", type_=UtcDateTime())),
)


async def lock_suppressions(session: AsyncSession) -> None:
    """Let nobody plan until the transaction ends. SQLite has one writer at a time anyway."""
    if session.get_bind().dialect.name == "postgresql":
        await session.exec(select(func.pg_advisory_xact_lock(_KEY)))


async def share_suppressions(session: AsyncSession) -> None:
    """Keep addresses from being suppressed until the transaction ends."""
    if session.get_bind().dialect.name == "postgresql":
        await session.exec(select(func.pg_advisory_xact_lock_shared(_KEY)))


async def find_suppressed(session: AsyncSession, addresses: Collection[str], now: datetime) -> set[str]:
    """Which of these addresses nothing is sent to, as `normal` writes them."""
    wanted = sorted({normal(address) for address in addresses})
    connection = await session.connection()
    return set((await connection.execute(_SUPPRESSED, {"addresses": wanted, "now": now})).scalars())
