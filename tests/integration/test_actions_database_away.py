"""The database away: everybody is told so within two seconds, and nobody is told a lie."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlmodel import func, select

from deploy.local.postgres import LocalPostgres
from services.actions.tables import Action
from tests.support.actions_app import ActionsService, actions_service
from tests.support.actions_requests import a_form, an_action, an_action_by
from tests.support.until import until

ANSWER_SECONDS_MAX = 2.0
PATIENCE_SECONDS = 30.0


@pytest.fixture
async def service(own_postgres: LocalPostgres) -> AsyncIterator[ActionsService]:
    async with actions_service(own_postgres.create_database("actions"), stop_seconds_max=5) as service:
        assert (await service.post(an_action(), key="before")).status_code == 202
        yield service


async def is_refused_in_time(service: ActionsService, key: str) -> bool:
    async with asyncio.timeout(ANSWER_SECONDS_MAX):
        answer = await service.post(an_action(), key=key)
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) > 0
    return answer.status_code == 503


async def test_a_stopped_database_is_a_503_and_the_repeat_counts_once(
    service: ActionsService, own_postgres: LocalPostgres
) -> None:
    own_postgres.kill()
    assert all(await asyncio.gather(*(is_refused_in_time(service, f"key-{number}") for number in range(20))))
    async with asyncio.timeout(ANSWER_SECONDS_MAX):
        page = await service.http.post("/actions", data=a_form(), headers={"Accept": "text/html"})
    assert page.status_code == 503
    assert "please act." in page.text
    own_postgres.start()

    async def is_back() -> bool:
        return (await service.post(an_action(), key="key-0")).status_code == 202

    await until(is_back)
    assert await service.rows(select(func.count()).select_from(Action)) == [2]


async def test_a_frozen_database_is_a_503_too_and_intake_goes_on_when_it_thaws(
    service: ActionsService, own_postgres: LocalPostgres
) -> None:
    own_postgres.freeze()
    assert all(await asyncio.gather(*(is_refused_in_time(service, f"key-{number}") for number in range(20))))
    own_postgres.thaw()

    async def is_back() -> bool:
        return (await service.post(an_action(), key="key-0")).status_code == 202

    await until(is_back)
    ready = await service.http.get("/health/ready")
    assert ready.json()["dependencies"] == {"database": "ok", "intake": "ok"}


async def test_killed_in_the_middle_every_202_is_kept(own_postgres: LocalPostgres) -> None:
    url = own_postgres.create_database("actions")
    # Patient, so that a busy machine does not refuse what this test is about.
    async with actions_service(url, accept_seconds_max=PATIENCE_SECONDS) as service:

        async def send(number: int) -> str | None:
            answer = await service.post(an_action_by(number), key=f"load-{number}")
            return answer.json()["id"] if answer.status_code == 202 else None

        sending = [asyncio.create_task(send(number)) for number in range(200)]
        await until(lambda: any(task.done() and task.result() for task in sending), PATIENCE_SECONDS)
        own_postgres.kill()
        accepted = {action_id for action_id in await asyncio.gather(*sending) if action_id}
        own_postgres.start()

        async def is_reachable() -> bool:
            return (await service.post(an_action(), key="after")).status_code == 202

        await until(is_reachable, PATIENCE_SECONDS)
        kept = {str(action_id) for action_id in await service.rows(select(Action.id))}
        assert accepted
        assert accepted <= kept
