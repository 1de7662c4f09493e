"""Intake alone, as real processes: actions' web processes and their own PostgreSQL, each to be killed at will."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from deploy.local.child import Child
from deploy.local.guard import Guard
from deploy.local.ports import LOOPBACK, free_port
from deploy.local.postgres import LocalPostgres
from services.actions.wiring import MIGRATIONS
from shared.migrations import migrate
from tests.support.actions_app import actions_service
from tests.support.until import until

ROOT = Path(__file__).parents[2]
READY_SECONDS_MAX = 60.0


class WebProcess:
    """`python -m services.actions web` on a port of its own, which it keeps over its deaths."""

    def __init__(self, database_url: str, folder: Path, guard: Guard, **environment: str) -> None:
        self.port = free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        self.log, self._guard = folder / f"web-{self.port}.log", guard
        machine = {name: value for name, value in os.environ.items() if not name.startswith("W4R_")}
        # One supporter of many hands: there is no limit on a mailbox here.
        ours = {
            "W4R_ACTIONS_DATABASE_URL": database_url,
            "W4R_HTTP_PORT": str(self.port),
            "W4R_PROOF_SECRET": "a-proof-secret-for-tests",
            "W4R_RATE_PER_MAILBOX": "",
        }
        self._environment = machine | ours | environment
        self._child: Child | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "services.actions", "web"]
        self._child = Child(command, environment=self._environment, log=self.log, guard=self._guard, folder=ROOT)

    def kill(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child = None

    async def until_ready(self) -> None:
        async with httpx.AsyncClient(base_url=self.url, trust_env=False) as http:

            async def is_ready() -> bool:
                assert self._child is not None
                assert self._child.running(), self._child.log_tail()
                try:
                    return (await http.get("/health/ready")).status_code == 200
                except httpx.TransportError:
                    return False

            await until(is_ready, READY_SECONDS_MAX)


@asynccontextmanager
async def web_processes(database_url: str, folder: Path, count: int) -> AsyncIterator[list[WebProcess]]:
    """`count` of them, up and ready on one database."""
    guard = Guard()
    webs = [WebProcess(database_url, folder, guard) for _ in range(count)]
    try:
        for web in webs:
            web.start()
        for web in webs:
            await web.until_ready()
        yield webs
    finally:
        for web in webs:
            web.kill()
        guard.close()


async def intake_database(server: LocalPostgres) -> str:
    """A database of the newest schema that knows the test case. Returns its URL."""
    url = server.create_database("actions")
    await asyncio.to_thread(migrate, url, MIGRATIONS)
    async with actions_service(url):
        return url
