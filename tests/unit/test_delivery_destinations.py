"""What destinations learn from answers."""

from datetime import timedelta

import pytest

from services.delivery.channels import Answer, Deferred, HostFault, Phase, Throttled
from services.delivery.destinations import Bearing, DestinationState, after
from tests.support.events import NOW

BEARING = Bearing(at_once_max=100, rest=timedelta(seconds=30))


@pytest.mark.parametrize(
    "answer", [Throttled(Phase.DATA, 421), HostFault(Phase.RCPT), HostFault(Phase.DATA), HostFault(Phase.DOT, 421)]
)
def test_what_asks_for_less_or_breaks_once_it_was_named_lets_it_rest(answer: Answer) -> None:
    state = after(DestinationState(), [answer], NOW, BEARING)
    assert (state.cool_until, state.at_once_max) == (NOW + BEARING.rest, 50)


@pytest.mark.parametrize(
    "answer",
    [
        HostFault(Phase.CONNECT),
        HostFault(Phase.MAIL, 530),
        HostFault(Phase.RENDER),
        Deferred(Phase.RENDER),
        Deferred(Phase.DOT),
    ],
)
def test_a_fault_of_ours_or_of_the_host_says_nothing_of_it(answer: Answer) -> None:
    state = after(DestinationState(), [answer], NOW, BEARING)
    assert (state.cool_until, state.at_once_max, state.refused) == (None, None, 0)
