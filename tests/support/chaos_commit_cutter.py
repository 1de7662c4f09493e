"""A stretch of network to PostgreSQL that breaks at the worst moment: round a commit.

A commit is a COMMIT, or a statement that stands alone: `words` that only such a statement carries tell it.

To the client both ways look alike, a connection lost at commit; only one of them left the rows behind.
"""

import asyncio
from contextlib import suppress
from enum import StrEnum

CHUNK_BYTES = 65_536
COMMIT = b"COMMIT"
SYNC = b"S\x00\x00\x00\x04"  # ends what a client sends for one statement


class Cut(StrEnum):
    """What the server gets to see of a commit whose answer never arrives."""

    NOTHING = "nothing"
    ALL = "all"


class CommitCutter:
    """Listens on a port of its own and passes all on, but breaks every `every`-th commit, `cut` by turns.

    `cuts` counts what was broken."""

    def __init__(self, host: str, port: int, *, every: int, words: str) -> None:
        self._target, self._every, self._marks = (host, port), every, (COMMIT, words.encode())
        self._server: asyncio.Server | None = None
        self._commits = 0
        self._connections: set[asyncio.Task[None]] = set()
        self.cuts = {Cut.NOTHING: 0, Cut.ALL: 0}
        self.host, self.port = "127.0.0.1", 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, self.host, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Take no further connection, and return when those there are have ended with their clients."""
        if self._server is not None:
            self._server.close()
        await asyncio.gather(*self._connections)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.create_task(self._connected(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        deaf = asyncio.Event()
        answers = asyncio.create_task(_pass_answers(far_reader, writer, deaf))
        await self._pass_statements(reader, far_writer, deaf)
        if deaf.is_set():
            await answers  # the server has committed by then
        for end in (writer, far_writer):
            end.transport.abort()
        await answers

    async def _pass_statements(
        self, client: asyncio.StreamReader, server: asyncio.StreamWriter, deaf: asyncio.Event
    ) -> None:
        with suppress(OSError):
            while chunk := await client.read(CHUNK_BYTES):
                cut = Cut.ALL if deaf.is_set() else self._cut_for(chunk)
                if cut is Cut.NOTHING:
                    return
                if cut is Cut.ALL:
                    deaf.set()
                server.write(chunk)
                await server.drain()
                if cut is Cut.ALL and (COMMIT in chunk or chunk.endswith(SYNC)):
                    return

    def _cut_for(self, chunk: bytes) -> Cut | None:
        if not any(mark in chunk for mark in self._marks):
            return None
        self._commits += 1
        if self._commits % self._every:
            return None
        cut = Cut.ALL if (self._commits // self._every) % 2 else Cut.NOTHING
        self.cuts[cut] += 1
        return cut


async def _pass_answers(server: asyncio.StreamReader, client: asyncio.StreamWriter, deaf: asyncio.Event) -> None:
    with suppress(OSError):
        while chunk := await server.read(CHUNK_BYTES):
            if deaf.is_set():
                return
            client.write(chunk)
            await client.drain()
    client.close()
