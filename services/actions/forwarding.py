"""A target answered a supporter who stays hidden from them: the receipt says so, and the answer is to be forwarded."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlmodel import col, select

from services.actions.letter_states import LetterState
from services.actions.tables import Action, LetterReport
from shared.clock import Clock
from shared.db import Database, insert_once
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
        reports = {envelope.id: _report_row(envelope) for envelope in events}
        await session.exec(insert_once(session.get_bind().dialect.name, LetterReport, list(reports.values())))
    log.info("answers_forwarded", answers=len(asked), unknown=len(events) - len(asked))


def _report_row(envelope: Envelope[AnswerReceivedV1]) -> dict[str, Any]:
    answer = envelope.data
    return {
        "event_id": envelope.id,
        "action_id": answer.action_id,
        "letter_id": answer.letter_id,
        "target_id": answer.target_id,
        "state": LetterState.ANSWERED.value,
        "occurred_at": answer.received_at,
    }


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
