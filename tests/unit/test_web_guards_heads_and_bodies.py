"""Requests that are too large or too slow, over a real socket where the server itself has to end them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deploy.local.ports import free_port
from shared.processes import serve
from shared.web.bodies import LimitBody
from shared.web.heads import HEAD_BYTES_MAX, HEADERS_MAX, CarefulProtocol, LimitHead
from shared.web.refusals import Refusals
from tests.support.until import until

ANSWER_SECONDS_MAX = 10.0


class Hasty(CarefulProtocol):
    head_seconds_max = 0.05


async def takes(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        body = await Request(scope, receive).body()
        await PlainTextResponse(f"took {len(body)}")(scope, receive, send)


@asynccontextmanager
async def connected(
    app: ASGIApp, protocol: type[CarefulProtocol] = CarefulProtocol
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    port, stop = free_port(), asyncio.Event()
    serving = asyncio.create_task(serve(app, "127.0.0.1", port, protocol=protocol)(stop))

    async def is_up() -> bool:
        try:
            _, probe = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        probe.close()
        return True

    await until(is_up)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        stop.set()
        await serving


async def all_said(reader: asyncio.StreamReader) -> bytes:
    """Until the server closes the connection."""
    async with asyncio.timeout(ANSWER_SECONDS_MAX):
        return await reader.read()


@pytest.mark.parametrize(
    "headers", [{f"x-{number}": "1" for number in range(HEADERS_MAX)}, {"x-long": "x" * HEAD_BYTES_MAX}]
)
async def test_a_head_of_too_many_lines_or_bytes_is_431(headers: dict[str, str]) -> None:
    registry = CollectorRegistry()
    transport = httpx.ASGITransport(LimitHead(takes, Refusals(registry)))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        answer = await http.get("/", headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (431, "application/problem+json")
        assert (await http.get("/" + "x" * HEAD_BYTES_MAX)).status_code == 431
        assert (await http.get("/")).text == "took 0"
    labels = {"reason": "head_too_large", "answer": "plain"}
    assert registry.get_sample_value("http_refused_total", labels) == 2


async def test_a_head_without_end_is_ended_before_it_fills_the_memory() -> None:
    async with connected(takes) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nx-endless: " + b"x" * HEAD_BYTES_MAX)
        assert b" 431 " in await all_said(reader)


async def test_a_head_that_does_not_come_is_408() -> None:
    for beginning in (b"", b"GET / HTTP/1.1\r\nhost: x\r\n"):
        async with connected(takes, Hasty) as (reader, writer):
            writer.write(beginning)
            assert b" 408 " in await all_said(reader)


async def test_a_second_request_on_the_line_has_its_own_time_and_size() -> None:
    """What ends a slow head must not end a connection that rests between two whole requests."""
    whole = (
        b"POST / HTTP/1.1\r\nhost: x\r\nx-fill: " + b"x" * (HEAD_BYTES_MAX // 2) + b"\r\ncontent-length: 2\r\n\r\nab"
    )
    async with connected(takes, Hasty) as (reader, writer):
        for _ in range(3):
            writer.write(whole)
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                assert (await reader.readuntil(b"took 2")).startswith(b"HTTP/1.1 200")
        writer.write(whole[:100])
        assert b" 408 " in await all_said(reader)


async def test_a_body_that_does_not_come_is_408_and_the_line_is_closed() -> None:
    registry = CollectorRegistry()
    app = LimitBody(takes, Refusals(registry), seconds_max=0.05)
    async with connected(app) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf")
        said = await all_said(reader)
    assert said.startswith(b"HTTP/1.1 408")
    assert b"application/problem+json" in said
    labels = {"reason": "body_too_slow", "answer": "plain"}
    assert registry.get_sample_value("http_refused_total", labels) == 1


async def test_who_hangs_up_in_the_middle_is_no_fault_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    left = asyncio.Event()

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await takes(scope, receive, send)
        finally:
            left.set()

    async with connected(LimitBody(noting, Refusals(CollectorRegistry()))) as (_, writer):
        writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf")
        writer.close()
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            await left.wait()
    assert caplog.records == []


async def test_a_body_that_comes_in_time_leaves_no_clock_behind() -> None:
    """The answer may take longer than the body was allowed to."""
    waited = asyncio.Event()

    async def ponders(scope: Scope, receive: Receive, send: Send) -> None:
        await Request(scope, receive).body()
        asyncio.get_running_loop().call_later(0.1, waited.set)
        await waited.wait()
        await PlainTextResponse("pondered")(scope, receive, send)

    transport = httpx.ASGITransport(LimitBody(ponders, Refusals(CollectorRegistry()), seconds_max=0.05))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        assert (await http.post("/", content=b"ab")).text == "pondered"


async def test_a_request_cancelled_from_outside_is_not_taken_for_a_slow_one() -> None:
    never, is_waiting = asyncio.Event(), asyncio.Event()

    async def receive() -> Message:
        is_waiting.set()
        await never.wait()
        return {"type": "http.disconnect"}

    async def send(_: Message) -> None:
        raise AssertionError("nobody is to be answered")

    scope: Scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
    task = asyncio.ensure_future(LimitBody(takes, Refusals(CollectorRegistry()))(scope, receive, send))
    await is_waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
