"""The states of a letter and which may follow which. Nothing else in delivery may know better."""

from enum import StrEnum


class LetterState(StrEnum):
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    UNCERTAIN = "uncertain"
    BOUNCED = "bounced"
    FAILED = "failed"
    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"
    BUNDLED = "bundled"
    PRINTED = "printed"
    HANDED_OVER = "handed_over"


TRANSITIONS: dict[LetterState, frozenset[LetterState]] = {
    LetterState.QUEUED: frozenset(
        {
            LetterState.SENDING,
            LetterState.BUNDLED,
            LetterState.PRINTED,  # by its supporter
            LetterState.FAILED,
            LetterState.SUPPRESSED,
            LetterState.CANCELLED,
        }
    ),
    LetterState.SENDING: frozenset(
        {
            LetterState.QUEUED,
            LetterState.SENT,
            LetterState.UNCERTAIN,
            LetterState.BOUNCED,
            LetterState.FAILED,
            LetterState.SUPPRESSED,
            LetterState.CANCELLED,
        }
    ),
    LetterState.UNCERTAIN: frozenset(
        {
            LetterState.QUEUED,
            LetterState.UNCERTAIN,
            LetterState.SENT,
            LetterState.BOUNCED,
            LetterState.FAILED,
            LetterState.CANCELLED,
        }
    ),
    # In a digest's mail, or on its way to paper: it shares the fate of its bundle.
    LetterState.BUNDLED: frozenset(
        {
            LetterState.QUEUED,
            LetterState.SENT,
            LetterState.UNCERTAIN,
            LetterState.BOUNCED,
            LetterState.FAILED,
            LetterState.PRINTED,
            LetterState.HANDED_OVER,
            LetterState.CANCELLED,
        }
    ),
    LetterState.PRINTED: frozenset({LetterState.HANDED_OVER}),
    LetterState.HANDED_OVER: frozenset(),
    LetterState.BOUNCED: frozenset({LetterState.QUEUED}),
    LetterState.FAILED: frozenset({LetterState.QUEUED}),
    LetterState.SUPPRESSED: frozenset({LetterState.QUEUED}),
    # A mail server took it, and what it said later came home; then it may have another address to go to.
    LetterState.SENT: frozenset({LetterState.BOUNCED, LetterState.QUEUED}),
    # Only where it was stopped because staff took its action for invalid, and they let it count after all.
    LetterState.CANCELLED: frozenset({LetterState.QUEUED, LetterState.UNCERTAIN}),
}

# What waits, for its time or for an answer. Everything else has come to its end, unless an operator says otherwise.
LIVE = (LetterState.QUEUED, LetterState.SENDING, LetterState.UNCERTAIN, LetterState.BUNDLED)
RETRIABLE = (LetterState.BOUNCED, LetterState.FAILED, LetterState.SUPPRESSED, LetterState.UNCERTAIN)
CANCELLABLE = (LetterState.QUEUED, LetterState.UNCERTAIN, LetterState.BUNDLED)


def may_follow(state: LetterState, after: LetterState) -> bool:
    return state in TRANSITIONS[after]
