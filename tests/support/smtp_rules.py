"""What the SMTP sink does with a recipient: the rules, as they are written, read and looked up. Pure but for chance.

    {"busy": "450", "slow.example": "slow:200", "fickle.example": ["accept", "drop:rcpt"], "*": "accept"}

A rule is named by a recipient's local part, whole domain, or `*`, in that order of precedence. Of a list, each letter
meets one by chance. What comes before the recipient is known (connect, ehlo, mail) is ruled by `*` alone.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import choice
from typing import Any

EVERYBODY = "*"


class Behaviour(StrEnum):
    """`name`, or `name:argument` for those that say so."""

    ACCEPT = "accept"
    REFUSE_FOR_NOW = "450"
    REFUSE = "550"
    CLOSE_SERVICE = "421"
    SAY = "say"  # :REPLY, to the recipient, such as `say:451 4.7.28 Slow down`
    SAY_AFTER_DOT = "say-after-dot"  # :REPLY
    REFUSE_LETTER = "554-after-dot"
    DROP_AFTER_DOT = "drop-after-dot"  # takes the letter, and hangs up without a word
    DROP_BEFORE_DOT = "drop-before-dot"
    DROP = "drop"  # :STEP
    HANG = "hang"  # :STEP, and never answers; at `dot` the letter is taken
    SLOW = "slow"  # :MS, thinks so long after the dot
    SLOW_RCPT = "slow-rcpt"  # :MS, thinks so long before it takes the recipient
    CLOSE_AFTER = "421-after"  # :LETTERS in one session, then 421
    GREYLIST = "greylist"  # :MS, refuses a sender and recipient for now until so long after their first try
    AT_ONCE = "at-once"  # :LETTERS, in so many sessions; one more is told 421


class Step(StrEnum):
    """Where a session can be dropped, or hang."""

    CONNECT = "connect"
    EHLO = "ehlo"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    DOT = "dot"


NUMBERED = {Behaviour.SLOW, Behaviour.SLOW_RCPT, Behaviour.CLOSE_AFTER, Behaviour.GREYLIST, Behaviour.AT_ONCE}
STEPPED = {Behaviour.DROP, Behaviour.HANG}
SAYING = {Behaviour.SAY, Behaviour.SAY_AFTER_DOT}


@dataclass(frozen=True)
class Rule:
    """One behaviour with what it needs: a number, a step, or a reply."""

    behaviour: Behaviour
    argument: str = ""
    name: str = EVERYBODY

    @classmethod
    def read(cls, text: str, name: str = EVERYBODY) -> "Rule":
        """Raises `ValueError` for what is no rule."""
        word, _, argument = text.partition(":")
        behaviour = Behaviour(word)
        if behaviour in NUMBERED:
            int(argument)
        if behaviour in STEPPED:
            Step(argument)
        if behaviour in SAYING and not argument[:3].isdigit():
            raise ValueError(f"{text!r} says no reply, such as {word}:451 4.7.28 Slow down")
        return cls(behaviour, argument, name)

    @property
    def number(self) -> int:
        return int(self.argument)

    def at(self, behaviour: Behaviour, step: Step) -> bool:
        return self.behaviour is behaviour and self.argument == step


@dataclass(frozen=True)
class Rules:
    """Which recipient is treated how."""

    by_name: Mapping[str, Sequence[Rule]]

    @classmethod
    def read(cls, text: str) -> "Rules":
        """Raises `ValueError`."""
        return cls({name: _read_some(name, written) for name, written in json.loads(text).items()})

    def of(self, address: str) -> Rule:
        local_part, _, domain = address.rpartition("@")
        for name in (local_part, domain, EVERYBODY):
            if name in self.by_name:
                return choice(self.by_name[name])  # noqa: S311 - chance is all it is for
        return Rule(Behaviour.ACCEPT)

    def of_everybody(self) -> Rule:
        return self.of("")


def _read_some(name: str, written: Any) -> list[Rule]:
    return [Rule.read(text, name) for text in ([written] if isinstance(written, str) else written)]
