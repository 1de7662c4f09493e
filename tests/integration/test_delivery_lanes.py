"""What is no letter heeds the same limits of mail providers as letters do, and shares them; on both databases."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest
from prometheus_client import generate_latest
from sqlalchemy import text
from sqlmodel import col, select, update

from services.delivery.channels import Accepted, Answer, Blocked, Deferred, HostFault, Phase, Throttled
from services.delivery.claiming import ClaimedLetter, HandoverResult
from services.delivery.destinations import QUARANTINE, REFUSALS_MIN, destination_of
from services.delivery.kinds import Lane, LetterKind
from services.delivery.next_others import LINES_LOOKED_AT_MAX
from services.delivery.pauses import Scope
from services.delivery.shared_lines import RESTS_MAX, rest_idle, wake_missed
from services.delivery.states import LetterState
from services.delivery.tables import Destination, Letter, Line
from shared.audit import By
from shared.messages.actions import ActionAcceptedV1, VerificationRequestedV1
from shared.messages.actions_news import NewsRequestedV1
from shared.messages.cases import Target
from shared.messages.envelope import derived_id
from tests.support.delivery_service import DeliveryService, delivery_service, many_actions
from tests.support.events import CASE_ID, MINISTRY, NOW, requested_news
from tests.support.until import until

TAKEN = Accepted(Phase.DOT, 250, "taken")
BUSY = HostFault(Phase.RCPT, 421, "4.7.0 too many from you")
SPAM = Blocked(Phase.DOT, 550, "5.7.1 looks like spam")
REST = timedelta(seconds=30)
MINUTE = timedelta(minutes=1)
FLOOD = 5_000
AT_GOOGLE = MINISTRY.model_copy(update={"email": "minister@gmail.com"})
BY = By("Amina", "they asked")


@pytest.fixture
async def delivery(database_url: str) -> AsyncIterator[DeliveryService]:
    async with delivery_service(database_url) as service:
        yield service


def confirmations(count: int, domain: str = "gmail.com") -> list[VerificationRequestedV1]:
    return [
        VerificationRequestedV1(
            action_id=derived_id("to confirm", domain, number),
            number=1,
            case_id=CASE_ID,
            case_slug="a-test-case",
            country="PK",
            mailbox=f"supporter-{number}@{domain}",
            name="A Supporter",
            language="en",
            confirm_url="https://site.example/verify/a-token",
            requested_at=NOW,
            expires_at=NOW + timedelta(hours=72),
        )
        for number in range(count)
    ]


def news(count: int, domain: str = "gmail.com") -> list[NewsRequestedV1]:
    return [
        requested_news(
            news_id=derived_id("news", domain, number),
            reader_id=derived_id("reader", domain, number),
            action_id=derived_id("opted in", domain, number),
            mailbox=f"reader-{number}@{domain}",
        )
        for number in range(count)
    ]


def letters(count: int, target: Target = AT_GOOGLE) -> list[ActionAcceptedV1]:
    return many_actions(count, targets=(target,))


async def claim(
    delivery: DeliveryService, count_max: int, owner: str = "a-sender", slots: int | None = None
) -> list[ClaimedLetter]:
    """With room for any kind."""
    return await delivery.claims(owner).claim(count_max, count_max, slots, news_max=count_max)


async def answer(delivery: DeliveryService, claimed: Sequence[ClaimedLetter], said: Answer = TAKEN) -> None:
    await delivery.claims().record([HandoverResult(letter, said, NOW, NOW) for letter in claimed])


def kinds(claimed: Sequence[ClaimedLetter]) -> Counter[LetterKind]:
    return Counter(letter.composition.kind for letter in claimed)


def places(claimed: Sequence[ClaimedLetter]) -> Counter[str]:
    return Counter(destination_of(letter.composition.to_address) for letter in claimed)


async def destination(delivery: DeliveryService, name: str = "google") -> Destination:
    async with delivery.wiring.database.transaction() as session:
        return await session.get_one(Destination, name)


async def lines(delivery: DeliveryService) -> list[Line]:
    async with delivery.wiring.database.transaction() as session:
        return list(await session.exec(select(Line).where(Line.lane != Lane.LETTERS)))


async def flood(delivery: DeliveryService, domain: str) -> None:
    every = confirmations(FLOOD, domain)
    for at in range(0, FLOOD, 500):
        await delivery.tell(*every[at : at + 500])


async def test_a_providers_rate_holds_for_confirmations_over_all_senders(delivery: DeliveryService) -> None:
    await delivery.tell(*confirmations(200))
    await delivery.wiring.steering.set_rate("google", 60, BY)
    assert sum([len(await claim(delivery, 50, f"sender-{number}")) for number in range(2)]) == 5
    for _ in range(10):
        delivery.clock.advance(MINUTE)
        assert len(await claim(delivery, 50)) + len(await claim(delivery, 50, "another")) == 1


async def test_all_kinds_spend_one_rate(delivery: DeliveryService) -> None:
    await delivery.tell(*confirmations(2), *letters(2), *news(20))
    await delivery.wiring.steering.set_rate("google", 60, BY)
    claimed = await claim(delivery, 50)
    assert kinds(claimed) == {LetterKind.CONFIRMATION: 2, LetterKind.LETTER: 2, LetterKind.NEWS: 1}
    assert await claim(delivery, 50) == []


async def test_all_kinds_share_the_room_at_a_provider(database_url: str) -> None:
    async with delivery_service(database_url, destination_letters_at_once_max=10) as delivery:
        await delivery.tell(*confirmations(4), *letters(4), *news(20))
        claimed = await claim(delivery, 50)
        assert kinds(claimed) == {LetterKind.CONFIRMATION: 4, LetterKind.LETTER: 4, LetterKind.NEWS: 2}
        assert await claim(delivery, 50, "another") == []
        await answer(delivery, claimed[:3])
        assert len(await claim(delivery, 50, "another")) == 3


@pytest.mark.parametrize("kind", [LetterKind.CONFIRMATION, LetterKind.NEWS, LetterKind.LETTER])
async def test_what_one_kind_is_told_all_kinds_heed(delivery: DeliveryService, kind: LetterKind) -> None:
    await delivery.tell(*confirmations(20), *letters(20), *news(20))
    claimed = await claim(delivery, 60)
    assert set(kinds(claimed)) == {LetterKind.CONFIRMATION, LetterKind.NEWS, LetterKind.LETTER}
    of_kind = [letter for letter in claimed if letter.composition.kind is kind]
    await answer(delivery, of_kind, BUSY)
    await answer(delivery, [letter for letter in claimed if letter not in of_kind], Deferred(Phase.DOT, 451, "later"))
    delivery.clock.advance(REST - timedelta(seconds=1))
    await delivery.tell(*confirmations(40)[20:], *many_actions(40, targets=(AT_GOOGLE,))[20:], *news(40)[20:])
    assert await claim(delivery, 60) == []
    delivery.clock.advance(timedelta(seconds=1))
    (probe,) = await claim(delivery, 60)
    assert await claim(delivery, 60, "another") == []
    await answer(delivery, [probe])
    assert set(kinds(await claim(delivery, 60))) == {LetterKind.CONFIRMATION, LetterKind.NEWS, LetterKind.LETTER}


async def test_a_provider_that_refuses_confirmations_by_policy_is_held(delivery: DeliveryService) -> None:
    await delivery.tell(*confirmations(20), *news(5))
    await answer(delivery, await delivery.claims().claim(REFUSALS_MIN, REFUSALS_MIN), SPAM)
    assert (await destination(delivery)).held_because == QUARANTINE
    delivery.clock.advance(timedelta(days=1))
    assert await claim(delivery, 10) == []
    await delivery.wiring.steering.lift("google", BY)
    assert len(await claim(delivery, 10)) == 10


async def test_a_flood_to_a_resting_domain_holds_nobody_up(delivery: DeliveryService) -> None:
    await flood(delivery, "dead.example")
    await answer(delivery, await delivery.claims().claim(1, 1), BUSY)
    delivery.clock.advance(timedelta(seconds=1))
    await delivery.tell(*confirmations(3, "quick.example"))
    assert places(await claim(delivery, 10)) == {"quick.example": 3}


async def test_a_claim_looks_at_no_more_than_it_takes(delivery: DeliveryService) -> None:
    """However much waits for a domain, open or not, and though nobody has counted the table yet."""
    if not delivery.wiring.database.is_postgresql:
        pytest.skip("SQLite's planner follows the index without being told")
    await flood(delivery, "dead.example")
    await delivery.tell(*confirmations(200, "quick.example"))
    async with delivery.wiring.database.transaction() as session:
        await session.exec(
            update(Destination).where(col(Destination.name) == "dead.example").values(held_because="a test")
        )
    before = await rows_read(delivery)
    for _ in range(5):
        assert places(await claim(delivery, 10, slots=1_000)) == {"quick.example": 10}
    await delivery.wiring.steering.lift("dead.example", BY)
    for _ in range(10):
        assert places(await claim(delivery, 10, "another", 1_000)) == {"quick.example": 5, "dead.example": 5}
    await delivery.sweep().sweep()
    assert await rows_read(delivery) - before < FLOOD / 2


async def rows_read(delivery: DeliveryService) -> int:
    """How many rows of letters PostgreSQL has read so far, by any way."""
    asked = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'letter'"
    async with delivery.wiring.database.transaction() as session:
        await (await session.connection()).execute(text("SELECT pg_stat_force_next_flush()"))
    async with delivery.wiring.database.transaction() as session:
        return int((await (await session.connection()).execute(text(asked))).scalar_one())


async def test_destinations_take_turns_and_leave_none_of_the_room_unused(delivery: DeliveryService) -> None:
    await delivery.tell(*confirmations(50), *confirmations(2, "small.example"), *confirmations(50, "yahoo.com"))
    assert places(await claim(delivery, 20)) == {"google": 9, "yahoo": 9, "small.example": 2}


async def test_a_silent_provider_leaves_slots_for_others(delivery: DeliveryService) -> None:
    await delivery.tell(*confirmations(100))
    assert len(await claim(delivery, 20, slots=20)) == 10, "it has never answered"
    await delivery.tell(*confirmations(5, "quick.example"), *letters(5, MINISTRY))
    claimed = await claim(delivery, 10, slots=20)
    assert places(claimed) == {"quick.example": 5, "ministry.example": 5}


async def test_many_small_domains_all_have_their_turn(delivery: DeliveryService) -> None:
    domains = [f"domain-{number}.example" for number in range(LINES_LOOKED_AT_MAX + 50)]
    await delivery.tell(*(one for domain in domains for one in confirmations(2, domain)))
    served = Counter[str]()
    for _ in range(2):
        delivery.clock.advance(timedelta(seconds=1))
        served += places(await claim(delivery, LINES_LOOKED_AT_MAX))
    assert served.keys() == set(domains)


async def test_a_retried_one_goes_when_its_time_has_come(delivery: DeliveryService) -> None:
    await delivery.tell(*confirmations(1), *confirmations(1, "other.example"))
    await answer(delivery, await claim(delivery, 10), Deferred(Phase.DOT, 451, "greylisted"))
    await delivery.sweep().sweep()
    assert await claim(delivery, 10) == []
    delivery.clock.advance(timedelta(minutes=1.3))
    assert len(await claim(delivery, 10)) == 2


async def test_what_was_lost_with_its_sender_comes_again(delivery: DeliveryService) -> None:
    await delivery.tell(*confirmations(1))
    await claim(delivery, 10)
    sweep = delivery.sweep()
    for _ in range(2):
        delivery.clock.advance(timedelta(minutes=16))
        await sweep.sweep()
    assert len(await claim(delivery, 10)) == 1


@pytest.mark.parametrize("kind", [LetterKind.CONFIRMATION, LetterKind.NEWS])
async def test_what_an_older_worker_planned_without_a_line_is_put_in_line(
    delivery: DeliveryService, kind: LetterKind
) -> None:
    await delivery.tell(*(confirmations(250) if kind is LetterKind.CONFIRMATION else news(250)))
    async with delivery.wiring.database.transaction() as session:
        await session.exec(update(Letter).values(line_id=None))
        for model in (Line, Destination):
            await (await session.connection()).execute(text(f"DELETE FROM {model.__tablename__}"))  # noqa: S608
    assert await claim(delivery, 10) == []
    assert await delivery.sweep().sweep() == 250
    assert kinds(await claim(delivery, 10)) == {kind: 10}
    await answer(delivery, await claim(delivery, 1), BUSY)
    assert (await destination(delivery)).cool_until is not None


async def test_a_line_with_nothing_to_send_rests_and_is_woken(delivery: DeliveryService) -> None:
    await delivery.tell(*confirmations(1))
    await answer(delivery, await claim(delivery, 10))
    sweep = delivery.sweep()
    await sweep.sweep()
    (line,) = await lines(delivery)
    assert line.due_at == delivery.clock.now() + RESTS_MAX
    await delivery.tell(*confirmations(2))
    assert len(await claim(delivery, 10)) == 1


async def test_what_was_planned_unseen_while_its_line_was_laid_to_rest_is_found(delivery: DeliveryService) -> None:
    await delivery.tell(*confirmations(1))
    async with delivery.wiring.database.transaction() as session:
        await session.exec(update(Letter).values(next_at=NOW + MINUTE))
        rested = await rest_idle(session, NOW)
        await session.exec(update(Letter).values(next_at=NOW))
    assert await claim(delivery, 10) == []
    async with delivery.wiring.database.transaction() as session:
        await wake_missed(session, rested, NOW)
    assert len(await claim(delivery, 10)) == 1


@pytest.mark.parametrize(
    ("scope", "subject", "held"),
    [
        (Scope.EVERYTHING, "", {LetterKind.CONFIRMATION, LetterKind.NEWS}),
        (Scope.DESTINATION, "google", {LetterKind.CONFIRMATION, LetterKind.NEWS}),
        (Scope.CHANNEL, "email", {LetterKind.NEWS}),
        (Scope.CASE, str(CASE_ID), {LetterKind.NEWS}),
    ],
)
async def test_a_pause_holds_what_it_says(
    delivery: DeliveryService, scope: Scope, subject: str, held: set[LetterKind]
) -> None:
    await delivery.tell(*letters(1), *confirmations(1), *news(1))
    await delivery.wiring.steering.pause(scope, subject, BY)
    claimed = kinds(await claim(delivery, 10))
    assert set(claimed) == {LetterKind.CONFIRMATION, LetterKind.NEWS} - held
    waiting = next(letter for letter in await delivery.letters() if letter.kind is LetterKind.CONFIRMATION)
    if waiting.state is LetterState.QUEUED:
        assert "It is paused" in (await delivery.wiring.desk.read_letter(waiting.id))[2]


async def test_why_a_confirmation_waits_is_said(delivery: DeliveryService) -> None:
    await delivery.tell(*confirmations(2))
    await answer(delivery, await delivery.claims().claim(1, 1), BUSY)
    (waiting,) = [letter for letter in await delivery.letters() if not letter.fence]
    assert "Its destination rests until" in (await delivery.wiring.desk.read_letter(waiting.id))[2]


async def test_operators_see_what_waits_for_a_provider_and_metrics_name_no_private_domain(
    delivery: DeliveryService,
) -> None:
    await delivery.tell(*letters(2), *confirmations(3), *news(4), *confirmations(5, "smith-family.example"))
    seen = {one.name: one for one in (await delivery.wiring.standing.read()).destinations}
    assert [(seen[name].queued, seen[name].others) for name in ("google", "smith-family.example")] == [(9, 7), (5, 5)]
    delivery.clock.advance(MINUTE)
    await delivery.wiring.lateness.look()
    await delivery.wiring.measure_backlog()
    measured = generate_latest(delivery.wiring.registry).decode()
    for gauge in ("eligible", "queued"):
        assert f'delivery_{gauge}_letters{{destination="google"}} 9.0' in measured
        assert f'delivery_{gauge}_letters{{destination="elsewhere"}} 5.0' in measured
    assert "delivery_lag_seconds 60.0" in measured
    assert "smith-family" not in measured
    await answer(delivery, await claim(delivery, 50))
    assert "smith-family.example" not in {one.name for one in (await delivery.wiring.standing.read()).destinations}


async def test_news_that_waits_is_no_lag(delivery: DeliveryService) -> None:
    await delivery.tell(*news(2))
    delivery.clock.advance(MINUTE)
    await delivery.wiring.measure_backlog()
    measured = generate_latest(delivery.wiring.registry).decode()
    assert 'delivery_eligible_letters{destination="google"} 2.0' in measured
    assert "delivery_lag_seconds 0.0" in measured


async def test_a_sender_lets_all_kinds_out_to_many_domains(delivery: DeliveryService) -> None:
    for number in range(30):
        await delivery.tell(*confirmations(2, f"domain-{number}.example"), *news(1, f"domain-{number}.example"))
    await delivery.tell(*confirmations(100), *letters(20, MINISTRY))
    async with delivery.sending():
        await until(lambda: len(delivery.channel.taken) == 210)


async def test_a_slow_answer_teaches_from_a_sender_too(delivery: DeliveryService) -> None:
    await delivery.tell(*confirmations(1))
    delivery.channel.answers["supporter-0@gmail.com"] = [Throttled(Phase.RCPT, 450, "4.7.0 slow down")]

    async def rests() -> bool:
        return (await destination(delivery)).cool_until is not None

    async with delivery.sending():
        await until(rests)
