"""Decides what becomes of a letter: answer or silence -> next state and next time. Pure; nothing here does anything.

Faults of the host do not count as attempts of the letter: a smarthost that is down for a night must not push
50,000 letters to the four-hour rung. The letter waits `host_wait` and the sender itself slows down.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random

from services.delivery.channels import Accepted, Answer, Blocked, Deferred, HostFault, Refused, Throttled, Unknown
from services.delivery.states import LetterState
from shared.messages.delivery import FailureReason

LETTER_LIFE = timedelta(days=5)
RETRY_GRACE = timedelta(days=1)
JITTER = 0.2


class UncertainPolicy(StrEnum):
    """What follows a letter that may or may not have arrived, once `uncertain_wait` is over."""

    RESEND = "resend"
    HOLD = "hold"


@dataclass(frozen=True)
class SendPolicy:
    """How patient we are. `unknowns_max` bounds how often one letter may be sent into silence before it is held."""

    deferrals: tuple[timedelta, ...]
    host_wait: timedelta
    uncertain_wait: timedelta
    uncertain: UncertainPolicy
    unknowns_max: int = 3


@dataclass(frozen=True, slots=True)
class Standing:
    """What a decision looks at in a letter. `attempts` and `unknowns` do not count the present one yet."""

    attempts: int
    unknowns: int
    expires_at: datetime
    stop_reason: str | None


@dataclass(frozen=True, slots=True)
class Decision:
    state: LetterState
    next_at: datetime | None = None
    counts: bool = True
    failure: FailureReason | None = None


def first_expiry(accepted_at: datetime, closes_at: datetime | None) -> datetime:
    """Until when we try: five days, but not past the case's closing date."""
    return min(accepted_at + LETTER_LIFE, closes_at or accepted_at + LETTER_LIFE)


def decide(answer: Answer, standing: Standing, now: datetime, policy: SendPolicy, random: Random) -> Decision:
    """After a handover. A letter told to stop meanwhile does not go back to waiting."""
    match answer:
        case Accepted():
            return Decision(LetterState.SENT)
        case Refused():
            return Decision(LetterState.BOUNCED)
        case Unknown():
            return _become_uncertain(standing, now, policy)
        case HostFault() | Throttled():
            wait = _jittered(policy.host_wait, random)
            return _stopped(standing) or _wait(now + wait, standing, counts=False)
        case Deferred() | Blocked():
            wait = _jittered(policy.deferrals[min(standing.attempts, len(policy.deferrals) - 1)], random)
            return _stopped(standing) or _wait(now + wait, standing, counts=True)
    raise TypeError(f"no decision for {type(answer).__name__}")


def decide_lapse(standing: Standing, now: datetime, policy: SendPolicy) -> Decision:
    """After a sender died, or lost touch, with the letter in its hands: it may have been in the air."""
    return _become_uncertain(standing, now, policy)


def decide_uncertain(standing: Standing, now: datetime, policy: SendPolicy) -> Decision:
    """After an uncertain letter has waited. Held ones wait for an operator, until they expire."""
    if stopped := _stopped(standing):
        return stopped
    if now >= standing.expires_at:
        return Decision(LetterState.FAILED, failure=FailureReason.UNKNOWN_OUTCOME, counts=False)
    if _may_resend(standing.unknowns, policy):
        return Decision(LetterState.QUEUED, next_at=now, counts=False)
    return Decision(LetterState.UNCERTAIN, next_at=standing.expires_at, counts=False)


def _become_uncertain(standing: Standing, now: datetime, policy: SendPolicy) -> Decision:
    """Said even of a letter told to stop: it may have gone out. What is done about it comes at `next_at`."""
    if standing.stop_reason:
        return Decision(LetterState.UNCERTAIN, next_at=now)
    resend = _may_resend(standing.unknowns + 1, policy)
    resolve_at = min(now + policy.uncertain_wait, standing.expires_at) if resend else standing.expires_at
    return Decision(LetterState.UNCERTAIN, next_at=resolve_at)


def _may_resend(unknowns: int, policy: SendPolicy) -> bool:
    return policy.uncertain is UncertainPolicy.RESEND and unknowns < policy.unknowns_max


def _wait(until: datetime, standing: Standing, *, counts: bool) -> Decision:
    if until >= standing.expires_at:
        return Decision(LetterState.FAILED, failure=FailureReason.EXPIRED, counts=counts)
    return Decision(LetterState.QUEUED, next_at=until, counts=counts)


def _stopped(standing: Standing) -> Decision | None:
    return Decision(LetterState.CANCELLED, counts=False) if standing.stop_reason else None


def _jittered(wait: timedelta, random: Random) -> timedelta:
    return wait * random.uniform(1 - JITTER, 1 + JITTER)
