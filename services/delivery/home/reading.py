"""Reads what came home, for staff."""

from collections.abc import Sequence
from uuid import UUID

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


_SHOWN = [column for column in IncomingMail.__table__.columns if column.name != "content"]  # type: ignore[attr-defined]
