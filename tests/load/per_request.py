"""The usual way, to compare with: a typed FastAPI route that stores the same two rows in a session of its own.

python -m tests.load.per_request PORT, with W4R_ACTIONS_DATABASE_URL
"""

import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID

from fastapi import FastAPI, Header
from pydantic import BaseModel
from sqlmodel.ext.asyncio.session import AsyncSession

from services.actions.entries import make_entry
from services.actions.intake import TOKEN_BYTES
from services.actions.schemas import ActionRequest
from services.actions.settings import ActionsSettings
from services.actions.tables import Action, Outbox
from shared.db import Database
from shared.messages.envelope import derived_id
from shared.processes import run, serve
from tests.support.events import a_published_case


class Accepted(BaseModel):
    id: UUID
    status: str
    receipt: str


def create_app(database: Database) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await database.close()

    app, case = FastAPI(lifespan=lifespan), a_published_case()

    @app.post("/api/v1/actions", status_code=202)
    async def accept(request: ActionRequest, idempotency_key: str = Header()) -> Accepted:
        action_id, token, now = derived_id(idempotency_key), secrets.token_urlsafe(TOKEN_BYTES), datetime.now(UTC)
        entry = make_entry(request, action_id, request.digest(), token, case, case.targets, now)
        [event] = entry.events
        async with AsyncSession(database.engine) as session:
            session.add(Action(**entry.row))
            session.add(Outbox(event_id=event.event_id, type=event.type, body=event.body, created_at=now, next_at=now))
            await session.commit()
        return Accepted(id=action_id, status="accepted", receipt=f"http://localhost/receipts/{token}")

    return app


if __name__ == "__main__":
    run(serve(create_app(Database(ActionsSettings().database_url)), "127.0.0.1", int(sys.argv[1])))
