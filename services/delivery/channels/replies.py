"""What an SMTP reply means for a letter: one table, by the enhanced status code where there is one, else the basic.

Sources: RFC 5321 section 4.2 (basic codes), RFC 3463 and the IANA registry of enhanced status codes, RFC 7505 (null
MX), and how large providers use them. The first row that fits decides.
"""

import re
from dataclasses import dataclass

from services.delivery.channels import (
    TEXT_LENGTH_MAX,
    Accepted,
    Answer,
    Blocked,
    Dead,
    Deferred,
    HostFault,
    Phase,
    Refused,
    Throttled,
    Unknown,
)

# Not available, or not for us: what the session is told, whichever letter it carries.
SESSION_CODES = frozenset({421, 454, 530, 534, 535, 538})
_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?=\s|$)")


@dataclass(frozen=True, slots=True)
class Row:
    """`status` is the beginning of an enhanced status code, whole parts of it."""

    status: str
    kind: type[Answer]
    why: str


TABLE = (
    Row("4.7.0", Throttled, "too fast or too many, as the large providers say it"),
    Row("4.7.28", Throttled, "too much of this domain or network"),
    Row("4.7.650", Throttled, "the same, in a provider's own number"),
    Row("4.3.2", Throttled, "the system takes no mail just now"),
    Row("4.4.5", Throttled, "the system is congested"),
    Row("4.2.2", Deferred, "the mailbox is full, and may be emptied"),
    Row("4", Deferred, "not now"),
    Row("5.1.1", Dead, "no such mailbox"),
    Row("5.1.2", Dead, "no such domain"),
    Row("5.1.3", Dead, "not an address they can read"),
    Row("5.1.6", Dead, "the mailbox has moved and left no address"),
    Row("5.1.10", Dead, "the domain takes no mail: null MX, RFC 7505"),
    Row("5.2.1", Dead, "the mailbox is switched off"),
    Row("5.2.2", Refused, "the mailbox is full, and they will not wait"),
    Row("5.3.4", Refused, "the letter is too large for them"),
    Row("5.7.8", HostFault, "our password is wrong"),
    Row("5.7.9", HostFault, "our way to log in is not theirs"),
    Row("5.7.11", HostFault, "encryption is needed"),
    Row("5.7.13", Dead, "the account is switched off"),
    Row("5.7", Blocked, "refused by their policy, as for spam or a missing signature"),
    Row("5", Refused, "never"),
)


def read_reply(phase: Phase, code: int, text: str) -> Answer:
    """Raises nothing: a reply that makes no sense says that nobody knows, or that the session is of no use."""
    said = shorten(text)
    if code in SESSION_CODES:
        return HostFault(phase, code, said)
    if code // 100 == 2 and phase is Phase.DOT:
        return Accepted(phase, code, said)
    if code // 100 in (4, 5):
        return _kind(enhanced_status(code, text))(phase, code, said)
    # An answer that is none: after the dot nobody knows, before it the session makes no sense.
    return Unknown(phase, code, said) if phase is Phase.DOT else HostFault(phase, code, said)


def meaning_of(code: int | None, status: str | None) -> type[Answer]:
    """What a bounce means that came home later: its enhanced status code decides, else the basic one, else never."""
    said = status or str((code or 500) // 100)
    return _kind(said) if said[0] in "45" else Refused


def enhanced_status(code: int, text: str) -> str:
    """`5.1.1` where the text begins with one that agrees with the basic code, else the basic code's first digit."""
    found = _ENHANCED.match(text.strip())
    return found[0] if found and found[1] == str(code // 100) else str(code // 100)


def shorten(text: str) -> str:
    printable = "".join(character if character.isprintable() else " " for character in text)
    return printable[:TEXT_LENGTH_MAX]


def _kind(status: str) -> type[Answer]:
    return next(row.kind for row in TABLE if status == row.status or status.startswith(f"{row.status}."))
