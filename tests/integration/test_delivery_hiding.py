"""A supporter hides their address after they wrote: letters that are not out yet go without it, on both databases."""

from collections.abc import AsyncIterator
from itertools import permutations

import pytest

from services.delivery.channels import Accepted, Phase
from services.delivery.claiming import HandoverResult
from shared.messages.actions import AddressHiddenV1
from shared.messages.envelope import Event, derived_id
from tests.support.delivery_service import DeliveryService, delivery_service
from tests.support.events import EMBASSY, MINISTRY, NOW, an_accepted_action

ACTION = an_accepted_action(targets=(MINISTRY, EMBASSY))
HIDDEN = AddressHiddenV1(action_id=ACTION.action_id, case_id=ACTION.case_id, hidden_at=NOW)
OTHER = an_accepted_action(action_id=derived_id("action", "other"), targets=(MINISTRY,))


@pytest.fixture
async def delivery(database_url: str) -> AsyncIterator[DeliveryService]:
    async with delivery_service(database_url) as service:
        yield service


@pytest.mark.parametrize("order", list(permutations([ACTION, HIDDEN])))
async def test_letters_go_without_the_address_in_whatever_order_it_is_told(
    delivery: DeliveryService, order: tuple[Event, ...]
) -> None:
    assert ACTION.supporter.email
    for event in order:
        await delivery.tell(event)
    await delivery.tell(HIDDEN)
    claimed = await delivery.claims().claim(10)
    assert {letter.composition.reply_to for letter in claimed} == {None}
    assert len(claimed) == 2


async def test_others_keep_theirs(delivery: DeliveryService) -> None:
    await delivery.tell(ACTION, OTHER)
    await delivery.tell(HIDDEN)
    by_action = {letter.action_id: letter.reply_to for letter in await delivery.letters()}
    assert by_action == {ACTION.action_id: None, OTHER.action_id: OTHER.supporter.email}


async def test_what_is_out_is_left_as_it_went(delivery: DeliveryService) -> None:
    await delivery.tell(OTHER)
    claims = delivery.claims()
    (letter,) = await claims.claim(10)
    now = delivery.clock.now()
    await claims.record([HandoverResult(letter, Accepted(Phase.DOT, 250, "taken"), now, now)])
    await delivery.tell(AddressHiddenV1(action_id=OTHER.action_id, case_id=OTHER.case_id, hidden_at=NOW))
    assert [letter.reply_to for letter in await delivery.letters()] == [OTHER.supporter.email]
