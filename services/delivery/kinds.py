"""The two kinds of mail that delivery carries. They share everything but their line and their reports."""

from enum import StrEnum


class LetterKind(StrEnum):
    """A letter goes to a target. A confirmation asks a supporter whether they wrote, and nobody is told of its way."""

    LETTER = "letter"
    CONFIRMATION = "confirmation"
