"""Narrowing the list of cases: by words, country, issue and language of the letter. Pure.

What is asked for is made plain first, so that two readers who mean the same share one answer, and what nobody can mean
costs nothing."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from services.cases.front_views import CaseLine
from services.cases.searching import find_cases, read_query
from shared.languages.formats import Formats, plain


@dataclass(frozen=True, slots=True)
class Wish:
    """What a reader wants to see. Empty: no matter. `left_out`: something of it means nothing among these cases."""

    query: str = ""
    country: str = ""
    issue: str = ""
    letter: str = ""
    left_out: bool = False

    @property
    def filters(self) -> dict[str, str]:
        """The filters that are set, by the names they have in the address."""
        return {name: value for name in VALUES if (value := getattr(self, name))}

    @property
    def narrows(self) -> bool:
        return bool(self.query or self.filters)

    def address(self, without: str = "") -> str:
        """The query of the address that asks for this, or for this without one of its parts."""
        parts = {"q": self.query, **self.filters}
        return urlencode({name: value for name, value in parts.items() if value and name != without})


EVERYTHING = Wish()

# What a case has of each thing that can be filtered by.
VALUES: Mapping[str, Callable[[CaseLine], Iterable[str]]] = {
    "country": lambda case: (case.country,),
    "issue": lambda case: case.issues,
    "letter": lambda case: case.letter_languages,
}


@dataclass(frozen=True, slots=True)
class Choice:
    """A value that a filter offers, and how many cases it would leave beside what else is asked for."""

    value: str
    count: int


def asks(parameters: Mapping[str, str]) -> bool:
    """Whether an address asks for anything at all, by whatever words."""
    return bool(read_query(parameters.get("q", ""))) or any(parameters.get(name, "").strip() for name in VALUES)


def read_wish(parameters: Mapping[str, str], cases: Iterable[CaseLine]) -> Wish:
    """What an address asks for, as far as it means something among `cases`."""
    cases = tuple(cases)
    asked = {name: value for name in VALUES if (value := parameters.get(name, "").strip())}
    known = {name: value for name, value in asked.items() if any(value in VALUES[name](case) for case in cases)}
    return Wish(read_query(parameters.get("q", "")), **known, left_out=known != asked)


def narrow(wish: Wish, cases: Iterable[CaseLine], formats: Formats) -> tuple[CaseLine, ...]:
    """The cases that fit every part of `wish`, in their own order."""
    fitting = (case for case in cases if fits(wish, case))
    return find_cases(wish.query, fitting, formats) if wish.query else tuple(fitting)


def fits(wish: Wish, case: CaseLine) -> bool:
    """Whether the case is what the filters ask for, whatever the words."""
    return all(value in VALUES[name](case) for name, value in wish.filters.items())


def choices(
    wish: Wish, cases: Iterable[CaseLine], formats: Formats, named: Callable[[str, str], str]
) -> dict[str, tuple[Choice, ...]]:
    """What each filter offers, in the order of names: every value among `cases`, also those that would leave none."""
    cases = tuple(cases)
    found = narrow(replace(EVERYTHING, query=wish.query), cases, formats)
    return {name: _choices(name, wish, cases, found, named) for name in VALUES}


def _choices(
    name: str, wish: Wish, cases: Iterable[CaseLine], found: Iterable[CaseLine], named: Callable[[str, str], str]
) -> tuple[Choice, ...]:
    others = Wish(**{other: value for other, value in wish.filters.items() if other != name}, left_out=False)
    counts = Counter(value for case in found if fits(others, case) for value in VALUES[name](case))
    offered = {value for case in cases for value in VALUES[name](case)}
    return tuple(Choice(value, counts[value]) for value in sorted(offered, key=lambda value: plain(named(name, value))))
