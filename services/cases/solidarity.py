"""Messages to people at risk that everybody may see: kept as they are told, and read for a case's pages."""

from collections.abc import Mapping
from typing import Any

from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.cases.tables import Case, CaseStatus, SolidarityMessage
from services.cases.views import MessageView
from shared.db import insert_latest
from shared.messages.actions import SolidarityShownV1, SolidarityTakenDownV1

READ_MAX = 60
FORGOTTEN: Mapping[str, Any] = {"is_shown": False, "name": "", "country": "", "text": "", "language": ""}


async def keep_message(session: AsyncSession, event: SolidarityShownV1 | SolidarityTakenDownV1) -> None:
    """Only a later number of the same message changes anything. One that is taken down leaves no words here."""
    row = {"action_id": event.action_id, "case_slug": event.case_slug, "number": event.number}
    if isinstance(event, SolidarityShownV1) and await _is_withdrawn(session, event.case_slug):
        return
    match event:
        case SolidarityShownV1():
            told = {"name": event.name, "country": event.country, "text": event.text, "language": event.language}
            row |= {"is_shown": True, "written_at": event.written_at, **told}
        case SolidarityTakenDownV1():
            row |= {"written_at": event.taken_down_at, **FORGOTTEN}
    dialect = session.get_bind().dialect.name
    await session.exec(insert_latest(dialect, SolidarityMessage, [row], lambda new, old: new.number > old.number))


async def read_messages(session: AsyncSession, slug: str) -> tuple[MessageView, ...]:
    """The newest `READ_MAX` of a case."""
    shown = select(SolidarityMessage).where(SolidarityMessage.case_slug == slug, col(SolidarityMessage.is_shown))
    rows = await session.exec(shown.order_by(col(SolidarityMessage.written_at).desc()).limit(READ_MAX))
    return tuple(MessageView(row.name, row.country, row.text) for row in rows)


async def _is_withdrawn(session: AsyncSession, slug: str) -> bool:
    """Held until the message is kept: a withdrawal at the same moment comes before it or after it."""
    status = select(Case.status).where(Case.slug == slug).with_for_update(read=True)
    return (await session.exec(status)).first() is CaseStatus.WITHDRAWN


async def forget_messages(session: AsyncSession, slug: str) -> None:
    """Of a case that was withdrawn."""
    await session.exec(delete(SolidarityMessage).where(col(SolidarityMessage.case_slug) == slug))
