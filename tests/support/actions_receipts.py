"""Actions with their receipts, and what delivery reports of their letters."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from shared.messages.cases import Channel, Target
from shared.messages.delivery import LetterEvent, letter_id
from tests.support.actions_app import ActionsService
from tests.support.actions_requests import an_action
from tests.support.events import CASE_ID, NOW


async def acted(service: ActionsService, key: str = "a-key", **changes: Any) -> tuple[UUID, str]:
    """An accepted action's id, and its receipt's path."""
    answer = await service.post(an_action(**changes), key=key)
    return UUID(answer.json()["id"]), "/receipts/" + answer.json()["receipt"].rsplit("/", 1)[-1]


def report(kind: type[LetterEvent], action_id: UUID, target: Target, minutes: int = 0, **more: Any) -> LetterEvent:
    return kind(
        letter_id=letter_id(action_id, target.id, Channel.EMAIL),
        action_id=action_id,
        case_id=CASE_ID,
        case_slug="a-test-case",
        target_id=target.id,
        channel=Channel.EMAIL,
        country="DE",
        occurred_at=NOW + timedelta(minutes=minutes),
        **more,
    )
