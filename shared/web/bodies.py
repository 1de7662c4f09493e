"""Bounds the body of a request: its bytes, and the time it may take to come."""

import asyncio
from collections.abc import Container
from typing import cast

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.web.refusals import Reason, Refusals

BODY_BYTES_MAX = 64 * 1024
BODY_SECONDS_MAX = 30.0
FORM_FACTOR = 3


class _Refused(Exception):
    """The body went over a limit while it was read."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason


class LimitBody:
    """Answers 413 when a body is larger than `bytes_max`, announced or not, without reading the rest; 408 when it has
    not come after `seconds_max`.

    `forms` are the paths that take urlencoded text: there a byte beyond ASCII travels as three."""

    def __init__(
        self,
        app: ASGIApp,
        refusals: Refusals,
        *,
        bytes_max: int = BODY_BYTES_MAX,
        seconds_max: float = BODY_SECONDS_MAX,
        forms: Container[str] = (),
    ) -> None:
        self._app, self._refusals, self._forms = app, refusals, forms
        self._bytes_max, self._seconds_max = bytes_max, seconds_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        bytes_max = self._bytes_max * (FORM_FACTOR if scope["path"] in self._forms else 1)
        announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if announced.isdigit() and int(announced) > bytes_max:
            return await self._refusals.answer(Reason.BODY_TOO_LARGE, scope, receive, send)
        try:
            await self._app(scope, _bounded(receive, bytes_max, self._seconds_max), send)
        except _Refused as refused:
            await self._refusals.answer(refused.reason, scope, receive, send)
        except ClientDisconnect:
            return None  # Nobody is left to be told.


def _bounded(receive: Receive, bytes_max: int, seconds_max: float) -> Receive:
    seen, is_whole = 0, False
    deadline = asyncio.get_running_loop().time() + seconds_max

    async def bounded() -> Message:
        nonlocal seen, is_whole
        if is_whole:
            return await receive()  # What is waited for now is the end of the connection.
        message = await _in_time(receive, deadline)
        seen += len(message.get("body", b""))
        if seen > bytes_max:
            raise _Refused(Reason.BODY_TOO_LARGE)
        is_whole = not message.get("more_body", False)
        return message

    return bounded


async def _in_time(receive: Receive, deadline: float) -> Message:
    """As `asyncio.timeout_at` does it, at less than half its price, which every request with a body pays.

    The timer is gone before anything else can run, so a cancellation by it is always met here."""
    task, is_late = cast("asyncio.Task[None]", asyncio.current_task()), False

    def end() -> None:
        nonlocal is_late
        is_late = True
        task.cancel()

    timer = asyncio.get_running_loop().call_at(deadline, end)
    try:
        return await receive()
    except asyncio.CancelledError:
        if is_late and task.uncancel() == 0:
            raise _Refused(Reason.BODY_TOO_SLOW) from None
        raise
    finally:
        timer.cancel()
