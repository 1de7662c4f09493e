"""What delivery tells the others of a letter: one event for each state they would want to hear of."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.delivery.kinds import LetterKind
from services.delivery.outcomes import Decision, Standing
from services.delivery.states import LetterState
from shared.messages.cases import Channel
from shared.messages.delivery import (
    FailureReason,
    LetterBouncedV1,
    LetterCancelledV1,
    LetterEvent,
    LetterFailedV1,
    LetterPrintedV1,
    LetterSentV1,
    LetterUncertainV1,
)

NO_REASON = "cancelled"


@dataclass(frozen=True, slots=True)
class HeldLetter:
    """A letter whose row this transaction has locked: what decisions and reports need, and nothing personal."""

    id: UUID
    kind: LetterKind
    action_id: UUID
    case_id: UUID
    case_slug: str
    target_id: UUID
    channel: Channel
    country: str
    partner: str | None
    traceparent: str | None
    state: LetterState
    attempts: int
    unknowns: int
    expires_at: datetime
    stop_reason: str | None
    fence: int
    lease_until: datetime | None
    line_id: UUID | None
    bundle_id: UUID | None

    @property
    def standing(self) -> Standing:
        return Standing(self.attempts, self.unknowns, self.expires_at, self.stop_reason)


def more_time(letter: HeldLetter, until: datetime) -> datetime:
    """When it expires if it is to have time until then. Only a letter can: a confirmation ends with its link, and what
    is a week old is no news. Pure."""
    return max(letter.expires_at, until) if letter.kind is LetterKind.LETTER else letter.expires_at


def report(letter: HeldLetter, decision: Decision, now: datetime, code: int | None = None) -> LetterEvent | None:
    """The event for this decision, or None where others have nothing to learn. Uncertain is told once.

    Of other kinds nothing is told: they are no letters, and must not be counted or shown as such."""
    if letter.kind is not LetterKind.LETTER:
        return None
    about: dict[str, Any] = {
        "letter_id": letter.id,
        "action_id": letter.action_id,
        "case_id": letter.case_id,
        "case_slug": letter.case_slug,
        "target_id": letter.target_id,
        "channel": letter.channel,
        "country": letter.country,
        "partner": letter.partner,
        "occurred_at": now,
    }
    match decision.state:
        case LetterState.SENT:
            return LetterSentV1(**about)
        case LetterState.UNCERTAIN if letter.state is not LetterState.UNCERTAIN:
            return LetterUncertainV1(**about)
        case LetterState.BOUNCED:
            return LetterBouncedV1(**about, code=code)
        case LetterState.FAILED | LetterState.SUPPRESSED:
            return LetterFailedV1(**about, reason=decision.failure or FailureReason.EXPIRED)
        case LetterState.PRINTED | LetterState.HANDED_OVER:
            return LetterPrintedV1(**about)
        case LetterState.CANCELLED:
            return LetterCancelledV1(**about, reason=letter.stop_reason or NO_REASON)
    return None
