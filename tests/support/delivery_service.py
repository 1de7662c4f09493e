"""The delivery service for tests: its real wiring on a real database, with a channel that answers as it is told."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import httpx
from fastapi import FastAPI
from sqlmodel import col, select

from services.delivery.app import create_app
from services.delivery.channels import Accepted, Answer, Channel, HostFault, Phase, RenderedLetter
from services.delivery.claiming import Claims
from services.delivery.handlers import subscriptions
from services.delivery.settings import DeliverySettings
from services.delivery.states import LetterState
from services.delivery.sweeping import Sweep
from services.delivery.tables import Attempt, Letter, Outbox, Row
from services.delivery.wiring import Wiring, build
from shared.clock import ManualClock
from shared.messages.actions import ActionAcceptedV1
from shared.messages.delivery import ActionsRegisteredV1, LetterEvent, letter_id
from shared.messages.envelope import Envelope, Event, derived_id, seal
from shared.messages.registry import read
from tests.support.events import MINISTRY, NOW, an_accepted_action

SITE = "https://site.example"
STAFF_TOKEN = "a-staff-token-for-tests"
TAKEN = Accepted(Phase.DOT, 250, "taken")


class FakeChannel:
    """Takes letters, unless `answers` holds what to say to a recipient, in turn.

    While `open` is clear, letters stay in the air."""

    def __init__(self) -> None:
        self.taken: list[RenderedLetter] = []
        self.answers: dict[str, list[Answer]] = {}
        self.open = asyncio.Event()
        self.open.set()
        self.waiting = 0
        self._broken_off = asyncio.Event()

    async def hand_over(self, letter: RenderedLetter) -> Answer:
        self.waiting += 1
        ends = [asyncio.ensure_future(event.wait()) for event in (self.open, self._broken_off)]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()
        self.waiting -= 1
        if self._broken_off.is_set():
            return HostFault(Phase.MAIL, text="broken off")
        planned = self.answers.get(letter.recipient, [])
        answer = planned.pop(0) if planned else TAKEN
        if isinstance(answer, Accepted):
            self.taken.append(letter)
        return answer

    async def ping(self) -> None:
        """Always well."""

    async def abort(self) -> None:
        self._broken_off.set()


class DeliveryService:
    """What a test holds: `tell` is the worker hearing events, `http` speaks to the web process."""

    def __init__(self, wiring: Wiring, clock: ManualClock, app: FastAPI, http: httpx.AsyncClient) -> None:
        self.wiring, self.clock, self.app, self.http = wiring, clock, app, http
        self.channel = FakeChannel()

    async def tell(self, *events: Event) -> None:
        """Hand events to the handlers of the queues that want them, each queue's as one batch."""
        for subscription in subscriptions(self.wiring):
            wanted = [opened(event) for event in events if type(event) in subscription.queue.events]
            if wanted:
                await subscription.handle(wanted)

    async def letters(self) -> list[Letter]:
        async with self.wiring.database.transaction() as session:
            return list(await session.exec(select(Letter).order_by(col(Letter.created_at), col(Letter.id))))

    async def letter(self, letter_id: UUID | None = None) -> Letter:
        """The one asked for, or the only one there is."""
        letters = [letter for letter in await self.letters() if letter_id in (None, letter.id)]
        assert len(letters) == 1, f"{len(letters)} letters"
        return letters[0]

    async def states(self) -> set[LetterState]:
        return {letter.state for letter in await self.letters()}

    async def attempts(self) -> Sequence[Attempt]:
        async with self.wiring.database.transaction() as session:
            return list(await session.exec(select(Attempt).order_by(col(Attempt.number))))

    async def reports(self) -> list[LetterEvent]:
        """What the outbox holds of letters, opened, in order."""
        return [event for event in await self._told() if isinstance(event, LetterEvent)]

    async def registrations(self) -> list[ActionsRegisteredV1]:
        """What the outbox holds of actions, opened, in order."""
        return [event for event in await self._told() if isinstance(event, ActionsRegisteredV1)]

    async def _told(self) -> list[Event]:
        async with self.wiring.database.transaction() as session:
            rows = list(await session.exec(select(Outbox).order_by(col(Outbox.created_at))))
        return [read(row.body).data for row in rows]

    def claims(self, owner: str = "a-sender", **changes: Any) -> Claims:
        wiring = self.wiring
        policy = replace(wiring.settings.send_policy(), **changes)
        lease = timedelta(seconds=wiring.settings.lease_seconds)
        return Claims(
            wiring.database,
            wiring.outbox,
            self.clock,
            policy,
            wiring.settings.default_policy(),
            wiring.suppressions,
            dice(1),
            owner=owner,
            lease=lease,
            bearing=wiring.settings.bearing(),
        )

    def sweep(self, **changes: Any) -> Sweep:
        wiring = self.wiring
        policy = replace(wiring.settings.send_policy(), **changes)
        return Sweep(wiring.database, wiring.outbox, self.clock, policy)

    @asynccontextmanager
    async def sending(self, channel: Channel | None = None) -> AsyncIterator[None]:
        """A sender at work for the length of the block; it must stop by itself afterwards."""
        stop = asyncio.Event()
        running = asyncio.create_task(replace(self.wiring, channel=channel or self.channel).run_sender(stop))
        try:
            yield
        finally:
            stop.set()
            await asyncio.wait_for(running, 20)


@asynccontextmanager
async def delivery_service(database_url: str, **settings: Any) -> AsyncIterator[DeliveryService]:
    """The service on a fresh database, at `NOW`."""
    clock = ManualClock(NOW)
    values: dict[str, Any] = {
        "public_url": SITE,
        "staff_token": STAFF_TOKEN,
        "sweep_seconds": 0.1,
        "stop_seconds_max": 5,
    } | settings
    wiring = build(DeliverySettings(database_url=database_url, **values), clock=clock)
    async with wiring.database.engine.begin() as connection:
        await connection.run_sync(Row.metadata.create_all)
    app = create_app(wiring)
    transport = httpx.ASGITransport(app)
    try:
        async with httpx.AsyncClient(transport=transport, base_url=SITE) as http:
            yield DeliveryService(wiring, clock, app, http)
    finally:
        await wiring.close()


def dice(seed: int) -> Random:
    """Chance that falls the same way every time."""
    return Random(seed)  # noqa: S311  # no secret depends on it


def opened(event: Event) -> Envelope[Any]:
    """The event as a consumer gets it: sealed and read again."""
    return read(seal(event).body)


def many_actions(count: int, **changes: Any) -> list[ActionAcceptedV1]:
    """`count` actions that differ in their id, of one letter each."""
    return [an_accepted_action(action_id=derived_id("action", number), **changes) for number in range(count)]


def letter_of(action: ActionAcceptedV1) -> UUID:
    """The id of the action's letter to the ministry."""
    return letter_id(action.action_id, MINISTRY.id, action.channel)
