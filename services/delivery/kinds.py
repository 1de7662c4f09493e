"""The kinds of what delivery carries. They share everything but their line and their reports."""

from enum import StrEnum


class LetterKind(StrEnum):
    """A letter goes to a target. A confirmation asks a supporter whether they wrote. An announcement is the campaign's
    own post on a network. An answer is a target's, forwarded to a supporter. A digest brings a target many letters in
    one mail. News tells a supporter who asked for it what changed in a case. Only of letters are others told."""

    LETTER = "letter"
    CONFIRMATION = "confirmation"
    ANNOUNCEMENT = "announcement"
    ANSWER = "answer"
    DIGEST = "digest"
    NEWS = "news"


class Lane(StrEnum):
    """What goes by different turns: letters; news, which goes last; and all others, which somebody waits for."""

    LETTERS = "letters"
    OTHERS = "others"
    NEWS = "news"


def lane_of(kind: LetterKind) -> Lane:
    return {LetterKind.LETTER: Lane.LETTERS, LetterKind.NEWS: Lane.NEWS}.get(kind, Lane.OTHERS)


TO_SUPPORTERS = frozenset({LetterKind.CONFIRMATION, LetterKind.ANSWER, LetterKind.NEWS})
# What goes to an address only while it is not on the list of those that nothing is sent to.
SUPPRESSIBLE = frozenset({LetterKind.LETTER, LetterKind.NEWS})
