"""When one network or mailbox domain is worth an alarm."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.actions.dominance import Crowd, CrowdKind, DominanceRules, Tally, dominates, earlier_share
from tests.support.events import CASE_ID

RULES = DominanceRules(count_min=50, share_min=0.3, times_earlier_min=3.0, share_min_unknown=0.5)


def a_crowd(count: int, of: int) -> Crowd:
    return Crowd(CASE_ID, "a-test-case", CrowdKind.NETWORK, "192.0.2.0/24", Tally(count, of))


@pytest.mark.parametrize(
    ("count", "of", "earlier", "rings"),
    [
        (60, 100, 0.02, True),
        (60, 100, 0.0, True),
        (50, 100, 0.1, True),
        (49, 49, 0.0, False),  # too few
        (290, 1000, 0.0, False),  # too small a share
        (300, 1000, 0.09, True),  # just so
        (299, 1000, 0.0, False),
        (60, 100, 0.21, False),  # no jump
        (900, 1000, 0.4, False),  # everybody's mailbox provider
        (50, 100, None, True),  # a new case
        (499, 1000, None, False),
    ],
)
def test_an_alarm_takes_a_number_a_share_and_a_jump(count: int, of: int, earlier: float | None, rings: bool) -> None:
    assert dominates(a_crowd(count, of), earlier, RULES) is rings


@given(st.integers(1, 5000), st.integers(0, 5000), st.floats(0, 1))
def test_a_larger_crowd_never_silences_an_alarm(count: int, others: int, earlier: float) -> None:
    rings = dominates(a_crowd(count, count + others), earlier, RULES)
    assert dominates(a_crowd(count + 1, count + 1 + others), earlier, RULES) >= rings


@given(st.integers(1, 5000), st.integers(0, 5000), st.floats(0.34, 1))
def test_who_had_more_than_a_third_before_is_never_alarmed_about(count: int, others: int, earlier: float) -> None:
    assert not dominates(a_crowd(count, count + others), earlier, RULES)


def test_a_new_case_is_compared_with_all_cases() -> None:
    assert earlier_share(Tally(30, 100), Tally(1, 1000), RULES) == 0.3
    assert earlier_share(Tally(30, 40), Tally(100, 1000), RULES) == 0.1
    assert earlier_share(Tally(30, 40), Tally(30, 40), RULES) is None
    assert earlier_share(Tally(0, 0), Tally(0, 0), RULES) is None
