"""What a proof of work is worth: right ones, wrong ones, late ones, and those spelt otherwise."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.actions.proofs import LIFETIME, Outcome, judge, make_challenge
from services.actions.schemas import ACTION_REQUEST
from tests.support.actions_requests import an_action
from tests.support.events import NOW
from tests.support.proofs import NUMBER_MAX, PROOF_SECRET, a_proof, solution_of, wrapped

A_CHALLENGE = make_challenge(PROOF_SECRET, NUMBER_MAX, NOW)
SOLUTION = solution_of(A_CHALLENGE)


def outcome_of(solution: object) -> Outcome:
    return judge(wrapped(solution), PROOF_SECRET, NOW).outcome


def test_a_solved_challenge_is_a_proof_until_it_expires() -> None:
    proof = a_proof(NOW)
    verdict = judge(proof, PROOF_SECRET, NOW)
    assert (verdict.outcome, verdict.expires_at) == (Outcome.PROVEN, NOW + LIFETIME)
    assert judge(proof, PROOF_SECRET, NOW + LIFETIME - timedelta(seconds=1)).outcome is Outcome.PROVEN
    assert judge(proof, PROOF_SECRET, NOW + LIFETIME).outcome is Outcome.EXPIRED


def test_no_two_challenges_are_the_same() -> None:
    made = [make_challenge(PROOF_SECRET, NUMBER_MAX, NOW) for _ in range(50)]
    assert len({challenge["salt"] for challenge in made}) == 50


def test_a_challenge_does_not_tell_its_number() -> None:
    assert set(A_CHALLENGE) == {"algorithm", "challenge", "maxnumber", "salt", "signature"}


def test_another_installations_challenge_is_worth_nothing() -> None:
    assert judge(a_proof(NOW, "another-secret-altogether"), PROOF_SECRET, NOW).outcome is Outcome.BAD


@pytest.mark.parametrize(
    "change",
    [
        {"number": SOLUTION["number"] + 1},
        {"number": -1},
        {"number": 10**300},
        {"number": str(SOLUTION["number"])},
        {"number": float(SOLUTION["number"])},
        {"number": True},
        {"salt": SOLUTION["salt"].replace("expires=1", "expires=2")},
        {"salt": SOLUTION["salt"] + "expires=9999999999&"},
        {"salt": None},
        {"salt": "\ud800"},
        {"challenge": "0" * 64},
        {"signature": "0" * 64},
        {"signature": ""},
        {"algorithm": "SHA-1"},
        {"algorithm": "none"},
    ],
    ids=range(15),  # their values differ from run to run, and two test processes must agree on names
)
def test_what_was_changed_is_no_proof(change: dict[str, Any]) -> None:
    assert outcome_of(SOLUTION) is Outcome.PROVEN
    assert outcome_of(SOLUTION | change) is Outcome.BAD


@pytest.mark.parametrize("missing", sorted(SOLUTION))
def test_what_lacks_a_part_is_no_proof(missing: str) -> None:
    assert outcome_of({name: value for name, value in SOLUTION.items() if name != missing}) is Outcome.BAD


def test_the_same_solution_spelt_otherwise_is_the_same_proof() -> None:
    """What is written down as used is the challenge, so that no other spelling passes for another proof."""
    other = {name: SOLUTION[name] for name in reversed(list(SOLUTION))} | {"took": 12}
    without_end = SOLUTION | {"salt": SOLUTION["salt"].removesuffix("&")}
    found = {judge(wrapped(spelt), PROOF_SECRET, NOW).challenge for spelt in (SOLUTION, other, without_end)}
    assert found == {A_CHALLENGE["challenge"]}


@given(st.one_of(st.text(), st.binary().map(lambda raw: base64.b64encode(raw).decode())))
def test_nonsense_is_no_proof_and_no_fault(text: str) -> None:
    assert judge(text, PROOF_SECRET, NOW).outcome is Outcome.BAD


def test_a_number_of_a_thousand_digits_is_no_proof_and_no_fault() -> None:
    spelt = json.dumps(SOLUTION | {"number": 0}).replace('"number": 0', f'"number": {"9" * 9000}')
    assert judge(base64.b64encode(spelt.encode()).decode(), PROOF_SECRET, NOW).outcome is Outcome.BAD


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda deep: st.lists(deep, max_size=2)))
def test_json_of_another_kind_is_no_proof_and_no_fault(value: object) -> None:
    assert outcome_of(value) is Outcome.BAD


def test_the_same_letter_with_a_fresh_proof_is_the_same_action() -> None:
    digests = {ACTION_REQUEST.validate_python(an_action(**proof)).digest() for proof in ({}, {"proof": "a"})}
    assert len(digests) == 1
