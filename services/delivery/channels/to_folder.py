"""Writes letters into a folder as `.eml` files, for demonstrations and rehearsals. Nothing leaves the machine."""

import asyncio
import os
from pathlib import Path
from uuid import UUID

from services.delivery.channels import Accepted, Answer, HostFault, Phase, RenderedLetter


class ToFolder:
    """One file a letter, named by its id: the same letter twice is the same file, whole or not there at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def hand_over(self, letter: RenderedLetter) -> Answer:
        try:
            await asyncio.to_thread(_write_whole, self.path_of(letter.letter_id), letter.content)
        except OSError as fault:
            return HostFault(Phase.STORE, text=os.strerror(fault.errno) if fault.errno else type(fault).__name__)
        return Accepted(Phase.STORE, text="written to the folder")

    def path_of(self, letter_id: UUID) -> Path:
        return self._folder / f"{letter_id}.eml"

    async def ping(self) -> None:
        """Raises `OSError` when the folder cannot be had."""
        await asyncio.to_thread(self._folder.mkdir, parents=True, exist_ok=True)

    async def abort(self) -> None:
        """A file is written in moments; there is nothing to break off."""


def _write_whole(path: Path, content: bytes) -> None:
    """On disk before its name is: a crash leaves the old file, the new one or none, never a half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".tmp")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
