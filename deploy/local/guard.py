"""Ends our child processes when we die without a chance to: nothing lingers after a `kill -9` of its starter.

The guard is a tiny process that holds the reading end of a pipe. The pipe closes when its other end's owner is
gone, however that came, and then the guard kills what was not released. Unlike Linux's parent-death signal this
works from any thread, across a change of user, and elsewhere than on Linux.
"""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path


class Guard:
    """Knows which processes must not outlive us. Its own process starts with the first one to watch."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: int | None = None

    def watch(self, pid: int) -> None:
        self._tell(self._pipe or self._start(), f"watch {pid}")

    def release(self, pid: int) -> None:
        """Forget `pid`: it has ended, and its number may come to mean another process."""
        if self._pipe is not None:
            self._tell(self._pipe, f"release {pid}")

    def close(self) -> None:
        """End what is still watched, and the guard itself."""
        if self._pipe is not None:
            os.close(self._pipe)
        if self._process is not None:
            self._process.wait()
        self._process = self._pipe = None

    def _start(self) -> int:
        reading, self._pipe = os.pipe()
        command = [sys.executable, "-I", "-S", str(Path(__file__).resolve())]
        self._process = subprocess.Popen(command, stdin=reading, start_new_session=True)  # noqa: S603 - ourselves
        os.close(reading)
        return self._pipe

    def _tell(self, pipe: int, line: str) -> None:
        with suppress(BrokenPipeError):  # somebody killed the guard; what it watched is still ours to stop
            os.write(pipe, f"{line}\n".encode())


def main() -> None:
    """Read `watch PID` and `release PID` until the pipe closes, then kill what is left, the newest first."""
    held: dict[int, int | None] = {}
    for line in sys.stdin:
        order, pid = line.split()
        if order == "watch":
            held[int(pid)] = _hold(int(pid))
        else:
            _let_go(held.pop(int(pid), None))
    for watched, handle in reversed(held.items()):
        _kill(watched, handle)


def _hold(pid: int) -> int | None:
    # A handle on the process itself: its number may be given to another one later. Linux only.
    with suppress(AttributeError, OSError):
        return os.pidfd_open(pid)
    return None


def _let_go(handle: int | None) -> None:
    if handle is not None:
        os.close(handle)


def _kill(pid: int, handle: int | None) -> None:
    with suppress(ProcessLookupError):
        if handle is not None:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
