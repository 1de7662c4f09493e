"""The states of a letter and which may follow which. Nothing else in delivery may know better."""

from enum import StrEnum


class LetterState(StrEnum):
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    UNCERTAIN = "uncertain"
    BOUNCED = "bounced"
    FAILED = "failed"
    CANCELLED = "cancelled"


TRANSITIONS: dict[LetterState, frozenset[LetterState]] = {
    LetterState.QUEUED: frozenset({LetterState.SENDING, LetterState.FAILED, LetterState.CANCELLED}),
    LetterState.SENDING: frozenset(
        {
            LetterState.QUEUED,
            LetterState.SENT,
            LetterState.UNCERTAIN,
            LetterState.BOUNCED,
            LetterState.FAILED,
            LetterState.CANCELLED,
        }
    ),
    LetterState.UNCERTAIN: frozenset(
        {LetterState.QUEUED, LetterState.UNCERTAIN, LetterState.FAILED, LetterState.CANCELLED}
    ),
    LetterState.BOUNCED: frozenset({LetterState.QUEUED}),
    LetterState.FAILED: frozenset({LetterState.QUEUED}),
    LetterState.SENT: frozenset(),
    # Only where it was stopped because staff took its action for invalid, and they let it count after all.
    LetterState.CANCELLED: frozenset({LetterState.QUEUED, LetterState.UNCERTAIN}),
}

# What waits, for its time or for an answer. Everything else has come to its end, unless an operator says otherwise.
LIVE = (LetterState.QUEUED, LetterState.SENDING, LetterState.UNCERTAIN)
RETRIABLE = (LetterState.BOUNCED, LetterState.FAILED, LetterState.UNCERTAIN)
CANCELLABLE = (LetterState.QUEUED, LetterState.UNCERTAIN)


def may_follow(state: LetterState, after: LetterState) -> bool:
    return state in TRANSITIONS[after]
