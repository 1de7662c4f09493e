"""Many actions at once, as if they had come in, and what was decided of them since."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert
from sqlmodel import col, select

from services.actions.criteria import Criteria
from services.actions.tables import Action, Invalidation, Outbox
from shared.audit import By
from shared.messages.actions import ActionValidity
from shared.messages.envelope import derived_id
from shared.messages.registry import read
from tests.support.actions_app import ActionsService
from tests.support.events import CASE_ID, MINISTRY, NOW

BY = By("Amina", "a script")
BEFORE = NOW - timedelta(hours=1)


def criteria(**changes: Any) -> Criteria:
    return Criteria(**({"accepted_from": NOW - timedelta(days=1), "accepted_to": NOW, "pattern": "please"} | changes))


async def keep_many(
    service: ActionsService,
    count: int,
    *,
    start: int = 0,
    at: datetime = BEFORE,
    apart: timedelta = timedelta(0),
    **changes: Any,
) -> None:
    """Straight into the table: `count` actions, the first `at`, each `apart` from the one before."""
    rows = [_row(start + number, at + number * apart) | changes for number in range(count)]
    async with service.wiring.database.transaction() as session:
        await (await session.connection()).execute(insert(Action), rows)


async def begin(service: ActionsService, **changes: Any) -> Invalidation:
    work, meant = service.wiring.invalidations, criteria(**changes)
    return await work.begin(meant, (await work.preview(meant)).count, BY)


async def decisions(service: ActionsService) -> list[ActionValidity]:
    rows = await service.rows(select(Outbox))
    return [data for row in rows if isinstance(data := read(row.body).data, ActionValidity)]


async def count_invalid(service: ActionsService) -> int:
    return len(await service.rows(select(Action.id).where(col(Action.invalidation_id).is_not(None))))


def _row(number: int, at: datetime) -> dict[str, Any]:
    return {
        "id": derived_id("action", "kept", number),
        "token": f"{number:032d}",
        "body_hash": "hash",
        "case_id": CASE_ID,
        "case_slug": "a-test-case",
        "channel": "email",
        "supporter_name": f"Supporter {number}",
        "supporter_email": f"supporter-{number}@mail.example",
        "supporter_country": "DE",
        "hide_email": False,
        "opt_in": False,
        "source": {},
        "letter_subject": "Please act",
        "letter_body": "Dear Minister,\n\nplease act.",
        "letter_language": "en",
        "target_ids": [str(MINISTRY.id)],
        "accepted_at": at,
        "network": "203.0.113.0/24",
        "validity_number": 0,
    }
