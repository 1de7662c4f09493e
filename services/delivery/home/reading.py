"""Reads what came home, for staff."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlmodel import col, select

from services.delivery.home.mail import IncomingKind
from services.delivery.tables import IncomingMail
from shared.db import Database

SHOWN_MAX = 200


class IncomingReader:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(
        self, *, kind: IncomingKind | None = None, case_id: UUID | None = None, letter_id: UUID | None = None
    ) -> Sequence[IncomingMail]:
        """The newest first, up to `SHOWN_MAX`, without the bytes."""
        statement = select(*_SHOWN).order_by(col(IncomingMail.received_at).desc()).limit(SHOWN_MAX)
        for column, value in (
            (IncomingMail.kind, kind),
            (IncomingMail.case_id, case_id),
            (IncomingMail.letter_id, letter_id),
        ):
            if value is not None:
                statement = statement.where(col(column) == value)
        async with self._database.transaction() as session:
            return [IncomingMail(**row._mapping) for row in (await session.exec(statement)).all()]

    async def find(self, incoming_id: UUID) -> IncomingMail | None:
        """One of them, without the bytes."""
        async with self._database.transaction() as session:
            row = (await session.exec(select(*_SHOWN).where(col(IncomingMail.id) == incoming_id))).first()
            return IncomingMail(**row._mapping) if row else None

    async def size_bytes(self, incoming_id: UUID | None) -> int | None:
        """None where it is not kept whole, or not at all."""
        size: int | None = await self._read(func.length(col(IncomingMail.content)), incoming_id)
        return size

    async def content(self, incoming_id: UUID | None) -> bytes | None:
        """All its bytes; None where they are not kept."""
        content: bytes | None = await self._read(col(IncomingMail.content), incoming_id)
        return content

    async def _read(self, what: Any, incoming_id: UUID | None) -> Any:
        async with self._database.transaction() as session:
            return (await session.exec(select(what).where(col(IncomingMail.id) == incoming_id))).first()


_SHOWN = [column for column in IncomingMail.__table__.columns if column.name != "content"]  # type: ignore[attr-defined]
