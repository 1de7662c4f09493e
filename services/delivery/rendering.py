"""Turns a letter into mail.

The supporter's words go out as they wrote them. Below them, after the usual signature mark, stand the supporter's
name, their country and the campaign: two lines without a word in them, so they fit under every language.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime, parseaddr
from functools import lru_cache
from uuid import UUID

from services.delivery.channels import Phase, Refused, RenderedLetter
from services.delivery.channels.accounts import Post
from services.delivery.dkim_signing import Signer
from services.delivery.home.addresses import UNSUBSCRIBE, LetterAddresses
from services.delivery.kinds import LetterKind
from services.delivery.mime import (
    Attachment,
    Unwritable,
    address_header,
    one_line,
    plain_header,
    text_header,
    utf8_address_header,
    write_address,
    write_known_address,
    write_mail,
    write_recipient,
)
from services.delivery.news import NewsWords
from services.delivery.supporter_mail import Answered, Words, answer_text, confirmation_text, news_text
from shared.posts.networks import Network

OFFICIALS_REMEMBERED_MAX = 1_000
TO_TARGETS = frozenset({LetterKind.LETTER, LetterKind.DIGEST})

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
    kind: LetterKind
    expires_at: datetime
    created_at: datetime
    bundle_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Enclosed:
    """What goes with a mail besides its words. `left_out`: how many documents of an answer do not; None: nobody knows
    whether there are any."""

    attachments: tuple[Attachment, ...] = ()
    left_out: int | None = 0


NOTHING = Enclosed()


@dataclass(frozen=True)
class Campaign:
    """Who letters come from: the campaign's own domain, so that DMARC holds. `home`: where bounces come home to."""

    name: str
    address: str
    signer: Signer | None = None
    home: LetterAddresses | None = None

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]

    def return_path(self, letter_id: UUID) -> str:
        return self.home.of(letter_id) if self.home else self.address


def read_campaign(mail_from: str, signer: Signer | None = None) -> Campaign:
    """From `Name <address>`. Raises `Unwritable`."""
    name, address = parseaddr(mail_from)
    return Campaign(name, write_address(address), signer)


def render(
    letter: Composition, campaign: Campaign, now: datetime, enclosed: Enclosed = NOTHING
) -> RenderedLetter | Refused:
    """Compose the mail. A recipient whose address cannot be written is refused, with the reason."""
    try:
        write = _write_official_address if letter.kind in TO_TARGETS else write_recipient
        recipient, needs_utf8 = write(letter.to_address or "")
    except Unwritable as fault:
        whose = "target" if letter.kind in TO_TARGETS else "supporter"
        return Refused(Phase.RENDER, text=f"The {whose}'s address cannot be written: {fault}.")
    match letter.kind:
        case LetterKind.LETTER:
            content = _compose_letter(letter, campaign, recipient, now)
        case LetterKind.DIGEST:
            content = _compose_digest(letter, campaign, recipient, now, enclosed)
        case _:
            content = _compose_to_supporter(letter, campaign, recipient, now, enclosed)
    if campaign.signer:
        content = campaign.signer.sign(content)
    return RenderedLetter(letter.id, campaign.return_path(letter.id), recipient, content, needs_utf8)


def write_post(letter: Composition) -> Post:
    """An announcement, as its network takes it: `to_address` is the network, the words are staff's."""
    return Post(letter.id, Network(letter.to_address or ""), letter.body, letter.language, letter.created_at)


def _compose_letter(letter: Composition, campaign: Campaign, recipient: str, now: datetime) -> bytes:
    headers = (
        _to(letter.to_name, recipient),
        address_header("From", f"{letter.sender_name} via {campaign.name}", campaign.address),
        _reply_to(letter, campaign),
        text_header("Subject", letter.subject),
        _dated(letter, campaign, now),
        _content_language(letter.language),
    )
    return write_mail(headers, f"{letter.body.rstrip()}\n\n{_signature(letter)}")


def _compose_digest(
    letter: Composition, campaign: Campaign, recipient: str, now: datetime, enclosed: Enclosed
) -> bytes:
    """From the campaign itself: many people stand behind it."""
    headers = (
        _to(letter.to_name, recipient),
        address_header("From", campaign.name, campaign.address),
        _reply_to(letter, campaign),
        text_header("Subject", letter.subject),
        _dated(letter, campaign, now),
        _content_language(letter.language),
    )
    return write_mail(headers, letter.body, enclosed.attachments)


def _compose_to_supporter(
    letter: Composition, campaign: Campaign, recipient: str, now: datetime, enclosed: Enclosed
) -> bytes:
    """From us to the supporter, in our own words. Whoever typed the name and address may be somebody else, so as
    little as possible of what they typed is in it."""
    words = _words_of(letter, campaign, enclosed)
    headers = (
        _to("", recipient),
        address_header("From", campaign.name, campaign.address),
        text_header("Subject", words.subject),
        _dated(letter, campaign, now),
        plain_header("Auto-Submitted", "auto-generated"),  # RFC 3834: no vacation replies
        _unsubscribe(letter, campaign),
        _content_language(words.language),
    )
    return write_mail(headers, words.text, enclosed.attachments)


def _to(name: str, recipient: str) -> bytes:
    return (address_header if recipient.isascii() else utf8_address_header)("To", name, recipient)


def _words_of(letter: Composition, campaign: Campaign, enclosed: Enclosed) -> Words:
    language, name = letter.language, letter.sender_name
    if letter.kind is LetterKind.NEWS:
        return news_text(language, name, letter.subject, NewsWords.read(letter.body), campaign.name)
    if letter.kind is LetterKind.ANSWER:
        answer = Answered(letter.to_name, letter.subject, letter.body, len(enclosed.attachments), enclosed.left_out)
        return answer_text(language, name, answer, campaign.name)
    return confirmation_text(language, name, letter.body, letter.expires_at, campaign.name)


def _dated(letter: Composition, campaign: Campaign, now: datetime) -> bytes:
    identity = f"<{letter.id}@{campaign.domain}>"
    return plain_header("Date", format_datetime(now)) + plain_header("Message-ID", identity)


@lru_cache(maxsize=OFFICIALS_REMEMBERED_MAX)
def _write_official_address(address: str) -> tuple[str, bool]:
    """The few who receive are written to again and again. A supporter's address is never remembered."""
    return write_recipient(address)


def _signature(letter: Composition) -> str:
    return f"-- \n{one_line(letter.sender_name)} ({one_line(letter.country)})\n{one_line(letter.campaign_name)}\n"


def _reply_to(letter: Composition, campaign: Campaign) -> bytes:
    """Of a supporter who stays hidden, the letter's own address, where answers come home. Absent when there is none,
    or when their address cannot be written: the letter goes all the same."""
    if letter.reply_to is None:
        name, home = f"{letter.sender_name} via {campaign.name}", campaign.home
        return address_header("Reply-To", name, home.of(letter.id)) if home else b""
    try:
        return address_header("Reply-To", letter.sender_name, write_known_address(letter.reply_to))
    except Unwritable:
        return b""


def _unsubscribe(letter: Composition, campaign: Campaign) -> bytes:
    """RFC 2369: a mail to this address says that they want no more about what they did. Of news, RFC 8058: one POST to
    this link ends it."""
    if letter.kind is LetterKind.NEWS:
        link = NewsWords.read(letter.body).one_click_url
        one_click = plain_header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
        return plain_header("List-Unsubscribe", f"<{link}>") + one_click
    home = campaign.home
    return plain_header("List-Unsubscribe", f"<mailto:{home.of(letter.id)}?subject={UNSUBSCRIBE}>") if home else b""


def _content_language(language: str) -> bytes:
    return plain_header("Content-Language", language) if _LANGUAGE_TAG.fullmatch(language) else b""
