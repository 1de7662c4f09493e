"""Which paper a country writes on, and where the window of its envelopes is.

Sources: Unicode CLDR, supplemental data `paperSize` (US-Letter; A4 elsewhere); windows: DIN 5008 form B (and much like
it BS 1808 and ISO 269 DL), NF Z 11-001 for France, SN 010130 for Switzerland, and the US No. 10 envelope.
"""

from dataclasses import dataclass
from enum import StrEnum

LETTER_COUNTRIES = frozenset(["BZ", "CA", "CL", "CO", "CR", "GT", "MX", "NI", "PA", "PH", "PR", "SV", "US", "VE"])
RIGHT_HAND_COUNTRIES = frozenset(["BE", "CH", "FR", "IT", "LU", "MC"])


@dataclass(frozen=True)
class Sheet:
    """`paper` as Typst names it; the address begins so far from the left and top edges, in mm, and is so wide."""

    paper: str
    left_mm: int
    top_mm: int
    width_mm: int


A4 = Sheet("a4", 25, 50, 80)
A4_RIGHT = Sheet("a4", 115, 50, 80)
US_LETTER = Sheet("us-letter", 25, 53, 85)


class Paper(StrEnum):
    """The paper that somebody asks for by name."""

    A4 = "a4"
    LETTER = "letter"

    @property
    def in_typst(self) -> str:
        return US_LETTER.paper if self is Paper.LETTER else A4.paper


def sheet_of(country: str) -> Sheet:
    """The sheet that letters are posted on in this country (ISO 3166-1 alpha-2); A4 where we do not know it."""
    code = country.upper()
    if code in LETTER_COUNTRIES:
        return US_LETTER
    return A4_RIGHT if code in RIGHT_HAND_COUNTRIES else A4
