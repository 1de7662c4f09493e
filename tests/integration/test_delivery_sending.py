"""A sender at work: it sends what is due, reports, survives its surroundings and stops without losing anything."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta

import pytest

from deploy.local import databases
from deploy.local.postgres import LocalPostgres
from services.delivery.channels import Answer, Deferred, HostFault, Phase, Refused, RenderedLetter, Unknown
from services.delivery.states import LetterState
from shared.db import DatabaseAway
from shared.messages.cases import Target
from shared.messages.delivery import LetterBouncedV1, LetterSentV1, LetterUncertainV1
from tests.support.delivery_service import DeliveryService, FakeChannel, delivery_service, letter_of, many_actions
from tests.support.events import EMBASSY, MINISTRY, NOW, a_closed_case, an_accepted_action, uuid_of
from tests.support.until import until

MINISTER = "minister@ministry.example"
BUSY = Deferred(Phase.RCPT, 450, "busy")
UNKNOWN_MAILBOX = Refused(Phase.RCPT, 550, "no such mailbox")
NO_ANSWER = Unknown(Phase.DOT)
ALONE = 10  # of twenty letters in the air: what a destination gets that has not answered yet


@pytest.fixture
async def delivery(database_url: str) -> AsyncIterator[DeliveryService]:
    async with delivery_service(database_url) as service:
        yield service


async def test_a_due_letter_is_sent_and_reported(delivery: DeliveryService) -> None:
    async with delivery.sending():
        await delivery.tell(an_accepted_action())
        await until(delivery.reports)
    assert [type(report) for report in await delivery.reports()] == [LetterSentV1]
    assert [letter.letter_id for letter in delivery.channel.taken] == [letter_of(an_accepted_action())]
    assert (await delivery.letter()).state is LetterState.SENT


async def test_two_senders_send_every_letter_once(delivery: DeliveryService) -> None:
    await delivery.tell(*many_actions(150))
    async with delivery.sending(), delivery.sending():
        await until(lambda: len(delivery.channel.taken) >= 150)
    assert len({letter.letter_id for letter in delivery.channel.taken}) == len(delivery.channel.taken) == 150
    assert await delivery.states() == {LetterState.SENT}
    assert len(await delivery.reports()) == 150


async def test_a_deferred_letter_is_tried_again_in_its_time(delivery: DeliveryService) -> None:
    delivery.channel.answers[MINISTER] = [BUSY, BUSY]
    await delivery.tell(an_accepted_action())
    async with delivery.sending():
        for minutes in (1.2, 6):
            await until(lambda: _is_waiting(delivery))
            delivery.clock.advance(timedelta(minutes=minutes))
        await until(lambda: delivery.channel.taken)
    assert [attempt.outcome for attempt in await delivery.attempts()] == ["deferred", "deferred", "sent"]
    assert (await delivery.letter()).attempts == 3


async def _is_waiting(delivery: DeliveryService) -> bool:
    letter = await delivery.letter()
    return letter.state is LetterState.QUEUED and letter.next_at > delivery.clock.now()


async def test_a_refused_letter_bounces_with_its_code(delivery: DeliveryService) -> None:
    delivery.channel.answers[MINISTER] = [UNKNOWN_MAILBOX]
    await delivery.tell(an_accepted_action())
    async with delivery.sending():
        await until(delivery.reports)
    (report,) = await delivery.reports()
    assert isinstance(report, LetterBouncedV1)
    assert report.code == 550


async def test_an_address_that_cannot_be_written_bounces_without_a_try(delivery: DeliveryService) -> None:
    strange = Target(id=uuid_of(1), name="Office", country="PK", email="office@@office.example")
    await delivery.tell(an_accepted_action(targets=(strange,)))
    async with delivery.sending():
        await until(delivery.reports)
    letter = await delivery.letter()
    assert (letter.state, letter.last_text is not None and "not an address" in letter.last_text) == (
        LetterState.BOUNCED,
        True,
    )


async def test_a_letter_without_an_answer_is_sent_again_under_the_same_message_id(delivery: DeliveryService) -> None:
    delivery.channel.answers[MINISTER] = [NO_ANSWER]
    await delivery.tell(an_accepted_action())
    async with delivery.sending():
        await until(delivery.reports)
        delivery.clock.advance(timedelta(minutes=15))
        await until(lambda: delivery.channel.taken)
    (letter,) = delivery.channel.taken
    assert f"<{letter_of(an_accepted_action())}@writeforrights.example>".encode() in letter.content
    assert [type(report) for report in await delivery.reports()] == [LetterUncertainV1, LetterSentV1]


async def test_a_fault_of_the_host_slows_the_sender_and_burns_no_attempt(delivery: DeliveryService) -> None:
    delivery.channel.answers[MINISTER] = [HostFault(Phase.CONNECT, text="refused")]
    await delivery.tell(an_accepted_action(targets=(MINISTRY,)))
    async with delivery.sending():
        await until(lambda: _is_waiting(delivery))
        assert (await delivery.letter()).attempts == 0
        delivery.clock.advance(timedelta(minutes=1.2))
        await until(lambda: delivery.channel.taken)
    assert [attempt.outcome for attempt in await delivery.attempts()] == ["host_fault", "sent"]


class BreakingChannel(FakeChannel):
    """Breaks at the minister's letter, as no channel should."""

    async def hand_over(self, letter: RenderedLetter) -> Answer:
        if letter.recipient == MINISTER:
            raise RuntimeError("a fault of our own")
        return await super().hand_over(letter)


async def test_one_letter_that_breaks_us_does_not_stop_the_others(delivery: DeliveryService) -> None:
    channel = BreakingChannel()
    await delivery.tell(an_accepted_action(targets=(MINISTRY, EMBASSY)))
    async with delivery.sending(channel):
        await until(lambda: _are_decided(delivery))
    states = {letter.to_address: letter.state for letter in await delivery.letters()}
    assert states == {MINISTRY.email: LetterState.UNCERTAIN, EMBASSY.email: LetterState.SENT}


async def _are_decided(delivery: DeliveryService) -> bool:
    return not await delivery.states() & {LetterState.QUEUED, LetterState.SENDING}


async def test_a_stopping_sender_finishes_what_is_in_the_air(delivery: DeliveryService) -> None:
    await delivery.tell(*many_actions(5))
    delivery.channel.open.clear()
    async with delivery.sending():
        await until(lambda: delivery.channel.waiting == 5)
        asyncio.get_running_loop().call_later(0.3, delivery.channel.open.set)
    assert await delivery.states() == {LetterState.SENT}
    assert len(await delivery.reports()) == 5


async def test_a_stopping_sender_gives_back_what_takes_too_long(database_url: str) -> None:
    async with delivery_service(database_url, stop_seconds_max=1) as delivery:
        await delivery.tell(*many_actions(3))
        delivery.channel.open.clear()
        async with delivery.sending():
            await until(lambda: delivery.channel.waiting == 3)
        letters = await delivery.letters()
        assert {(letter.state, letter.attempts) for letter in letters} == {(LetterState.QUEUED, 0)}
        assert await delivery.reports() == []


async def test_no_more_letters_are_in_the_air_than_there_are_connections(database_url: str) -> None:
    async with delivery_service(database_url, smtp_connections_max=4) as delivery:
        both = (MINISTRY, EMBASSY)
        await delivery.tell(*(an_accepted_action(action_id=uuid_of(number), targets=both) for number in range(10)))
        delivery.channel.open.clear()
        async with delivery.sending():
            await until(lambda: delivery.channel.waiting == 4)
            sending = [letter for letter in await delivery.letters() if letter.state is LetterState.SENDING]
            assert len(sending) == 4
            delivery.channel.open.set()
            await until(lambda: len(delivery.channel.taken) == 20)


async def test_a_withdrawal_stops_letters_while_a_sender_is_at_work(delivery: DeliveryService) -> None:
    await delivery.tell(*many_actions(40))
    delivery.channel.open.clear()
    async with delivery.sending():
        await until(lambda: delivery.channel.waiting == ALONE)
        await delivery.tell(a_closed_case())
        delivery.channel.open.set()
        await until(lambda: len(delivery.channel.taken) == ALONE)
    states = [letter.state for letter in await delivery.letters()]
    assert (states.count(LetterState.SENT), states.count(LetterState.CANCELLED)) == (ALONE, 40 - ALONE)


async def test_a_destination_that_waits_alone_and_falls_silent_leaves_room_for_who_comes_later(
    delivery: DeliveryService,
) -> None:
    await delivery.tell(*many_actions(40))
    delivery.channel.open.clear()
    async with delivery.sending():
        await until(lambda: delivery.channel.waiting == ALONE)
        later = an_accepted_action(action_id=uuid_of(99), targets=(EMBASSY,))
        await delivery.tell(later)
        await until(lambda: delivery.channel.waiting == ALONE + 1)
        delivery.channel.open.set()


async def test_expired_letters_are_failed_by_any_sender(delivery: DeliveryService) -> None:
    await delivery.tell(an_accepted_action(closes_at=NOW + timedelta(minutes=1)))
    delivery.clock.advance(timedelta(minutes=2))
    async with delivery.sending():
        await until(delivery.reports)
    assert (await delivery.letter()).state is LetterState.FAILED
    assert delivery.channel.taken == []


async def test_results_wait_while_the_database_is_away_and_are_written_down_when_it_is_back(
    own_postgres: LocalPostgres,
) -> None:
    url = databases.create_database(own_postgres.url, "delivery")
    async with delivery_service(url, stop_seconds_max=20) as delivery:
        await delivery.tell(*many_actions(5))
        delivery.channel.open.clear()
        async with delivery.sending():
            await until(lambda: delivery.channel.waiting == 5)
            own_postgres.kill()
            delivery.channel.open.set()
            await until(lambda: len(delivery.channel.taken) == 5)
            own_postgres.start()
            await until(lambda: _are_all_sent(delivery), timeout_seconds=30)
        assert len(delivery.channel.taken) == 5
        assert len(await delivery.reports()) == 5


async def _are_all_sent(delivery: DeliveryService) -> bool:
    """All sent; the first questions may still meet a database that is waking up."""
    with suppress(DatabaseAway):
        return await delivery.states() == {LetterState.SENT}
    return False
