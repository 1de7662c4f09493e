"""Many letters at once, a letter's next step in words, another address, dead messages, and what waits that could go."""

from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from prometheus_client import generate_latest

from services.delivery.channels import Phase, Refused, Throttled, Unknown
from services.delivery.claiming import HandoverResult
from services.delivery.groups import TURN_LETTERS_MAX
from services.delivery.states import LetterState
from services.delivery.tables import DeadLetter
from shared.messages.envelope import derived_id, seal
from tests.support.delivery_service import SITE, STAFF_TOKEN, DeliveryService, delivery_service, letter_of, many_actions
from tests.support.events import CASE_ID, EMBASSY, MINISTRY, NOW, a_closed_case, an_accepted_action
from tests.support.staff_sessions import log_in

API = "/api/v1/delivery"
BEARER = {"Authorization": f"Bearer {STAFF_TOKEN}", "Staff-Name": "Amina"}
BOTH = (MINISTRY, EMBASSY)


@pytest.fixture
async def delivery(database_url: str) -> AsyncIterator[DeliveryService]:
    async with delivery_service(database_url) as service:
        yield service


async def ask(delivery: DeliveryService, method: str, path: str, expected: int = 200, **json: Any) -> Any:
    answer = await delivery.http.request(method, path, json=json or None, headers=BEARER)
    assert answer.status_code == expected, answer.text
    return answer.json() if answer.content else None


async def group(delivery: DeliveryService, act: str, state: str, expected: int = 200, **more: Any) -> Any:
    return await ask(delivery, "POST", f"{API}/groups", expected, act=act, state=state, why="they asked", **more)


async def bounce_all(delivery: DeliveryService) -> None:
    claims = delivery.claims()
    while letters := await claims.claim(100):
        full = Refused(Phase.DOT, 552, "5.2.2 full")
        await claims.record([HandoverResult(letter, full, NOW, NOW) for letter in letters])


async def count(delivery: DeliveryService, state: LetterState) -> int:
    return sum(letter.state is state for letter in await delivery.letters())


@pytest.mark.parametrize(
    "chosen",
    [
        {"target_id": str(EMBASSY.id)},
        {"destination": "embassy.example"},
        {"target_id": str(EMBASSY.id), "case_id": str(CASE_ID)},
    ],
)
async def test_a_group_is_sent_again_and_nothing_else(delivery: DeliveryService, chosen: dict[str, Any]) -> None:
    await delivery.tell(*many_actions(5, targets=BOTH))
    await bounce_all(delivery)
    assert (await group(delivery, "again", "bounced", dry_run=True, **chosen))["done"] == 5
    assert await count(delivery, LetterState.BOUNCED) == 10
    turn = await group(delivery, "again", "bounced", **chosen)
    assert (turn["done"], turn["left"], turn["next"]) == (5, 0, None)
    queued = [letter for letter in await delivery.letters() if letter.state is LetterState.QUEUED]
    assert {letter.target_id for letter in queued} == {EMBASSY.id}
    assert len(queued) == 5
    assert (await group(delivery, "cancel", "queued", **chosen))["done"] == 5
    assert await count(delivery, LetterState.CANCELLED) == 5
    audit = await ask(delivery, "GET", f"{API}/audit")
    assert [line["did"] for line in audit] == ["group_cancel", "group_again"]
    assert {line["who"] for line in audit} == {"Amina"}


async def test_a_large_group_takes_turns_and_keeps_its_rate(delivery: DeliveryService) -> None:
    count_all = TURN_LETTERS_MAX + 3
    await delivery.tell(*many_actions(count_all))
    await bounce_all(delivery)
    first = await group(delivery, "again", "bounced", per_minute=60)
    second = await group(delivery, "again", "bounced", per_minute=60, after=first["next"], begin_at=first["last_at"])
    assert (first["done"], second["done"], second["next"]) == (TURN_LETTERS_MAX, 3, None)
    times = sorted(letter.next_at for letter in await delivery.letters())
    assert {later - earlier for earlier, later in pairwise(times)} == {timedelta(seconds=1)}
    assert times[-1] == NOW + timedelta(seconds=count_all)
    delivery.clock.advance(timedelta(seconds=10))
    assert len(await delivery.claims().claim(100)) == 10


async def test_those_that_must_not_go_stay(delivery: DeliveryService) -> None:
    await delivery.tell(*many_actions(2))
    await bounce_all(delivery)
    await delivery.tell(a_closed_case())
    turn = await group(delivery, "again", "bounced")
    assert (turn["done"], turn["left"]) == (0, 2)
    assert await delivery.states() == {LetterState.BOUNCED}


@pytest.mark.parametrize(("act", "state"), [("again", "sent"), ("cancel", "sending"), ("again", "queued")])
async def test_a_state_that_allows_no_such_thing_is_refused(delivery: DeliveryService, act: str, state: str) -> None:
    await group(delivery, act, state, 422)
    await ask(delivery, "POST", f"{API}/groups", 422, act="again", state="failed", why=" ")
    await group(delivery, "again", "failed", 422, after="nonsense")


async def test_a_target_gets_another_address(delivery: DeliveryService) -> None:
    await delivery.tell(*many_actions(3))
    path = f"{API}/targets/{MINISTRY.id}"
    moved = await ask(delivery, "POST", f"{path}/address", address="office@parliament.example", why="they moved")
    assert moved == {"letters": 3}
    await delivery.tell(an_accepted_action())
    assert {letter.to_address for letter in await delivery.letters()} == {"office@parliament.example"}
    assert len(await delivery.claims().claim(10)) == 4
    listed = await ask(delivery, "GET", f"{path}/addresses")
    assert listed == [{"address": "office@parliament.example", "state": "active"}]
    await ask(delivery, "POST", f"{API}/suppressions", address="office@parliament.example", why="wrong after all")
    assert (await ask(delivery, "GET", f"{path}/addresses"))[0]["state"] == "blocked"
    await ask(delivery, "POST", f"{path}/address", 409, address="office@parliament.example", why="again")
    await ask(delivery, "POST", f"{path}/address", 422, address="nobody", why="again")
    await ask(delivery, "POST", f"{API}/targets/{CASE_ID}/address", 404, address="a@b.example", why="nobody")


async def what_next(delivery: DeliveryService) -> str:
    letter = await delivery.letter()
    found: str = (await ask(delivery, "GET", f"/api/v1/letters/{letter.id}"))["what_next"]
    return found


async def test_what_happens_next_is_said_in_words(delivery: DeliveryService) -> None:
    await delivery.tell(an_accepted_action())
    assert "as soon as a sender has room" in await what_next(delivery)
    await ask(delivery, "POST", f"{API}/pauses", 204, scope="case", subject=str(CASE_ID), why="the family asked")
    assert "by Amina: the family asked" in await what_next(delivery)
    await ask(delivery, "POST", f"{API}/pauses/resume", 204, scope="case", subject=str(CASE_ID), why="it goes on")
    claims = delivery.claims()
    [letter] = await claims.claim(1)
    assert "in its hands" in await what_next(delivery)
    await claims.record([HandoverResult(letter, Throttled(Phase.RCPT, 450, "4.7.0 slow down"), NOW, NOW)])
    assert "It is tried at" in await what_next(delivery)
    delivery.clock.advance(timedelta(seconds=29))
    await ask(delivery, "POST", f"/api/v1/letters/{letter.id}/cancel", why="a test")
    assert "Nothing." in await what_next(delivery)


async def test_an_uncertain_letter_says_when_it_is_decided(delivery: DeliveryService) -> None:
    await delivery.tell(an_accepted_action())
    claims = delivery.claims()
    [letter] = await claims.claim(1)
    await claims.record([HandoverResult(letter, Unknown(Phase.DOT), NOW, NOW)])
    assert "it is decided" in await what_next(delivery)


async def test_what_could_go_now_is_measured_apart_from_what_waits(delivery: DeliveryService) -> None:
    await delivery.tell(*many_actions(3, targets=BOTH))
    delivery.clock.advance(timedelta(minutes=10))
    await ask(delivery, "POST", f"{API}/pauses", 204, scope="target", subject=str(EMBASSY.id), why="they asked")
    await delivery.wiring.lateness.look()
    await delivery.wiring.measure_backlog()
    measured = generate_latest(delivery.wiring.registry).decode()
    assert 'delivery_eligible_letters{destination="ministry.example"} 3.0' in measured
    assert 'delivery_eligible_letters{destination="embassy.example"}' not in measured
    assert 'delivery_queued_letters{destination="embassy.example"} 3.0' in measured
    assert "delivery_lag_seconds 600.0" in measured
    assert "delivery_dead_letters 0.0" in measured


async def bury(delivery: DeliveryService, body: bytes) -> DeadLetter:
    dead = DeadLetter(
        id=derived_id("dead", body), queue="delivery.letters", body=body, reason="a fault of ours", died_at=NOW
    )
    async with delivery.wiring.database.transaction() as session:
        session.add(dead)
    return dead


async def test_a_dead_message_is_handled_once_the_fault_is_mended(delivery: DeliveryService) -> None:
    action = an_accepted_action()
    dead = await bury(delivery, seal(action).body)
    [listed] = await ask(delivery, "GET", f"{API}/dead-letters")
    assert (listed["reason"], listed["replayed_at"]) == ("a fault of ours", None)
    done = await ask(delivery, "POST", f"{API}/dead-letters/{dead.id}/replay", why="mended")
    assert done["replayed_at"] is not None
    assert (await delivery.letter()).id == letter_of(action)


async def test_one_that_cannot_be_read_stays_dead(delivery: DeliveryService) -> None:
    dead = await bury(delivery, b"garbage")
    await ask(delivery, "POST", f"{API}/dead-letters/{dead.id}/replay", 409, why="let us see")
    await ask(delivery, "POST", f"{API}/dead-letters/{CASE_ID}/replay", 404, why="let us see")
    assert [one["replayed_at"] for one in await ask(delivery, "GET", f"{API}/dead-letters")] == [None]


async def test_the_page_counts_acts_and_keeps_what_was_typed(delivery: DeliveryService) -> None:
    await delivery.tell(*many_actions(3))
    await bounce_all(delivery)
    log_in(delivery.http, delivery.wiring.staff)
    assert (await delivery.http.get("/ops/groups")).status_code == 200

    async def post(**form: str) -> Any:
        values = {"act": "again", "state": "bounced", "destination": "ministry.example"} | form
        return await delivery.http.post("/ops/groups", data=values, headers={"Origin": SITE})

    assert "3 letters. Nothing was changed." in (await post(why="let us see", look="1")).text
    assert await count(delivery, LetterState.BOUNCED) == 3
    wrong = await post(why=" ", case_id="a-slug")
    assert wrong.status_code == 422
    assert 'value="a-slug"' in wrong.text
    assert "Done with 3 letters" in (await post(why="they are back", per_minute="60")).text
    assert await count(delivery, LetterState.QUEUED) == 3
