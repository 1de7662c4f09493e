"""A launch in a minute: `make load-spike` sends an arrival curve at the real stack and breaks it in the middle.

Arrivals are open-loop: they come when the curve says, however the platform fares. At the peak RabbitMQ is killed and
brought back; the mail server is slow throughout. Written down every half second: what came, what was accepted, and
where the letters are. At the end every accepted action must be found, sent, in the mail server's own journal.
Results go to `var/bench/spike.json`, the picture to `docs/pictures/spike.svg`.
"""

import asyncio
import json
import logging
import os
import platform
import statistics
import sys
import time
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from uuid import UUID, uuid4

import aio_pika
import asyncpg
import httpx
import uvloop
from aio_pika.abc import AbstractConnection

from deploy.stack import Stack
from services.delivery.handlers import LETTERS
from tests.load.spike_picture import draw
from tests.support.servers import private_folder
from tests.support.smtp_sink import SmtpSink

ROOT = Path(__file__).parents[2]
RESULT, PICTURE = ROOT / "var" / "bench" / "spike.json", ROOT / "docs" / "pictures" / "spike.svg"
CASE = "idris-khattak"
SINK = "slow:100"  # ms a letter takes the mail server
# The curve: at these seconds so many actions a second arrive, and evenly more or fewer in between.
CURVE = ((0, 5), (8, 5), (18, 60), (38, 60), (58, 5), (65, 5))
BROKER_KILLED_AT, BROKER_AWAY_SECONDS = 24.0, 6.0
SAMPLE_SECONDS, LOOK_SECONDS_MAX = 0.5, 2.0
DRAIN_SECONDS_MAX = 240.0
TRIES_MAX, TRY_AGAIN_SECONDS = 5, 1.0


@dataclass(frozen=True)
class Sample:
    """Where everything was at one moment. `letters_*` are letters; an action becomes one for each target."""

    second: float
    arrived: int
    accepted: int
    in_outbox: int
    on_broker: int | None
    letters_waiting: int
    letters_sent: int


@dataclass
class Tally:
    """What the people who wrote saw."""

    arrived: int = 0
    accepted: list[UUID] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    milliseconds: list[float] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    broker_away: tuple[float, float] = (0.0, 0.0)


def rate_at(second: float) -> float:
    """Actions a second that arrive at this moment of the curve."""
    for (begin, low), (end, high) in pairwise(CURVE):
        if begin <= second < end:
            return low + (high - low) * (second - begin) / (end - begin)
    return 0.0


def arrivals() -> list[float]:
    """When each action arrives, seconds from the start."""
    moments, second = [], 0.0
    while second < CURVE[-1][0]:
        moments.append(second)
        second += 1 / max(1.0, rate_at(second))
    return moments


async def main() -> int:
    logging.disable()  # the client libraries lament a broker that we kill ourselves
    with private_folder() as folder:
        sink = SmtpSink(folder / "sink", {"*": SINK})
        sink.start()
        stack = Stack(folder / "stack", environment={"W4R_SMTP_URL": sink.url, "W4R_LOG_LEVEL": "warning"})
        try:
            await asyncio.to_thread(stack.start)
            tally = await launch(stack)
            faults = await check(stack, sink, tally)
        finally:
            await asyncio.to_thread(stack.stop)
            sink.stop()
    report(tally, faults)
    return 1 if faults else 0


async def launch(stack: Stack) -> Tally:
    """Send the curve, kill and revive the broker, and watch until all is delivered."""
    tally, began = Tally(), time.monotonic()
    limits = httpx.Limits(max_connections=500, max_keepalive_connections=100)
    async with httpx.AsyncClient(base_url=stack.url, timeout=30, limits=limits) as client:
        watching = asyncio.create_task(watch(stack, tally, began))
        breaking = asyncio.create_task(break_the_broker(stack, tally, began))
        writing = []
        for moment in arrivals():
            await asyncio.sleep(max(0.0, began + moment - time.monotonic()))
            tally.arrived += 1
            writing.append(asyncio.create_task(write(client, tally)))
        await asyncio.gather(*writing)
        await breaking
        await watching
    return tally


async def write(client: httpx.AsyncClient, tally: Tally) -> None:
    """One supporter: writes, and tries again with the same key when told to come back later."""
    key = str(uuid4())
    action = {
        "case": CASE,
        "channel": "email",
        "supporter": {"name": f"Supporter {key}", "email": f"supporter-{key}@mail.example", "country": "DE"},
        "letter": {"subject": "I write to you", "body": "Please act. " * 60, "language": "en"},
    }
    headers, began = {"Idempotency-Key": key}, time.monotonic()
    for _ in range(TRIES_MAX):
        answer = await client.post("/api/v1/actions", json=action, headers=headers)
        tally.statuses[answer.status_code] = tally.statuses.get(answer.status_code, 0) + 1
        if answer.status_code == 202:
            tally.accepted.append(UUID(answer.json()["id"]))
            tally.milliseconds.append((time.monotonic() - began) * 1000)
            return
        await asyncio.sleep(TRY_AGAIN_SECONDS)


async def break_the_broker(stack: Stack, tally: Tally, began: float) -> None:
    """Kill it and bring it back. Written down is when it was gone and when it answered again."""
    await asyncio.sleep(began + BROKER_KILLED_AT - time.monotonic())
    await asyncio.to_thread(stack.rabbitmq.kill)
    gone = time.monotonic() - began
    await asyncio.sleep(BROKER_AWAY_SECONDS)
    await asyncio.to_thread(stack.rabbitmq.start)
    tally.broker_away = (gone, time.monotonic() - began)


async def watch(stack: Stack, tally: Tally, began: float) -> None:
    """Write down where everything is, until all that arrived is delivered or `DRAIN_SECONDS_MAX` are over."""
    actions, delivery = [
        await asyncpg.connect(stack.postgres.url_of(name).replace("+asyncpg", "")) for name in ("actions", "delivery")
    ]
    broker = BrokerDepth(stack.rabbitmq.url)
    try:
        while (second := time.monotonic() - began) < CURVE[-1][0] + DRAIN_SECONDS_MAX:
            in_outbox = await actions.fetchval("SELECT count(*) FROM outbox WHERE published_at IS NULL")
            waiting, sent = await delivery.fetchrow(
                "SELECT count(*) FILTER (WHERE state <> 'sent'), count(*) FILTER (WHERE state = 'sent') FROM letter"
            )
            on_broker = await broker.messages()
            tally.samples.append(
                Sample(round(second, 2), tally.arrived, len(tally.accepted), in_outbox, on_broker, waiting, sent)
            )
            if second > CURVE[-1][0] and not (in_outbox or on_broker or waiting) and sent:
                return
            await asyncio.sleep(SAMPLE_SECONDS)
    finally:
        await asyncio.gather(actions.close(), delivery.close())


class BrokerDepth:
    """Looks at the delivery queue over a connection of its own, made again when it is lost."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: AbstractConnection | None = None

    async def messages(self) -> int | None:
        """How many wait; None while the broker is away."""
        try:
            async with asyncio.timeout(LOOK_SECONDS_MAX):
                if self._connection is None or self._connection.is_closed:
                    self._connection = await aio_pika.connect(self._url)
                async with self._connection.channel() as channel:
                    queue = await channel.get_queue(LETTERS.name, ensure=True)
                    return queue.declaration_result.message_count
        except Exception:
            self._connection = None
            return None


async def check(stack: Stack, sink: SmtpSink, tally: Tally) -> list[str]:
    """What is not as it must be: every accepted action a row, its letters sent, and in the mail server's journal."""
    connection = await asyncpg.connect(stack.postgres.url_of("delivery").replace("+asyncpg", ""))
    try:
        rows = await connection.fetch("SELECT id, action_id, state FROM letter")
    finally:
        await connection.close()
    delivered = {row["action_id"] for row in rows if row["state"] == "sent"}
    journal = {taken.message_id.strip("<>").split("@")[0] for taken in sink.journal()}
    faults = []
    if lost := set(tally.accepted) - delivered:
        faults.append(f"{len(lost)} accepted actions are not sent")
    if unsent := [row for row in rows if row["state"] == "sent" and str(row["id"]) not in journal]:
        faults.append(f"{len(unsent)} letters count as sent and are not in the mail server's journal")
    if broken := {status: count for status, count in tally.statuses.items() if status >= 500}:
        faults.append(f"answers with 5xx below the admission limit: {broken}")
    if tally.arrived != len(tally.accepted):
        faults.append(f"{tally.arrived - len(tally.accepted)} of {tally.arrived} were never accepted")
    return faults


def report(tally: Tally, faults: list[str]) -> None:
    percentiles = statistics.quantiles(tally.milliseconds, n=100)
    result = {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
        "arrived": tally.arrived,
        "accepted": len(tally.accepted),
        "statuses": tally.statuses,
        "p50_ms": round(percentiles[49], 1),
        "p99_ms": round(percentiles[98], 1),
        "outbox_max": max(sample.in_outbox for sample in tally.samples),
        "on_broker_max": max(sample.on_broker or 0 for sample in tally.samples),
        "letters_waiting_max": max(sample.letters_waiting for sample in tally.samples),
        "drained_after_seconds": tally.samples[-1].second,
        "broker_away_seconds": [round(second, 1) for second in tally.broker_away],
        "faults": faults,
        "samples": [asdict(sample) for sample in tally.samples],
    }
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    PICTURE.write_text(draw(result, tally.broker_away))
    print(json.dumps({name: value for name, value in result.items() if name != "samples"}, indent=1))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.exit(runner.run(main()))
