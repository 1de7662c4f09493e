"""Fetches what goes with a mail besides its words: a digest's letters, an answer's documents.

Answers are few and may be large, and one in the air takes several times its size: all together, they are bounded.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from uuid import UUID

from services.delivery.digests import file_name
from services.delivery.home.documents import read_documents
from services.delivery.home.reading import IncomingReader
from services.delivery.kinds import LetterKind
from services.delivery.mime import Attachment
from services.delivery.rendering import NOTHING, Composition, Enclosed

AIRBORNE_BYTES_MAX = 5_000_000
UNKNOWN = Enclosed(left_out=None)


class NoRoom(Exception):
    """Too much of other answers is in the air. In a while there is room."""


class Enclosures:
    """One process's. `document` is of a bundle."""

    def __init__(self, document: Callable[[UUID], Awaitable[bytes]], incoming: IncomingReader) -> None:
        self._document, self._incoming = document, incoming
        self._airborne_bytes = 0

    @asynccontextmanager
    async def of(self, letter: Composition) -> AsyncIterator[Enclosed]:
        """To be held while the mail is in the air. Raises `NoRoom`, and whatever making a digest raises."""
        if letter.kind is LetterKind.DIGEST and letter.bundle_id:
            yield Enclosed((Attachment(file_name(letter.bundle_id), await self._document(letter.bundle_id)),))
        elif letter.kind is LetterKind.ANSWER:
            with self._room(await self._incoming.size_bytes(letter.bundle_id) or 0):
                yield await self._of_answer(letter.bundle_id)
        else:
            yield NOTHING

    @contextmanager
    def _room(self, size_bytes: int) -> Iterator[None]:
        """The first is let in whatever its size, or it would never go."""
        if self._airborne_bytes and self._airborne_bytes + size_bytes > AIRBORNE_BYTES_MAX:
            raise NoRoom
        self._airborne_bytes += size_bytes
        try:
            yield
        finally:
            self._airborne_bytes -= size_bytes

    async def _of_answer(self, answer_id: UUID | None) -> Enclosed:
        """Its text goes even where the answer is kept no more."""
        content = await self._incoming.content(answer_id)
        if content is None:
            return UNKNOWN
        found = await asyncio.to_thread(read_documents, content)
        return Enclosed(found.attachments, found.left_out)
