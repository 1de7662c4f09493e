"""An answer to a hidden supporter is asked to be forwarded, by the one service that knows their mailbox."""

from typing import Any
from uuid import UUID

from sqlmodel import select

from services.actions.tables import Outbox
from shared.messages.actions import AnswerForwardingRequestedV1
from shared.messages.delivery import AnswerReceivedV1
from shared.messages.envelope import derived_id
from shared.messages.registry import read
from tests.support.actions_app import actions_service
from tests.support.actions_rows import an_action_row, put_actions
from tests.support.events import CASE_ID, MINISTRY, NOW


def an_answer_received(action_id: UUID, **changes: Any) -> AnswerReceivedV1:
    values: dict[str, Any] = {
        "answer_id": derived_id("answer of a test", action_id),
        "letter_id": derived_id("letter", "one"),
        "action_id": action_id,
        "case_id": CASE_ID,
        "case_slug": "a-test-case",
        "target_id": MINISTRY.id,
        "received_at": NOW,
    }
    return AnswerReceivedV1(**(values | changes))


async def test_an_answer_goes_to_the_mailbox_of_whose_letter_it_answers_and_once(database_url: str) -> None:
    async with actions_service(database_url) as actions:
        known = an_action_row(supporter_email="hidden@mail.example", hide_email=True)
        await put_actions(actions.wiring, [known])
        answer = an_answer_received(known["id"])
        await actions.tell(answer)
        await actions.tell(answer)
        await actions.tell(an_answer_received(UUID(int=7)))
        rows = await actions.rows(select(Outbox))
        [request] = [found for row in rows if isinstance(found := read(row.body).data, AnswerForwardingRequestedV1)]
        assert (request.answer_id, request.mailbox, request.action_id) == (
            answer.answer_id,
            "hidden@mail.example",
            known["id"],
        )
