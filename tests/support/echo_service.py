"""A tiny HTTP server that says who it is and what it was asked, for tests of what stands in front of services."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass
class EchoService:
    """Answers every request with its own name and the request, on a free port of 127.0.0.1."""

    name: str
    headers: Mapping[str, str] = field(default_factory=dict)
    status: str = "200 OK"
    seen: list[str] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    let_go: asyncio.Event | None = None  # while it is there and not set, no request is answered
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()
        for writer in self._open:
            writer.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode("latin-1"):
                await self._answer(head, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _answer(self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request_line, *lines = head.strip().split("\r\n")
        sent = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        await reader.readexactly(int(sent.get("content-length", "0")))
        self.seen.append(request_line)
        if self.let_go is not None:
            await self.let_go.wait()
        body = json.dumps({"service": self.name, "request": request_line, "headers": sent}).encode()
        own = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        head_back = (
            f"HTTP/1.1 {self.status}\r\n{own}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head_back.encode() + body)
        await writer.drain()
