"""An SMTP server that accepts everything and keeps nothing but a count, so that it is never the slowest part.

python -m tests.load.quick_sink [DELAY_MS]

It prints its port, then the number of mails at every newline on its input. With a delay it thinks so long after each.
It says nothing any more once a recipient at dead.example is named.
"""

import asyncio
import sys
from typing import ClassVar

LINE_BYTES_MAX = 1 << 20


class Sink(asyncio.Protocol):
    taken: ClassVar[int] = 0
    delay_seconds: ClassVar[float] = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._buffer, self._in_data, self._is_dead = transport, b"", False, False
        transport.write(b"220 sink.example ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while self._take_one():
            pass
        assert len(self._buffer) < LINE_BYTES_MAX

    def _take_one(self) -> bool:
        end, mark = (b"\r\n.\r\n", 5) if self._in_data else (b"\r\n", 2)
        at = self._buffer.find(end)
        if at < 0:
            return False
        line, self._buffer = self._buffer[:at], self._buffer[at + mark :]
        was_data, answer = self._in_data, self._answer(line)
        if self._is_dead:
            return True
        if was_data and Sink.delay_seconds:
            asyncio.get_running_loop().call_later(Sink.delay_seconds, self._transport.write, answer)
        else:
            self._transport.write(answer)
        return True

    def _answer(self, line: bytes) -> bytes:
        if self._in_data:
            self._in_data, Sink.taken = False, Sink.taken + 1
            return b"250 taken\r\n"
        verb = line[:4].upper()
        if verb == b"RCPT" and b"@dead.example" in line:
            self._is_dead = True
        self._in_data = verb == b"DATA"
        return {b"EHLO": b"250-sink.example\r\n250-PIPELINING\r\n250 8BITMIME\r\n", b"DATA": b"354 go on\r\n"}.get(
            verb, b"250 ok\r\n"
        )


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Sink, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(Sink.taken, flush=True)


if __name__ == "__main__":
    Sink.delay_seconds = float(sys.argv[1]) / 1000 if sys.argv[1:] else 0.0
    asyncio.run(main())
