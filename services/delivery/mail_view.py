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
from services.delivery.kinds import LetterKind
from services.delivery.news import NewsWords
from services.delivery.rendering import Campaign, Composition, render
from services.delivery.tables import Letter
from shared.clock import Clock

SHOWN_HEADERS = ("From", "Reply-To", "To", "Subject", "Date", "Message-ID", "Content-Language")
WITH_LINK = frozenset({LetterKind.CONFIRMATION, LetterKind.NEWS})
LINK_HIDDEN = "(the link, which only the supporter may see)"


@dataclass(frozen=True)
class Mail:
    """Headers and text decoded for reading, and the source byte for byte. `fault` says why there is none.

    A header's value comes in parts that may run in different directions: a name and an address."""

    headers: tuple[tuple[str, tuple[str, ...]], ...] = ()
    text: str = ""
    source: str = ""
    was_written: bool = False
    fault: str | None = None


class MailReader:
    def __init__(self, campaign: Campaign, clock: Clock, folder: Path | None) -> None:
        self._campaign, self._clock = campaign, clock
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
        rendered = render(composition, self._campaign, self._clock.now())
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
    return Mail(headers, text.replace("\r\n", "\n"), content.decode("utf-8", "replace"), was_written)


def _parts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, AddressHeader):
        return (str(value),)
    return tuple(part for one in value.addresses for part in (one.display_name, f"<{one.addr_spec}>") if part)
