"""Finds the documents among the parts of a mail: what somebody sent with their words, and meant to be read.

Not every part is one. The words come in several forms (RFC 2046 section 5.1.4), pages bring the small pictures of
their signatures (RFC 2392), and signatures of a mail are for machines.
"""

import re
from collections.abc import Iterator
from email.message import MIMEPart
from urllib.parse import unquote_to_bytes

DECORATION_BYTES_MAX = 50_000
SIGNATURES = frozenset(
    {"application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature"},
)

_SHOWN = re.compile(rb"(?i)\bcid:([^\s\"'<>)]{1,500})")


def find_documents(mail: MIMEPart) -> list[MIMEPart]:
    """In their order. A mail within a mail is one document. Raises what the library's parsers of headers raise."""
    words, shown = mail.get_body(preferencelist=("plain", "html")), _shown_in_pages(mail)
    return [part for part in _leaves(mail) if part is not words and not _is_beside_the_words(part, shown)]


def bytes_of(part: MIMEPart) -> bytes:
    """What the part holds, as it was before it was written for mail."""
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def is_named(part: MIMEPart) -> bool:
    """Sent to be kept, as a file."""
    return part.is_attachment() or bool(part.get_filename())


def _leaves(mail: MIMEPart, in_other_form: bool = False) -> Iterator[MIMEPart]:
    """Of several forms of the words, those in writing are the words themselves."""
    if mail.get_content_maintype() != "multipart" or not mail.is_multipart():
        if not (in_other_form and mail.get_content_maintype() == "text" and not is_named(mail)):
            yield mail
        return
    for part in mail.iter_parts():
        yield from _leaves(part, mail.get_content_subtype() == "alternative")


def _is_beside_the_words(part: MIMEPart, shown: set[bytes]) -> bool:
    kind = part.get_content_type()
    if kind in SIGNATURES:
        return True
    if kind == "text/html" and not is_named(part):
        return True
    if kind == "text/plain" and not is_named(part):
        return not bytes_of(part).strip()
    return _is_decoration(part, shown)


def _is_decoration(part: MIMEPart, shown: set[bytes]) -> bool:
    """A small picture that a page shows where it likes, as a signature does its logo."""
    if part.get_content_maintype() != "image" or part.is_attachment():
        return False
    name = str(part.get("Content-ID", "")).strip().strip("<>").encode()
    return name in shown and len(bytes_of(part)) <= DECORATION_BYTES_MAX


def _shown_in_pages(mail: MIMEPart) -> set[bytes]:
    pages = (part for part in _leaves_of_pages(mail) if not is_named(part))
    return {unquote_to_bytes(found) for page in pages for found in _SHOWN.findall(bytes_of(page))}


def _leaves_of_pages(mail: MIMEPart) -> Iterator[MIMEPart]:
    return (part for part in mail.walk() if part.get_content_type() == "text/html")
