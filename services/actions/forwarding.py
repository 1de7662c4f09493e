"""Asks that a target's answer be forwarded to the supporter whose letter it answers, and who stays hidden from them."""

from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlmodel import col, select

from services.actions.tables import Action
from shared.clock import Clock
from shared.db import Database
from shared.messages.actions import AnswerForwardingRequestedV1
from shared.messages.delivery import AnswerReceivedV1
from shared.messages.envelope import Envelope
from shared.outbox import Outbox

log = structlog.get_logger(__name__)


async def ask_forwarding(
    events: Sequence[Envelope[AnswerReceivedV1]], database: Database, outbox: Outbox, clock: Clock
) -> None:
    """Harmless twice: one answer is asked for once. Of actions that are not here, or have no mailbox, nothing is."""
    async with database.transaction() as session:
        wanted = {envelope.data.action_id for envelope in events}
        found = await session.exec(select(Action).where(col(Action.id).in_(wanted)))
        actions = {action.id: action for action in found if action.supporter_email}
        now = clock.now()
        asked = [
            _request(envelope.data, actions[envelope.data.action_id], now)
            for envelope in events
            if envelope.data.action_id in actions
        ]
        await outbox.add(session, *asked)
    log.info("answers_forwarded", answers=len(asked), unknown=len(events) - len(asked))


def _request(answer: AnswerReceivedV1, action: Action, now: datetime) -> AnswerForwardingRequestedV1:
    return AnswerForwardingRequestedV1(
        answer_id=answer.answer_id,
        action_id=action.id,
        case_id=answer.case_id,
        case_slug=answer.case_slug,
        country=action.supporter_country,
        mailbox=action.supporter_email,
        name=action.supporter_name,
        language=action.letter_language,
        requested_at=now,
    )
