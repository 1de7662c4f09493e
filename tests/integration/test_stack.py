"""The stack: real processes that come up together, stand in for each other's loss, and go down in order."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import pytest

from deploy.console import Follower
from deploy.local.child import children_of, is_alive
from deploy.local.ports import free_port
from deploy.routes import Service
from deploy.stack import Stack
from tests.support.servers import private_folder, skip_unless_installed
from tests.support.until import until

ROOT = Path(__file__).parents[2]
ACTION = {
    "case": "idris-khattak",
    "channel": "email",
    "letter": {"subject": "Idris Khattak", "body": "I ask you to release him.", "language": "en"},
}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with private_folder() as folder:
        with skip_unless_installed():
            stack = Stack(folder, copies={"delivery-sender": 2})
        stack.start()
        yield stack
        stack.stop()


async def write_letter(stack: Stack, key: str) -> str:
    """Returns the receipt's API path, once the case is known and the action taken."""
    key = f"{key}-{uuid4().hex}"
    supporter = {"name": "A Supporter", "email": f"{key}@mail.example", "country": "DE"}
    async with httpx.AsyncClient(base_url=stack.url, trust_env=False) as client:

        async def accepted() -> httpx.Response | None:
            action = ACTION | {"supporter": supporter}
            answer = await client.post("/api/v1/actions", json=action, headers={"Idempotency-Key": key})
            return answer if answer.status_code == 202 else None

        answer = await until(accepted, timeout_seconds=20)
        assert answer is not None
        return "/api/v1" + httpx.URL(answer.headers["location"]).path


def letter_count(stack: Stack) -> int:
    return len(list(stack.letters.glob("*.eml")))


@pytest.mark.timeout(600)
async def test_a_letter_goes_through_all_processes_into_the_folder(stack: Stack) -> None:
    before = letter_count(stack)
    receipt = await write_letter(stack, "through-all-processes")
    await until(lambda: letter_count(stack) > before, timeout_seconds=20)
    async with httpx.AsyncClient(base_url=stack.url, trust_env=False) as client:
        assert (await client.get(receipt)).status_code == 200


@pytest.mark.timeout(600)
async def test_a_killed_sender_is_noticed_and_its_twin_goes_on(stack: Stack) -> None:
    assert stack.fallen() == []
    process = stack.process("delivery-sender")
    assert process.child is not None
    os.kill(process.child.pid, signal.SIGKILL)
    await until(lambda: stack.fallen() == ["delivery-sender ended with code -9"])
    before = letter_count(stack)
    await write_letter(stack, "with-one-sender-gone")
    await until(lambda: letter_count(stack) > before, timeout_seconds=20)
    stack.revive("delivery-sender")
    assert stack.fallen() == []


@pytest.mark.timeout(600)
async def test_events_that_a_broker_lost_are_published_again_from_the_outbox(stack: Stack) -> None:
    """As the runbook says for a broker whose data is gone."""
    stack.kill("delivery-worker")
    await write_letter(stack, "lost-by-the-broker")
    waiting = "SELECT count(*) FROM outbox WHERE published_at IS NULL"
    await until(lambda: is_number(stack, Service.ACTIONS, waiting, 0), timeout_seconds=20)
    letters = await number(stack, Service.DELIVERY, "SELECT count(*) FROM letter WHERE state = 'sent'")

    stack.rabbitmq.wipe()
    stack.prepare()
    for name in ("cases-worker", "actions-worker"):
        stack.kill(name)
    for name in ("cases-worker", "actions-worker", "delivery-worker"):
        stack.revive(name)
    again = (
        "WITH again AS (UPDATE outbox SET published_at = NULL, next_at = now() RETURNING 1) SELECT count(*) FROM again"
    )
    assert await number(stack, Service.ACTIONS, again) >= 1

    async def more_are_sent() -> bool:
        return await number(stack, Service.DELIVERY, "SELECT count(*) FROM letter WHERE state = 'sent'") > letters

    await until(more_are_sent, timeout_seconds=30)
    await until(lambda: is_number(stack, Service.ACTIONS, waiting, 0), timeout_seconds=30)
    tries_too_many = "SELECT (SELECT count(*) FROM attempt) - (SELECT count(*) FROM letter WHERE state = 'sent')"
    assert await number(stack, Service.DELIVERY, tries_too_many) == 0


async def is_number(stack: Stack, service: Service, query: str, expected: int) -> bool:
    return await number(stack, service, query) == expected


async def number(stack: Stack, service: Service, query: str) -> int:
    connection = await asyncpg.connect(stack.postgres.url_of(service).replace("+asyncpg", ""), timeout=10)
    try:
        return await connection.fetchval(query) or 0
    finally:
        await connection.close()


@pytest.mark.timeout(600)
async def test_one_process_that_dies_takes_the_stack_down_and_is_named() -> None:
    with private_folder() as folder:
        environment = {**os.environ, "W4R_STACK_FOLDER": str(folder / "stack"), "PORT": str(free_port())}
        command = [sys.executable, "-m", "deploy.stack"]
        console = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        assert console.stdout is not None
        for line in console.stdout:
            if "Ctrl-C stops everything" in line:
                break
        children = children_of(console.pid)
        os.kill(next(pid for pid in children if b"services.cases\0relay" in command_line(pid)), signal.SIGKILL)
        said, _ = console.communicate(timeout=60)
        assert console.returncode == 1
        assert "cases-relay ended with code -9" in said
        await until(lambda: not any(map(is_alive, children)))


def command_line(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def test_logs_are_shown_line_by_line_behind_the_name_of_their_process(tmp_path: Path) -> None:
    web, relay, output = tmp_path / "web.log", tmp_path / "relay.log", io.StringIO()
    follower = Follower({"cases-web": web, "relay": relay}, output)
    web.write_text("one\ntw")
    follower.show_new()
    web.write_text("one\ntwo\n")
    relay.write_text("three\n")
    follower.show_new()
    follower.show_new()
    assert output.getvalue() == "cases-web | one\ncases-web | two\nrelay     | three\n"
