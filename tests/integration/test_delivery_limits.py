"""Limits that all senders share: of targets, of destinations, of staff; and who goes first where many wait."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import col, select, update

from services.delivery import next_letters
from services.delivery.channels import Accepted, Answer, Blocked, Phase, Throttled
from services.delivery.claiming import ClaimedLetter, HandoverResult
from services.delivery.destinations import QUARANTINE, REFUSALS_MIN
from services.delivery.pauses import Scope
from services.delivery.tables import Destination, Letter, Pause, TargetPolicy
from shared.audit import By
from shared.delivery_policy import DeliveryPolicy, PolicyMode
from shared.messages.actions import ActionAcceptedV1
from shared.messages.cases import Target
from shared.messages.envelope import derived_id
from tests.support.delivery_service import DeliveryService, delivery_service
from tests.support.events import CASE_ID, MINISTRY, NOW, an_accepted_action

TAKEN = Accepted(Phase.DOT, 250, "taken")
SLOW_DOWN = Throttled(Phase.RCPT, 450, "4.7.0 slow down")
SPAM = Blocked(Phase.DOT, 550, "5.7.1 looks like spam")
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def delivery(database_url: str) -> AsyncIterator[DeliveryService]:
    async with delivery_service(database_url) as service:
        yield service


def actions(count: int, case: str = "a-test-case", **changes: Any) -> list[ActionAcceptedV1]:
    values = {"case_id": derived_id("case", case), "case_slug": case} | changes
    return [an_accepted_action(action_id=derived_id("action", case, number), **values) for number in range(count)]


def a_target(name: str) -> Target:
    return Target(id=derived_id("target", name), name=name, country="PK", email=f"info@{name}.example")


async def keep_policy(delivery: DeliveryService, target: UUID = MINISTRY.id, **fields: Any) -> None:
    policy = DeliveryPolicy.model_validate(fields)
    values = {"policy": policy.model_dump(mode="json"), "is_bundled": policy.mode is PolicyMode.DIGEST}
    async with delivery.wiring.database.transaction() as session:
        await session.exec(update(TargetPolicy).where(col(TargetPolicy.target_id) == target).values(**values))


async def pause(delivery: DeliveryService, scope: Scope, subject: str) -> None:
    async with delivery.wiring.database.transaction() as session:
        session.add(Pause(scope=scope, subject=subject, since=NOW, who="me", why="a reason"))


async def claim(delivery: DeliveryService, count_max: int, owner: str = "a-sender") -> list[ClaimedLetter]:
    return await delivery.claims(owner).claim(count_max)


async def answer(delivery: DeliveryService, letters: Sequence[ClaimedLetter], said: Answer = TAKEN) -> None:
    await delivery.claims().record([HandoverResult(letter, said, NOW, NOW) for letter in letters])


async def destination(delivery: DeliveryService, name: str = "ministry.example") -> Destination:
    async with delivery.wiring.database.transaction() as session:
        return (await session.exec(select(Destination).where(Destination.name == name))).one()


async def test_a_targets_rate_is_shared_by_all_senders(delivery: DeliveryService) -> None:
    await delivery.tell(*actions(200))
    await keep_policy(delivery, mode="throttled", per_hour=60)
    first = [await claim(delivery, 50, f"sender-{number}") for number in range(3)]
    assert sum(map(len, first)) == 5
    for _ in range(30):
        delivery.clock.advance(MINUTE)
        assert len(await claim(delivery, 50)) + len(await claim(delivery, 50, "another")) == 1


async def test_no_day_brings_more_than_the_maximum_whatever_the_rate(delivery: DeliveryService) -> None:
    await delivery.tell(*actions(60))
    await keep_policy(delivery, mode="throttled", per_hour=1_000_000, per_day_max=20)
    got = Counter[int]()
    for hour in range(72):
        got[(NOW + hour * timedelta(hours=1)).day] += len(await claim(delivery, 50))
        delivery.clock.advance(timedelta(hours=1))
    assert max(got.values()) == 20
    assert sum(got.values()) == 60


async def test_outside_its_hours_a_target_gets_nothing_and_then_at_once(delivery: DeliveryService) -> None:
    await delivery.tell(*actions(3))
    await keep_policy(delivery, hours={"begin": "09:00", "end": "17:00"}, time_zone="Asia/Karachi")
    assert await claim(delivery, 10) == []
    delivery.clock.advance(timedelta(hours=16) - MINUTE)
    assert await claim(delivery, 10) == []
    delivery.clock.advance(MINUTE)
    assert len(await claim(delivery, 10)) == 3


async def test_letters_for_a_bundle_are_left_to_it(delivery: DeliveryService) -> None:
    await delivery.tell(*actions(3))
    await keep_policy(delivery, mode="digest")
    assert await claim(delivery, 10) == []


async def test_what_was_granted_and_not_there_is_not_spent(delivery: DeliveryService) -> None:
    await delivery.tell(*actions(1))
    await keep_policy(delivery, mode="throttled", per_hour=60, per_day_max=3)
    assert len(await claim(delivery, 50)) == 1
    await delivery.tell(*actions(9)[1:])
    assert len(await claim(delivery, 50)) == 2


async def test_a_small_case_does_not_wait_behind_a_big_one(delivery: DeliveryService) -> None:
    await delivery.tell(*actions(150, "big"))
    delivery.clock.advance(MINUTE)
    await delivery.tell(*actions(3, "small"))
    cases = Counter([letter.case_slug for letter in await taken(delivery, await claim(delivery, 10))])
    assert cases == {"small": 3, "big": 5}, "half of the slots each; what the small one had no use for comes next time"


async def test_partners_get_their_turns_too(delivery: DeliveryService) -> None:
    await delivery.tell(*actions(100), *actions(100, partner="loud"))
    await delivery.tell(*(one.model_copy(update={"partner": "quiet"}) for one in actions(104)[100:]))
    partners = Counter([letter.partner for letter in await taken(delivery, await claim(delivery, 12))])
    assert partners["quiet"] == 4


async def test_a_case_that_closes_soon_goes_first(delivery: DeliveryService) -> None:
    await delivery.tell(*actions(10, "later", closes_at=NOW + timedelta(days=90)))
    await delivery.tell(*actions(3, "soon", closes_at=NOW + timedelta(days=1)))
    letters = await taken(delivery, await claim(delivery, 1))
    assert [letter.case_slug for letter in letters] == ["soon"]


async def test_a_slow_destination_leaves_room_for_the_others(delivery: DeliveryService) -> None:
    await delivery.tell(*actions(100, "dead", targets=(a_target("dead"),)))
    await delivery.tell(*actions(100, "quick", targets=(a_target("quick"),)))
    claims, free = delivery.claims(), 20
    for _ in range(10):
        letters = await claims.claim(free, 0, slots=20)
        quick = [letter for letter in letters if (letter.composition.to_address or "").endswith("quick.example")]
        await answer(delivery, quick)
        free -= len(letters) - len(quick)
    assert free == 10, "the dead one holds half of the sender and no more"


@pytest.mark.parametrize(
    ("scope", "subject"),
    [
        (Scope.EVERYTHING, ""),
        (Scope.CHANNEL, "email"),
        (Scope.DESTINATION, "ministry.example"),
        (Scope.TARGET, str(MINISTRY.id)),
        (Scope.CASE, str(CASE_ID)),
    ],
)
async def test_what_is_paused_waits(delivery: DeliveryService, scope: Scope, subject: str) -> None:
    await delivery.tell(*actions(2))
    await pause(delivery, scope, subject)
    assert await claim(delivery, 10) == []
    async with delivery.wiring.database.transaction() as session:
        await session.delete(await session.get_one(Pause, (scope, subject)))
    assert len(await claim(delivery, 10)) == 2


async def test_a_pause_elsewhere_holds_nothing_up(delivery: DeliveryService) -> None:
    await delivery.tell(*actions(2))
    await pause(delivery, Scope.TARGET, str(derived_id("target", "another")))
    assert len(await claim(delivery, 10)) == 2


async def test_a_destination_that_asks_for_less_rests_and_is_then_tried_with_one(delivery: DeliveryService) -> None:
    await delivery.tell(*actions(100))
    letters = await claim(delivery, 20)
    await answer(delivery, letters, SLOW_DOWN)
    delivery.clock.advance(timedelta(seconds=29))
    assert await claim(delivery, 20) == []
    delivery.clock.advance(timedelta(seconds=1))
    (probe,) = await claim(delivery, 20)
    assert await claim(delivery, 20, "another") == []
    await answer(delivery, [probe], SLOW_DOWN)
    delivery.clock.advance(timedelta(seconds=59))
    assert await claim(delivery, 20) == []
    delivery.clock.advance(timedelta(seconds=1))
    await answer(delivery, await claim(delivery, 20))
    assert len(await claim(delivery, 20)) == 20
    assert all(letter.attempts == 0 for letter in await delivery.letters() if letter.last_code == 450)


async def test_what_is_taken_during_a_rest_does_not_end_it(delivery: DeliveryService) -> None:
    await delivery.tell(*actions(100))
    first, *others = await claim(delivery, 20)
    await answer(delivery, [first], SLOW_DOWN)
    await answer(delivery, others)
    assert await claim(delivery, 20) == []
    delivery.clock.advance(timedelta(seconds=30))
    assert len(await claim(delivery, 20)) == 1


async def test_a_destination_that_refuses_us_by_policy_is_held_for_staff(delivery: DeliveryService) -> None:
    await delivery.tell(*actions(100))
    await answer(delivery, await claim(delivery, REFUSALS_MIN - 1), SPAM)
    assert (await destination(delivery)).held_because is None
    await answer(delivery, await claim(delivery, 1), SPAM)
    assert (await destination(delivery)).held_because == QUARANTINE
    delivery.clock.advance(timedelta(days=1))
    assert await claim(delivery, 10) == []
    assert len(await delivery.letters()) == 100


async def test_few_refusals_among_many_letters_hold_nothing(delivery: DeliveryService) -> None:
    await delivery.tell(*actions(100))
    await answer(delivery, await claim(delivery, 95))
    await answer(delivery, await claim(delivery, 5), SPAM)
    assert (await destination(delivery)).held_because is None


async def test_a_destinations_rate_holds_over_all_its_targets(delivery: DeliveryService) -> None:
    one, other = a_target("one"), a_target("other").model_copy(update={"email": "other@one.example"})
    await delivery.tell(*actions(30, targets=(one, other)))
    async with delivery.wiring.database.transaction() as session:
        await session.exec(update(Destination).values(per_hour=60))
    assert len(await claim(delivery, 50)) == 5
    assert await claim(delivery, 50) == []
    delivery.clock.advance(3 * MINUTE)
    assert len(await claim(delivery, 50)) == 3


async def taken(delivery: DeliveryService, letters: Sequence[ClaimedLetter]) -> list[Letter]:
    ids = {letter.id for letter in letters}
    return [letter for letter in await delivery.letters() if letter.id in ids]


async def test_what_a_destination_answers_during_a_claim_outlasts_the_claim(
    delivery: DeliveryService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The claim has read the destination by then, and writes down what its rate has left."""
    if not delivery.wiring.database.is_postgresql:
        pytest.skip("SQLite has one writer: nothing happens during a claim")
    await delivery.tell(*actions(10))
    await delivery.wiring.steering.set_rate("ministry.example", 240, By("Amina", "they asked"))
    claims, find_due = delivery.claims("another"), next_letters._due_letters
    [letter] = await claims.claim(1)

    async def meanwhile(*arguments: Any) -> Any:
        await claims.record([HandoverResult(letter, SLOW_DOWN, NOW, NOW)])
        return await find_due(*arguments)

    monkeypatch.setattr(next_letters, "_due_letters", meanwhile)
    assert len(await claim(delivery, 3)) == 3
    async with delivery.wiring.database.transaction() as session:
        destination = await session.get_one(Destination, "ministry.example")
    assert destination.cool_until is not None
    assert destination.tat is not None
