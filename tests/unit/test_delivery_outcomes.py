"""What becomes of a letter after each answer: properties, then the cases worth a name."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.delivery.channels import Accepted, Answer, Deferred, HostFault, Phase, Refused, Unknown
from services.delivery.outcomes import (
    Decision,
    SendPolicy,
    Standing,
    UncertainPolicy,
    decide,
    decide_lapse,
    decide_uncertain,
    first_expiry,
)
from services.delivery.settings import DeliverySettings
from services.delivery.states import LetterState, may_follow
from shared.messages.delivery import FailureReason
from tests.support.delivery_service import dice
from tests.support.events import NOW

POLICY = DeliverySettings(database_url="sqlite://").send_policy()
HOLD = SendPolicy(POLICY.deferrals, POLICY.host_wait, POLICY.uncertain_wait, UncertainPolicy.HOLD)

answers = st.builds(
    lambda kind, phase, code: kind(phase, code),
    st.sampled_from([Accepted, Deferred, Refused, Unknown, HostFault]),
    st.sampled_from(Phase),
    st.none() | st.integers(200, 599),
)
standings = st.builds(
    Standing,
    attempts=st.integers(0, 1000),
    unknowns=st.integers(0, 10),
    expires_at=st.timedeltas(timedelta(days=-1), timedelta(days=5)).map(lambda life: NOW + life),
    stop_reason=st.none() | st.just("withdrawn"),
)
policies = st.sampled_from([POLICY, HOLD])


def a_standing(attempts: int = 0, unknowns: int = 0, days: float = 5, stop_reason: str | None = None) -> Standing:
    return Standing(attempts, unknowns, NOW + timedelta(days=days), stop_reason)


def after(answer: Answer, standing: Standing, policy: SendPolicy = POLICY) -> Decision:
    return decide(answer, standing, NOW, policy, dice(7))


@given(answers, standings, policies, st.integers())
def test_every_decision_is_a_transition_there_is(
    answer: Answer, standing: Standing, policy: SendPolicy, seed: int
) -> None:
    decision = decide(answer, standing, NOW, policy, dice(seed))
    assert may_follow(decision.state, after=LetterState.SENDING)
    assert may_follow(decide_lapse(standing, NOW, policy).state, after=LetterState.SENDING)
    assert may_follow(decide_uncertain(standing, NOW, policy).state, after=LetterState.UNCERTAIN)


@given(answers, standings, policies, st.integers())
def test_sent_is_said_only_of_accepted_letters(
    answer: Answer, standing: Standing, policy: SendPolicy, seed: int
) -> None:
    decision = decide(answer, standing, NOW, policy, dice(seed))
    assert (decision.state is LetterState.SENT) == isinstance(answer, Accepted)


@given(answers, standings, policies, st.integers())
def test_a_waiting_letter_has_a_time_before_it_expires(
    answer: Answer, standing: Standing, policy: SendPolicy, seed: int
) -> None:
    decision = decide(answer, standing, NOW, policy, dice(seed))
    if decision.state is LetterState.QUEUED:
        assert decision.next_at is not None
        assert NOW < decision.next_at < standing.expires_at


@given(answers, standings, policies, st.integers())
def test_a_letter_told_to_stop_never_goes_back_into_the_queue(
    answer: Answer, standing: Standing, policy: SendPolicy, seed: int
) -> None:
    told = Standing(standing.attempts, standing.unknowns, standing.expires_at, "withdrawn")
    assert decide(answer, told, NOW, policy, dice(seed)).state is not LetterState.QUEUED
    assert decide_uncertain(told, NOW, policy).state is LetterState.CANCELLED


@given(standings, policies)
def test_only_failures_name_a_reason(standing: Standing, policy: SendPolicy) -> None:
    for decision in (after(Deferred(Phase.RCPT, 450), standing, policy), decide_uncertain(standing, NOW, policy)):
        assert (decision.failure is not None) == (decision.state is LetterState.FAILED)


@pytest.mark.parametrize(
    ("attempts", "minutes"), [(0, 1), (1, 5), (2, 15), (3, 30), (4, 60), (5, 120), (6, 240), (7, 240), (40, 240)]
)
def test_a_deferred_letter_waits_longer_each_time_give_or_take_a_fifth(attempts: int, minutes: int) -> None:
    decision = after(Deferred(Phase.RCPT, 450), a_standing(attempts))
    assert decision.next_at is not None
    assert 0.8 * minutes <= (decision.next_at - NOW).total_seconds() / 60 <= 1.2 * minutes
    assert decision.counts


def test_a_fault_of_the_host_does_not_count_against_the_letter() -> None:
    decision = after(HostFault(Phase.CONNECT), a_standing(attempts=6))
    assert decision.state is LetterState.QUEUED
    assert not decision.counts
    assert decision.next_at is not None
    assert decision.next_at <= NOW + 1.2 * POLICY.host_wait


def test_a_letter_whose_next_time_is_too_late_has_failed_now() -> None:
    decision = after(Deferred(Phase.RCPT, 450), a_standing(attempts=6, days=0.1))
    assert (decision.state, decision.failure) == (LetterState.FAILED, FailureReason.EXPIRED)


def test_no_answer_after_the_dot_is_uncertain_for_a_quarter_of_an_hour() -> None:
    decision = after(Unknown(Phase.DOT), a_standing())
    assert (decision.state, decision.next_at) == (LetterState.UNCERTAIN, NOW + timedelta(minutes=15))


def test_an_uncertain_letter_is_sent_again_where_policy_says_so() -> None:
    decision = decide_uncertain(a_standing(attempts=1, unknowns=1), NOW, POLICY)
    assert (decision.state, decision.next_at) == (LetterState.QUEUED, NOW)


def test_an_uncertain_letter_is_held_where_policy_says_so() -> None:
    standing = a_standing(attempts=1, unknowns=1)
    assert after(Unknown(Phase.DOT), standing, HOLD).next_at == standing.expires_at
    decision = decide_uncertain(standing, NOW, HOLD)
    assert (decision.state, decision.next_at) == (LetterState.UNCERTAIN, standing.expires_at)


def test_a_letter_is_not_sent_into_silence_without_end() -> None:
    standing = a_standing(attempts=9, unknowns=POLICY.unknowns_max)
    assert decide_uncertain(standing, NOW, POLICY).state is LetterState.UNCERTAIN


def test_an_uncertain_letter_that_expires_says_that_nobody_knows() -> None:
    decision = decide_uncertain(a_standing(unknowns=1, days=0), NOW, HOLD)
    assert (decision.state, decision.failure) == (LetterState.FAILED, FailureReason.UNKNOWN_OUTCOME)


def test_even_a_letter_told_to_stop_is_uncertain_first_when_it_may_have_gone_out() -> None:
    decision = after(Unknown(Phase.DOT), a_standing(stop_reason="withdrawn"))
    assert (decision.state, decision.next_at) == (LetterState.UNCERTAIN, NOW)


def test_letters_are_tried_for_five_days_but_not_past_the_closing_date() -> None:
    assert first_expiry(NOW, None) == NOW + timedelta(days=5)
    assert first_expiry(NOW, NOW + timedelta(days=2)) == NOW + timedelta(days=2)
    assert first_expiry(NOW, NOW + timedelta(days=60)) == NOW + timedelta(days=5)
