"""Bad rows and races, under the whole platform. Invariant: they concern nobody else; `accepted = sum of outcomes`."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import httpx
import pytest

from deploy.routes import Service
from tests.support.actions_requests import a_letter, a_supporter, an_action
from tests.support.chaos_queries import ask, execute
from tests.support.chaos_world import BURST, CASE, PATIENCE_SECONDS, World
from tests.support.until import until

AT_ONCE = 50
ROUNDS = 5
BAD = 3
DEAD = "SELECT count(*) FROM dead_letter WHERE queue = 'delivery.letters'"
PLANNED = "SELECT count(*) FROM letter WHERE subject = $1"

pytestmark = pytest.mark.timeout(900)


@asynccontextmanager
async def refusing(world: World, service: Service, table: str, column: str) -> AsyncIterator[str]:
    """Gives a subject; for the length of the block the service's own database takes no row that has it."""
    url, unwritable = world.platform.database(service), f"What no database takes, {uuid4().hex}"
    await execute(url, f"ALTER TABLE {table} ADD CONSTRAINT bad CHECK ({column} <> '{unwritable}')")
    try:
        yield unwritable
    finally:
        await execute(url, f"ALTER TABLE {table} DROP CONSTRAINT bad")


async def post(http: httpx.AsyncClient, web: str, key: str, supporter: str, subject: str) -> httpx.Response:
    action = an_action(
        case=CASE, supporter=a_supporter(email=f"{supporter}@mail.example"), letter=a_letter(subject=subject)
    )
    return await http.post(f"{web}/api/v1/actions", json=action, headers={"Idempotency-Key": key})


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        yield client


async def test_fifty_posts_at_once_with_one_key_to_two_processes_are_one_action(
    world: World, http: httpx.AsyncClient
) -> None:
    webs = world.platform.webs
    for _ in range(ROUNDS):
        key = f"one-{uuid4().hex}"
        answers = await asyncio.gather(*(post(http, webs[at % 2], key, key, "Once") for at in range(AT_ONCE)))
        world.accepted += 1
        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.content for answer in answers}) == 1
    await world.adds_up()


async def test_a_row_that_intake_cannot_write_fails_alone(world: World, http: httpx.AsyncClient) -> None:
    async with refusing(world, Service.ACTIONS, "action", "letter_subject") as unwritable:
        subjects = [unwritable if at % (AT_ONCE // BAD) == 1 else "Good" for at in range(AT_ONCE)]
        web, keys = world.platform.webs[0], [f"alone-{uuid4().hex}" for _ in subjects]
        posts = (post(http, web, key, key, subject) for key, subject in zip(keys, subjects, strict=True))
        answers = await asyncio.gather(*posts)
    world.accepted += sum(answer.status_code == 202 for answer in answers)
    told = Counter((subject, answer.status_code) for subject, answer in zip(subjects, answers, strict=True))
    bad = subjects.count(unwritable)
    assert told == {("Good", 202): AT_ONCE - bad, (unwritable, 500): bad}
    await world.adds_up()


async def test_an_action_that_delivery_cannot_plan_harms_no_other_and_is_planned_once_it_can(
    world: World, http: httpx.AsyncClient
) -> None:
    """It is put aside as dead, the rest of its batch goes out; mended, the reconciler brings it back by itself."""
    platform, delivery = world.platform, world.platform.database(Service.DELIVERY)
    dead = await ask(delivery, DEAD)

    async def is_put_aside() -> bool:
        return await ask(delivery, DEAD) > dead

    async with refusing(world, Service.DELIVERY, "letter", "subject") as unwritable:
        platform.stack.kill("delivery-worker")
        async with world.crowd("beside-a-bad-one") as crowd:
            key = f"unplannable-{uuid4().hex}"
            answer = await post(http, platform.webs[0], key, key, unwritable)
            assert answer.status_code == 202
            world.accepted += 1
            await until(crowd.more_than(BURST), PATIENCE_SECONDS)
        await platform.do(platform.stack.revive, "delivery-worker")

        async def are_others_registered() -> bool:
            return await platform.registered() == world.accepted - 1

        await until(are_others_registered, PATIENCE_SECONDS)
        await until(is_put_aside, PATIENCE_SECONDS)
        assert await platform.letters() == await platform.letters_owed() - 2, "all but the two of the bad one"

    async def is_planned() -> bool:
        return await ask(delivery, PLANNED, unwritable) > 0

    async with world.crowd("mended"):
        await until(is_planned, PATIENCE_SECONDS)
    await world.adds_up()
