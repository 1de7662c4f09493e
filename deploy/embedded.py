"""The whole platform in one process: three services on SQLite, a bus without a broker, letters in a folder."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI
from pydantic import SecretStr
from starlette.types import ASGIApp, Receive, Scope, Send

import services.actions.app
import services.actions.handlers
import services.actions.wiring
import services.cases.app
import services.cases.handlers
import services.cases.wiring
import services.delivery.app
import services.delivery.handlers
import services.delivery.wiring
from deploy.routes import Service, service_for
from services.actions.settings import ActionsSettings
from services.cases.settings import CasesSettings
from services.delivery.settings import DeliverySettings
from shared.bus.in_process import InProcessBus
from shared.migrations import migrate
from shared.processes import Job, serve


@dataclass(frozen=True)
class Embedded:
    """All three services, wired to one bus. `folder` holds everything that is kept."""

    folder: Path
    cases: services.cases.wiring.Wiring
    actions: services.actions.wiring.Wiring
    delivery: services.delivery.wiring.Wiring

    @property
    def letters(self) -> Path:
        return self.folder / "letters"

    def prepare(self) -> None:
        """Make the databases, or bring them to their newest schema."""
        self.letters.mkdir(parents=True, exist_ok=True)
        for wiring in (services.cases.wiring, services.actions.wiring, services.delivery.wiring):
            service = wiring.__name__.split(".")[1]
            migrate(_database_url(self.folder, service), wiring.MIGRATIONS)

    def jobs(self, host: str, port: int) -> list[Job]:
        """What the process runs until it is stopped."""
        bus = InProcessBus()
        chores = [
            *self.cases.chores(self.cases.relay(bus)),
            *self.actions.chores(self.actions.relay(bus)),
            *self.actions.web_chores(),
            *self.delivery.chores(self.delivery.relay(bus)),
        ]
        return [
            serve(self.app(), host, port),
            self.cases.live.end,
            self._exchange(bus),
            self.delivery.run_sender,
            *chores,
        ]

    def app(self) -> ASGIApp:
        """One address for all: what the gateway does elsewhere."""
        return one_address(
            {
                Service.CASES: services.cases.app.create_app(self.cases),
                Service.ACTIONS: services.actions.app.create_app(self.actions),
                Service.DELIVERY: services.delivery.app.create_app(self.delivery),
            }
        )

    def _exchange(self, bus: InProcessBus) -> Job:
        """A job: carry events between the services."""
        subscriptions = [
            *services.cases.handlers.subscriptions(self.cases),
            *services.actions.handlers.subscriptions(self.actions),
            *services.delivery.handlers.subscriptions(self.delivery),
        ]

        async def exchange(stop: asyncio.Event) -> None:
            await bus.start()
            await bus.declare([subscription.queue for subscription in subscriptions])
            for subscription in subscriptions:
                await bus.consume(subscription)
            relays = [wiring.relay(bus) for wiring in (self.cases, self.actions, self.delivery)]
            await asyncio.gather(*(relay.run(stop) for relay in relays))
            await bus.close()

        return exchange


def build(folder: Path, *, public_url: str, staff_token: str) -> Embedded:
    """Wire everything to files below `folder`. Connects to nothing yet."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    cases, actions, delivery = (_database_url(folder, service) for service in ("cases", "actions", "delivery"))
    token = SecretStr(staff_token)
    # A new one at each start: a proof begun before it comes back, and the browser makes another.
    proof_secret = SecretStr(secrets.token_urlsafe(18))
    return Embedded(
        folder,
        services.cases.wiring.build(CasesSettings(database_url=cases, public_url=public_url, staff_token=token)),
        services.actions.wiring.build(
            ActionsSettings(database_url=actions, public_url=public_url, staff_token=token, proof_secret=proof_secret)
        ),
        services.delivery.wiring.build(
            DeliverySettings(
                database_url=delivery,
                public_url=public_url,
                staff_token=token,
                letters_folder=folder / "letters",
                smtp_url=None,
            )
        ),
    )


def one_address(apps: dict[Service, FastAPI]) -> ASGIApp:
    """An application that hands each request to the service whose path it is, and starts and stops them all."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for app in apps.values():
                await stack.enter_async_context(app.router.lifespan_context(app))
            yield

    parent = FastAPI(lifespan=lifespan, openapi_url=None)

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        app = parent if scope["type"] == "lifespan" else apps[service_for(scope["path"])]
        await app(scope, receive, send)

    return route


def _database_url(folder: Path, service: str) -> str:
    return f"sqlite+aiosqlite:///{folder / service}.db"
