"""Narrowing the list of cases, and what is offered to narrow it by."""

from dataclasses import replace
from pathlib import Path

import pytest

from services.cases.filtering import EVERYTHING, Wish, asks, choices, narrow, read_wish
from services.cases.issues import ISSUE_WORDS, Issue
from shared.languages.formats import Formats
from tests.unit.test_cases_searching import a_line

PK = replace(a_line(slug="pk"), issues=(Issue.TORTURE, Issue.FAIR_TRIAL), letter_languages=("en", "ur"))
CA = replace(a_line(slug="ca", country="CA"), issues=(Issue.TORTURE,), letter_languages=("en",))
GB = a_line(slug="gb", country="GB", title="Another")
CASES = (PK, CA, GB)


def slugs(wish: Wish) -> list[str]:
    return [case.slug for case in narrow(wish, CASES, Formats())]


@pytest.mark.parametrize(
    ("wish", "found"),
    [
        (EVERYTHING, ["pk", "ca", "gb"]),
        (Wish(country="PK"), ["pk"]),
        (Wish(issue="torture"), ["pk", "ca"]),
        (Wish(letter="ur"), ["pk"]),
        (Wish(issue="torture", country="CA"), ["ca"]),
        (Wish(query="another"), ["gb"]),
        (Wish(query="another", issue="torture"), []),
    ],
)
def test_a_case_fits_every_part_of_a_wish(wish: Wish, found: list[str]) -> None:
    assert slugs(wish) == found


NAMES = {"PK": "Ä", "CA": "B", "GB": "c"}


def test_what_no_case_has_is_left_out_of_a_wish_and_told() -> None:
    asked = {"q": " test  case ", "country": "PK", "issue": "magic", "letter": ""}
    assert read_wish(asked, CASES) == Wish(query="test case", country="PK", left_out=True)


def test_however_many_values_nobody_can_mean_there_are_they_make_one_wish() -> None:
    odd = [{"country": f"X{number}", "other": str(number)} for number in range(50)]
    assert {read_wish(asked, CASES) for asked in odd} == {Wish(left_out=True)}
    assert read_wish({"utm_source": "x", "country": " "}, CASES) == EVERYTHING


def test_what_is_offered_occurs_and_is_counted_beside_the_rest_of_the_wish() -> None:
    offered = choices(
        Wish(country="CA", issue="torture"), CASES, Formats(), lambda name, value: NAMES.get(value, value)
    )
    counted = {name: {choice.value: choice.count for choice in values} for name, values in offered.items()}
    assert counted["country"] == {"CA": 1, "PK": 1, "GB": 0}
    assert counted["issue"] == {"torture": 1, "fair-trial": 0}
    assert counted["letter"] == {"en": 1, "ur": 0}
    assert list(counted["country"]) == ["PK", "CA", "GB"], "by their names"


def test_an_address_can_do_without_one_of_its_parts() -> None:
    wish = Wish("a&b", "PK", "torture", "ur")
    assert wish.address() == "q=a%26b&country=PK&issue=torture&letter=ur"
    assert wish.address(without="country") == "q=a%26b&issue=torture&letter=ur"
    assert wish.address(without="q") == "country=PK&issue=torture&letter=ur"


@pytest.mark.parametrize(
    ("asked", "yes"), [({"letter": "ur"}, True), ({"q": "x"}, True), ({"q": " ", "x": "y"}, False), ({}, False)]
)
def test_an_address_asks_for_something_or_not(asked: dict[str, str], yes: bool) -> None:
    assert asks(asked) is yes


def test_every_issue_has_a_name_and_campaigners_are_told_of_it() -> None:
    assert set(ISSUE_WORDS) == set(Issue)
    told = (Path(__file__).parents[2] / "campaigns" / "README.md").read_text("utf-8")
    assert [issue for issue in Issue if f"`{issue}`" not in told] == []
