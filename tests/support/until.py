"""Wait for something to become true, with a bound, instead of sleeping and hoping."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")
POLL_SECONDS = 0.02
# A machine may be three times as slow as the one on which the bounds were chosen. Who succeeds waits no longer for it.
PATIENCE = 3.0


@overload
async def until(condition: Callable[[], Awaitable[T]], timeout_seconds: float = 10.0) -> T: ...


@overload
async def until(condition: Callable[[], T], timeout_seconds: float = 10.0) -> T: ...


async def until(condition: Callable[[], Any], timeout_seconds: float = 10.0) -> Any:
    """The first true value of `condition`. Raises `TimeoutError` naming it, after `PATIENCE` times the timeout."""
    patience = PATIENCE * timeout_seconds
    deadline = asyncio.get_running_loop().time() + patience
    while True:
        outcome = condition()
        value = await outcome if inspect.isawaitable(outcome) else outcome
        if value:
            return value
        if asyncio.get_running_loop().time() > deadline:
            raise TimeoutError(f"still not true after {patience} s: {inspect.getsource(condition).strip()}")
        await asyncio.sleep(POLL_SECONDS)
