"""Finding a case by a few words of its title, its person, its summary or its country. Pure."""

from collections.abc import Iterable

from services.cases.front_views import CaseLine
from shared.languages.formats import Formats, plain

QUERY_CHARACTERS_MAX = 80


def read_query(text: str) -> str:
    """What was asked for, as one short line: the same for two readers who mean the same."""
    line = "".join(character if character.isprintable() else " " for character in text[:QUERY_CHARACTERS_MAX])
    return " ".join(line.split())


def find_cases(query: str, cases: Iterable[CaseLine], formats: Formats) -> tuple[CaseLine, ...]:
    """The cases that hold every word of `query`, in their own order. Capitals and accents make no difference.

    A country is found by its name as `formats` writes it."""
    words = plain(query).split()
    return tuple(case for case in cases if _holds_all(case, words, formats))


def _holds_all(case: CaseLine, words: list[str], formats: Formats) -> bool:
    text = plain(" ".join((case.title, case.person or "", case.summary, formats.country(case.country))))
    return all(word in text for word in words)
