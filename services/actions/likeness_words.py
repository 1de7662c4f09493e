"""What a measured likeness means to a campaigner, in words, and what to do about it. Pure."""

from enum import StrEnum

LETTERS_TO_TELL_MIN = 20


class Alike(StrEnum):
    """How alike letters are."""

    TOO_FEW = "too few to tell"
    NEARLY_ALL = "nearly all the same"
    MANY = "many the same"
    SOME = "some the same"
    OWN = "each their own"


ADVICE = {
    Alike.TOO_FEW: f"It takes {LETTERS_TO_TELL_MIN} letters to tell.",
    Alike.NEARLY_ALL: (
        "A mail filter sorts out nearly all of these at once, and an official has seen one and seen them all. "
        "Publish several subjects and openings, and ask for a sentence of one's own before the letter is sent."
    ),
    Alike.MANY: (
        "A mail filter may take many of these for one mailing. "
        "Invite people's own words in the next newsletter, and vary subjects and openings."
    ),
    Alike.SOME: "As usual where there is a template. Go on inviting people's own words.",
    Alike.OWN: "Nothing to do: people write in their own words, and such letters are read.",
}
SHARES_MIN = ((0.8, Alike.NEARLY_ALL), (0.5, Alike.MANY), (0.2, Alike.SOME), (0.0, Alike.OWN))


def alike_of(letters: int, likeness: float | None, twins_share: float | None) -> Alike:
    """By whichever is larger: templates in many languages are unlike each other, and yet each is sent in thousands."""
    if letters < LETTERS_TO_TELL_MIN or likeness is None or twins_share is None:
        return Alike.TOO_FEW
    share = max(likeness, twins_share)
    return next(alike for share_min, alike in SHARES_MIN if share >= share_min)


def edited_share_of(edited: int, unedited: int, sample_edited: int, sample_letters: int) -> float | None:
    """Of all letters it is known of, or else of the sample."""
    for part, whole in ((edited, edited + unedited), (sample_edited, sample_letters)):
        if whole:
            return part / whole
    return None
