"""The whole platform with its broker at a test's mercy, and the sums that must come out when the dust has settled."""

import asyncio
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from deploy.local.ports import LOOPBACK
from deploy.routes import Service
from deploy.stack import ROOT, Stack
from tests.support.chaos_queries import (
    COUNTED_BY_KIND,
    LETTERS,
    LETTERS_BY_STATE,
    LETTERS_LIVE,
    LETTERS_OWED,
    PUBLISH_AGAIN,
    UNPUBLISHED,
    Intake,
    ask,
    ask_by_name,
    intake_of,
)
from tests.support.until import until

SETTLE_SECONDS_MAX = 60.0


@dataclass(frozen=True)
class Sums:
    """Every number that must agree: what intake took, what delivery owes and did, what the ledger tells."""

    taken: Intake
    letters_owed: int
    letters: int
    letters_by_state: dict[str, int]
    counted: dict[str, int]


class Platform:
    """A `Stack` whose letters land in a folder."""

    def __init__(self, folder: Path) -> None:
        # What is asked here is whether letters are lost, not who goes first on a machine that other tests keep busy.
        self.stack = Stack(folder, environment={"W4R_BACKGROUND_NICE": "0"})

    @property
    def web(self) -> str:
        """Actions' web process itself, without the gateway's own patience."""
        return f"http://{LOOPBACK}:{self.stack.process('actions-web').port}"

    def database(self, service: Service) -> str:
        return self.stack.postgres.url_of(service)

    async def waiting(self) -> int:
        """Events of actions that no broker has confirmed."""
        return await ask(self.database(Service.ACTIONS), UNPUBLISHED)

    async def letters(self) -> int:
        return await ask(self.database(Service.DELIVERY), LETTERS)

    async def letters_owed(self) -> int:
        """Accepted actions times their targets."""
        return await ask(self.database(Service.ACTIONS), LETTERS_OWED)

    async def publish_again(self, service: Service, since: datetime) -> int:
        """What the runbook has an operator do when a broker forgot. Returns how many events go out again."""
        return await ask(self.database(service), PUBLISH_AGAIN, since)

    async def declare_queues(self) -> None:
        """`python -m deploy.topology`, as before a start."""
        step = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "deploy.topology",
            cwd=ROOT,
            env=self.stack.environment(),
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await asyncio.wait_for(step.communicate(), SETTLE_SECONDS_MAX)
        assert step.returncode == 0, said.decode()

    async def do(self, work: Any, *arguments: Any) -> None:
        """Something of the stack's that blocks, while the crowd writes on."""
        await asyncio.to_thread(work, *arguments)

    async def settle(self, accepted: int) -> Sums:
        """Wait until nothing is under way, and return the sums. Raises `TimeoutError`."""

        async def is_drained() -> bool:
            return await self.waiting() == 0 and await self.letters() >= await self.letters_owed()

        async def is_sent() -> bool:
            return await ask(self.database(Service.DELIVERY), LETTERS_LIVE) == 0

        async def is_counted() -> bool:
            counted = await ask_by_name(self.database(Service.CASES), COUNTED_BY_KIND)
            return counted.get("collected") == accepted and counted.get("handed_over") == await self.letters()

        await until(is_drained, SETTLE_SECONDS_MAX)
        await until(is_sent, SETTLE_SECONDS_MAX)
        await until(is_counted, SETTLE_SECONDS_MAX)
        return Sums(
            await intake_of(self.database(Service.ACTIONS)),
            await self.letters_owed(),
            await self.letters(),
            await ask_by_name(self.database(Service.DELIVERY), LETTERS_BY_STATE),
            await ask_by_name(self.database(Service.CASES), COUNTED_BY_KIND),
        )
