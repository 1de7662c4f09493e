"""The database dies at the worst of times. Invariant: no 202 without a row, no row twice, an event for every row."""

import asyncio
from pathlib import Path

import pytest

from deploy.local.postgres import LocalPostgres
from tests.support.actions_requests import an_action
from tests.support.chaos_commit_cutter import CommitCutter
from tests.support.chaos_crowd import Crowd
from tests.support.chaos_intake import intake_database, web_processes
from tests.support.chaos_queries import Intake, intake_of, kept_ids
from tests.support.until import until

KILLS = 4
CUTS = 8  # of each kind
COMMITS_PER_CUT = 7
PATIENCE_SECONDS = 40.0
ACCEPTED_BETWEEN_KILLS = 60
ANSWER_SECONDS_MAX = 2.0
SCHEDULING_SECONDS_MAX = 1.0  # what a busy machine may add to an answer on its way to us


@pytest.mark.timeout(600)
async def test_a_database_killed_again_and_again_keeps_every_action_it_acknowledged(
    own_postgres: LocalPostgres, tmp_path: Path
) -> None:
    url = await intake_database(own_postgres)
    async with web_processes(url, tmp_path, 1) as webs, Crowd([webs[0].url], an_action(), "killed") as crowd:
        for _ in range(KILLS):
            await until(crowd.more_than(ACCEPTED_BETWEEN_KILLS), PATIENCE_SECONDS)
            await asyncio.to_thread(own_postgres.kill)
            promised = set(crowd.ids.values())
            await asyncio.to_thread(own_postgres.start)
            assert promised <= await kept_ids(url), "no 202 without a row"
        await until(crowd.more_than(ACCEPTED_BETWEEN_KILLS), PATIENCE_SECONDS)
        await crowd.leave()
        await crowd.ask_again()
        assert set(crowd.statuses) <= {202, 503}
        assert crowd.statuses[503], "the kills were noticed"
        assert not crowd.broken, "the same key has the same answer, before and after"
        assert set(crowd.ids.values()) == await kept_ids(url)
        assert await intake_of(url) == Intake(crowd.accepted, crowd.accepted, strays=0)


@pytest.mark.timeout(600)
async def test_a_connection_lost_at_commit_neither_loses_an_action_nor_doubles_it(
    own_postgres: LocalPostgres, tmp_path: Path
) -> None:
    """By turns the commit is lost on its way, or its answer is: to the web process both look the same."""
    url = await intake_database(own_postgres)
    cutter = CommitCutter("127.0.0.1", own_postgres.port, every=COMMITS_PER_CUT, words="please act.")
    await cutter.start()
    through_cutter = url.replace(f":{own_postgres.port}/", f":{cutter.port}/")
    async with web_processes(through_cutter, tmp_path, 1) as webs, Crowd([webs[0].url], an_action(), "cut") as crowd:
        await until(lambda: min(cutter.cuts.values()) >= CUTS, PATIENCE_SECONDS)
        await crowd.leave()
        await crowd.ask_again()
        assert set(crowd.statuses) <= {202, 503}
        assert not crowd.broken
        assert set(crowd.ids.values()) == await kept_ids(url)
        assert await intake_of(url) == Intake(crowd.accepted, crowd.accepted, strays=0)
    await cutter.stop()


@pytest.mark.timeout(600)
async def test_while_the_database_is_away_a_crowd_is_refused_in_time_and_nothing_is_kept(
    own_postgres: LocalPostgres, tmp_path: Path
) -> None:
    """Dead: nobody is acknowledged, everybody hears so within two seconds, and who gives up has left nothing behind."""
    url = await intake_database(own_postgres)
    async with web_processes(url, tmp_path, 1) as webs:
        async with Crowd([webs[0].url], an_action(), "before") as before:
            await until(before.more_than(20), PATIENCE_SECONDS)
            await before.leave()
        await asyncio.to_thread(own_postgres.kill)
        async with Crowd([webs[0].url], an_action(), "away") as crowd:
            await until(lambda: crowd.statuses[503] >= 200, PATIENCE_SECONDS)
            await crowd.scatter()
        assert set(crowd.statuses) == {503}
        assert crowd.slowest_seconds < ANSWER_SECONDS_MAX + SCHEDULING_SECONDS_MAX
        await asyncio.to_thread(own_postgres.start)
        await webs[0].until_ready()
        assert await intake_of(url) == Intake(before.accepted, before.accepted, strays=0)


@pytest.mark.timeout(600)
async def test_a_database_that_hangs_acknowledges_nothing_and_halves_nothing(
    own_postgres: LocalPostgres, tmp_path: Path
) -> None:
    """What was under way may be written once it thaws, but whole, and a repeat finds it."""
    url = await intake_database(own_postgres)
    async with web_processes(url, tmp_path, 1) as webs, Crowd([webs[0].url], an_action(), "hangs") as crowd:
        await until(crowd.more_than(50), PATIENCE_SECONDS)
        await asyncio.to_thread(own_postgres.freeze)
        await until(lambda: crowd.statuses[503] >= crowd.supporters, PATIENCE_SECONDS)
        accepted = crowd.accepted
        await until(lambda: crowd.statuses[503] >= 3 * crowd.supporters, PATIENCE_SECONDS)
        assert crowd.accepted == accepted, "nothing is acknowledged while it hangs"
        await asyncio.to_thread(own_postgres.thaw)
        await until(crowd.more_than(50), PATIENCE_SECONDS)
        await crowd.leave()
        await crowd.ask_again()
        assert set(crowd.statuses) == {202, 503}
        assert crowd.slowest_seconds < ANSWER_SECONDS_MAX + SCHEDULING_SECONDS_MAX
        assert not crowd.broken
        assert await intake_of(url) == Intake(crowd.accepted, crowd.accepted, strays=0)
