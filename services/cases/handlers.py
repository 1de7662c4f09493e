"""What the cases service does with events: it counts them, and shows the messages that everybody may see."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from services.cases.ledger import OUTCOMES, count_events
from services.cases.solidarity import keep_message
from services.cases.wiring import Wiring
from shared.bus import Halt, Queue, Subscription
from shared.db import Database, DatabaseAway
from shared.messages.actions import (
    ActionAcceptedV1,
    ActionAwaitsVerificationV1,
    ActionInvalidatedV1,
    ActionReinstatedV1,
    SolidarityShownV1,
    SolidarityTakenDownV1,
)
from shared.messages.envelope import Envelope


async def count_batch(database: Database, envelopes: Sequence[Envelope[Any]]) -> None:
    """Count a batch of whatever mixture in one transaction.

    Harmless to run twice: only facts that are new, or later than those known, change a total (`ledger.py`)."""
    try:
        await count_events(database, [envelope.data for envelope in envelopes])
    except DatabaseAway as fault:
        raise Halt(str(fault)) from fault


async def keep_messages(
    database: Database, envelopes: Sequence[Envelope[SolidarityShownV1 | SolidarityTakenDownV1]]
) -> None:
    """Show messages, and take them down. Harmless to run twice: only a later number of a message changes it."""
    try:
        async with database.transaction() as session:
            for envelope in envelopes:
                await keep_message(session, envelope.data)
    except DatabaseAway as fault:
        raise Halt(str(fault)) from fault


LEDGER = Queue(
    "cases.ledger",
    (ActionAcceptedV1, ActionAwaitsVerificationV1, ActionInvalidatedV1, ActionReinstatedV1, *OUTCOMES),
)
SOLIDARITY = Queue("cases.solidarity", (SolidarityShownV1, SolidarityTakenDownV1))
QUEUES: tuple[Queue, ...] = (LEDGER, SOLIDARITY)


def subscriptions(wiring: Wiring) -> list[Subscription]:
    return [
        Subscription(
            LEDGER,
            partial(count_batch, wiring.database),
            wiring.keep_dead,
            batch_max=wiring.settings.ledger_batch_max,
            linger_seconds=wiring.settings.ledger_linger_seconds,
        ),
        Subscription(SOLIDARITY, partial(keep_messages, wiring.database), wiring.keep_dead),
    ]
