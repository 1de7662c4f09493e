"""A store for actions in memory, which a test can hold up, break at a chosen call, or let choke on one row."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from services.actions.store import Entry, Kept
from shared.messages.envelope import Message, derived_id


class BadRow(Exception):
    """What a database raises for a row it cannot take."""


class FakeStore:
    """`batches` is what it was asked to keep. `open` is a door: while it is clear, nothing is kept."""

    def __init__(self) -> None:
        self.batches: list[list[UUID]] = []
        self.kept: dict[UUID, Kept] = {}
        self.bad: set[UUID] = set()
        self.faults_before: list[Exception] = []
        self.faults_after: list[Exception] = []
        self.open = asyncio.Event()
        self.open.set()

    async def keep(self, entries: Sequence[Entry]) -> dict[UUID, Kept]:
        self.batches.append([entry.id for entry in entries])
        await self.open.wait()
        if self.faults_before:
            raise self.faults_before.pop(0)
        if self.bad & {entry.id for entry in entries}:
            raise BadRow
        for entry in entries:
            self.kept.setdefault(entry.id, Kept(entry.token, entry.body_hash))
        if self.faults_after:
            raise self.faults_after.pop(0)
        return {entry.id: self.kept[entry.id] for entry in entries}


def an_entry(number: int, *, token: str | None = None, body_hash: str = "hash") -> Entry:
    """The same number is the same action."""
    action_id = derived_id("action", "test", number)
    return Entry(action_id, token or f"token-{number}", body_hash, {}, (Message(action_id, "test", b""),))
