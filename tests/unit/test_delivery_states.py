"""Which state of a letter may follow which."""

import pytest

from services.delivery.states import CANCELLABLE, LIVE, RETRIABLE, TRANSITIONS, LetterState, may_follow


def test_every_state_says_what_may_follow() -> None:
    assert set(TRANSITIONS) == set(LetterState)


def test_what_is_sent_can_only_come_back_and_then_may_go_to_another_address() -> None:
    follow = {other for other in LetterState if may_follow(other, after=LetterState.SENT)}
    assert follow == {LetterState.BOUNCED, LetterState.QUEUED}


def test_what_is_cancelled_can_only_be_let_go_again() -> None:
    follow = {other for other in LetterState if may_follow(other, after=LetterState.CANCELLED)}
    assert follow == {LetterState.QUEUED, LetterState.UNCERTAIN}


def test_only_what_was_handed_to_a_mail_server_becomes_sent() -> None:
    before = {state for state in LetterState if may_follow(LetterState.SENT, after=state)}
    assert before == {LetterState.SENDING, LetterState.BUNDLED, LetterState.UNCERTAIN}


@pytest.mark.parametrize("state", RETRIABLE)
def test_what_an_operator_may_retry_can_be_queued_again(state: LetterState) -> None:
    assert may_follow(LetterState.QUEUED, after=state)


@pytest.mark.parametrize("state", CANCELLABLE)
def test_what_an_operator_may_cancel_can_be_cancelled(state: LetterState) -> None:
    assert may_follow(LetterState.CANCELLED, after=state)


@pytest.mark.parametrize("state", LIVE)
def test_a_live_letter_can_still_come_to_an_end(state: LetterState) -> None:
    assert any(may_follow(end, after=state) for end in set(LetterState) - set(LIVE))
