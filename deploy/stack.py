"""The whole platform as real processes on this machine: private PostgreSQL and RabbitMQ, every role, the gateway.

`make stack` runs it in a terminal (`deploy/console.py`); journeys start one of their own and kill what they like.
"""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.health import ask
from deploy.local.child import Child
from deploy.local.gateway import LocalGateway
from deploy.local.guard import Guard
from deploy.local.ports import LOOPBACK, free_port
from deploy.local.postgres import LocalPostgres
from deploy.local.rabbitmq import LocalRabbitMQ
from deploy.roles import ROLES, Role
from deploy.routes import Service

ROOT = Path(__file__).parent.parent
CAMPAIGN = ROOT / "campaigns" / "write-for-rights"
STEP_SECONDS_MAX = 120.0
READY_SECONDS_MAX = 120.0
STOP_SECONDS_MAX = 30.0
HOME_MAILBOX = "home@writeforrights.example"
POLL_SECONDS = 0.1
OK = 200


class StackFailed(Exception):
    """A step or a process failed. The text names it and carries the end of what it said."""


@dataclass
class Process:
    """One copy of a role: its name, its port (of the site or of its health), and the child while it runs."""

    name: str
    role: Role
    port: int
    child: Child | None = None

    def running(self) -> bool:
        return self.child is not None and self.child.running()


class Stack:
    """Made in `folder`, which keeps everything; the site is at `url`.

    `environment` adds to or overrides the settings of every process (`W4R_...`); `copies` says how many of a role run
    side by side (by its name, one unless said). Without `W4R_SMTP_URL` letters land in `folder`/letters.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        environment: Mapping[str, str] | None = None,
        copies: Mapping[str, int] | None = None,
        campaign: Path | None = CAMPAIGN,
    ) -> None:
        self.folder = folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.postgres = LocalPostgres(self.folder / "postgres")
        self.rabbitmq = LocalRabbitMQ(self.folder / "rabbitmq")
        self.processes = _processes(copies or {})
        webs = {process.role.service: process.port for process in reversed(self.processes) if process.role.is_web}
        self.gateway = LocalGateway(self.folder / "gateway", port or free_port(), webs)
        self.staff_token = (environment or {}).get("W4R_STAFF_TOKEN") or secrets.token_urlsafe(18)
        self.proof_secret, self.home_secret = secrets.token_urlsafe(18), secrets.token_urlsafe(18)
        self.home_port = free_port()
        self._environment, self._campaign = dict(environment or {}), campaign
        self._guard = Guard()

    @property
    def url(self) -> str:
        return self.gateway.url

    @property
    def letters(self) -> Path:
        return self.folder / "letters"

    @property
    def logs(self) -> Path:
        return self.folder / "log"

    def start(self) -> None:
        """Servers, schemas, queues, sample campaign, processes, gateway. Returns when all are ready.

        Raises `StackFailed`, `StartFailed` or `NotInstalled`; then whatever was started is stopped again."""
        try:
            self.start_servers()
            self.prepare()
            for process in self.processes:
                self.launch(process)
            self.wait_until_ready(self.processes)
            self.gateway.start()
        except BaseException:
            self.stop()
            raise

    def start_servers(self) -> None:
        self.logs.mkdir(exist_ok=True)
        self.letters.mkdir(exist_ok=True)
        self.postgres.start()
        self.rabbitmq.start()
        for service in Service:
            if not self.postgres.has_database(service):
                self.postgres.create_database(service)

    def prepare(self) -> None:
        """The steps that come once before the processes. Harmless to repeat."""
        self._run_steps([[f"services.{service}", "migrate"] for service in Service] + [["deploy.topology"]])
        if self._campaign is not None:
            self._run_steps([["services.cases", "import", str(self._campaign)]])

    def launch(self, process: Process, environment: Mapping[str, str] | None = None) -> None:
        """Start one process, or start it again after it was killed; `environment` is for it alone."""
        ports = {"W4R_HTTP_PORT": str(process.port)} if process.role.is_web else {"W4R_HEALTH_PORT": str(process.port)}
        process.child = Child(
            [sys.executable, "-m", process.role.module, process.role.role],
            environment=self.environment() | ports | dict(environment or {}),
            log=self.logs / f"{process.name}.log",
            guard=self._guard,
            folder=ROOT,
        )

    def process(self, name: str) -> Process:
        """By its name, such as `delivery-sender` or, for the second copy, `delivery-sender-2`."""
        return next(process for process in self.processes if process.name == name)

    def kill(self, name: str) -> None:
        """`kill -9` one process. `launch` brings it back."""
        process = self.process(name)
        if process.child is not None:
            process.child.kill()
            process.child = None

    def revive(self, name: str) -> None:
        """Start a process that was killed, and return when it is ready."""
        self.launch(self.process(name))
        self.wait_until_ready([self.process(name)])

    def fallen(self) -> list[str]:
        """Names of those that ended without being told to, with how."""
        fallen = [
            f"{process.name} ended with code {process.child.exit_code()}"
            for process in self.processes
            if process.child is not None and not process.child.running()
        ]
        servers = {"postgres": self.postgres.running(), "rabbitmq": self.rabbitmq.running()}
        servers["gateway"] = self.gateway.child is not None and self.gateway.child.running()
        return fallen + [f"{name} ended" for name, runs in servers.items() if not runs]

    def wait_until_ready(self, processes: Sequence[Process]) -> None:
        """Raises `StackFailed` when one ends, or is not ready after `READY_SECONDS_MAX`."""
        deadline = time.monotonic() + READY_SECONDS_MAX
        for process in processes:
            while (answer := ask(f"http://{LOOPBACK}:{process.port}/health/ready"))[0] != OK:
                if not process.running() or time.monotonic() > deadline:
                    tail = process.child.log_tail() if process.child else ""
                    raise StackFailed(f"{process.name} is not ready ({answer[1]}); the end of its log:\n{tail}")
                time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """Stop everything in order: nothing new comes in, what is in hand is finished, then the servers."""
        self.gateway.stop()
        running = [process.child for process in self.processes if process.child is not None]
        for child in running:
            child.send(signal.SIGCONT)
            child.send(signal.SIGTERM)
        for child in running:
            child.wait_or_kill(STOP_SECONDS_MAX)
        for process in self.processes:
            process.child = None
        self._guard.close()
        self.rabbitmq.stop()
        self.postgres.stop()

    def environment(self) -> dict[str, str]:
        """What every process is told. Settings of the machine's own that are not ours to give stay out."""
        machine = {name: value for name, value in os.environ.items() if not name.startswith("W4R_")}
        databases = {f"W4R_{service.name}_DATABASE_URL": self.postgres.url_of(service) for service in Service}
        mail = {} if "W4R_SMTP_URL" in self._environment else {"W4R_LETTERS_FOLDER": str(self.letters)}
        ours = {
            "PYTHONUNBUFFERED": "1",
            "W4R_AMQP_URL": self.rabbitmq.url,
            "W4R_HTTP_HOST": LOOPBACK,
            "W4R_PUBLIC_URL": f"http://localhost:{self.gateway.port}",
            "W4R_STAFF_TOKEN": self.staff_token,
            "W4R_PROOF_SECRET": self.proof_secret,
            "W4R_HOME_MAILBOX": HOME_MAILBOX,
            "W4R_HOME_SECRET": self.home_secret,
            "W4R_HOME_PORT": str(self.home_port),
        }
        return {**machine, **databases, **mail, **ours, **self._environment}

    def _run_steps(self, steps: Sequence[Sequence[str]]) -> None:
        """Run modules side by side to their end. Raises `StackFailed` with what the first that failed said."""
        environment = self.environment()
        running = [
            subprocess.Popen(  # noqa: S603 - our own modules
                [sys.executable, "-m", *step],
                env=environment,
                cwd=ROOT,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            for step in steps
        ]
        said = [step.communicate(timeout=STEP_SECONDS_MAX)[0] for step in running]
        for step, done, words in zip(steps, running, said, strict=True):
            if done.returncode != 0:
                raise StackFailed(f"python -m {' '.join(step)} ended with code {done.returncode}:\n{words}")


def _processes(copies: Mapping[str, int]) -> list[Process]:
    return [
        Process(role.name if number == 1 else f"{role.name}-{number}", role, free_port())
        for role in ROLES
        for number in range(1, copies.get(role.name, 1) + 1)
    ]


if __name__ == "__main__":
    from deploy.console import main

    sys.exit(main())
