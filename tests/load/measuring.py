"""What every measurement here needs: processes to measure, wrk to load them, and the machine it all ran on."""

import asyncio
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import services.actions.wiring
from deploy.health import ask
from deploy.local.postgres import LocalPostgres
from services.actions.handlers import remember_cases
from services.actions.settings import ActionsSettings
from shared.messages.envelope import seal
from shared.messages.registry import read
from shared.migrations import migrate
from tests.support.events import a_published_case

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "var" / "bench"
CONNECTIONS = 64
READY_SECONDS_MAX, POLL_SECONDS = 30.0, 0.05
ANSWER_SECONDS_MAX = 10


@dataclass(frozen=True)
class Load:
    """What wrk saw in one round."""

    requests: int
    requests_a_second: float
    p99_ms: float


def drive_wrk(port: int, seconds: int) -> Load:
    """Post actions over `CONNECTIONS` connections as fast as they are answered, each with a key of its own."""
    command = [
        "wrk",
        "-t2",
        f"-c{CONNECTIONS}",
        f"-d{seconds}s",
        "--timeout",
        f"{ANSWER_SECONDS_MAX}s",
        "-s",
        str(ROOT / "tests/load/post_actions.lua"),
    ]
    environment = os.environ | {"W4R_BENCH_RUN": f"{port}-{time.monotonic_ns()}"}
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{port}"], env=environment, capture_output=True, text=True, check=True
    )
    said = json.loads(done.stdout.strip().splitlines()[-1])
    assert said["not_202"] == 0, f"{said['not_202']} of {said['requests']} answers were not 202"
    assert said["socket_errors"] == 0, f"{said['socket_errors']} socket errors"
    return Load(said["requests"], said["requests"] / said["seconds"], said["p99_ms"])


@contextmanager
def running(module: str, *arguments: str, **environment: str) -> Iterator[int]:
    """A process of ours, by its id, until the block ends."""
    process = subprocess.Popen([sys.executable, "-m", module, *arguments], cwd=ROOT, env=os.environ | environment)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(READY_SECONDS_MAX)


@dataclass(frozen=True)
class QuickSink:
    """A mail server that only counts."""

    port: int
    pid: int
    count_taken: Callable[[], int]

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"


@contextmanager
def quick_sink(delay_ms: int = 0) -> Iterator[QuickSink]:
    command = [sys.executable, "-m", "tests.load.quick_sink", str(delay_ms)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as sink:
        assert sink.stdin is not None
        assert sink.stdout is not None
        asked, said = sink.stdin, sink.stdout

        def count_taken() -> int:
            asked.write("\n")
            asked.flush()
            return int(said.readline())

        yield QuickSink(int(said.readline()), sink.pid, count_taken)
        asked.close()


def wait_until_answered(url: str) -> None:
    deadline = time.monotonic() + READY_SECONDS_MAX
    while ask(url)[0] != 200:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{url} does not answer")
        time.sleep(POLL_SECONDS)


def make_actions_database(server: LocalPostgres, name: str) -> str:
    """A database of the actions service that knows the one case that is acted on. Returns its URL."""
    url = server.create_database(name)
    migrate(url, services.actions.wiring.MIGRATIONS)
    asyncio.run(_know_a_case(url))
    return url


async def _know_a_case(url: str) -> None:
    wiring = services.actions.wiring.build(ActionsSettings(database_url=url))
    await remember_cases([read(seal(a_published_case()).body)], wiring.database)
    await wiring.close()


def resident_mb(pid: int) -> float:
    """What a process holds of memory."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def write_results(name: str, rows: list[dict[str, Any]]) -> None:
    """Into `var/bench/<name>.json`, with the machine."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    machine = {"cpu": _cpu(), "cores": os.cpu_count(), "python": platform.python_version()}
    (RESULTS / f"{name}.json").write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")


def _cpu() -> str:
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return models[0].split(":")[1].strip() if models else platform.processor()
