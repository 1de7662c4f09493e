"""The port to whatever takes letters, and the answers there are.

A channel tells what happened and how far it got. What follows from it is decided in `outcomes.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Protocol
from uuid import UUID

TEXT_LENGTH_MAX = 500


class Phase(StrEnum):
    """How far a handover got."""

    RENDER = "render"
    CONNECT = "connect"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    DOT = "dot"
    STORE = "store"
    LEASE = "lease"


class Outcome(StrEnum):
    """What came of an attempt, in the glossary's words. The last three say nothing of the letter itself."""

    SENT = "sent"
    DEFERRED = "deferred"
    BOUNCED = "bounced"
    SUPPRESSED = "suppressed"
    UNCERTAIN = "uncertain"
    THROTTLED = "throttled"
    BLOCKED = "blocked"
    HOST_FAULT = "host_fault"


@dataclass(frozen=True, slots=True)
class RenderedLetter:
    """A letter as it goes over the wire: 7-bit bytes with CRLF line ends, addresses checked and in ASCII.

    `needs_utf8`: the recipient's address and the headers hold more than ASCII, as RFC 6531 and 6532 have it.
    `is_ours`: whether it may still go, asked at the last moment: a sender may have been frozen beyond its lease."""

    letter_id: UUID
    sender: str
    recipient: str
    content: bytes
    needs_utf8: bool = False
    is_ours: Callable[[], bool] = lambda: True


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one handover. `text` is the other side's, shortened; it may hold an address, so never log it."""

    outcome: ClassVar[Outcome]
    phase: Phase
    code: int | None = None
    text: str = ""


class Accepted(Answer):
    """The other side took the letter and said so."""

    outcome = Outcome.SENT


class Deferred(Answer):
    """Not now, says the other side of this letter."""

    outcome = Outcome.DEFERRED


class Refused(Answer):
    """Never, says the other side of this letter."""

    outcome = Outcome.BOUNCED


class Dead(Refused):
    """Never, and nothing else to this address either: there is no such mailbox."""

    outcome = Outcome.SUPPRESSED


class Throttled(Answer):
    """The destination wants fewer letters or connections from us. The letter did not go out, and is not at fault."""

    outcome = Outcome.THROTTLED


class Blocked(Answer):
    """The destination refuses us by its policy, as for spam. The letter did not go out; the next would fare alike."""

    outcome = Outcome.BLOCKED


class Unknown(Answer):
    """The letter was handed over whole, and no answer came."""

    outcome = Outcome.UNCERTAIN


class HostFault(Answer):
    """The host could not be talked to, or is not at our service. Says nothing of the letter, which did not go out."""

    outcome = Outcome.HOST_FAULT


class Channel(Protocol):
    """Every channel passes `tests/contract/test_delivery_channels.py`."""

    async def hand_over(self, letter: RenderedLetter) -> Answer:
        """Try once. Whatever the outside does is an `Answer`, never an exception."""

    async def ping(self) -> None:
        """Raises when letters cannot leave at all."""

    async def abort(self) -> None:
        """Break off what is in the air: each `hand_over` then returns what it knows. Opens again at the next one."""
