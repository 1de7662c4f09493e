"""Messages that no handler could take: staff look at them, and have them handled again once the fault is mended."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

import structlog
from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict
from sqlmodel import col, select

from services.delivery.handlers import subscriptions
from services.delivery.steering_schemas import WhyIn
from services.delivery.tables import DeadLetter
from services.delivery.wiring import Wiring
from shared.audit import By
from shared.bus import Drop, Halt
from shared.db import DatabaseAway
from shared.messages.registry import Unreadable, read
from shared.web.problems import Problem

SHOWN_MAX = 200

log = structlog.get_logger(__name__)


class DeadLetterOut(BaseModel):
    """Without its body, which may be personal."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    queue: str
    type: str | None
    reason: str
    died_at: datetime
    replayed_at: datetime | None


def dead_letters_api(wiring: Wiring) -> APIRouter:
    require = wiring.staff.require_bearer
    router = APIRouter(prefix="/api/v1/delivery/dead-letters", tags=["delivery"], dependencies=[Depends(require)])
    Who = Annotated[str, Depends(require)]  # noqa: N806  # a type

    @router.get("", summary="Messages that no handler could take, the newest first")
    async def list_dead(response: Response) -> list[DeadLetterOut]:
        response.headers["Cache-Control"] = "no-store"
        return [DeadLetterOut.model_validate(row) for row in await find_dead(wiring)]

    @router.post("/{dead_id}/replay", summary="Have one handled once more")
    async def replay_dead(dead_id: UUID, wish: WhyIn, who: Who) -> DeadLetterOut:
        return DeadLetterOut.model_validate(await replay(wiring, dead_id, By(who, wish.why)))

    return router


async def find_dead(wiring: Wiring) -> Sequence[DeadLetter]:
    statement = select(DeadLetter).order_by(col(DeadLetter.died_at).desc()).limit(SHOWN_MAX)
    async with wiring.database.transaction() as session:
        return list(await session.exec(statement))


async def replay(wiring: Wiring, dead_id: UUID, by: By) -> DeadLetter:
    """Handle it as if it had just come; handlers are harmless twice. Raises 404, and 409 when it is refused again."""
    async with wiring.database.transaction() as session:
        dead = await session.get(DeadLetter, dead_id)
    if dead is None:
        raise Problem(404, "no-such-dead-letter", "There is no such message")
    handlers = {subscription.queue.name: subscription.handle for subscription in subscriptions(wiring)}
    try:
        envelope = read(dead.body)
        await handlers[dead.queue]([envelope])
    except Halt as fault:
        raise DatabaseAway(str(fault)) from fault
    except (Unreadable, Drop) as fault:
        raise _refused(str(fault)) from fault
    except Exception as fault:  # whatever killed it may kill it again; that is what is told
        log.warning("replay_failed", dead=str(dead_id), fault=type(fault).__name__)
        raise _refused(type(fault).__name__) from fault
    async with wiring.database.transaction() as session:
        dead = await session.get_one(DeadLetter, dead_id)
        dead.replayed_at = wiring.clock.now()
        await wiring.audit.note(session, by, "dead_letter_replayed", dead=str(dead_id), type=dead.type)
        session.add(dead)
    return dead


def _refused(reason: str) -> Problem:
    return Problem(409, "dead-again", "It could not be handled", reason)
