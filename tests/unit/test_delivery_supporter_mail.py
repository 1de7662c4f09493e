"""The mail that asks a supporter whether they wrote: what it says, and what it does not."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest

from services.delivery.channels import Refused
from services.delivery.kinds import LetterKind
from services.delivery.rendering import render
from services.delivery.supporter_mail import Answered, answer_text, confirmation_text, greeted
from shared.languages import LANGUAGES
from tests.support.delivery_letters import CAMPAIGN, a_composition
from tests.support.events import NOW

URL = "https://site.example/verify/a-token-that-nobody-guesses-32-ch"


def a_confirmation(**changes: Any) -> Any:
    values: dict[str, Any] = {
        "kind": LetterKind.CONFIRMATION,
        "to_address": "supporter@mail.example",
        "to_name": "",
        "subject": "",
        "body": URL,
        "reply_to": None,
        "campaign_name": "",
    }
    return a_composition(**(values | changes))


def mail_of(composition: Any) -> EmailMessage:
    rendered = render(composition, CAMPAIGN, NOW)
    assert not isinstance(rendered, Refused)
    mail = message_from_bytes(rendered.content, policy=default)
    assert isinstance(mail, EmailMessage)
    return mail


def test_it_goes_from_the_campaign_to_the_supporter_and_wants_no_answer() -> None:
    mail = mail_of(a_confirmation())
    assert mail["From"].addresses[0].addr_spec == CAMPAIGN.address
    assert mail["From"].addresses[0].display_name == CAMPAIGN.name
    assert str(mail["To"]) == "supporter@mail.example"
    assert mail["Reply-To"] is None
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Content-Language"] == "en"


def test_it_has_the_link_on_a_line_of_its_own_and_says_until_when() -> None:
    lines = mail_of(a_confirmation()).get_content().splitlines()
    assert URL in lines
    assert any("until 2026-11-23 12:00 UTC" in line for line in lines)
    assert any("Nothing goes out unless you do" in line for line in lines)


@pytest.mark.parametrize(
    ("language", "spoken"),
    [
        *((language, language) for language in LANGUAGES),
        ("es-MX", "es"),
        ("de", "en"),
        ("../../etc/passwd", "en"),
        ("", "en"),
    ],
)
def test_every_language_gets_a_mail(language: str, spoken: str) -> None:
    words = confirmation_text(language, "A Supporter", URL, NOW, "Write for Rights")
    assert words.language == spoken
    assert URL in words.text
    assert "\n" not in words.subject
    assert " A Supporter" in words.text.splitlines()[0]


@pytest.mark.parametrize("name", ["Amina Yusuf", "Jean-Luc d'Arc", "آمنہ", "M. K."])
def test_a_name_is_greeted(name: str) -> None:
    assert greeted(f" {name} ") == f" {name}"


@pytest.mark.parametrize("name", ["", "Win $$$ at evil.example", "http://evil.example", "x" * 41, "a\r\nb", "Call 555"])
def test_what_does_not_look_like_a_name_is_not_repeated_to_a_stranger(name: str) -> None:
    assert greeted(name) == ""


def test_an_address_that_cannot_be_written_is_refused() -> None:
    refused = render(a_confirmation(to_address="nobody"), CAMPAIGN, NOW)
    assert isinstance(refused, Refused)
    assert "supporter" in refused.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_answer_is_brought_in_every_language_with_nothing_of_it_lost(language: str) -> None:
    answer = Answered("ministry@state.example", "Re: your letter", "We have received it.")
    words = answer_text(language, "A Supporter", answer, campaign="Write for Rights")
    assert words.language == language
    assert all(value in words.text for value in (answer.whose, answer.subject, answer.text))
    assert "\n\n\n" not in words.text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("attached", "left_out", "paragraphs"), [(7, 0, 1), (0, 9, 1), (7, 9, 2), (0, None, 1)])
def test_what_became_of_its_documents_is_told_above_it_in_every_language(
    language: str, attached: int, left_out: int | None, paragraphs: int
) -> None:
    def said(attached: int, left_out: int | None) -> str:
        answer = Answered("ministry@state.example", "Re: your letter", "We have received it.", attached, left_out)
        return answer_text(language, "A Supporter", answer, campaign="Write for Rights").text

    told, plain = said(attached, left_out), said(0, 0)
    above, below = told.split("We have received it.")
    assert below == plain.split("We have received it.")[1], "what is below could be theirs"
    assert above.count("\n\n") == plain.split("We have received it.")[0].count("\n\n") + paragraphs
    assert ("7" in above, "9" in above) == (bool(attached), bool(left_out))
    assert "$" not in told
    assert "\n\n\n" not in told
