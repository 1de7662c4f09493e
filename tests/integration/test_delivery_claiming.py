"""Claims, leases and fences: who may send a letter, and who may say what came of it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import text

from services.delivery.channels import Accepted, Answer, Deferred, Outcome, Phase, Unknown
from services.delivery.claiming import ClaimedLetter, HandoverResult
from services.delivery.holding import hold_by_id
from services.delivery.outcomes import UncertainPolicy
from services.delivery.states import LetterState
from shared.audit import By
from shared.messages.delivery import FailureReason, LetterFailedV1, LetterSentV1, LetterUncertainV1
from tests.support.delivery_service import DeliveryService, delivery_service, many_actions
from tests.support.events import MINISTRY, NOW, a_closed_case, an_accepted_action

LEASE = timedelta(seconds=60)
SECOND = timedelta(seconds=1)
WAITING = 3_000


@pytest.fixture
async def delivery(database_url: str) -> AsyncIterator[DeliveryService]:
    async with delivery_service(database_url, destination_letters_at_once_max=WAITING) as service:
        yield service


def a_result(letter: ClaimedLetter, answer: Answer | None = None) -> HandoverResult:
    return HandoverResult(letter, answer or Accepted(Phase.DOT, 250, "taken"), NOW, NOW + SECOND)


async def test_many_senders_share_letters_and_none_gets_one_twice(delivery: DeliveryService) -> None:
    await delivery.tell(*many_actions(100))

    async def claim_all(owner: str) -> list[ClaimedLetter]:
        claims, mine = delivery.claims(owner), []
        while letters := await claims.claim(7):
            mine += letters
        return mine

    shares = await asyncio.gather(*(claim_all(f"sender-{number}") for number in range(4)))
    assert sorted(letter.id for share in shares for letter in share) == sorted(
        letter.id for letter in await delivery.letters()
    )
    if delivery.wiring.database.is_postgresql:
        assert sum(bool(share) for share in shares) > 1


async def test_a_claim_takes_no_more_than_it_asks_for_and_the_oldest_first(delivery: DeliveryService) -> None:
    early, late = many_actions(2)
    await delivery.tell(early)
    delivery.clock.advance(SECOND)
    await delivery.tell(late)
    (claimed,) = await delivery.claims().claim(1)
    (first, second) = await delivery.letters()
    assert claimed.id == first.id
    assert (first.state, first.lease_owner, first.lease_until) == (
        LetterState.SENDING,
        "a-sender",
        delivery.clock.now() + LEASE,
    )
    assert second.state is LetterState.QUEUED


async def test_a_claim_looks_at_no_more_than_it_takes(delivery: DeliveryService) -> None:
    """However much waits, and though the table has just filled up, so that nobody has counted it yet."""
    if not delivery.wiring.database.is_postgresql:
        pytest.skip("SQLite's planner follows the index without being told")
    for at in range(0, WAITING, 500):
        await delivery.tell(*many_actions(WAITING)[at : at + 500])
    before = await rows_read(delivery)
    claims = delivery.claims()
    for _ in range(10):
        assert len(await claims.claim(10)) == 10
    assert await rows_read(delivery) - before < WAITING


async def rows_read(delivery: DeliveryService) -> int:
    """How many rows of letters PostgreSQL has read so far, by any way."""
    asked = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'letter'"
    async with delivery.wiring.database.transaction() as session:
        await (await session.connection()).execute(text("SELECT pg_stat_force_next_flush()"))
    async with delivery.wiring.database.transaction() as session:
        return int((await (await session.connection()).execute(text(asked))).scalar_one())


async def test_a_claim_waits_for_no_letter_that_somebody_holds(delivery: DeliveryService) -> None:
    """It holds lines and other letters by then: whoever cancels might wait for those, and both for ever."""
    if not delivery.wiring.database.is_postgresql:
        pytest.skip("on SQLite one transaction at a time writes")
    await delivery.tell(*many_actions(2))
    held, free = await delivery.letters()
    async with delivery.wiring.database.transaction() as session:
        await hold_by_id(session, [held.id])
        claimed = await asyncio.wait_for(delivery.claims().claim(2), 5)
    assert [letter.id for letter in claimed] == [free.id]
    assert [letter.id for letter in await delivery.claims().claim(2)] == [held.id]


async def test_a_letter_is_not_claimed_before_its_time(delivery: DeliveryService) -> None:
    await delivery.tell(an_accepted_action())
    claims = delivery.claims()
    (letter,) = await claims.claim(1)
    await claims.record([a_result(letter, Deferred(Phase.RCPT, 450, "busy"))])
    assert await claims.claim(1) == []
    delivery.clock.advance(timedelta(minutes=1.2))
    assert len(await claims.claim(1)) == 1


@pytest.mark.parametrize("answer", [Deferred(Phase.RCPT, 450, "busy"), Unknown(Phase.DOT)])
async def test_a_letter_in_the_air_when_its_address_is_suppressed_does_not_go_out_again(
    delivery: DeliveryService, answer: Answer
) -> None:
    await delivery.tell(an_accepted_action())
    claims = delivery.claims()
    (letter,) = await claims.claim(1)
    await delivery.wiring.suppressions.suppress(MINISTRY.email or "", By("staff", "they asked"), None)
    await claims.record([a_result(letter, answer)])
    delivery.clock.advance(timedelta(minutes=16))
    await delivery.sweep().sweep()
    assert await claims.claim(1) == []
    row = await delivery.letter()
    assert (row.state, row.failure, row.lease_owner) == (LetterState.SUPPRESSED, FailureReason.NO_ADDRESS, None)
    assert isinstance((await delivery.reports())[-1], LetterFailedV1)


async def test_where_its_target_has_another_address_it_goes_there(delivery: DeliveryService) -> None:
    target = MINISTRY.model_copy(update={"other_emails": ("secretary@ministry.example",)})
    await delivery.tell(an_accepted_action(targets=(target,)))
    claims = delivery.claims()
    (letter,) = await claims.claim(1)
    await delivery.wiring.suppressions.suppress(MINISTRY.email or "", By("staff", "they asked"), None)
    await claims.record([a_result(letter, Deferred(Phase.RCPT, 450, "busy"))])
    delivery.clock.advance(timedelta(minutes=2))
    assert await claims.claim(1) == []
    (moved,) = await claims.claim(1)
    assert moved.composition.to_address == "secretary@ministry.example"


async def test_a_recorded_result_is_state_attempt_and_event_in_one(delivery: DeliveryService) -> None:
    await delivery.tell(an_accepted_action())
    claims = delivery.claims()
    (letter,) = await claims.claim(1)
    await claims.record([a_result(letter)])
    row = await delivery.letter()
    assert (row.state, row.attempts, row.lease_owner, row.last_code) == (LetterState.SENT, 1, None, 250)
    (attempt,) = await delivery.attempts()
    assert (attempt.letter_id, attempt.phase, attempt.outcome) == (letter.id, Phase.DOT, Outcome.SENT)
    assert [type(report) for report in await delivery.reports()] == [LetterSentV1]


async def test_recording_twice_as_after_a_lost_commit_changes_nothing(delivery: DeliveryService) -> None:
    await delivery.tell(an_accepted_action())
    claims = delivery.claims()
    (letter,) = await claims.claim(1)
    await claims.record([a_result(letter)])
    assert await claims.record([a_result(letter)]) == {}
    assert len(await delivery.attempts()) == len(await delivery.reports()) == 1


async def test_a_sender_taken_for_dead_changes_nothing_any_more(delivery: DeliveryService) -> None:
    await delivery.tell(an_accepted_action())
    zombie, heir = delivery.claims("zombie"), delivery.claims("heir")
    (old,) = await zombie.claim(1)
    delivery.clock.advance(LEASE + SECOND)
    await delivery.sweep().sweep()
    delivery.clock.advance(timedelta(minutes=15))
    await delivery.sweep().sweep()
    (new,) = await heir.claim(1)
    assert new.fence > old.fence
    assert await zombie.record([a_result(old, Deferred(Phase.RCPT, 450, "busy"))]) == {}
    await zombie.renew([old])
    row = await delivery.letter()
    assert (row.state, row.lease_owner, row.lease_until) == (
        LetterState.SENDING,
        "heir",
        delivery.clock.now() + LEASE,
    )
    await heir.record([a_result(new)])
    assert (await delivery.letter()).state is LetterState.SENT


async def test_a_lapsed_lease_means_the_letter_may_have_gone_out(delivery: DeliveryService) -> None:
    await delivery.tell(an_accepted_action())
    await delivery.claims().claim(1)
    delivery.clock.advance(LEASE - SECOND)
    assert await delivery.sweep().sweep() == 0
    delivery.clock.advance(2 * SECOND)
    assert await delivery.sweep().sweep() == 1
    row = await delivery.letter()
    assert (row.state, row.next_at) == (LetterState.UNCERTAIN, delivery.clock.now() + timedelta(minutes=15))
    assert [type(report) for report in await delivery.reports()] == [LetterUncertainV1]
    (attempt,) = await delivery.attempts()
    assert (attempt.phase, attempt.outcome) == (Phase.LEASE, Outcome.UNCERTAIN)


async def test_a_renewed_lease_does_not_lapse(delivery: DeliveryService) -> None:
    await delivery.tell(an_accepted_action())
    claims = delivery.claims()
    letters = await claims.claim(1)
    delivery.clock.advance(LEASE - SECOND)
    await claims.renew(letters)
    delivery.clock.advance(LEASE - SECOND)
    assert await delivery.sweep().sweep() == 0
    assert (await delivery.letter()).state is LetterState.SENDING


async def test_an_uncertain_letter_is_queued_again_once_policy_says_so(delivery: DeliveryService) -> None:
    await delivery.tell(an_accepted_action())
    claims = delivery.claims()
    (letter,) = await claims.claim(1)
    await claims.record([a_result(letter, Unknown(Phase.DOT))])
    assert await delivery.sweep().sweep() == 0
    delivery.clock.advance(timedelta(minutes=15))
    await delivery.sweep().sweep()
    (again,) = await claims.claim(1)
    assert again.id == letter.id
    assert [type(report) for report in await delivery.reports()] == [LetterUncertainV1]


async def test_a_held_uncertain_letter_waits_for_an_operator_and_then_nobody_knows(delivery: DeliveryService) -> None:
    await delivery.tell(an_accepted_action())
    claims, hold = delivery.claims(uncertain=UncertainPolicy.HOLD), delivery.sweep(uncertain=UncertainPolicy.HOLD)
    (letter,) = await claims.claim(1)
    await claims.record([a_result(letter, Unknown(Phase.DOT))])
    delivery.clock.advance(timedelta(days=4))
    assert await hold.sweep() == 0
    delivery.clock.advance(timedelta(days=1))
    await hold.sweep()
    row = await delivery.letter()
    assert (row.state, row.failure) == (LetterState.FAILED, FailureReason.UNKNOWN_OUTCOME)


async def test_a_letter_that_expires_in_the_queue_has_failed(delivery: DeliveryService) -> None:
    await delivery.tell(an_accepted_action(closes_at=NOW + timedelta(hours=1)))
    delivery.clock.advance(timedelta(hours=1))
    assert await delivery.claims().claim(1) == []
    await delivery.sweep().sweep()
    (report,) = await delivery.reports()
    assert isinstance(report, LetterFailedV1)
    assert report.reason is FailureReason.EXPIRED


async def test_a_letter_in_the_air_when_its_case_is_withdrawn_is_not_put_back(delivery: DeliveryService) -> None:
    sent, deferred = many_actions(2)
    await delivery.tell(sent, deferred)
    claims = delivery.claims()
    first, second = await claims.claim(2)
    await delivery.tell(a_closed_case())
    assert await delivery.states() == {LetterState.SENDING}
    await claims.record([a_result(first), a_result(second, Deferred(Phase.RCPT, 450, "busy"))])
    assert (await delivery.letter(first.id)).state is LetterState.SENT
    assert (await delivery.letter(second.id)).state is LetterState.CANCELLED


async def test_an_uncertain_letter_of_a_withdrawn_case_is_not_sent_again(delivery: DeliveryService) -> None:
    await delivery.tell(an_accepted_action())
    claims = delivery.claims()
    (letter,) = await claims.claim(1)
    await delivery.tell(a_closed_case())
    await claims.record([a_result(letter, Unknown(Phase.DOT))])
    assert (await delivery.letter()).state is LetterState.UNCERTAIN
    await delivery.sweep().sweep()
    assert (await delivery.letter()).state is LetterState.CANCELLED


async def test_a_full_chunk_of_lapsed_leases_is_followed_by_the_next(delivery: DeliveryService) -> None:
    await delivery.tell(*many_actions(200))
    await delivery.tell(*many_actions(250)[200:])
    assert len(await delivery.claims().claim(250)) == 250
    delivery.clock.advance(LEASE + SECOND)
    assert await delivery.sweep().sweep() == 250
    assert await delivery.states() == {LetterState.UNCERTAIN}
