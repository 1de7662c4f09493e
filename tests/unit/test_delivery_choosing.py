"""Who goes next: cases in turn, then partners, then lines, within the limits of targets and destinations."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from services.delivery.choosing import Waiting, choose
from services.delivery.granting import TargetState
from shared.delivery_policy import DeliveryPolicy
from shared.messages.envelope import derived_id
from tests.support.events import NOW

PLENTY = 1_000


def a_line(case: str, partner: str | None = None, target: str = "ministry", number: int = 0) -> Waiting:
    line_id = derived_id(case, partner, target, number)
    return Waiting(line_id, derived_id(case), partner, derived_id(target), f"{target}.example", NOW)


def share(lines: list[Waiting], count: int, rooms: dict[str, int] | None = None) -> Counter[str]:
    """How many letters each line gets, by its place."""
    policies = {line.target_id: DeliveryPolicy() for line in lines}
    states = {line.target_id: TargetState() for line in lines}
    room = {line.destination: PLENTY for line in lines} | (rooms or {})
    chosen = choose(lines, policies, states, room, count, NOW).by_line
    return Counter({str(place): chosen[line.line_id] for place, line in enumerate(lines) if chosen[line.line_id]})


def test_a_case_has_no_more_turns_for_having_more_targets() -> None:
    lines = [a_line("many", target=f"target-{number}") for number in range(10)] + [a_line("one")]
    got = share(lines, 20)
    assert (sum(got.values()), got["10"]) == (20, 10)


def test_within_a_case_partners_take_turns_whatever_the_number_of_their_lines() -> None:
    lines = [a_line("a", "large", f"target-{number}") for number in range(5)] + [a_line("a", "small"), a_line("a")]
    got = share(lines, 30)
    assert (got["5"], got["6"], sum(got.values())) == (10, 10, 30)


def test_what_one_may_not_use_goes_to_the_others() -> None:
    lines = [a_line("a", target="closed"), a_line("b"), a_line("c", target="slow")]
    assert share(lines, 20, rooms={"closed.example": 0, "slow.example": 3}) == {"1": 17, "2": 3}


def test_the_first_of_all_is_served_when_there_is_one_place_alone() -> None:
    assert share([a_line("urgent"), a_line("other")], 1) == {"0": 1}


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([None, "p"]), st.sampled_from(["x", "y"])), max_size=12),
    st.integers(0, 40),
    st.integers(0, 10),
)
def test_no_limit_is_passed_and_nothing_that_is_free_is_left(
    names: list[tuple[str, str | None, str]], count: int, room: int
) -> None:
    lines = [a_line(case, partner, target, number) for number, (case, partner, target) in enumerate(names)]
    got = share(lines, count, rooms={"x.example": room})
    to_x = sum(got[str(place)] for place, line in enumerate(lines) if line.destination == "x.example")
    has_y = any(line.destination == "y.example" for line in lines)
    assert to_x <= room
    possible = count if has_y else min(count, room if lines else 0)
    assert sum(got.values()) == possible
