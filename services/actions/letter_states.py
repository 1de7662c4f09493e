"""What can become of a letter, as a receipt tells it."""

from enum import StrEnum

from shared.messages.delivery import (
    LetterBouncedV1,
    LetterCancelledV1,
    LetterEvent,
    LetterFailedV1,
    LetterPrintedV1,
    LetterSentV1,
    LetterUncertainV1,
)


class LetterState(StrEnum):
    """In the order in which one wins over another that was reported at the same instant."""

    QUEUED = "queued"
    UNCERTAIN = "uncertain"
    PRINTED = "printed"
    SENT = "sent"
    ANSWERED = "answered"
    FAILED = "failed"
    BOUNCED = "bounced"
    CANCELLED = "cancelled"

    @property
    def is_pending(self) -> bool:
        """Whether there is more to come, so that it is worth looking again soon."""
        return self in {LetterState.QUEUED, LetterState.UNCERTAIN}


RANK = {state: rank for rank, state in enumerate(LetterState)}

STATE_BY_EVENT: dict[type[LetterEvent], LetterState] = {
    LetterSentV1: LetterState.SENT,
    LetterUncertainV1: LetterState.UNCERTAIN,
    LetterBouncedV1: LetterState.BOUNCED,
    LetterFailedV1: LetterState.FAILED,
    LetterCancelledV1: LetterState.CANCELLED,
    LetterPrintedV1: LetterState.PRINTED,
}
