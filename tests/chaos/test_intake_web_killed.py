"""Web processes die. Invariant: one key is one action with one answer, whichever process gave it."""

from pathlib import Path

import pytest

from deploy.local.postgres import LocalPostgres
from tests.support.actions_requests import an_action
from tests.support.chaos_crowd import Crowd
from tests.support.chaos_intake import intake_database, web_processes
from tests.support.chaos_queries import Intake, intake_of, kept_ids
from tests.support.until import until

PATIENCE_SECONDS = 40.0
ACCEPTED_BETWEEN_KILLS = 60


@pytest.mark.timeout(600)
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
