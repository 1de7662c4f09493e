"""Many actions, one commit: a bounded queue, a few writers, and an answer for each action once it is on disk.

A commit costs its fsync, whether it carries one action or a hundred. So each writer takes what waits, writes it in
one transaction, and only then answers. Whoever gets a `Kept` back knows that it will survive a power cut.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from services.actions.errors import QueueFull, Unwritable
from services.actions.metrics import IntakeMetrics
from services.actions.store import Entry, Kept, Store
from shared.db import DatabaseAway

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much waits and how much is written at once."""

    queue_max: int = 2000
    batch_max: int = 100
    linger_seconds: float = 0.0
    writers: int = 2
    drain_seconds_max: float = 20.0


@dataclass(frozen=True, slots=True)
class _Waiting:
    entry: Entry
    answer: asyncio.Future[Kept]

    @property
    def is_wanted(self) -> bool:
        """Cancelled, its caller has hung up, having sent it; done otherwise, its caller was told that time was up."""
        return self.answer.cancelled() or not self.answer.done()


class GroupCommit:
    """Takes entries while it is started. `drain` writes what waits before it ends."""

    def __init__(self, store: Store, limits: Limits, metrics: IntakeMetrics) -> None:
        self._store, self._limits, self._metrics = store, limits, metrics
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue(limits.queue_max)
        self._writers: list[asyncio.Task[None]] = []
        self._writer_ended = asyncio.Event()
        metrics.watch_depth(self._queue.qsize)

    @property
    def waiting(self) -> int:
        """How many entries no writer has taken yet."""
        return self._queue.qsize()

    def start(self) -> None:
        self._writers = [asyncio.create_task(self._write()) for _ in range(self._limits.writers)]
        for writer in self._writers:
            writer.add_done_callback(lambda _: self._writer_ended.set())

    async def put(self, entry: Entry, timeout_seconds: float) -> Kept:
        """Return what is on disk under the entry's id.

        Raises `QueueFull` at once, `DatabaseAway`, `Unwritable`, or `TimeoutError`: then an entry no writer has
        begun with is dropped. A caller that is cancelled leaves its entry to be written: the supporter did press
        the button."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Kept] = loop.create_future()
        try:
            self._queue.put_nowait(_Waiting(entry, answer))
        except asyncio.QueueFull:
            raise QueueFull from None
        timer = loop.call_later(timeout_seconds, _give_up, answer)
        try:
            return await answer
        finally:
            timer.cancel()

    async def drain(self) -> None:
        """Write what waits, then end. Call it when no more entries come."""
        try:
            async with asyncio.timeout(self._limits.drain_seconds_max):
                await self._queue.join()
        except TimeoutError:
            log.error("intake_not_drained", left=self._queue.qsize(), next="their senders got no answer and try again")
        for writer in self._writers:
            writer.cancel()
        if self._writers:
            await asyncio.wait(self._writers)

    async def check(self) -> None:
        """For readiness. Raises `RuntimeError` when a writer is not running."""
        if not self._writers or self._writer_ended.is_set():
            raise RuntimeError("a writer is not running")

    async def watch(self, stop: asyncio.Event) -> None:
        """A job that ends when a writer does: a process whose letters nobody writes must not live on."""
        waits = [asyncio.create_task(self._writer_ended.wait()), asyncio.create_task(stop.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        if not stop.is_set():
            log.error("intake_writer_ended", next="the process stops")
            raise RuntimeError("a writer ended")

    async def _write(self) -> None:
        while True:
            taken = await self._take()
            batch = [waiting for waiting in taken if waiting.is_wanted]
            if batch:
                await self._commit(batch)
            for _ in taken:
                self._queue.task_done()

    async def _take(self) -> list[_Waiting]:
        """What waits, up to a batch. While one commit is under way the next batch gathers by itself; a short batch
        may linger for more, which pays only where a commit costs much more than what it carries."""
        batch = [await self._queue.get()]
        if self._limits.linger_seconds:
            await asyncio.sleep(self._limits.linger_seconds)
        self._fill(batch)
        return batch

    def _fill(self, batch: list[_Waiting]) -> None:
        while len(batch) < self._limits.batch_max and not self._queue.empty():
            batch.append(self._queue.get_nowait())

    async def _commit(self, batch: Sequence[_Waiting]) -> None:
        """Answer every one of the batch. A row that fails its batch is found by halving, and fails alone."""
        entries = {waiting.entry.id: waiting.entry for waiting in reversed(batch)}
        try:
            kept = await self._keep(list(entries.values()))
        except DatabaseAway as fault:
            _refuse(batch, DatabaseAway, str(fault))
        except Exception as fault:
            if len(entries) == 1:
                # The type alone: a database's text may quote the letter.
                log.error("action_unwritable", fault=type(fault).__name__, next="answered with an error")
                _refuse(batch, Unwritable, type(fault).__name__)
            else:
                await self._commit_halves(batch, list(entries))
        else:
            _answer(batch, kept)

    async def _commit_halves(self, batch: Sequence[_Waiting], ids: Sequence[UUID]) -> None:
        first = set(ids[: len(ids) // 2])
        await self._commit([waiting for waiting in batch if waiting.entry.id in first])
        await self._commit([waiting for waiting in batch if waiting.entry.id not in first])

    async def _keep(self, entries: Sequence[Entry]) -> dict[UUID, Kept]:
        """Write, and once more after a fault: one at commit leaves open whether the rows are there.

        Writing them again is the way to look: it waits for a commit that is still under way, finds the rows it left,
        and writes them if it left none."""
        began = time.perf_counter()
        try:
            kept = await self._store.keep(entries)
        except DatabaseAway:
            kept = await self._store.keep(entries)
        self._metrics.batch_rows.observe(len(entries))
        self._metrics.commit_seconds.observe(time.perf_counter() - began)
        return kept


def _give_up(answer: asyncio.Future[Kept]) -> None:
    if not answer.done():
        answer.set_exception(TimeoutError())


def _answer(batch: Sequence[_Waiting], kept: dict[UUID, Kept]) -> None:
    for waiting in batch:
        if not waiting.answer.done():
            waiting.answer.set_result(kept[waiting.entry.id])


def _refuse(batch: Sequence[_Waiting], fault: type[Exception], reason: str) -> None:
    for waiting in batch:
        if not waiting.answer.done():
            # An exception of its own for each: raised in many places, one would drag all their tracebacks along.
            waiting.answer.set_exception(fault(reason))
