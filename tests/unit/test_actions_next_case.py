"""The case that a receipt offers next."""

from datetime import timedelta
from typing import Any

import pytest

from services.actions.known_cases import KnownCase
from services.actions.next_case import next_case
from services.actions.tables import CaseStatus
from tests.support.events import NOW, a_published_case, uuid_of


def known(slug: str, days: int | None = None, status: CaseStatus = CaseStatus.OPEN, **changes: Any) -> KnownCase:
    closes_at = None if days is None else NOW + timedelta(days=days)
    values = {"case_id": uuid_of(len(slug)), "slug": slug, "closes_at": closes_at, "discreet": False} | changes
    return KnownCase(status, a_published_case(**values))


def offered(slug: str, *cases: KnownCase) -> str | None:
    found = next_case(slug, {case.snapshot.slug: case for case in cases if case.snapshot}, "en", NOW)
    return found.slug if found else None


def test_from_receipt_to_receipt_every_case_comes_once() -> None:
    cases = [known("never"), known("later", 9), known("soon", 1), known("also-soon", 1)]
    walked = ["soon"]
    for _ in cases[1:]:
        walked.append(offered(walked[-1], *cases) or "")
    assert walked == ["soon", "later", "never", "also-soon"]
    assert offered("also-soon", *cases) == "soon"


@pytest.mark.parametrize(
    "other",
    [
        known("other", discreet=True),
        known("other", discreet=None),
        known("other", campaign="another"),
        known("other", channels=()),
        known("other", status=CaseStatus.WON),
        known("other", days=0),
        KnownCase(CaseStatus.OPEN, None),
    ],
)
def test_no_case_is_offered_that_must_not_be(other: KnownCase) -> None:
    assert offered("here", known("here"), other) is None


def test_a_closed_or_discreet_case_leads_to_an_open_one() -> None:
    assert offered("here", known("here", status=CaseStatus.WON, discreet=True), known("other")) == "other"
    assert offered("unheard-of", known("other")) is None


def test_it_is_named_in_the_readers_language() -> None:
    cases = {"here": known("here"), "other": known("other", titles={"es": "Otro"})}
    assert [found.title for tag in ("es", "fr") if (found := next_case("here", cases, tag, NOW))] == [
        "Otro",
        "A test case",
    ]
