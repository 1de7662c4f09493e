"""Actions put straight into the table, many at once, as intake would have written them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import insert

from services.actions.tables import Action
from services.actions.wiring import Wiring
from tests.support.events import CASE_ID, EMBASSY, MINISTRY, NOW

TO_BOTH = [str(MINISTRY.id), str(EMBASSY.id)]


def an_action_row(accepted_at: datetime = NOW, **changes: Any) -> dict[str, Any]:
    """A row that differs from every other in id and token alone."""
    return {
        "id": uuid4(),
        "token": uuid4().hex,
        "body_hash": "hash",
        "case_id": CASE_ID,
        "case_slug": "a-test-case",
        "channel": "email",
        "supporter_name": "A Supporter",
        "supporter_email": "supporter@mail.example",
        "supporter_country": "DE",
        "hide_email": False,
        "opt_in": False,
        "source": {},
        "letter_subject": "Please act",
        "letter_body": "Dear Minister,\n\nplease act.",
        "letter_language": "en",
        "target_ids": TO_BOTH,
        "accepted_at": accepted_at,
    } | changes


async def put_actions(wiring: Wiring, rows: Sequence[dict[str, Any]]) -> None:
    """All rows have the same columns."""
    async with wiring.database.transaction() as session:
        await (await session.connection()).execute(insert(Action), list(rows))
