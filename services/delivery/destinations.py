"""Where letters meet: the mail provider behind an address, or else its domain; and how fast it can be written to. Pure.

A destination that asks for less gets less at once, rests, and is then tried with a single letter. One that refuses us
by its policy too often is held until an operator lifts that.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.delivery.channels import Accepted, Answer, Blocked, HostFault, Phase, Throttled
from services.delivery.gcra import Rate, allow
from services.delivery.granting import BURSTS_PER_HOUR, HOUR

NOWHERE, ELSEWHERE = "nowhere", "elsewhere"
REST_MAX = timedelta(hours=1)
COOL_STEPS_MAX = 16
WINDOW = timedelta(hours=1)
REFUSALS_MIN = 5
REFUSED_SHARE_MAX = 0.05
QUARANTINE = "refused by policy too often"

# Many domains, one mail system: what it minds of one, it minds of all.
PROVIDERS = {
    "gmail.com": "google",
    "googlemail.com": "google",
    "outlook.com": "microsoft",
    "hotmail.com": "microsoft",
    "live.com": "microsoft",
    "msn.com": "microsoft",
    "yahoo.com": "yahoo",
    "ymail.com": "yahoo",
    "aol.com": "yahoo",
    "icloud.com": "apple",
    "me.com": "apple",
    "mac.com": "apple",
    "gmx.net": "gmx",
    "gmx.de": "gmx",
    "web.de": "gmx",
}


@dataclass(frozen=True, slots=True)
class Bearing:
    """What destinations bear until they say otherwise: so many letters in the air at once, and the first rest."""

    at_once_max: int
    rest: timedelta


@dataclass(frozen=True, slots=True)
class DestinationState:
    """What is remembered of a destination. `at_once_max` is over all senders; none: what settings allow."""

    at_once_max: int | None = None
    per_hour: int | None = None
    tat: datetime | None = None
    open_at: datetime | None = None
    cool_until: datetime | None = None
    cool_steps: int = 0
    window_began: datetime | None = None
    attempted: int = 0
    refused: int = 0
    held_because: str | None = None


def destination_of(address: str | None) -> str:
    """The provider's name, or the domain in lower case."""
    domain = (address or "").rpartition("@")[2].strip().lower().rstrip(".")
    return PROVIDERS.get(domain, domain) or NOWHERE


def named(destination: str) -> str:
    """What metrics call a destination that supporters' mail goes to: the provider. A domain may be a person's own."""
    return destination if destination in PROVIDERS.values() else ELSEWHERE


def room(state: DestinationState, in_the_air: int, most: int, now: datetime) -> int:
    """How many more letters may be in the air to it, of `most` in all. After a rest, one alone tries."""
    if state.held_because or any(until and now < until for until in (state.cool_until, state.open_at)):
        return 0
    at_once_max = 1 if state.cool_steps else min(most, state.at_once_max or most)
    return max(0, at_once_max - in_the_air)


def spend(state: DestinationState, wanted: int, now: datetime) -> tuple[int, DestinationState]:
    """How many of `wanted` letters its rate allows, and the state once they are on their way."""
    if state.per_hour is None:
        return wanted, state
    rate = Rate(HOUR / state.per_hour, max(1, state.per_hour // BURSTS_PER_HOUR))
    allowance = allow(rate, state.tat, now, wanted)
    return allowance.count, replace(state, tat=allowance.tat, open_at=allowance.next_at)


def after(state: DestinationState, answers: Sequence[Answer], now: datetime, bearing: Bearing) -> DestinationState:
    """The state once these answers have come. A wave of the same complaint counts once, and what is taken during a rest
    was on its way before: it does not end it."""
    state = _counted(state, answers, now)
    if any(map(asks_for_less, answers)):
        return _slowed(state, bearing, now)
    if any(isinstance(answer, Accepted) for answer in answers) and not _rests(state, now):
        more = state.at_once_max + 1 if state.at_once_max else bearing.at_once_max
        at_once_max = more if more < bearing.at_once_max else None
        state = replace(state, cool_until=None, cool_steps=0, at_once_max=at_once_max)
    return state


def asks_for_less(answer: Answer) -> bool:
    """Said or shown of this destination's letters: by its words, or since connections break once it was named."""
    is_fault = isinstance(answer, HostFault) and not is_hosts(answer) and answer.phase is not Phase.RENDER
    return isinstance(answer, Throttled) or (is_fault and answer.code in (None, 421))


def is_hosts(answer: Answer) -> bool:
    """A fault of the host we talk to, whomever a letter is for: it came before the recipient was named, or it is the
    session's own, such as a login that is wanted."""
    is_early = answer.phase in {Phase.CONNECT, Phase.MAIL}
    return isinstance(answer, HostFault) and (is_early or answer.code not in (None, 421))


def lifted(state: DestinationState) -> DestinationState:
    """As an operator wants it: neither held nor cooling, with a new window."""
    return replace(state, held_because=None, cool_until=None, cool_steps=0, window_began=None, attempted=0, refused=0)


def _rests(state: DestinationState, now: datetime) -> bool:
    return state.cool_until is not None and now < state.cool_until


def _slowed(state: DestinationState, bearing: Bearing, now: datetime) -> DestinationState:
    if _rests(state, now):
        return state
    steps = min(COOL_STEPS_MAX, state.cool_steps + 1)
    rest = min(REST_MAX, bearing.rest * 2 ** (steps - 1))
    return replace(
        state,
        at_once_max=max(1, (state.at_once_max or bearing.at_once_max) // 2),
        cool_steps=steps,
        cool_until=now + rest,
    )


def _counted(state: DestinationState, answers: Sequence[Answer], now: datetime) -> DestinationState:
    """Share of a window that was refused by policy."""
    if state.window_began is None or now - state.window_began >= WINDOW:
        state = replace(state, window_began=now, attempted=0, refused=0)
    refused = state.refused + sum(isinstance(answer, Blocked) for answer in answers)
    attempted = state.attempted + len(answers)
    too_often = refused >= REFUSALS_MIN and refused > REFUSED_SHARE_MAX * attempted
    held_because = QUARANTINE if too_often else state.held_because
    return replace(state, attempted=attempted, refused=refused, held_because=held_because)
