"""What a case's publication says of its targets: their policies, and who is named no more."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.delivery.states import LetterState
from services.delivery.tables import TargetPolicy
from shared.audit import By
from shared.delivery_policy import DeliveryPolicy, PolicyMode
from shared.messages.cases import Target
from tests.support.delivery_service import DeliveryService, delivery_service, letter_of, many_actions
from tests.support.events import EMBASSY, MINISTRY, a_published_case

SLOW = {"mode": "throttled", "per_hour": 60}
BOTH = (MINISTRY, EMBASSY)


@pytest.fixture
async def delivery(database_url: str) -> AsyncIterator[DeliveryService]:
    async with delivery_service(database_url) as service:
        yield service


def with_policy(policy: dict[str, Any] | None) -> Target:
    return MINISTRY.model_copy(update={"delivery": policy})


async def policy_of(delivery: DeliveryService) -> tuple[str, str | None]:
    """Whose it is, and its mode."""
    async with delivery.wiring.database.transaction() as session:
        row = await session.get_one(TargetPolicy, MINISTRY.id)
        return row.source, (row.policy or {}).get("mode")


async def test_a_campaigns_policy_holds_before_the_first_letter_and_for_what_is_queued(
    delivery: DeliveryService,
) -> None:
    await delivery.tell(a_published_case(targets=(with_policy(SLOW),)))
    await delivery.tell(*many_actions(50))
    assert await policy_of(delivery) == ("campaign", "throttled")
    assert len(await delivery.claims().claim(50)) == 5
    await delivery.tell(a_published_case(revision=2, targets=(MINISTRY,)))
    assert await policy_of(delivery) == ("default", None)
    assert len(await delivery.claims().claim(50)) == 45


async def test_staffs_own_policy_stays(delivery: DeliveryService) -> None:
    await delivery.tell(a_published_case())
    policy = DeliveryPolicy(mode=PolicyMode.THROTTLED, per_hour=600)
    await delivery.wiring.steering.set_policy(MINISTRY.id, policy, By("Amina", "their wish"))
    await delivery.tell(a_published_case(revision=2, targets=(with_policy({"mode": "single"}),)))
    assert await policy_of(delivery) == ("operator", "throttled")


async def test_an_older_publication_changes_nothing_and_the_same_twice_is_harmless(delivery: DeliveryService) -> None:
    new = a_published_case(revision=3, targets=(with_policy(SLOW),))
    await delivery.tell(new)
    await delivery.tell(new)
    await delivery.tell(a_published_case(revision=2, targets=(MINISTRY,)))
    assert await policy_of(delivery) == ("campaign", "throttled")


async def test_a_policy_of_a_later_release_is_left_out(delivery: DeliveryService) -> None:
    await delivery.tell(a_published_case(targets=(with_policy({"mode": "by_dove"}),)))
    assert await policy_of(delivery) == ("default", None)


async def test_letters_to_a_target_that_is_named_no_more_are_stopped_also_those_to_come(
    delivery: DeliveryService,
) -> None:
    first, second, third = many_actions(3, targets=BOTH)
    await delivery.tell(a_published_case(), first)
    await delivery.tell(a_published_case(revision=2, targets=(EMBASSY,)))
    await delivery.tell(second)
    states = {(letter.target_id, letter.state) for letter in await delivery.letters()}
    assert states == {(MINISTRY.id, LetterState.CANCELLED), (EMBASSY.id, LetterState.QUEUED)}
    await delivery.tell(a_published_case(revision=3))
    await delivery.tell(third)
    assert (await delivery.letter(letter_of(third))).state is LetterState.QUEUED
    assert (await delivery.letter(letter_of(first))).state is LetterState.CANCELLED
