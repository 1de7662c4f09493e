"""Letters made of talking points: different from each other, fair to every point, the same wherever they are made."""

from collections import Counter

import pytest

from services.cases.variants import POINTS_MAX, POINTS_MIN, POINTS_SHOWN_MAX, VARIANTS_MAX, hands_of, variants_of

COUNTS = range(POINTS_MIN, POINTS_MAX + 1)


@pytest.mark.parametrize("count", COUNTS)
def test_no_two_variants_are_the_same_and_none_says_a_point_twice(count: int) -> None:
    hands = hands_of(count)
    assert len(hands) == {2: 2, 3: 6}.get(count, VARIANTS_MAX)
    assert len(set(hands)) == len(hands)
    assert all(len(set(hand)) == len(hand) <= POINTS_SHOWN_MAX for hand in hands)


@pytest.mark.parametrize("count", COUNTS)
def test_every_point_is_in_about_as_many_variants_as_every_other(count: int) -> None:
    times = Counter(place for hand in hands_of(count) for place in hand)
    assert set(times) == set(range(count))
    assert max(times.values()) - min(times.values()) <= 1


@pytest.mark.parametrize("count", [count for count in COUNTS if count <= VARIANTS_MAX // 2])
def test_letters_do_not_all_begin_alike(count: int) -> None:
    first = Counter(hand[0] for hand in hands_of(count))
    assert max(first.values()) <= len(hands_of(count)) // 2


def test_a_variant_is_its_opening_whole_points_and_its_closing() -> None:
    points = ("He is ill.", "He has not seen\na doctor.", "His family waits.", "The law forbids it.")
    for body in variants_of("Dear Minister,", points, "Yours"):
        first, *said, last = body.split("\n\n")
        assert (first, last) == ("Dear Minister,", "Yours")
        assert len(said) == POINTS_SHOWN_MAX
        assert set(said) <= set(points)


def test_the_same_points_make_the_same_letters_after_every_restart() -> None:
    assert hands_of(4)[:3] == ((3, 0, 1), (2, 0, 1), (2, 3, 1))
