"""A first, short, honest measure: `make bench-smoke` writes `var/bench/smoke.json` and prints it as a table.

Intake: one web process on PostgreSQL with fsync, against a no-op route with the same typed body, in interleaved
rounds of one run, both driven by wrk with 64 connections. What counts is the ratio; machines differ.
Delivery: one sender process, from rows in its database to recorded results, against a sink that only counts.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass

from sqlmodel import col, func, select

import services.delivery.wiring
from deploy.local.ports import free_port
from deploy.local.postgres import LocalPostgres
from services.delivery.handlers import subscriptions
from services.delivery.settings import DeliverySettings
from services.delivery.states import LetterState
from services.delivery.tables import Letter
from shared.messages.envelope import seal
from shared.messages.registry import read
from shared.migrations import migrate
from shared.observability import configure_logging
from tests.load.backlog import accepted_action_of
from tests.load.measuring import (
    POLL_SECONDS,
    drive_wrk,
    make_actions_database,
    quick_sink,
    running,
    wait_until_answered,
    write_results,
)
from tests.support.servers import private_folder

ROUNDS, ROUND_SECONDS = 3, 6
LETTERS, LETTERS_BATCH = 6_000, 200
DRAIN_SECONDS_MAX = 60.0


@dataclass(frozen=True)
class Result:
    name: str
    value: float
    unit: str


def main() -> int:
    configure_logging("bench", "smoke", "warning")
    with private_folder() as folder:
        server = LocalPostgres(folder / "postgres")
        server.start()
        try:
            results = [*measure_intake(server), *measure_sender(server)]
        finally:
            server.stop()
    write_results("smoke", [asdict(row) for row in results])
    for row in results:
        print(f"{row.name:<44} {row.value:>10,.2f} {row.unit}")
    return 0


def measure_intake(server: LocalPostgres) -> Iterator[Result]:
    """Accepted actions a second, ours and the no-op route's, as medians of interleaved rounds."""
    url = make_actions_database(server, "actions")
    ours, noop = free_port(), free_port()
    environment = {"W4R_ACTIONS_DATABASE_URL": url, "W4R_HTTP_PORT": str(ours), "W4R_LOG_LEVEL": "warning"}
    with ExitStack() as stack:
        stack.enter_context(running("services.actions", "web", **environment))
        stack.enter_context(running("tests.load.noop", str(noop)))
        for port, path in ((ours, "/health/live"), (noop, "/openapi.json")):
            wait_until_answered(f"http://127.0.0.1:{port}{path}")
            drive_wrk(port, seconds=1)
        rounds = [(drive_wrk(ours, ROUND_SECONDS), drive_wrk(noop, ROUND_SECONDS)) for _ in range(ROUNDS)]
    mine = statistics.median(one.requests_a_second for one, _ in rounds)
    theirs = statistics.median(other.requests_a_second for _, other in rounds)
    yield Result("intake: accepted actions", mine, "1/s")
    yield Result("no-op route, same body", theirs, "1/s")
    yield Result(
        "intake / no-op", statistics.median(a.requests_a_second / b.requests_a_second for a, b in rounds), "ratio"
    )
    yield Result("intake: p99 at full load", statistics.median(one.p99_ms for one, _ in rounds), "ms")


def measure_sender(server: LocalPostgres) -> Iterator[Result]:
    """Letters a second through one sender, from queued rows to results on disk, to a local sink."""
    url = server.create_database("delivery")
    migrate(url, services.delivery.wiring.MIGRATIONS)
    planned_seconds = asyncio.run(_plan_letters(url))
    yield Result("ingest: letters planned, one worker's handler", LETTERS / planned_seconds, "1/s")
    with quick_sink() as sink:
        environment = {"W4R_DELIVERY_DATABASE_URL": url, "W4R_SMTP_URL": sink.url, "W4R_LOG_LEVEL": "warning"}
        with running("services.delivery", "sender", **environment):
            rate = asyncio.run(_watch_drain(url))
        taken = sink.count_taken()
    assert taken == LETTERS, f"the sink took {taken} of {LETTERS} letters"
    yield Result("one sender: letters", rate, "1/s")


async def _plan_letters(url: str) -> float:
    """Plan `LETTERS` letters as a worker would. Returns the seconds it took."""
    wiring = services.delivery.wiring.build(DeliverySettings(database_url=url, smtp_url=None))
    plan = subscriptions(wiring)[0].handle
    now = wiring.clock.now()
    actions = [read(seal(accepted_action_of(number, now)).body) for number in range(LETTERS // 2)]
    began = time.perf_counter()
    for at in range(0, len(actions), LETTERS_BATCH):
        await plan(actions[at : at + LETTERS_BATCH])
    seconds = time.perf_counter() - began
    await wiring.close()
    return seconds


async def _watch_drain(url: str) -> float:
    """Letters a second between the first and the last result on disk."""
    wiring = services.delivery.wiring.build(DeliverySettings(database_url=url, smtp_url=None))
    sent = select(func.count(), func.min(Letter.decided_at), func.max(Letter.decided_at)).where(
        col(Letter.state) == LetterState.SENT
    )
    deadline = time.monotonic() + DRAIN_SECONDS_MAX
    try:
        while time.monotonic() < deadline:
            async with wiring.database.transaction() as session:
                count, first, last = (await session.exec(sent)).one()
            if count == LETTERS and first and last:
                return LETTERS / (last - first).total_seconds()
            await asyncio.sleep(POLL_SECONDS * 10)
        raise TimeoutError(f"{count} of {LETTERS} letters sent after {DRAIN_SECONDS_MAX} s")
    finally:
        await wiring.close()


if __name__ == "__main__":
    sys.exit(main())
