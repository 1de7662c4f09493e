"""Reads the documents of an answer, and decides which of them are passed on to the supporter. Pure.

They get names of ours: a file's own may name the person at risk, and lies on the disk of somebody who may live where
writing is dangerous; nor can it play tricks then.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from email.message import MIMEPart

from services.delivery.home.charsets import FALLBACK
from services.delivery.home.parsing import UNREADABLE, parse
from services.delivery.home.parts import bytes_of, find_documents
from services.delivery.home.recognising import NotPassedOn, recognise
from services.delivery.mime import Attachment, MediaType, one_line

PASSED_ON_MAX = 10
PASSED_ON_BYTES_MAX = 4_000_000  # with base64 5.5 MB: mail servers that take less than 10 MB are rare
LOOKED_AT_MAX = 100
NAME_CHARACTERS_MAX = 200
ENDINGS = {MediaType.PDF: "pdf", MediaType.JPEG: "jpg", MediaType.PNG: "png", MediaType.TEXT: "txt"}

_UNNAMED = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Document:
    """`name` and `said_type` are its sender's. `fault` says to staff why it is not passed on."""

    name: str
    said_type: str
    size_bytes: int
    attachment: Attachment | None = None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Documents:
    """`looked_at`: the first of them; `count`: how many there are."""

    looked_at: Sequence[Document] = ()
    count: int = 0

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        return tuple(one.attachment for one in self.looked_at if one.attachment)

    @property
    def left_out(self) -> int:
        return self.count - len(self.attachments)


def read_documents(content: bytes) -> Documents:
    """Of a whole mail, in their order. Of one that cannot be read, there is one, and it is not passed on."""
    try:
        parts = find_documents(parse(content))
    except UNREADABLE:
        return Documents([Document("", _UNNAMED, len(content), fault="the mail cannot be read")], 1)
    return Documents(_look_at(parts[:LOOKED_AT_MAX]), len(parts))


def _look_at(parts: Sequence[MIMEPart]) -> list[Document]:
    found, passed_on, left = list[Document](), 0, PASSED_ON_BYTES_MAX
    for part in parts:
        document = _read(part, passed_on + 1, left)
        if document.attachment:
            passed_on, left = passed_on + 1, left - len(document.attachment.content)
        found.append(document)
    return found


def _read(part: MIMEPart, number: int, left: int) -> Document:
    """The `number`th that is passed on, if it is, in the bytes that are `left`."""
    try:
        name, said_type = one_line(part.get_filename() or "")[:NAME_CHARACTERS_MAX], part.get_content_type()
        charset = part.get_content_charset(FALLBACK)
        content = bytes_of(part)
    except UNREADABLE:
        return Document("", _UNNAMED, 0, fault="it cannot be read")
    try:
        attachment = _pass_on(content, said_type, name, charset, number, left)
    except NotPassedOn as fault:
        return Document(name, said_type, len(content), fault=str(fault))
    return Document(name, said_type, len(content), attachment)


def _pass_on(content: bytes, said_type: str, name: str, charset: str, number: int, left: int) -> Attachment:
    """Raises `NotPassedOn`."""
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    media, passed_on = recognise(content, said_type, ending, charset)
    if number > PASSED_ON_MAX:
        raise NotPassedOn(f"{PASSED_ON_MAX} others are passed on")
    if len(passed_on) > left:
        raise NotPassedOn(f"all together would be more than {PASSED_ON_BYTES_MAX // 1_000_000} MB")
    return Attachment(f"document-{number}.{ENDINGS[media]}", passed_on, media)
