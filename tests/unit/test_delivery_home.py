"""A letter's own address, and what comes to it."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.delivery.channels import Answer, Blocked, Dead, Refused
from services.delivery.channels.replies import meaning_of
from services.delivery.home.addresses import read_addresses
from services.delivery.home.mail import TEXT_CHARACTERS_MAX, Incoming, IncomingKind, read_incoming
from services.delivery.mime import Unwritable, write_address
from tests.support.incoming_mails import a_bounce, an_answer, an_old_bounce

ADDRESSES = read_addresses("post@in.campaign.example", "a secret of the tests")
OTHERS = read_addresses("post@in.campaign.example", "another secret")


@given(st.uuids())
def test_a_letter_is_known_by_its_own_address_however_it_is_written(letter_id: UUID) -> None:
    address = ADDRESSES.of(letter_id)
    assert write_address(address) == address
    assert len(address.rpartition("@")[0]) <= 64
    assert ADDRESSES.read(address) == letter_id
    assert ADDRESSES.read(address.upper()) == letter_id


@given(st.uuids(), st.integers(0, 47), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_an_address_is_not_guessed(letter_id: UUID, at: int, letter: str) -> None:
    address = ADDRESSES.of(letter_id)
    place = len("post+") + at
    changed = address[:place] + letter + address[place + 1 :]
    assert ADDRESSES.read(changed) == (letter_id if changed == address else None)
    assert ADDRESSES.read(OTHERS.of(letter_id)) is None


@pytest.mark.parametrize("address", ["", "post", "post@in.campaign.example", "post+@in.campaign.example", "post+a@b"])
@given(text=st.text())
def test_other_addresses_are_nobodys(address: str, text: str) -> None:
    assert ADDRESSES.read(address) is None
    assert ADDRESSES.read(f"post+{text}@in.campaign.example") is None


def test_a_mailbox_that_leaves_no_room_for_a_token_is_refused() -> None:
    with pytest.raises(Unwritable, match="15 characters"):
        read_addresses("a-mailbox-too-long@in.campaign.example", "a secret of the tests")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (a_bounce(), (IncomingKind.BOUNCE, 550, "5.1.1")),
        (a_bounce(action="delayed", status="4.4.1", diagnosis="450 4.4.1 later"), (IncomingKind.DELAY, 450, "4.4.1")),
        (a_bounce(action="delivered", status="2.0.0", diagnosis="250 ok"), (IncomingKind.MACHINE, None, None)),
        (a_bounce(diagnosis="no reply code here"), (IncomingKind.BOUNCE, None, "5.1.1")),
        (an_old_bounce(), (IncomingKind.BOUNCE, 550, "5.7.1")),
        (an_answer(), (IncomingKind.ANSWER, None, None)),
        (an_answer(Auto_Submitted="no"), (IncomingKind.ANSWER, None, None)),
        (an_answer("I am away.", Auto_Submitted="auto-replied"), (IncomingKind.MACHINE, None, None)),
        (an_answer("I am away.", Precedence="bulk"), (IncomingKind.MACHINE, None, None)),
        (an_answer("I am away.", X_Autoreply="yes"), (IncomingKind.MACHINE, None, None)),
    ],
)
def test_what_came_is_told_apart(content: bytes, expected: tuple[IncomingKind, int | None, str | None]) -> None:
    read = read_incoming(content, "somebody@relay.example")
    assert (read.kind, read.code, read.status) == expected


def test_what_has_no_sender_is_no_answer() -> None:
    assert read_incoming(an_answer(), "").kind is IncomingKind.MACHINE


def test_an_answer_is_read_as_people_read_it() -> None:
    read = read_incoming(
        an_answer("<style>p{}</style><p>Thank you.</p><p>We <b>will</b> act.</p>", html=True), "x@y.example"
    )
    assert read == Incoming(
        IncomingKind.ANSWER,
        "Ministry of Examples",
        "minister@ministry.example",
        "Re: Please act",
        "Thank you.\nWe will act.",
    )
    assert read_incoming(an_answer("جواب\n\n\n\n\nشکریہ"), "x@y.example").text == "جواب\n\nشکریہ"
    assert len(read_incoming(an_answer("x" * 2 * TEXT_CHARACTERS_MAX), "x@y.example").text) == TEXT_CHARACTERS_MAX


@given(
    st.binary(),
    st.sampled_from(
        [
            b"",
            b"Content-Type: multipart/report\r\n\r\n",
            b"From: =?utf-8?b?/?=\r\nContent-Type: text/html; charset=nonsense\r\n\r\n",
        ]
    ),
)
def test_nothing_that_comes_breaks_the_reading(content: bytes, head: bytes) -> None:
    read = read_incoming(head + content, "x@y.example")
    assert "\x00" not in read.text + read.subject + read.from_name + read.from_address


@pytest.mark.parametrize(
    ("code", "status", "meaning"),
    [
        (550, "5.1.1", Dead),
        (None, "5.1.10", Dead),
        (550, "5.7.1", Blocked),
        (None, None, Refused),
        (554, None, Refused),
        (250, "2.0.0", Refused),
    ],
)
def test_a_bounce_means_what_the_same_reply_would_have_meant(
    code: int | None, status: str | None, meaning: type[Answer]
) -> None:
    assert meaning_of(code, status) is meaning
