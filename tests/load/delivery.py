"""The measure of delivery: `make bench-delivery` writes `var/bench/delivery.json` and prints it as a table.

Everything runs on this machine, in one run: PostgreSQL with fsync, RabbitMQ, senders as processes, a sink that only
counts, and Postfix beside them with the same sink and as many connections. Rounds take turns. What counts is ratios.
"""

import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from sqlalchemy import TextClause, text

import services.delivery.wiring
from deploy.local.postgres import LocalPostgres
from deploy.stack import Stack
from services.delivery.handlers import subscriptions
from services.delivery.settings import DeliverySettings
from shared.db import Database
from shared.messages.cases import Target
from shared.messages.envelope import derived_id, seal
from shared.messages.registry import read
from shared.migrations import migrate
from shared.observability import configure_logging
from tests.load import claiming
from tests.load.backlog import accepted_action_of
from tests.load.measuring import QuickSink, quick_sink, resident_mb, running
from tests.load.rows import Row, row, tell
from tests.support.events import MINISTRY
from tests.support.postfix import is_possible, postfix
from tests.support.servers import private_folder

ROUNDS, CONNECTIONS = 3, 20
LETTERS, LETTERS_POSTFIX, LETTERS_SLOW = 6_000, 1_500, 3_000
LETTERS_MEMORY, LETTERS_WARM = 100_000, 20_000
LETTERS_DEAD, LETTERS_LIVING, WAVES = 50_000, 1_000, 40
LETTER_BYTES, SLOW_MS = 1_500, 50
POSTS = 40
SECONDS_MAX, POLL_SECONDS = 300.0, 0.05
DEAD = Target(id=derived_id("target", "dead"), name="Nobody", country="PK", email="office@dead.example")
SENT = text("SELECT count(*), min(decided_at), max(decided_at) FROM letter WHERE state = 'sent' AND to_address = :to")
WAITED = text(
    "SELECT extract(epoch FROM percentile_cont(0.95) WITHIN GROUP (ORDER BY decided_at - created_at)) FROM letter "
    "WHERE state = 'sent' AND to_address = :to"
)
POLICY = json.dumps({"per_day_max": 100_000_000})
QUIET = {"W4R_LOG_LEVEL": "warning", "W4R_TARGET_POLICY": POLICY, "W4R_DESTINATION_LETTERS_AT_ONCE_MAX": "1000"}


def main() -> int:
    configure_logging("bench", "delivery", "warning")
    with private_folder() as folder:
        postgres = LocalPostgres(folder / "postgres")
        postgres.start()
        try:
            rows = [
                *measure_speed(postgres, folder),
                *measure_two_senders(postgres),
                *measure_claims(postgres),
                *measure_memory(postgres),
                *measure_dead_domain(postgres),
            ]
        finally:
            postgres.stop()
    rows += measure_end_to_end()
    tell("delivery", rows)
    return 0


def measure_speed(postgres: LocalPostgres, folder: Path) -> Iterator[Row]:
    """One sender, and two, from rows to recorded results, and Postfix, from its active queue, by turns.

    Postfix is many processes, on all the cores there are; a sender is one."""
    ours, pairs, theirs = [], [], []
    for number in range(ROUNDS):
        ours.append(_drain(postgres, f"speed{number}", LETTERS, senders=1))
        pairs.append(_drain(postgres, f"speed{number}x2", LETTERS, senders=2))
        if is_possible():
            theirs.append(_drain_postfix(folder / f"postfix{number}"))
    yield row("one sender, letters from row to recorded result", ours, "1/s")
    if theirs:
        yield row(f"Postfix, queue to sink, {CONNECTIONS} connections", theirs, "1/s")
        yield row("one sender / Postfix", [a / b for a, b in zip(ours, theirs, strict=True)], "ratio", least=3)
        yield row("two senders / Postfix", [a / b for a, b in zip(pairs, theirs, strict=True)], "ratio")


def measure_two_senders(postgres: LocalPostgres) -> Iterator[Row]:
    pairs = [
        [
            _drain(postgres, f"slow{number}x{senders}", LETTERS_SLOW, senders=senders, delay_ms=SLOW_MS)
            for senders in (1, 2)
        ]
        for number in range(ROUNDS)
    ]
    yield row(f"one sender, sink with {SLOW_MS} ms a mail", [pair[0] for pair in pairs], "1/s")
    yield row("two senders / one", [pair[1] / pair[0] for pair in pairs], "ratio", least=1.9)


def measure_claims(postgres: LocalPostgres) -> Iterator[Row]:
    found = asyncio.run(claiming.measure(postgres.create_database("claims")))
    yield row("claim of 50, 10,000 queued, p99", [found["few_ms"]], "ms")
    yield row("claim of 50, 1,000,000 queued, p99", [found["many_ms"]], "ms")
    yield row("claim of 50: 1,000,000 / 10,000 queued", [found["ratio"]], "ratio", most=2)


def measure_memory(postgres: LocalPostgres) -> Iterator[Row]:
    """One sender over many letters: what it holds when warm, and at the end."""
    url = _database(postgres, "memory")
    asyncio.run(_plan(url, 1, (MINISTRY,), copies=LETTERS_MEMORY))
    with quick_sink() as sink, _sender(url, sink) as pid:
        asyncio.run(_wait_until_sent(url, LETTERS_WARM))
        warm = resident_mb(pid)
        asyncio.run(_wait_until_sent(url, LETTERS_MEMORY))
        end = resident_mb(pid)
    yield row("memory of a sender, warm", [warm], "MB")
    yield row(f"memory of a sender after {LETTERS_MEMORY:,} letters", [end], "MB", most=150)
    yield row("growth over the last 80,000", [end - warm], "MB", most=5)


def measure_dead_domain(postgres: LocalPostgres) -> Iterator[Row]:
    """How long letters wait that trickle in, beside a domain that never answers, and without it."""
    waits = [
        [_trickle(postgres, f"dead{number}x{dead}", dead) for dead in (0, LETTERS_DEAD)] for number in range(ROUNDS)
    ]
    yield row("letters of a living domain wait, p95", [pair[0] * 1000 for pair in waits], "ms")
    yield row(f"the same beside {LETTERS_DEAD:,} to a dead one, p95", [pair[1] * 1000 for pair in waits], "ms")
    yield row("beside a dead domain / without", [pair[1] / pair[0] for pair in waits], "ratio", most=1.2)


def measure_end_to_end() -> list[Row]:
    """The whole platform with nothing else to do: from the POST to the mail server's 250."""
    with private_folder() as folder, quick_sink() as sink:
        stack = Stack(folder, environment={"W4R_SMTP_URL": sink.url} | QUIET)
        stack.start()
        try:
            waits = [_post_one(stack.url, sink) for _ in range(POSTS)][5:]
        finally:
            stack.stop()
    return [row("end to end, idle: POST to the sink's 250, p50", [statistics.median(waits) * 1000], "ms", most=150)]


def _post_one(url: str, sink: QuickSink) -> float:
    body = {
        "case": "idris-khattak",
        "channel": "email",
        "supporter": {"name": "A Supporter", "email": f"{uuid4().hex}@mail.example", "country": "PK"},
        "letter": {"subject": "Please act", "body": "Dear Minister,\n\nplease act.", "language": "en"},
    }
    before, began = sink.count_taken(), time.perf_counter()
    answer = httpx.post(f"{url}/api/v1/actions", json=body, headers={"Idempotency-Key": uuid4().hex})
    if answer.status_code == httpx.codes.NOT_FOUND:  # the case is on its way to intake still
        time.sleep(POLL_SECONDS)
        return _post_one(url, sink)
    answer.raise_for_status()
    while sink.count_taken() == before:
        time.sleep(0.002)
    seconds = time.perf_counter() - began
    time.sleep(0.3)  # its other letters, and everything at rest again
    return seconds


def _drain(postgres: LocalPostgres, name: str, letters: int, *, senders: int, delay_ms: int = 0) -> float:
    """Letters a second between the first and the last result on disk."""
    url = _database(postgres, name)
    asyncio.run(_plan(url, 1, (MINISTRY,), copies=letters))
    with quick_sink(delay_ms) as sink, ExitStack() as stack:
        for _ in range(senders):
            stack.enter_context(_sender(url, sink))
        seconds = asyncio.run(_wait_until_sent(url, letters))
        assert sink.count_taken() == letters
    return letters / seconds


def _drain_postfix(folder: Path) -> float:
    """Mails a second from its active queue. The sink stands still while they come in, and then takes them all."""
    folder.mkdir(mode=0o755)
    settings = {
        "default_destination_concurrency_limit": str(CONNECTIONS),
        "initial_destination_concurrency": str(CONNECTIONS),
        "default_process_limit": "200",
        "in_flow_delay": "0",
    }
    with quick_sink() as sink, postfix(folder, {"*": sink.port}, **settings) as relay:
        os.kill(sink.pid, signal.SIGSTOP)
        words = ["-m", f"{LETTERS_POSTFIX}", "-s", "10", "-l", f"{LETTER_BYTES}", "-f", "letters@campaign.example"]
        command = ["/usr/sbin/smtp-source", *words, "-t", "minister@ministry.example", f"127.0.0.1:{relay.port}"]
        subprocess.run(command, check=True, timeout=SECONDS_MAX)
        os.kill(sink.pid, signal.SIGCONT)
        began = time.perf_counter()
        while relay.queued():
            time.sleep(POLL_SECONDS)
        seconds = time.perf_counter() - began
        assert sink.count_taken() == LETTERS_POSTFIX
    return LETTERS_POSTFIX / seconds


def _trickle(postgres: LocalPostgres, name: str, dead: int) -> float:
    """The p95 wait, in seconds, of letters that come in waves."""
    url = _database(postgres, name)
    if dead:
        asyncio.run(_plan(url, 1_000_000, (DEAD,), copies=dead))
    with quick_sink() as sink, _sender(url, sink):
        time.sleep(2)
        asyncio.run(_plan_in_waves(url))
        asyncio.run(_wait_until_sent(url, LETTERS_LIVING))
    return float(asyncio.run(_ask(url, WAITED))[0])


async def _plan_in_waves(url: str) -> None:
    for wave in range(WAVES):
        count = LETTERS_LIVING // WAVES
        await _plan(url, wave * count, (MINISTRY,), count=count)
        await asyncio.sleep(0.1)


async def _plan(url: str, first: int, targets: Sequence[Target], *, count: int = 1, copies: int = 0) -> None:
    """Plan letters as a worker does; and then copies of the first one, so many that there are `copies` in all."""
    wiring = services.delivery.wiring.build(DeliverySettings(database_url=url, smtp_url=None))
    now = wiring.clock.now() - timedelta(seconds=1)
    actions = [
        accepted_action_of(number, now).model_copy(update={"targets": tuple(targets)})
        for number in range(first, first + count)
    ]
    for subscription in subscriptions(wiring):
        if type(actions[0]) in subscription.queue.events:
            await subscription.handle([read(seal(action).body) for action in actions])
    if copies:
        async with wiring.database.transaction() as session:
            connection = await session.connection()
            model = (await connection.execute(text("SELECT min(id::text)::uuid FROM letter"))).scalar_one()
            await connection.execute(claiming.COPY, {"count": copies - 1, "id": model})
            await connection.execute(text("ANALYZE letter"))
    await wiring.close()


async def _wait_until_sent(url: str, count: int) -> float:
    """Seconds between the first result and the last one. Raises `TimeoutError`."""
    deadline = time.monotonic() + SECONDS_MAX
    while time.monotonic() < deadline:
        sent, first, last = await _ask(url, SENT)
        if sent >= count:
            return max(0.001, float((last - first).total_seconds()))
        await asyncio.sleep(POLL_SECONDS * 4)
    raise TimeoutError(f"{sent} of {count} letters sent after {SECONDS_MAX} s")


async def _ask(url: str, question: TextClause) -> Sequence[Any]:
    database = Database(url)
    try:
        async with database.transaction() as session:
            connection = await session.connection()
            return tuple((await connection.execute(question, {"to": MINISTRY.email})).one())
    finally:
        await database.close()


def _database(postgres: LocalPostgres, name: str) -> str:
    url = postgres.create_database(name)
    migrate(url, services.delivery.wiring.MIGRATIONS)
    return url


@contextmanager
def _sender(url: str, sink: QuickSink) -> Iterator[int]:
    more = {"W4R_SMTP_COMMAND_SECONDS_MAX": "5"}
    environment = {"W4R_DELIVERY_DATABASE_URL": url, "W4R_SMTP_URL": sink.url} | QUIET | more
    with running("services.delivery", "sender", **environment) as pid:
        yield pid


if __name__ == "__main__":
    sys.exit(main())
