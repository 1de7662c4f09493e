"""The kinds of what delivery carries. They share everything but their line and their reports."""

from enum import StrEnum


class LetterKind(StrEnum):
    """A letter goes to a target. A confirmation asks a supporter whether they wrote. An announcement is the campaign's
    own post on a network. An answer is a target's, forwarded to a supporter. A digest brings a target many letters in
    one mail. Only of letters are others told."""

    LETTER = "letter"
    CONFIRMATION = "confirmation"
    ANNOUNCEMENT = "announcement"
    ANSWER = "answer"
    DIGEST = "digest"


TO_SUPPORTERS = frozenset({LetterKind.CONFIRMATION, LetterKind.ANSWER})
