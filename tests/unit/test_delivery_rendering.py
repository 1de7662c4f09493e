"""Mail as it is written, read back by the standard library: any script, and nothing injected."""

from dataclasses import replace
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import default

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.delivery.channels import Phase, Refused, RenderedLetter
from services.delivery.mime import Unwritable, write_address, write_known_address
from services.delivery.rendering import render
from tests.support.delivery_letters import CAMPAIGN, a_composition
from tests.support.events import NOW

LETTER = a_composition()
SCRIPTS = {
    "ur": "محترم وزیر، ادریس خٹک کہاں ہیں؟",
    "ar": "السيد الوزير، أين هو؟",
    "he": "כבוד השר, היכן הוא?",
    "am": "ክቡር ሚኒስትር፣ የት ነው?",
    "hi": "माननीय मंत्री जी, वे कहाँ हैं?",
    "zh": "尊敬的部长，他在哪里？",
    "ja": "大臣殿、彼はどこにいますか。",
    "th": "ท่านรัฐมนตรี เขาอยู่ที่ไหน",
    "ru": "Уважаемый министр, где он?",
    "fr": "Où est-il détenu, et pourquoi\u202f?",
    "emoji": "Please act 🕯️👩🏽‍⚖️",
}


def rendered(**changes: object) -> RenderedLetter:
    letter = render(a_composition(**changes), CAMPAIGN, NOW)
    assert isinstance(letter, RenderedLetter)
    return letter


def read_back(letter: RenderedLetter) -> EmailMessage:
    mail = message_from_bytes(letter.content, policy=default)
    assert isinstance(mail, EmailMessage)
    assert not mail.defects
    return mail


def text_of(mail: EmailMessage) -> str:
    return str(mail.get_content()).replace("\r\n", "\n")


def display_name(letter: RenderedLetter, header: str) -> str:
    """As RFC 2047 says: the library's newer parser leaves a space between adjacent encoded words of a name."""
    raw = message_from_bytes(letter.content)[header]
    return str(make_header(decode_header(raw.rpartition("<")[0].strip())))


def test_a_plain_letter_says_who_writes_to_whom() -> None:
    mail = read_back(rendered())
    assert mail["From"] == "A Supporter via Write for Rights <letters@writeforrights.example>"
    assert mail["Reply-To"] == "A Supporter <supporter@mail.example>"
    assert mail["To"] == "Ministry of Examples <minister@ministry.example>"
    assert mail["Subject"] == "Please act"
    assert mail["Date"].datetime == NOW
    assert mail["Message-ID"] == f"<{LETTER.id}@writeforrights.example>"
    assert mail["Content-Language"] == "en"
    assert mail["Auto-Submitted"] is None


def test_the_supporters_words_stand_as_written_and_their_name_below() -> None:
    assert text_of(read_back(rendered())) == (
        "Dear Minister,\n\nplease act.\n\n-- \nA Supporter (PK)\nWrite for Rights 2026\n"
    )


def test_a_hidden_supporter_is_not_in_the_letter_by_address() -> None:
    letter = rendered(reply_to=None)
    assert read_back(letter)["Reply-To"] is None
    assert b"supporter@mail.example" not in letter.content


def test_an_unwritable_reply_address_is_left_out_and_the_letter_goes() -> None:
    assert read_back(rendered(reply_to="अमीना@mail.example"))["Reply-To"] is None


@pytest.mark.parametrize("language", SCRIPTS)
def test_any_script_arrives_as_written(language: str) -> None:
    words = SCRIPTS[language]
    letter = rendered(subject=words, body=f"{words}\n\n" * 30, sender_name=words[:40], to_name=words)
    mail = read_back(letter)
    assert mail["Subject"] == words
    assert display_name(letter, "From") == f"{words[:40].strip()} via Write for Rights"
    assert display_name(letter, "To") == words
    assert text_of(mail).startswith(f"{words}\n\n{words}\n")


@pytest.mark.parametrize("language", SCRIPTS)
def test_mail_is_seven_bit_in_short_lines_with_crlf(language: str) -> None:
    letter = rendered(subject=SCRIPTS[language] * 4, body=SCRIPTS[language] * 200)
    lines = letter.content.split(b"\r\n")
    assert letter.content.isascii()
    assert all(b"\n" not in line and b"\r" not in line and len(line) <= 78 for line in lines)


def test_a_paragraph_in_one_long_line_is_encoded_and_comes_out_whole() -> None:
    body = "I write to you because nobody should disappear. " * 400
    letter = rendered(body=body)
    assert max(map(len, letter.content.split(b"\r\n"))) <= 78
    assert text_of(read_back(letter)).startswith(body.strip())


@pytest.mark.parametrize("field", ["subject", "sender_name", "to_name"])
@pytest.mark.parametrize("breaks", ["\r\n", "\n", "\r", "\x00", "\u2028", "\x85", "\x0b", "\r\n\r\n"])
def test_a_line_break_in_a_header_becomes_a_space(field: str, breaks: str) -> None:
    mail = read_back(rendered(**{field: f"Hello{breaks}Bcc: everybody@victim.example"}))
    assert mail["Bcc"] is None
    assert mail.get_content() == mail.get_content().lstrip()
    assert "Bcc: everybody@victim.example" in str(mail["Subject"]) + str(mail["From"]) + str(mail["To"])


@pytest.mark.parametrize(
    "hostile",
    [
        "a@b.example\r\nBcc: c@d.example",
        "a@b.example> SIZE=1",
        "a@b.example, c@d.example",
        "<a@b.example>",
        '"a b"@c.example',
        "a b@c.example",
        "a@b.example\x00",
        "a@",
        "@b.example",
        "nobody",
        "",
        "a@b..example",
        "a@-b.example",
        "x" * 65 + "@b.example",
    ],
)
def test_a_targets_address_that_cannot_be_written_is_refused_with_a_reason(hostile: str) -> None:
    answer = render(replace(LETTER, to_address=hostile), CAMPAIGN, NOW)
    assert isinstance(answer, Refused)
    assert answer.phase is Phase.RENDER
    assert "cannot be written" in answer.text
    assert not hostile or hostile not in answer.text


def test_a_domain_in_another_script_is_written_in_idna() -> None:
    assert write_address("post@bücher.example") == "post@xn--bcher-kva.example"


def test_a_language_that_is_none_is_not_written() -> None:
    assert read_back(rendered(language="en\r\nBcc: a@b.example"))["Content-Language"] is None


anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
HEADERS = {
    "From",
    "Reply-To",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Content-Language",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
}


@given(subject=anything, sender_name=anything, to_name=anything, body=anything, language=anything, country=anything)
def test_no_text_whatever_adds_a_header_or_a_recipient(**texts: str) -> None:
    letter = rendered(**texts)
    mail = message_from_bytes(letter.content, policy=default)
    assert set(mail.keys()) <= HEADERS
    assert len(mail.keys()) == len(set(mail.keys()))
    assert [address.addr_spec for address in mail["From"].addresses] == ["letters@writeforrights.example"]
    assert [address.addr_spec for address in mail["To"].addresses] == ["minister@ministry.example"]
    assert all(len(line) <= 78 for line in letter.content.split(b"\r\n"))


@given(anything)
def test_every_printable_word_of_a_body_arrives(body: str) -> None:
    written = "".join(character for character in body if character.isprintable())
    read = read_back(rendered(body=body)).get_content()
    assert "".join(character for character in read if character.isprintable()).startswith(written.rstrip())


@given(anything)
def test_an_address_is_written_whole_or_not_at_all(address: str) -> None:
    try:
        written = write_address(address)
    except Unwritable:
        return
    assert written.isascii()
    assert not set(written) & set(' \r\n<>",;:\\()[]\x00')


plain_addresses = st.from_regex(
    r"[a-z+_-]{1,9}(\.[a-z0-9-]{1,9}){0,2}@([a-z0-9-]{1,9}\.){1,3}[a-z]{1,4}", fullmatch=True
)


@given(anything | plain_addresses)
def test_an_address_that_was_checked_before_is_written_as_if_it_were_not(address: str) -> None:
    try:
        checked = write_address(address)
    except Unwritable:
        return
    assert write_known_address(address) == checked
