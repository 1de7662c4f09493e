"""A process we started and may stop, kill, freeze and thaw: by its own id, never by name."""

import os
import pwd
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from deploy.local.guard import Guard

LOG_TAIL_CHARACTERS = 2_000


class Child:
    """One running process in a session of its own, so that Ctrl-C in a terminal is ours to pass on, in order."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        log: Path,
        guard: Guard,
        folder: Path | None = None,
        user: str | None = None,
    ) -> None:
        self.log = log
        self._guard = guard
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - commands of our own making
                list(command),
                env=dict(environment),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=user,
                group=group_of(user),
                extra_groups=[] if user else None,
            )
        guard.watch(self._process.pid)

    @property
    def pid(self) -> int:
        return self._process.pid

    def running(self) -> bool:
        return self._process.poll() is None

    def exit_code(self) -> int | None:
        """None while it runs; the negative signal number when a signal ended it."""
        return self._process.poll()

    def send(self, number: signal.Signals) -> None:
        """Send a signal. Harmless when the process has ended."""
        self._process.send_signal(number)

    def stop(self, number: signal.Signals, timeout_seconds: float) -> None:
        """Ask it to end, and end it when it has not within `timeout_seconds`."""
        self.send(signal.SIGCONT)  # a frozen process cannot hear
        self.send(number)
        self.wait_or_kill(timeout_seconds)

    def wait_or_kill(self, timeout_seconds: float) -> bool:
        """Whether it ended by itself in time."""
        try:
            self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return False
        self._ended()
        return True

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._process.kill()
        self._ended()

    def log_tail(self) -> str:
        """The last words it wrote."""
        with suppress(FileNotFoundError):
            return self.log.read_text(errors="replace")[-LOG_TAIL_CHARACTERS:]
        return ""

    def _ended(self) -> None:
        self._process.wait()
        self._guard.release(self._process.pid)


def group_of(user: str | None) -> int | None:
    return pwd.getpwnam(user).pw_gid if user else None


def children_of(pid: int) -> list[int]:
    """The ids of its direct children. Linux only; elsewhere it finds none."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(entry.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(entry.parent.name))
    return found


def is_alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    with suppress(OSError):
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat")
        return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"
    return False
