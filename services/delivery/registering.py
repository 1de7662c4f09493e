"""Tells whoever sent actions which of them delivery has in its books, so that what was lost between is found."""

from collections.abc import Sequence
from datetime import datetime

from shared.messages.actions import ActionAcceptedV1
from shared.messages.delivery import REGISTERED_MAX, ActionsRegisteredV1
from shared.messages.envelope import Envelope


def report_registered(events: Sequence[Envelope[ActionAcceptedV1]], now: datetime) -> list[ActionsRegisteredV1]:
    """One event for a batch; more only for one beyond `REGISTERED_MAX` actions. Pure."""
    ids = sorted({envelope.data.action_id for envelope in events})
    parts = [ids[at : at + REGISTERED_MAX] for at in range(0, len(ids), REGISTERED_MAX)]
    return [ActionsRegisteredV1(action_ids=tuple(part), registered_at=now) for part in parts]
