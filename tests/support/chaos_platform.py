"""The whole platform at a test's mercy: everything of it may be killed, frozen and wiped."""

import asyncio
import sys
from pathlib import Path
from typing import Any

from deploy.local.ports import LOOPBACK
from deploy.roles import ACTIONS_WEB
from deploy.routes import Service
from deploy.stack import ROOT, Stack
from tests.support.chaos_queries import LETTERS, LETTERS_OWED, REGISTERED, UNPUBLISHED, ask

STEP_SECONDS_MAX = 60.0
# Seconds where the reconciler waits minutes.
QUICK = {
    # What is asked here is whether letters are lost, not who goes first on a machine that other tests keep busy.
    "W4R_BACKGROUND_NICE": "0",
    "W4R_RECONCILE_SECONDS": "1",
    "W4R_RECONCILE_GRACE_SECONDS": "2",
    "W4R_RECONCILE_TIMES_MAX": "100",
}


class Platform:
    """A `Stack` with two web processes of actions, whose letters land in a folder."""

    def __init__(self, folder: Path) -> None:
        self.stack = Stack(folder, environment=QUICK, copies={ACTIONS_WEB.name: 2})

    @property
    def webs(self) -> list[str]:
        """Actions' web processes themselves, without the gateway's own patience."""
        return [f"http://{LOOPBACK}:{process.port}" for process in self.stack.processes if process.role is ACTIONS_WEB]

    def database(self, service: Service) -> str:
        return self.stack.postgres.url_of(service)

    async def waiting(self) -> int:
        """Events of actions that no broker has confirmed."""
        return await ask(self.database(Service.ACTIONS), UNPUBLISHED)

    async def registered(self) -> int:
        """Actions that delivery said it has, as far as actions heard."""
        return await ask(self.database(Service.ACTIONS), REGISTERED)

    async def letters(self) -> int:
        return await ask(self.database(Service.DELIVERY), LETTERS)

    async def letters_owed(self) -> int:
        """Accepted actions times their targets."""
        return await ask(self.database(Service.ACTIONS), LETTERS_OWED)

    def mend(self) -> None:
        """Thaw what is frozen and start what has ended. Harmless where all is well."""
        self.stack.rabbitmq.thaw()
        self.stack.rabbitmq.start()
        for process in self.stack.processes:
            if not process.running():
                self.stack.revive(process.name)

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
        said, _ = await asyncio.wait_for(step.communicate(), STEP_SECONDS_MAX)
        assert step.returncode == 0, said.decode()

    async def do(self, work: Any, *arguments: Any) -> None:
        """Something of the stack's that blocks, while the crowd writes on."""
        await asyncio.to_thread(work, *arguments)
