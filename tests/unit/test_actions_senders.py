"""Who counts as the same sender: a mailbox and a name, however they are spelt."""

from uuid import UUID

import pytest

from services.actions.mailboxes import canonical_mailbox
from services.actions.senders import sender_key
from shared.messages.cases import Channel
from tests.support.events import CASE_ID, uuid_of


@pytest.mark.parametrize(
    ("address", "mailbox"),
    [
        ("Amina@Mail.Example", "amina@mail.example"),
        ("amina+rights@mail.example", "amina@mail.example"),
        ("a.m.i.n.a@mail.example", "a.m.i.n.a@mail.example"),
        ("a.mina+x@gmail.com", "amina@gmail.com"),
        ("a.mina@googlemail.com", "amina@gmail.com"),
        ("+@mail.example", "+@mail.example"),
    ],
)
def test_a_mailbox_is_known_however_it_is_written(address: str, mailbox: str) -> None:
    assert canonical_mailbox(address) == mailbox


def a_key(email: str = "a@mail.example", name: str = "A Supporter", channel: Channel = Channel.EMAIL) -> UUID:
    return sender_key(CASE_ID, channel, email, name)


@pytest.mark.parametrize(
    ("email", "name"),
    [("A@MAIL.example", "A Supporter"), ("a+b@mail.example", "a  supporter "), ("a@mail.example", "Ａ Supporter")],
)
def test_the_same_person_has_one_key(email: str, name: str) -> None:
    assert a_key(email, name) == a_key()


def test_whoever_shares_a_mailbox_has_another_key() -> None:
    assert a_key(name="B Supporter") != a_key()


def test_each_case_and_channel_is_a_letter_of_its_own() -> None:
    elsewhere = sender_key(uuid_of(1), Channel.EMAIL, "a@mail.example", "A Supporter")
    assert len({a_key(), a_key(channel=Channel.POST), elsewhere}) == 3
