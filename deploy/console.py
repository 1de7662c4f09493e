"""`make stack` in a terminal: starts the stack, shows every process's log under its name, ends all on Ctrl-C."""

import fcntl
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from deploy.local.binaries import NotInstalled
from deploy.local.gateway import StartFailed as GatewayFailed
from deploy.local.ports import is_free
from deploy.local.postgres import StartFailed as PostgresFailed
from deploy.local.rabbitmq import StartFailed as RabbitMQFailed
from deploy.stack import ROOT, Stack, StackFailed

POLL_SECONDS = 0.2
COLOURS = (36, 32, 33, 35, 34, 31, 96, 92, 93, 95, 94, 91)
FAILURES = (NotInstalled, GatewayFailed, PostgresFailed, RabbitMQFailed, StackFailed)


class Stopped(Exception):
    """Somebody asked us to end."""


def main() -> int:
    port = int(os.environ.get("PORT", "8000"))
    folder = Path(os.environ.get("W4R_STACK_FOLDER", ROOT / "var" / "stack"))
    folder.mkdir(parents=True, exist_ok=True)
    if not is_free(port):
        print(f"Port {port} is taken by another program. Choose one: PORT={port + 1} make stack")
        return 1
    with (folder / "lock").open("w") as lock:
        if not _is_ours(lock):
            print(f"A stack runs in {folder} already.")
            return 1
        return _run(folder, port)


def _run(folder: Path, port: int) -> int:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    stack = None
    try:
        stack = Stack(folder, port=port, environment=_settings(os.environ))
        print("Starting PostgreSQL, RabbitMQ and the processes; about half a minute ...", flush=True)
        _forget_logs(stack)
        stack.start()
        _greet(stack)
        return _follow(stack)
    except Stopped:
        print("\nStopping: finishing what is in hand ...", flush=True)
        return 0
    except FAILURES as fault:
        print(fault, file=sys.stderr)
        return 1
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        if stack is not None:
            stack.stop()
            print("Stopped. Everything is kept: `make stack` goes on from here, `make stack-reset` begins anew.")


def _follow(stack: Stack) -> int:
    """Show logs until a process ends that should not."""
    logs = {process.name: stack.logs / f"{process.name}.log" for process in stack.processes}
    follower = Follower({**logs, "gateway": stack.gateway.folder / "gateway.log"}, sys.stdout)
    while not (fallen := stack.fallen()):
        follower.show_new()
        time.sleep(POLL_SECONDS)
    follower.show_new()
    print(f"\n{'; '.join(fallen)}. Its last words are above. Ending the rest.", flush=True)
    return 1


class Follower:
    """Shows what was added to log files, each whole line behind its process's name."""

    def __init__(self, logs: Mapping[str, Path], output: IO[str]) -> None:
        self._logs, self._output = dict(logs), output
        self._read = dict.fromkeys(self._logs, 0)
        self._width = max(map(len, self._logs))

    def show_new(self) -> None:
        for place, (name, path) in enumerate(self._logs.items()):
            for line in self._new_lines(name, path):
                self._output.write(f"{self._prefix(place, name)} {line}\n")
        self._output.flush()

    def _new_lines(self, name: str, path: Path) -> list[str]:
        if not path.exists():
            return []
        with path.open("rb") as log:
            log.seek(self._read[name])
            whole, newline, _ = log.read().rpartition(b"\n")
        self._read[name] += len(whole) + len(newline)
        return whole.decode(errors="replace").splitlines()

    def _prefix(self, place: int, name: str) -> str:
        padded = f"{name:<{self._width}} |"
        return f"\033[{COLOURS[place % len(COLOURS)]}m{padded}\033[0m" if self._output.isatty() else padded


def _greet(stack: Stack) -> None:
    site = f"http://localhost:{stack.gateway.port}"
    mail = (os.environ.get("W4R_SMTP_URL", "") and "the smarthost of W4R_SMTP_URL") or str(stack.letters)
    print(
        f"\n  Write for Rights is at      {site}"
        f"\n  The letters go to           {mail}"
        f"\n  Operators look at them at   {site}/ops/login#{stack.staff_token}"
        f"\n  Logs are kept in            {stack.logs}"
        "\n\n  Ctrl-C stops everything.\n",
        flush=True,
    )


def _settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Settings given by hand win over ours."""
    return {name: value for name, value in environment.items() if name.startswith("W4R_") and "_TEST_" not in name}


def _forget_logs(stack: Stack) -> None:
    for log in [*stack.logs.glob("*.log"), stack.gateway.folder / "gateway.log"]:
        log.unlink(missing_ok=True)


def _is_ours(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _stop(number: int, frame: object) -> None:
    raise Stopped
