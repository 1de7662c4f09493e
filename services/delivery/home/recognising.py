"""Tells of a document what it is, by its bytes, and whether it may be passed on: only what is read and does not run.

What its sender calls it counts for nothing, but for plain text, which has no mark of its own. This is a look at what
is openly there. It finds no flaw made to harm a reader's program: that is for the mail server in front of us.
"""

import re
import struct
import zlib
from io import BytesIO

from PIL import Image

from services.delivery.home.charsets import known
from services.delivery.mime import MediaType

PIXELS_MAX = 50_000_000
INFLATED_BYTES_MAX = 20_000_000
HEAD_BYTES = 1024
TEXT_ENDINGS = frozenset({"", "txt"})
# What makes a PDF do something, or carry other files: ISO 32000-1, 7.11.4, 12.6.4, 12.7.8 and 13.2.
LIVELY = (b"JavaScript", b"Launch", b"EmbeddedFile", b"RichMedia", b"XFA", b"SubmitForm", b"ImportData", b"GoToE")

_FAULTS = (OSError, SyntaxError, ValueError, EOFError, TypeError, KeyError, IndexError, struct.error, MemoryError)
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_OBJECTS = re.compile(rb"/ObjStm\b")
_STREAM = re.compile(rb"\bstream\r?\n")
_STREAM_WITHIN_BYTES = 4096


class NotPassedOn(Exception):
    """The text says why, to staff."""


def recognise(content: bytes, said: str, ending: str, charset: str) -> tuple[MediaType, bytes]:
    """What it is, and its bytes as they may be passed on: they are the same, but for text, which becomes UTF-8.

    `said`: its sender's type for it, `ending`: of its name. Raises `NotPassedOn`."""
    head = content[:HEAD_BYTES]
    if said.startswith("message/"):
        raise NotPassedOn("it is a mail of its own")
    if not content:
        raise NotPassedOn("it is empty")
    if head.lstrip(b"\xef\xbb\xbf\x00\t\n\x0c\r ").startswith(b"%PDF-"):
        _look_into_pdf(content)
        return MediaType.PDF, content
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _look_at_picture(content, MediaType.PNG)
    if head.startswith(b"\xff\xd8\xff"):
        return _look_at_picture(content, MediaType.JPEG)
    if said == MediaType.TEXT and ending in TEXT_ENDINGS:
        return MediaType.TEXT, _read_text(content, charset)
    raise NotPassedOn("it is no PDF, JPEG, PNG or plain text")


def _look_at_picture(content: bytes, media: MediaType) -> tuple[MediaType, bytes]:
    """Its head alone is read: nothing of it is unpacked."""
    try:
        with Image.open(BytesIO(content), formats=("JPEG", "PNG")) as picture:
            pixels, frames = picture.width * picture.height, getattr(picture, "n_frames", 1)
            is_moving = frames > 1 and picture.format != "MPO"  # a camera's second picture inside a JPEG is none
            picture.verify()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise NotPassedOn(_TOO_MANY) from None
    except _FAULTS:
        raise NotPassedOn("it is a damaged picture") from None
    if pixels > PIXELS_MAX:
        raise NotPassedOn(_TOO_MANY)
    if is_moving:
        raise NotPassedOn("it moves")
    return media, content


_TOO_MANY = f"it has more than {PIXELS_MAX // 1_000_000} million pixels"


def _read_text(content: bytes, charset: str) -> bytes:
    try:
        text = content.decode(known(charset))
    except ValueError:
        raise NotPassedOn("its text cannot be read") from None
    if _CONTROLS.search(text):
        raise NotPassedOn("it is called text and is none")
    return text.encode("utf-8", "replace")


def _look_into_pdf(content: bytes) -> None:
    """A reader finds names in the open, or in streams of objects (ISO 32000-1, 7.5.7), which are packed."""
    if _IS_LIVELY.search(content):
        raise NotPassedOn(_DOES_SOMETHING)
    left, view = INFLATED_BYTES_MAX, memoryview(content)
    for found in _OBJECTS.finditer(content):
        begin = _STREAM.search(content, found.end(), found.end() + _STREAM_WITHIN_BYTES)
        objects = _inflate(view[begin.end() :], left) if begin else None
        if objects is None:
            raise NotPassedOn("it is a PDF that is locked, or packed so that nobody can look into it")
        if _IS_LIVELY.search(objects):
            raise NotPassedOn(_DOES_SOMETHING)
        left -= len(objects)


_DOES_SOMETHING = "it is a PDF that holds a program, a form that sends, or other files"


def _inflate(packed: memoryview, most: int) -> bytes | None:
    """None when it cannot be had, or is more than that."""
    inflator = zlib.decompressobj()
    try:
        objects = inflator.decompress(packed, max(1, most))
    except zlib.error:
        return None
    return objects if inflator.eof else None


def _written_anyhow(name: bytes) -> bytes:
    """Any character of a name may be written as its number (ISO 32000-1, 7.3.5)."""
    return b"".join(b"(?:%c|#(?i:%02x))" % (character, character) for character in name)


_IS_LIVELY = re.compile(b"/(?:%s)" % b"|".join(_written_anyhow(name) for name in LIVELY))
