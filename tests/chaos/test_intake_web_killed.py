"""Web processes die or race. Invariant: one key is one action with one answer, whichever process gave it."""

import asyncio
from pathlib import Path

import httpx
import pytest

from deploy.local.postgres import LocalPostgres
from tests.support.actions_requests import an_action, an_action_by
from tests.support.chaos_crowd import Crowd
from tests.support.chaos_intake import intake_database, web_processes
from tests.support.chaos_queries import Intake, intake_of, kept_ids
from tests.support.until import until

PATIENCE_SECONDS = 40.0
ACCEPTED_BETWEEN_KILLS = 60
AT_ONCE = 50
ROUNDS = 5


@pytest.mark.timeout(180)
async def test_a_killed_web_process_costs_a_retry_and_no_action(own_postgres: LocalPostgres, tmp_path: Path) -> None:
    """Clients go to its twin with the same key, and get the action that the dead one may have kept."""
    url = await intake_database(own_postgres)
    async with web_processes(url, tmp_path, 2) as webs:
        addresses = [web.url for web in webs]
        async with Crowd(addresses, an_action(), "web") as crowd:
            for victim in webs:
                await until(crowd.more_than(ACCEPTED_BETWEEN_KILLS), PATIENCE_SECONDS)
                victim.kill()
                assert set(crowd.ids.values()) <= await kept_ids(url), "no 202 without a row"
                victim.start()
                await victim.until_ready()
            await until(crowd.more_than(ACCEPTED_BETWEEN_KILLS), PATIENCE_SECONDS)
            await crowd.leave()
            await crowd.ask_again()
        assert crowd.statuses[0], "connections broke"
        assert set(crowd.statuses) == {0, 202}, "and nothing else went wrong"
        assert not crowd.broken
        assert set(crowd.ids.values()) == await kept_ids(url)
        assert await intake_of(url) == Intake(crowd.accepted, crowd.accepted, strays=0)


@pytest.mark.timeout(120)
async def test_fifty_posts_at_once_with_one_key_to_two_processes_are_one_action(
    own_postgres: LocalPostgres, tmp_path: Path
) -> None:
    url = await intake_database(own_postgres)
    async with web_processes(url, tmp_path, 2) as webs, httpx.AsyncClient(trust_env=False, timeout=10) as http:
        for number in range(ROUNDS):
            headers = {"Idempotency-Key": f"one-key-{number}"}
            targets = [f"{webs[post % 2].url}/api/v1/actions" for post in range(AT_ONCE)]
            action = an_action_by(number)
            posts = (http.post(target, json=action, headers=headers) for target in targets)
            answers = await asyncio.gather(*posts)
            assert {answer.status_code for answer in answers} == {202}
            assert len({answer.content for answer in answers}) == 1
            assert await intake_of(url) == Intake(number + 1, number + 1, strays=0)
