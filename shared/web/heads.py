"""Bounds the head of a request: its lines, its bytes, and the time it may take to come.

httptools collects a head for as long as bytes come, and uvicorn waits for them as long as they like. `CarefulProtocol`
ends that below ASGI, where nothing is known yet; `LimitHead` refuses a whole head, in the words of a problem.
"""

import asyncio

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shared.web.refusals import Reason, Refusals

HEADERS_MAX = 100
HEAD_BYTES_MAX = 16 * 1024
HEAD_SECONDS_MAX = 15.0
TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class LimitHead:
    """Answers 431 to a head of too many lines or bytes."""

    def __init__(self, app: ASGIApp, refusals: Refusals) -> None:
        self._app, self._refusals = app, refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _is_too_large(scope):
            return await self._refusals.answer(Reason.HEAD_TOO_LARGE, scope, receive, send)
        return await self._app(scope, receive, send)


def _is_too_large(scope: Scope) -> bool:
    headers = scope["headers"]
    if len(headers) > HEADERS_MAX:
        return True
    bytes_ = len(scope["path"]) + len(scope["query_string"])
    for name, value in headers:
        bytes_ += len(name) + len(value)
    return bytes_ > HEAD_BYTES_MAX


class CarefulProtocol(HttpToolsProtocol):
    """Closes the connection of a client whose head is endless, or is not there in time.

    The timer is set only where a head does not come in one piece, so an ordinary request pays for one comparison."""

    head_seconds_max = HEAD_SECONDS_MAX
    _waits_for_head = True
    _head_bytes = 0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_timer()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._waits_for_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self._refuse(TOO_LARGE)
            elif self._timer is None:
                self._start_timer()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._waits_for_head, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._waits_for_head = False
        self._stop_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def _start_timer(self) -> None:
        self._timer = self.loop.call_later(self.head_seconds_max, self._refuse, TOO_SLOW)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse(self, answer: bytes) -> None:
        self._stop_timer()
        if self.transport.is_closing():
            return
        # In the middle of an earlier answer on this connection, these bytes would be taken for its body.
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(answer)
        self.transport.close()
