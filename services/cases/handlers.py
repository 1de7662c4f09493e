"""What the cases service does with events: it counts them."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from services.cases.ledger import OUTCOMES, count_events
from services.cases.wiring import Wiring
from shared.bus import Halt, Queue, Subscription
from shared.db import Database, DatabaseAway
from shared.messages.actions import (
    ActionAcceptedV1,
    ActionAwaitsVerificationV1,
    ActionInvalidatedV1,
    ActionReinstatedV1,
)
from shared.messages.envelope import Envelope


async def count_batch(database: Database, envelopes: Sequence[Envelope[Any]]) -> None:
    """Count a batch of whatever mixture in one transaction.

    Harmless to run twice: only facts that are new, or later than those known, change a total (`ledger.py`)."""
    try:
        await count_events(database, [envelope.data for envelope in envelopes])
    except DatabaseAway as fault:
        raise Halt(str(fault)) from fault


LEDGER = Queue(
    "cases.ledger",
    (ActionAcceptedV1, ActionAwaitsVerificationV1, ActionInvalidatedV1, ActionReinstatedV1, *OUTCOMES),
)
QUEUES: tuple[Queue, ...] = (LEDGER,)


def subscriptions(wiring: Wiring) -> list[Subscription]:
    return [
        Subscription(
            LEDGER,
            partial(count_batch, wiring.database),
            wiring.keep_dead,
            batch_max=wiring.settings.ledger_batch_max,
            linger_seconds=wiring.settings.ledger_linger_seconds,
        )
    ]
