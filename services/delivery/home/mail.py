"""Reads what came to a letter's address: a bounce, a delay, a machine's word, or somebody's answer. Pure.

Sources: RFC 3464 (delivery status notifications), RFC 3834 (automatic responses), RFC 8098 (disposition
notifications); flufl.bounce knows the bounces of servers that follow none of them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.utils import parseaddr
from enum import StrEnum
from html.parser import HTMLParser

from flufl.bounce import all_failures

from services.delivery.channels.replies import shorten
from services.delivery.home.charsets import FALLBACK, read_words
from services.delivery.home.parsing import UNREADABLE, parse
from services.delivery.mime import one_line

TEXT_CHARACTERS_MAX = 100_000
HEADER_CHARACTERS_MAX = 500

_STATUS = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_CODE = re.compile(r"\b([245]\d\d)[ -]")
_BREAKS = re.compile(r"\n{3,}")
_MACHINES = ("X-Autoreply", "X-Autorespond", "X-Auto-Response-Suppress")


class IncomingKind(StrEnum):
    """What a mail says. A `machine` is an absence note, a receipt, or whatever else no person wrote."""

    BOUNCE = "bounce"
    DELAY = "delay"
    MACHINE = "machine"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True)
class Incoming:
    """`code` and `status` are of a bounce: the SMTP reply code and RFC 3463's; both may be unknown."""

    kind: IncomingKind
    from_name: str = ""
    from_address: str = ""
    subject: str = ""
    text: str = ""
    code: int | None = None
    status: str | None = None


def read_incoming(content: bytes, envelope_sender: str) -> Incoming:
    """Raises nothing: what cannot be read is a machine's, with its bytes as text."""
    try:
        return _read(parse(content), content, envelope_sender)
    except UNREADABLE:
        return Incoming(IncomingKind.MACHINE, text=_bounded(content.decode("utf-8", "replace")))


def _read(mail: EmailMessage, content: bytes, envelope_sender: str) -> Incoming:
    name, address = parseaddr(_header(mail, "From"))
    said = Incoming(
        IncomingKind.ANSWER,
        from_name=one_line(name)[:HEADER_CHARACTERS_MAX],
        from_address=address[:HEADER_CHARACTERS_MAX],
        subject=one_line(_header(mail, "Subject"))[:HEADER_CHARACTERS_MAX],
    )
    if report := _read_report(mail):
        kind, status, diagnosis = report
        code = None if kind is IncomingKind.MACHINE else _code_of(diagnosis, status)
        return replace(said, kind=kind, text=_bounded(diagnosis), code=code, status=status)
    temporary, permanent = all_failures(message_from_bytes(content))
    text = _text_of(mail)
    if permanent or temporary:
        kind = IncomingKind.BOUNCE if permanent else IncomingKind.DELAY
        found = _STATUS.search(text)
        return replace(said, kind=kind, text=text, code=_code_of(text), status=found[0] if found else None)
    kind = IncomingKind.MACHINE if _is_machine(mail, envelope_sender) else IncomingKind.ANSWER
    return replace(said, kind=kind, text=text)


def _read_report(mail: EmailMessage) -> tuple[IncomingKind, str | None, str] | None:
    """Of RFC 3464. A mail of ours has one recipient, but its list of recipients may be longer: the worst counts."""
    if mail.get_content_type() != "multipart/report":
        return None
    worst: tuple[IncomingKind, str | None, str] | None = None
    for fields in _status_fields(mail):
        action = _header(fields, "Action").strip().lower()
        found = _STATUS.search(_header(fields, "Status"))
        diagnosis = shorten(one_line(_header(fields, "Diagnostic-Code").partition(";")[2]))
        if action == "failed":
            return IncomingKind.BOUNCE, found[0] if found else None, diagnosis
        if action == "delayed":
            worst = IncomingKind.DELAY, found[0] if found else None, diagnosis
        elif action in {"delivered", "relayed", "expanded"}:
            worst = worst or (IncomingKind.MACHINE, None, diagnosis)
    return worst


def _status_fields(mail: EmailMessage) -> Iterator[Message]:
    for part in mail.walk():
        if part.get_content_type() == "message/delivery-status":
            blocks = part.get_payload()
            if isinstance(blocks, list):
                yield from (block for block in blocks if isinstance(block, Message) and block["Action"])


def _is_machine(mail: EmailMessage, envelope_sender: str) -> bool:
    submitted = _header(mail, "Auto-Submitted").strip().lower()
    precedence = _header(mail, "Precedence").strip().lower()
    return (
        not envelope_sender
        or mail.get_content_type() == "multipart/report"
        or (submitted not in {"", "no"})
        or precedence in {"bulk", "junk", "list", "auto_reply"}
        or any(mail[name] for name in _MACHINES)
    )


def _code_of(text: str, status: str | None = None) -> int | None:
    found = _CODE.search(text)
    if found and (status is None or found[1][0] == status[0]):
        return int(found[1])
    return None


def _text_of(mail: EmailMessage) -> str:
    part = mail.get_body(preferencelist=("plain", "html"))
    if part is None:
        return ""
    content = part.get_payload(decode=True)
    text = read_words(content, part.get_content_charset(FALLBACK)) if isinstance(content, bytes) else ""
    return _bounded(_PlainText.of(text) if part.get_content_type() == "text/html" else text)


def _bounded(text: str) -> str:
    kept = text.replace("\x00", "").replace("\r\n", "\n")
    return _BREAKS.sub("\n\n", kept).strip()[:TEXT_CHARACTERS_MAX]


def _header(mail: Message, name: str) -> str:
    return str(mail.get(name, ""))


class _PlainText(HTMLParser):
    """The words of a page, with a line for each block."""

    UNSEEN = frozenset({"script", "style", "head", "title"})
    BLOCKS = frozenset({"p", "div", "br", "tr", "li", "h1", "h2", "h3", "blockquote", "table"})

    def __init__(self) -> None:
        super().__init__()
        self._words: list[str] = []
        self._unseen = 0

    @classmethod
    def of(cls, html: str) -> str:
        reader = cls()
        reader.feed(html)
        reader.close()
        return "".join(reader._words)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self.UNSEEN:
            self._unseen += 1
        elif tag in self.BLOCKS:
            self._words.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in self.UNSEEN and self._unseen:
            self._unseen -= 1

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self._words.append(data)
