"""Finding a case by a few words."""

import pytest

from services.cases.front_views import CaseLine
from services.cases.searching import QUERY_CHARACTERS_MAX, find_cases, read_query
from services.cases.tables import CaseStatus
from shared.languages.formats import Formats


def a_line(**changes: str | None) -> CaseLine:
    values = {"slug": "a-case", "title": "A Test Case", "person": None, "country": "PK", "summary": "What is at stake."}
    return CaseLine(
        **(values | changes),  # type: ignore[arg-type]
        language="en",
        translations={},
        status=CaseStatus.OPEN,
        closes_at=None,
        discreet=False,
        outcome=None,
        collected=0,
        offline=(),
    )


CASE = a_line(title="La Séance", person="José Example", summary="They were taken away.", country="CA")


@pytest.mark.parametrize(
    "query",
    ["séance", "SEANCE", "jose", "José", "taken", "Canada", "canada jose", "away  taken", "exam", "JOSÉ canada séance"],
)
def test_a_case_is_found_by_title_person_summary_or_country(query: str) -> None:
    assert find_cases(query, [CASE, a_line()], Formats()) == (CASE,)


@pytest.mark.parametrize("query", ["jose pakistan", "nobody", "a-case", "%", ".*"])
def test_a_case_that_does_not_hold_every_word_is_not_found(query: str) -> None:
    assert find_cases(query, [CASE], Formats()) == ()


def test_a_country_is_found_by_its_name_in_the_language_of_the_page() -> None:
    assert find_cases("باكستان", [a_line()], Formats("ar"))


def test_a_name_in_another_script_is_found() -> None:
    case = a_line(title="ادریس خٹک")
    assert find_cases("خٹک", [case], Formats()) == (case,)


def test_cases_stay_in_their_order() -> None:
    cases = [a_line(slug=slug) for slug in ("b", "a", "c")]
    assert [case.slug for case in find_cases("test", cases, Formats())] == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("  two   words ", "two words"),
        ("a\x00b\nc\td", "a b c d"),
        ("x" * 5_000, "x" * QUERY_CHARACTERS_MAX),
        ("   ", ""),
        ("", ""),
    ],
)
def test_a_question_is_one_short_line(text: str, query: str) -> None:
    assert read_query(text) == query
