"""Shows a letter as mail: the file where one was written, else what would go out.

Confirmations and news are shown without their link, which is the supporter's key and nobody else's."""

import asyncio
from dataclasses import dataclass, fields, replace
from email import message_from_bytes
from email.headerregistry import AddressHeader
from email.policy import default
from pathlib import Path
from typing import Any

from services.delivery.channels import Refused
from services.delivery.channels.to_folder import ToFolder
from services.delivery.enclosing import Enclosures, NoRoom
from services.delivery.kinds import LetterKind
from services.delivery.news import NewsWords
from services.delivery.rendering import Campaign, Composition, render
from services.delivery.tables import Letter
from shared.clock import Clock

SHOWN_HEADERS = ("From", "Reply-To", "To", "Subject", "Date", "Message-ID", "Content-Language")
SOURCE_BYTES_MAX = 500_000  # the longest mail without attachments is shorter
WITH_LINK = frozenset({LetterKind.CONFIRMATION, LetterKind.NEWS})
LINK_HIDDEN = "(the link, which only the supporter may see)"


@dataclass(frozen=True)
class Mail:
    """Headers and text decoded for reading, and the source byte for byte. `fault` says why there is none.

    A header's value comes in parts that may run in different directions: a name and an address. Of what is attached,
    names are shown, and of the source its beginning."""

    headers: tuple[tuple[str, tuple[str, ...]], ...] = ()
    text: str = ""
    attached: tuple[str, ...] = ()
    source: str = ""
    was_written: bool = False
    fault: str | None = None


class MailReader:
    def __init__(self, campaign: Campaign, clock: Clock, enclosures: Enclosures, folder: Path | None) -> None:
        self._campaign, self._clock, self._enclosures = campaign, clock, enclosures
        self._folder = ToFolder(folder) if folder else None

    async def read(self, letter: Letter) -> Mail:
        has_link = letter.kind in WITH_LINK
        written = None if has_link else await asyncio.to_thread(self._read_file, letter)
        if written is not None:
            return _open(written, was_written=True)
        if letter.kind is LetterKind.ANNOUNCEMENT:
            return Mail(text=letter.body)
        composition = Composition(**{field.name: getattr(letter, field.name) for field in fields(Composition)})
        if has_link:
            composition = replace(composition, body=_without_link(letter))
        try:
            return await self._compose(composition)
        except NoRoom:
            return Mail(
                text=composition.body, fault="Other answers with large documents are open: look again in a moment."
            )

    async def _compose(self, composition: Composition) -> Mail:
        """A digest is shown without its document, which takes long to make and has a page of its own."""
        shown = replace(composition, bundle_id=None) if composition.kind is LetterKind.DIGEST else composition
        async with self._enclosures.of(shown) as enclosed:
            rendered = render(shown, self._campaign, self._clock.now(), enclosed)
        if isinstance(rendered, Refused):
            return Mail(text=composition.body, fault=rendered.text)
        return _open(rendered.content, was_written=False)

    def _read_file(self, letter: Letter) -> bytes | None:
        try:
            return self._folder.path_of(letter.id).read_bytes() if self._folder else None
        except OSError:
            return None


def _without_link(letter: Letter) -> str:
    is_news = letter.kind is LetterKind.NEWS
    return NewsWords.read(letter.body).with_stop(LINK_HIDDEN).as_body() if is_news else LINK_HIDDEN


def _open(content: bytes, *, was_written: bool) -> Mail:
    mail = message_from_bytes(content, policy=default)
    headers = tuple((name, _parts(mail[name])) for name in SHOWN_HEADERS if mail[name] is not None)
    body = mail.get_body(("plain",))
    text = body.get_content() if body else ""
    attached = tuple(part.get_filename() or "" for part in mail.iter_attachments())
    source = content[:SOURCE_BYTES_MAX].decode("utf-8", "replace")
    if len(content) > SOURCE_BYTES_MAX:
        source += f"\n[and {len(content) - SOURCE_BYTES_MAX:,} bytes more]"
    return Mail(headers, text.replace("\r\n", "\n"), attached, source, was_written)


def _parts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, AddressHeader):
        return (str(value),)
    return tuple(part for one in value.addresses for part in (one.display_name, f"<{one.addr_spec}>") if part)
