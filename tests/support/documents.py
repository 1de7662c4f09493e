"""Documents as officials send them with an answer, as somebody may who means harm, and the mails that bring them."""

import zlib
from base64 import encodebytes
from io import BytesIO

from PIL import Image

ANSWER_HEAD = (
    b"From: Ministry of Examples <minister@ministry.example>\r\nSubject: Re: Please act\r\nMIME-Version: 1.0\r\n"
)
DOUBLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500)  # how old documents of word processors begin
PROGRAM = b"MZ\x90\x00\x03" + bytes(500)
TNEF = b"\x78\x9f\x3e\x22" + bytes(500)
ZIP = b"PK\x03\x04" + bytes(500)


def a_pdf(words: str = "We have received your letter.", more: bytes = b"") -> bytes:
    """With bytes in it that any encoding but base64 would spoil."""
    bare = b"\x00\r\n.\r\n\r\xff\xfe\n--part--\n"
    return b"%PDF-1.7\n%" + bare + f"1 0 obj <</Type /Catalog /T ({words})>> endobj\n".encode() + more + b"\n%%EOF\n"


def packed(objects: bytes) -> bytes:
    """A stream of objects in a PDF."""
    return b"2 0 obj <</Type /ObjStm /N 1 /First 5>>\nstream\r\n" + zlib.compress(objects) + b"\nendstream endobj"


def a_picture(kind: str = "PNG", width: int = 8, height: int = 8) -> bytes:
    out = BytesIO()
    Image.new("L", (width, height)).save(out, kind)
    return out.getvalue()


def a_part(content: bytes, kind: str, disposition: str = "", **headers: str) -> bytes:
    """In base64. `kind` and `disposition` are whole header values."""
    told = {"Content-Type": kind, "Content-Disposition": disposition, "Content-Transfer-Encoding": "base64"}
    told |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in told.items() if value)
    return lines.encode() + b"\r\n" + encodebytes(content).replace(b"\n", b"\r\n")


def attached(content: bytes, kind: str, name: str) -> bytes:
    return a_part(content, f'{kind}; name="{name}"', f'attachment; filename="{name}"')


def words(text: str = "Please find our answer attached.") -> bytes:
    return a_part(text.encode(), "text/plain; charset=utf-8")


def page(html: str = "<p>Please find our answer attached.</p>") -> bytes:
    return a_part(html.encode(), "text/html; charset=utf-8")


def several(kind: str, *parts: bytes) -> bytes:
    """A part of parts: `mixed`, `alternative`, `related` or `signed`."""
    boundary = f"{kind}-{len(parts)}-{sum(map(len, parts))}"
    inner = b"".join(f"--{boundary}\r\n".encode() + part + b"\r\n" for part in parts)
    head = f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n'
    return head.encode() + inner + f"--{boundary}--\r\n".encode()


def mail_of(part: bytes) -> bytes:
    return ANSWER_HEAD + part


def mixed_mail(*parts: bytes) -> bytes:
    return mail_of(several("mixed", words(), *parts))
