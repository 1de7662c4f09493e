"""The mail with news: what it says, how it can be ended, and what it keeps to itself."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from services.delivery.channels import Refused
from services.delivery.dkim_signing import make_key, read_signer
from services.delivery.kinds import LetterKind
from services.delivery.news import NewsWords
from services.delivery.rendering import Campaign, render
from shared.languages import LANGUAGES
from tests.support.delivery_letters import CAMPAIGN, a_composition
from tests.support.events import NOW, requested_news

ONE_CLICK = "https://site.example/unsubscribe/a-token"


def news_mail(campaign: Campaign = CAMPAIGN, **changes: Any) -> EmailMessage:
    asked = requested_news(**changes)
    letter = a_composition(
        kind=LetterKind.NEWS,
        to_address=asked.mailbox,
        to_name="",
        subject=asked.title,
        body=NewsWords.of(asked).as_body(),
        language=asked.language,
        sender_name=asked.name,
        reply_to=None,
    )
    rendered = render(letter, campaign, NOW)
    assert not isinstance(rendered, Refused)
    mail = message_from_bytes(rendered.content, policy=default)
    assert isinstance(mail, EmailMessage)
    return mail


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("discreet", [False, True])
def test_it_says_what_changed_who_asked_and_how_to_end_it(language: str, discreet: bool) -> None:
    mail = news_mail(language=language, discreet=discreet)
    text = mail.get_content()
    assert mail["Content-Language"] == language
    assert all(words in text for words in ("They were moved.", "A Supporter", "2026-11-23"))
    where = ("https://site.example/en/", "https://site.example/en/cases/a-test-case")[not discreet]
    assert any(line.endswith(f": {where}") for line in text.splitlines())
    assert ("a-test-case" in text) is not discreet, "the address of a case mostly holds a name"
    assert "https://site.example/en/unsubscribe/a-token" in text.splitlines()
    assert ("A test case" in mail["Subject"]) is not discreet
    assert ("A test case" in text) is not discreet
    assert "$" not in text + mail["Subject"]


def test_a_mail_program_can_end_it_by_one_post_and_the_signature_covers_that(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(make_key()[0])
    signer = read_signer("writeforrights.example", {"key": tmp_path / "key"}, "key")
    mail = news_mail(Campaign(CAMPAIGN.name, CAMPAIGN.address, signer))
    assert mail["List-Unsubscribe"] == f"<{ONE_CLICK}>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    signed = str(mail["DKIM-Signature"]).replace(" ", "").lower().partition("h=")[2].partition(";")[0].split(":")
    assert {"list-unsubscribe", "list-unsubscribe-post"} <= set(signed)


def test_what_is_in_no_header_cannot_make_one() -> None:
    mail = news_mail(title="A case\r\nBcc: all@mail.example", text="$stop ${url} $unknown")
    assert mail["Bcc"] is None
    assert "$stop ${url} $unknown" in mail.get_content(), "an update's own words are no template"


def test_a_link_without_a_language_stays_as_it_is() -> None:
    words = NewsWords.of(requested_news(stop_url=ONE_CLICK))
    assert NewsWords.read(words.as_body()) == words
    assert words.one_click_url == ONE_CLICK
