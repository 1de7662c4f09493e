"""The web role as a process of its own: it starts, takes actions, and writes what it took before it ends."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlmodel import select

from services.actions.tables import Action
from services.actions.wiring import MIGRATIONS
from shared.migrations import migrate
from tests.support.actions_app import actions_service
from tests.support.actions_requests import an_action_by
from tests.support.until import until

STOP_SECONDS_MAX = 30


@pytest.fixture
def database_file(tmp_path: Path) -> str:
    url = f"sqlite+aiosqlite:///{tmp_path / 'actions.db'}"
    migrate(url, MIGRATIONS)
    return url


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def web(database_file: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    port = free_port()
    environment = os.environ | {"W4R_ACTIONS_DATABASE_URL": database_file, "W4R_HTTP_PORT": str(port)}
    command = [sys.executable, "-m", "services.actions", "web"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait(STOP_SECONDS_MAX)


async def test_told_to_stop_it_keeps_every_action_it_answered(
    database_file: str, web: tuple[subprocess.Popen[bytes], str]
) -> None:
    process, url = web
    async with actions_service(database_file) as service, httpx.AsyncClient(base_url=url) as http:

        async def is_ready() -> bool:
            try:
                return (await http.get("/health/ready")).status_code == 200
            except httpx.TransportError:
                return False

        await until(is_ready, timeout_seconds=60)

        async def send(number: int) -> str | None:
            try:
                action, key = an_action_by(number), {"Idempotency-Key": str(number)}
                answer = await http.post("/api/v1/actions", json=action, headers=key)
            except httpx.TransportError:
                return None
            return answer.json()["id"] if answer.status_code == 202 else None

        sending = [asyncio.create_task(send(number)) for number in range(100)]
        await until(lambda: any(task.done() for task in sending))
        process.send_signal(signal.SIGTERM)
        accepted = {action_id for action_id in await asyncio.gather(*sending) if action_id}
        assert await asyncio.to_thread(process.wait, STOP_SECONDS_MAX) == 0
        kept = {str(action_id) for action_id in await service.rows(select(Action.id))}
        assert accepted
        assert accepted <= kept


@pytest.mark.parametrize("role", ["worker", "relay"])
def test_a_role_that_needs_the_broker_says_so(database_file: str, role: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "W4R_AMQP_URL"}
    environment["W4R_ACTIONS_DATABASE_URL"] = database_file
    command = [sys.executable, "-m", "services.actions", role]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "W4R_AMQP_URL" in done.stderr
