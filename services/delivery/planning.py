"""Plans an action's letters: one for each target that its channel reaches. Pure."""

from datetime import datetime
from typing import Any

from services.delivery.outcomes import first_expiry
from services.delivery.reports import HeldLetter
from services.delivery.states import LetterState
from services.delivery.tables import Letter
from shared.messages.actions import ActionAcceptedV1
from shared.messages.cases import Channel, Target
from shared.messages.delivery import letter_id
from shared.messages.envelope import Envelope

# What leaves by itself. Posts and solidarity messages are other people's work, and paper is not printed yet.
CHANNELS = frozenset({Channel.EMAIL})


def plan_action(envelope: Envelope[ActionAcceptedV1], now: datetime) -> list[Letter]:
    """The letters of one action, due now. One target named twice gets one letter."""
    action = envelope.data
    if action.channel not in CHANNELS:
        return []
    targets = {target.id: target for target in action.targets}
    return [_letter(action, target, envelope.traceparent, now) for target in targets.values()]


def as_held(letter: Letter) -> HeldLetter:
    """A letter just inserted, which nobody else can see yet."""
    names = HeldLetter.__dataclass_fields__
    return HeldLetter(**{name: getattr(letter, name) for name in names})


def as_row(letter: Letter) -> dict[str, Any]:
    return {column.name: getattr(letter, column.name) for column in Letter.__table__.columns}  # type: ignore[attr-defined]


def _letter(action: ActionAcceptedV1, target: Target, traceparent: str | None, now: datetime) -> Letter:
    return Letter(
        id=letter_id(action.action_id, target.id, action.channel),
        action_id=action.action_id,
        case_id=action.case_id,
        case_slug=action.case_slug,
        campaign_name=action.campaign_name,
        target_id=target.id,
        channel=action.channel,
        country=action.supporter.country,
        partner=action.partner,
        to_address=target.email,
        to_name=target.name,
        subject=action.letter.subject,
        body=action.letter.body,
        language=action.letter.language,
        sender_name=action.supporter.name,
        reply_to=action.supporter.email,
        traceparent=traceparent,
        state=LetterState.QUEUED,
        next_at=now,
        expires_at=first_expiry(action.accepted_at, action.closes_at),
        created_at=now,
    )
