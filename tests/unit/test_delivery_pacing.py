"""How a sender behaves towards a host that is not well."""

from services.delivery.channels import Accepted, Deferred, HostFault, Phase
from services.delivery.pacing import PAUSE_SECONDS_MAX, PAUSE_SECONDS_MIN, HostPace

FAULT = HostFault(Phase.CONNECT)


def test_a_wave_of_faults_is_one_reason_to_pause() -> None:
    pace = HostPace()
    for _ in range(20):
        pace.note(FAULT, now=100.0)
    assert pace.pause_seconds(100.0) == PAUSE_SECONDS_MIN
    assert pace.letters_max() == 1


def test_pauses_double_up_to_their_bound() -> None:
    pace, now, pauses = HostPace(), 0.0, []
    for _ in range(10):
        pace.note(FAULT, now)
        pauses.append(pace.pause_seconds(now))
        now += pauses[-1]
    assert pauses[:3] == [0.5, 1.0, 2.0]
    assert pauses[-1] == PAUSE_SECONDS_MAX


def test_any_word_from_the_host_ends_the_pause() -> None:
    for answer in (Accepted(Phase.DOT, 250), Deferred(Phase.RCPT, 450)):
        pace = HostPace()
        pace.note(FAULT, now=0.0)
        pace.note(answer, now=0.1)
        assert pace.pause_seconds(0.1) == 0
        assert pace.letters_max() is None
