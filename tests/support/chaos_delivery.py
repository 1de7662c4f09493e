"""Delivery alone, as real processes: senders to be killed and frozen at will, their database, the sink they fill."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from deploy.local.child import Child
from deploy.local.guard import Guard
from services.delivery.handlers import subscriptions
from services.delivery.settings import DeliverySettings
from services.delivery.states import LIVE, LetterState
from services.delivery.tables import Attempt, Destination, Letter, Outbox, Row
from services.delivery.wiring import Wiring, build
from shared.audit import By
from shared.messages.actions import ActionAcceptedV1
from shared.messages.cases import Target
from shared.messages.delivery import LetterSentV1, letter_id
from shared.messages.envelope import Event, derived_id
from shared.messages.registry import read
from tests.support.delivery_service import opened
from tests.support.events import an_accepted_action
from tests.support.smtp_sink import SmtpSink
from tests.support.until import until

ROOT = Path(__file__).parents[2]
SETTLE_SECONDS_MAX = 40.0
LEASE_SECONDS = 1.5
STAFF = By("staff", "chaos")
# Seconds where a campaign waits minutes.
QUICK: dict[str, Any] = {
    "lease_seconds": LEASE_SECONDS,
    "sweep_seconds": 0.2,
    "uncertain_wait_seconds": 0.3,
    "host_wait_seconds": 0.2,
    "deferral_seconds": [0.1, 0.2, 0.4],
    "destination_rest_seconds": 0.2,
    "smtp_connections_max": 8,
    "smtp_command_seconds_max": 0.5,
    "smtp_dot_seconds_max": 0.5,
    "stop_seconds_max": 5,
    "background_nice": 0,
}


class SenderProcess:
    """`python -m services.delivery sender`, which may die and begin anew."""

    def __init__(self, environment: dict[str, str], log: Path, guard: Guard) -> None:
        self._environment, self.log, self._guard = environment, log, guard
        self._child: Child | None = None

    def start(self, **environment: str) -> None:
        command = [sys.executable, "-m", "services.delivery", "sender"]
        settings = self._environment | environment
        self._child = Child(command, environment=settings, log=self.log, guard=self._guard, folder=ROOT)

    def kill(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child = None

    def freeze(self) -> None:
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        self._send(signal.SIGCONT)

    def exit_code(self) -> int | None:
        return self._child.exit_code() if self._child else None

    def _send(self, number: signal.Signals) -> None:
        assert self._child is not None
        self._child.send(number)


class Post:
    """What a test holds. `wiring` is delivery's own, in this process, for what workers and staff do."""

    def __init__(self, url: str, sink: SmtpSink, folder: Path, guard: Guard, settings: Mapping[str, Any]) -> None:
        self.url, self.sink, self._folder, self._guard = url, sink, folder, guard
        machine = {name: value for name, value in os.environ.items() if not name.startswith("W4R_")}
        ours = {"W4R_DELIVERY_DATABASE_URL": url, "PYTHONUNBUFFERED": "1"}
        values = {**QUICK, "smtp_url": sink.url, **settings}
        self._environment = machine | ours | {f"W4R_{name.upper()}": _written(value) for name, value in values.items()}
        self.senders: list[SenderProcess] = []
        self.wiring: Wiring = build(DeliverySettings(database_url=url, **values))
        self._written = 0

    def sender(self, **environment: str) -> SenderProcess:
        """One more, started."""
        log = self._folder / f"sender-{len(self.senders)}.log"
        self.senders.append(SenderProcess(self._environment, log, self._guard))
        self.senders[-1].start(**environment)
        return self.senders[-1]

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        """A sender that is well, in this process, for the length of the block."""
        stop = asyncio.Event()
        running = asyncio.create_task(self.wiring.run_sender(stop))
        try:
            yield
        finally:
            stop.set()
            await asyncio.wait_for(running, 20)

    async def write(self, *targets: Target, count: int = 1, seconds: float | None = None) -> list[ActionAcceptedV1]:
        """`count` actions, each a letter to every one of these targets; they expire after so many seconds, if said."""
        now = self.wiring.clock.now()
        closes_at = None if seconds is None else now + timedelta(seconds=seconds)
        numbers = range(self._written, self._written + count)
        self._written += count
        actions = [
            an_accepted_action(
                action_id=derived_id("chaos", number), targets=targets, accepted_at=now, closes_at=closes_at
            )
            for number in numbers
        ]
        await self.tell(*actions)
        return actions

    async def tell(self, *events: Event) -> None:
        """As a worker hears it."""
        letters = subscriptions(self.wiring)[0]
        await letters.handle([opened(event) for event in events])

    async def letters(self, *states: LetterState) -> list[Letter]:
        statement = select(Letter).where(col(Letter.state).in_(states or tuple(LetterState)))
        async with self.wiring.database.transaction() as session:
            return list(await session.exec(statement))

    async def attempts(self) -> list[Attempt]:
        async with self.wiring.database.transaction() as session:
            return list(await session.exec(select(Attempt)))

    async def told_as_sent(self) -> list[UUID]:
        """Which letters the outbox says were sent, as often as it says so."""
        async with self.wiring.database.transaction() as session:
            bodies = list(await session.exec(select(Outbox.body)))
        events = [read(body).data for body in bodies]
        return [event.letter_id for event in events if isinstance(event, LetterSentV1)]

    async def settle(self, seconds_max: float = SETTLE_SECONDS_MAX) -> None:
        """Return when every letter has come to its end. Staff send those again that too much silence holds back, and
        let destinations go on: on a busy machine mail servers seem tired that are not, and each rest is longer."""

        async def is_over() -> bool:
            for name in await self._resting():
                await self.wiring.steering.lift(name, STAFF)
            live = await self.letters(*LIVE)
            for letter in live:
                if letter.state is LetterState.UNCERTAIN and letter.next_at >= letter.expires_at:
                    await self.wiring.desk.retry_letter(letter.id, STAFF)
            return not live

        await until(is_over, seconds_max)

    async def _resting(self) -> list[str]:
        resting = select(Destination.name).where(col(Destination.cool_until).is_not(None))
        async with self.wiring.database.transaction() as session:
            return list(await session.exec(resting))


@asynccontextmanager
async def a_post(url: str, folder: Path, *, pipelines: bool = True, **settings: Any) -> AsyncIterator[Post]:
    """On an empty database. Every sender must be well at the end, or dead by the test's own hand."""
    guard, sink = Guard(), SmtpSink(folder / "sink", pipelines=pipelines)
    sink.start()
    post = Post(url, sink, folder, guard, settings)
    try:
        async with post.wiring.database.engine.begin() as connection:
            await connection.run_sync(Row.metadata.create_all)
        yield post
    finally:
        for sender in post.senders:
            sender.kill()
        await post.wiring.close()
        sink.stop()
        guard.close()


def a_target(name: str) -> Target:
    """At a domain of its own."""
    return Target(id=derived_id("target", name), name=name, country="PK", email=f"office@{name}.example")


def _written(value: Any) -> str:
    """As the environment has it."""
    return value if isinstance(value, str) else json.dumps(value)


def letters_of(actions: Sequence[ActionAcceptedV1]) -> set[UUID]:
    return {letter_id(action.action_id, target.id, action.channel) for action in actions for target in action.targets}
