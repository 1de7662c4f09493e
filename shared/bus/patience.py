"""Trying again, with growing waits, until it works or there is no use in it any more."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress

WAIT_SECONDS_MIN = 0.1
WAIT_SECONDS_MAX = 30.0


def growing_waits() -> Iterator[float]:
    """Seconds to wait before each further try, without end."""
    seconds = WAIT_SECONDS_MIN
    while True:
        yield seconds
        seconds = min(WAIT_SECONDS_MAX, seconds * 2)


async def wait_or_end(seconds: float, ended: asyncio.Event) -> None:
    """Wait, but not beyond `ended`."""
    with suppress(TimeoutError):
        await asyncio.wait_for(ended.wait(), seconds)


async def insist(attempt: Callable[[], Awaitable[bool]], ended: asyncio.Event) -> bool:
    """Try until it is true. False: it was not, and `ended` makes further tries useless."""
    for seconds in growing_waits():
        if await attempt():
            return True
        if ended.is_set():
            break
        await wait_or_end(seconds, ended)
    return False
