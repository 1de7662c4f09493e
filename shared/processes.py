"""How a process lives: it runs its jobs until told to stop, finishes what it has, and dies if one of them dies."""

import asyncio
import contextlib
import gc
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import structlog
import uvicorn
import uvloop
from starlette.types import ASGIApp

from shared.web.heads import CarefulProtocol

KEEP_ALIVE_SECONDS = 30
BACKLOG_CONNECTIONS = 2048
FINISH_SECONDS_MAX = 45
GARBAGE_OBJECTS_MIN = 20_000

AUTOGROUP = Path("/proc/self/autogroup")

Job = Callable[[asyncio.Event], Coroutine[Any, Any, None]]

log = structlog.get_logger(__name__)


def run(*jobs: Job) -> None:
    """Run `jobs` side by side until one ends or a signal says stop; then let the others finish.

    Raises an `ExceptionGroup` of what jobs raised."""
    _spare_the_collector()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(jobs))


def give_way(niceness: int) -> None:
    """Leave the processor to others as nice(1) does.

    Where Linux shares it out by session, niceness counts only within one. A leader's session is its own, so it says the
    same of the whole session. Source: sched(7), "The autogroup feature"."""
    os.nice(niceness)
    if niceness and os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):
            AUTOGROUP.write_text(str(niceness))


async def _run(jobs: tuple[Job, ...]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    tasks = [asyncio.create_task(job(stop)) for job in jobs]
    # A job that ends, well or ill, ends its process: nothing runs on half alive.
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    _, late = await asyncio.wait(tasks, timeout=FINISH_SECONDS_MAX)
    for task in late:
        log.error("stopped_late", after_seconds=FINISH_SECONDS_MAX, next="cancelled")
        task.cancel()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    faults = [end for end in ends if isinstance(end, Exception)]
    if faults:
        raise ExceptionGroup("a part of this process died", faults)


def _spare_the_collector() -> None:
    """What is loaded by now lives as long as the process: the collector need not walk it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS_MIN, 20, 50)


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # signals belong to `run`


def serve(
    app: ASGIApp,
    host: str,
    port: int,
    *,
    stop_seconds_max: int = 20,
    trusted_proxies: str = "127.0.0.1",
    protocol: type[CarefulProtocol] = CarefulProtocol,
) -> Job:
    """A job that answers HTTP."""

    async def job(stop: asyncio.Event) -> None:
        config = uvicorn.Config(
            app,
            host,
            port,
            http=protocol,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=stop_seconds_max,
            backlog=BACKLOG_CONNECTIONS,
            forwarded_allow_ips=trusted_proxies,
        )
        server = _Server(config)
        serving = asyncio.create_task(server.serve())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        server.should_exit = True
        await serving

    return job
