"""Turns a letter into mail.

The supporter's words go out as they wrote them. Below them, after the usual signature mark, stand the supporter's
name, their country and the campaign: two lines without a word in them, so they fit under every language.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime, parseaddr
from uuid import UUID

from services.delivery.channels import Phase, Refused, RenderedLetter
from services.delivery.mime import Unwritable, address_header, one_line, text_body, text_header, write_address

_LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}")


@dataclass(frozen=True, slots=True)
class Composition:
    """The part of a letter that is written on paper, so to speak."""

    id: UUID
    to_address: str | None
    to_name: str
    subject: str
    body: str
    language: str
    sender_name: str
    reply_to: str | None
    country: str
    campaign_name: str


@dataclass(frozen=True)
class Campaign:
    """Who letters come from: the campaign's own domain, so that DMARC holds."""

    name: str
    address: str

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


def read_campaign(mail_from: str) -> Campaign:
    """From `Name <address>`. Raises `Unwritable`."""
    name, address = parseaddr(mail_from)
    return Campaign(name, write_address(address))


def render(letter: Composition, campaign: Campaign, now: datetime) -> RenderedLetter | Refused:
    """Compose the mail. A target whose address cannot be written is refused, with the reason."""
    try:
        recipient = write_address(letter.to_address or "")
    except Unwritable as fault:
        return Refused(Phase.RENDER, text=f"The target's address cannot be written: {fault}.")
    encoding, body = text_body(f"{letter.body.rstrip()}\n\n{_signature(letter)}")
    lines = [
        address_header("From", f"{letter.sender_name} via {campaign.name}", campaign.address),
        *_reply_to(letter),
        address_header("To", letter.to_name, recipient),
        text_header("Subject", letter.subject),
        f"Date: {format_datetime(now)}",
        f"Message-ID: <{letter.id}@{campaign.domain}>",
        *_content_language(letter.language),
        "MIME-Version: 1.0",
        'Content-Type: text/plain; charset="utf-8"',
        f"Content-Transfer-Encoding: {encoding}",
    ]
    content = "\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + body
    return RenderedLetter(letter.id, campaign.address, recipient, content)


def _signature(letter: Composition) -> str:
    return f"-- \n{one_line(letter.sender_name)} ({one_line(letter.country)})\n{one_line(letter.campaign_name)}\n"


def _reply_to(letter: Composition) -> list[str]:
    """Absent when the supporter stays hidden, or when their address cannot be written: the letter goes all the same."""
    if letter.reply_to is None:
        return []
    try:
        return [address_header("Reply-To", letter.sender_name, write_address(letter.reply_to))]
    except Unwritable:
        return []


def _content_language(language: str) -> list[str]:
    return [f"Content-Language: {language}"] if _LANGUAGE_TAG.fullmatch(language) else []
