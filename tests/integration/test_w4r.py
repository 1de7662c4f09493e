"""The operators' command, against delivery's own web process over a real socket."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deploy.local.ports import free_port
from deploy.w4r.calls import Refused, connect
from services.delivery.states import LetterState
from shared.processes import serve
from tests.support.delivery_service import STAFF_TOKEN, DeliveryService, delivery_service, many_actions
from tests.support.events import MINISTRY

ROOT = Path(__file__).parents[2]
SECONDS_MAX = 30
WHY = ("--why", "they asked")


@pytest.fixture
async def delivery(tmp_path: Path) -> AsyncIterator[DeliveryService]:
    async with delivery_service(f"sqlite+aiosqlite:///{tmp_path / 'delivery.db'}") as service:
        yield service


@pytest.fixture
async def environment(delivery: DeliveryService) -> AsyncIterator[dict[str, str]]:
    port, stop = free_port(), asyncio.Event()
    serving = asyncio.create_task(serve(delivery.app, "127.0.0.1", port)(stop))
    yield {"W4R_URL": f"http://127.0.0.1:{port}", "W4R_STAFF_TOKEN": STAFF_TOKEN, "W4R_STAFF_NAME": "Amina"}
    stop.set()
    await serving


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


async def run(environment: dict[str, str], *words: str) -> Said:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "deploy.w4r",
        *words,
        cwd=ROOT,
        env=os.environ | environment | {"COLUMNS": "200"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), SECONDS_MAX)
    return Said(process.returncode or 0, out.decode(), err.decode())


async def told(environment: dict[str, str], *words: str) -> Any:
    said = await run(environment, *words, "--json")
    assert said.code == 0, said.err
    return json.loads(said.out)


async def test_an_operator_looks_pauses_throttles_and_resumes(
    delivery: DeliveryService, environment: dict[str, str]
) -> None:
    await delivery.tell(*many_actions(30))
    table = await run(environment, "overview")
    assert MINISTRY.name in table.out
    assert "ministry.example" in table.out
    assert (await run(environment, "pause", "everything", "--why", "a rehearsal")).code == 0
    assert await delivery.claims().claim(10) == []
    [pause] = (await told(environment, "overview"))["pauses"]
    assert (pause["who"], pause["why"]) == ("Amina", "a rehearsal")
    assert (await run(environment, "resume", "everything", "--why", "it is over")).code == 0
    slow = await run(environment, "throttle", str(MINISTRY.id), "--per-hour", "60", "--why", "their spam filter")
    assert json.loads(slow.out)["per_hour"] == 60
    assert len(await delivery.claims().claim(20)) == 5
    assert [line["did"] for line in await told(environment, "audit")].count("policy_set") == 1


async def test_letters_are_looked_at_stopped_and_sent_again(
    delivery: DeliveryService, environment: dict[str, str]
) -> None:
    await delivery.tell(*many_actions(5))
    letter = (await told(environment, "letters", "--state", "queued"))["letters"][0]["id"]
    assert (await told(environment, "letter", letter))["to_address"] == MINISTRY.email
    assert "Attempts" in (await run(environment, "letter", letter)).out
    stopped = await run(environment, "suppress", MINISTRY.email or "", "--why", "moved", "--days", "3")
    assert "5 queued letters were stopped" in stopped.out
    assert len(await told(environment, "suppressions")) == 1
    assert "0 letters were sent again, 5 left" in (await run(environment, "again", "suppressed", *WHY)).out
    await run(environment, "release", MINISTRY.email or "", "--why", "they are back")
    assert "5 letters are suppressed" in (await run(environment, "again", "suppressed", "--dry-run", *WHY)).out
    assert await delivery.states() == {LetterState.SUPPRESSED}
    assert "5 letters were sent again, 0 left" in (await run(environment, "again", "suppressed", *WHY)).out
    assert "5 letters were stopped" in (await run(environment, "cancel", *WHY)).out
    assert await delivery.states() == {LetterState.CANCELLED}


async def test_letters_go_elsewhere_and_what_came_back_is_listed(
    delivery: DeliveryService, environment: dict[str, str]
) -> None:
    await delivery.tell(*many_actions(2))
    moved = await run(environment, "move", str(MINISTRY.id), "office@parliament.example", *WHY)
    assert "2 queued letters go there now" in moved.out
    [address] = await told(environment, "addresses", str(MINISTRY.id))
    assert address == {"address": "office@parliament.example", "state": "active"}
    assert await told(environment, "incoming") == []
    assert await told(environment, "dead") == []


async def test_what_the_api_refuses_is_said_in_its_words(
    delivery: DeliveryService, environment: dict[str, str]
) -> None:
    refused = await run(environment, "lift", "nobody.example", "--why", "a mistake")
    assert (refused.code, refused.out) == (1, "")
    assert "No letter ever went to such a destination" in refused.err
    wrong = await run(environment | {"W4R_STAFF_TOKEN": "wrong"}, "overview")
    assert "401" in wrong.err
    nowhere = await run(environment | {"W4R_URL": f"http://127.0.0.1:{free_port()}"}, "overview")
    assert "cannot be reached" in nowhere.err


def test_without_a_token_it_says_what_to_set() -> None:
    with pytest.raises(Refused, match="W4R_STAFF_TOKEN"):
        connect({})
