"""Speaks SMTP over a connection that is open and greeted: commands in any number, and their replies in order.

aiosmtplib connects, secures and logs in; its own way to talk waits for each reply before the next command may be
written, and loses what a server says of several at once (RFC 2920).
"""

import asyncio
from collections import deque
from dataclasses import dataclass

REPLY_BYTES_MAX = 32_768


class BrokenOff(OSError):
    """The connection is gone, or what came over it makes no sense."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A basic reply code and the text of all its lines."""

    code: int
    text: str


class Exchange(asyncio.Protocol):
    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._buffer = bytearray()
        self._lines: list[str] = []
        self._replies: deque[Reply] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._fault: BrokenOff | None = None
        self._outstanding = 0

    @property
    def is_open(self) -> bool:
        return self._fault is None and not self._transport.is_closing()

    def write(self, data: bytes, replies: int = 1) -> None:
        """Send commands, or a letter, that so many replies answer. Raises `BrokenOff` before a byte is written."""
        if self._replies and not self._outstanding:
            # Said unasked, as "421 idle for too long": the other side is about to hang up.
            raise BrokenOff("it spoke unasked")
        if not self.is_open:
            raise self._fault or BrokenOff("connection lost")
        self._outstanding += replies
        self._transport.write(data)

    async def reply(self, seconds_max: float) -> Reply:
        """The next one. Raises `BrokenOff`, or `TimeoutError` after `seconds_max`."""
        if not self._replies:
            if self._fault:
                raise self._fault
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(seconds_max):
                    await self._waiter
            finally:
                self._waiter = None
        self._outstanding -= 1
        return self._replies.popleft()

    def close(self) -> None:
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end]).rstrip(b"\r")
            del self._buffer[: end + 1]
            self._read_line(line)
        if len(self._buffer) + sum(map(len, self._lines)) > REPLY_BYTES_MAX:
            self._break_off(BrokenOff("a reply without an end"))

    def eof_received(self) -> None:
        self._break_off(BrokenOff("connection lost"))

    def connection_lost(self, error: Exception | None) -> None:
        self._break_off(BrokenOff("connection lost"))

    def _read_line(self, line: bytes) -> None:
        self._lines.append(line[4:].decode("utf-8", "replace"))
        if not line[:3].isdigit():
            self._break_off(BrokenOff("a reply without a code"))
        elif line[3:4] != b"-":
            self._replies.append(Reply(int(line[:3]), "\n".join(self._lines)))
            self._lines.clear()
            self._wake()

    def _break_off(self, fault: BrokenOff) -> None:
        self._fault = self._fault or fault
        self._transport.close()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is None or self._waiter.done():
            return
        if self._replies:
            self._waiter.set_result(None)
        elif self._fault:
            self._waiter.set_exception(self._fault)
