"""Numbers told to pages that listen: what changed and nothing else, to so many and no more, and with an end."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.cases.wiring import Wiring
from tests.support.cases_folders import write_campaign
from tests.support.cases_service import cases_service, reader_of
from tests.support.staff_sessions import BEARER, STAFF_TOKEN

STREAM = "/api/v1/cases/a-test-case/count/stream"


@pytest.fixture
async def cases(tmp_path: Path) -> AsyncIterator[Wiring]:
    url = f"sqlite+aiosqlite:///{tmp_path / 'cases.db'}"
    settings = {"live_streams_max": 2, "live_look_seconds": 0.001, "live_looks_max": 12, "staff_token": STAFF_TOKEN}
    async with cases_service(url, **settings) as wiring:
        await wiring.publishing.import_folder(write_campaign(tmp_path / "campaign"))
        yield wiring


@pytest.fixture
async def reader(cases: Wiring) -> AsyncIterator[httpx.AsyncClient]:
    async with reader_of(cases) as client:
        yield client


def events(stream: str) -> list[dict[str, Any]]:
    return [json.loads(line.removeprefix("data: ")) for line in stream.splitlines() if line.startswith("data:")]


async def test_numbers_that_stay_the_same_are_told_once_and_the_line_is_kept_alive(reader: httpx.AsyncClient) -> None:
    answer = await reader.get(STREAM)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert (answer.headers["cache-control"], answer.headers["x-accel-buffering"]) == ("no-store", "no")
    assert events(answer.text) == [{"live": True, "collected": 0, "handed_over": 0}]
    assert answer.text.count(": ping") == 0


async def test_what_changes_is_told(cases: Wiring) -> None:
    counts = iter(["1", "1", "2", *["2"] * 9])

    async def read() -> str:
        return next(counts)

    told = b"".join([part async for part in cases.live.listen("somebody", read)]).decode()
    assert [line for line in told.splitlines() if line.startswith("data:")] == ["data: 1", "data: 2"]


async def test_there_is_room_for_so_many_and_again_when_one_leaves(cases: Wiring, reader: httpx.AsyncClient) -> None:
    async def read() -> str:
        return "1"

    streams = [cases.live.listen("somebody", read) for _ in range(2)]
    for stream in streams:
        await anext(stream)
    refused = await reader.get(STREAM)
    assert (refused.status_code, refused.content) == (204, b"")
    await streams[0].aclose()  # type: ignore[attr-defined]
    assert (await reader.get(STREAM)).status_code == 200


async def test_a_process_that_stops_lets_them_go(cases: Wiring) -> None:
    async def read() -> str:
        return "1"

    stop = asyncio.Event()
    stream = cases.live.listen("somebody", read)
    await anext(stream)
    stop.set()
    await cases.live.end(stop)
    assert [part async for part in stream] == []
    assert not cases.live.has_room("somebody")


async def test_a_stream_says_when_numbers_rest_and_counts_as_no_request_under_way(
    cases: Wiring, reader: httpx.AsyncClient
) -> None:
    await reader.put("/api/v1/site/switches/counters", json={"state": "off", "why": "x"}, headers=BEARER)
    assert not events((await reader.get(STREAM)).text)[0]["live"]
    assert cases.load.requests == 0
    assert (await reader.get("/api/v1/cases/nobody/count/stream")).status_code == 404
