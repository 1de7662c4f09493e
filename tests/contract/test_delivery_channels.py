"""What every channel promises the sender, held by each of them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from services.delivery.channels import Accepted, Channel, HostFault, RenderedLetter
from services.delivery.channels.smtp import Smtp
from services.delivery.channels.smtp_pool import SmtpPool, read_smarthost
from services.delivery.channels.to_folder import ToFolder
from services.delivery.rendering import render
from tests.support.delivery_letters import CAMPAIGN, a_composition
from tests.support.events import NOW, uuid_of
from tests.support.smtp_sink import SmtpSink


@dataclass
class Held:
    """A channel, what arrived through it by letter, and how to put it out of order."""

    channel: Channel
    arrived: Callable[[], dict[str, bytes]]
    break_it: Callable[[], None]


@contextmanager
def to_folder(folder: Path) -> Iterator[Held]:
    outbox = folder / "letters"

    def arrived() -> dict[str, bytes]:
        return {path.name.removesuffix(".eml"): path.read_bytes() for path in outbox.glob("*")}

    def break_it() -> None:
        for path in outbox.glob("*"):
            path.unlink()
        outbox.rmdir()
        outbox.write_text("a file where a folder should be")

    outbox.mkdir()
    yield Held(ToFolder(outbox), arrived, break_it)


@contextmanager
def smtp(folder: Path) -> Iterator[Held]:
    sink = SmtpSink(folder)
    sink.start()

    def arrived() -> dict[str, bytes]:
        return {taken.message_id.strip("<>").partition("@")[0]: taken.raw.encode() for taken in sink.journal()}

    smarthost = read_smarthost(sink.url, tls_required=False, ca_file=None, command_seconds_max=5)
    pool = SmtpPool(smarthost, connections_max=5, letters_max=10)
    yield Held(Smtp(pool, dot_seconds_max=5), arrived, sink.kill)
    sink.stop()


@pytest.fixture(params=[to_folder, smtp], ids=["folder", "smtp"])
async def held(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Held]:
    with request.param(tmp_path) as held:
        yield held
        await held.channel.abort()


def a_letter(number: int = 1, body: str = "Dear Minister,\n\nplease act.") -> RenderedLetter:
    letter = render(a_composition(id=uuid_of(number), body=body), CAMPAIGN, NOW)
    assert isinstance(letter, RenderedLetter)
    return letter


async def test_an_accepted_letter_has_arrived_byte_for_byte(held: Held) -> None:
    letter = a_letter(body="کہاں ہیں؟\n.\n..\n.hidden dot\nFrom here\n" * 50)
    assert isinstance(await held.channel.hand_over(letter), Accepted)
    assert held.arrived() == {str(letter.letter_id): letter.content}


async def test_plain_lines_that_begin_with_a_dot_arrive(held: Held) -> None:
    letter = a_letter(body=".\n..\n.one dot\nlast")
    assert isinstance(await held.channel.hand_over(letter), Accepted)
    assert held.arrived()[str(letter.letter_id)] == letter.content


async def test_many_letters_at_once_all_arrive(held: Held) -> None:
    letters = [a_letter(number) for number in range(40)]
    answers = await asyncio.gather(*(held.channel.hand_over(letter) for letter in letters))
    assert all(isinstance(answer, Accepted) for answer in answers)
    assert held.arrived() == {str(letter.letter_id): letter.content for letter in letters}


async def test_the_same_letter_twice_carries_the_same_id(held: Held) -> None:
    for _ in range(2):
        assert isinstance(await held.channel.hand_over(a_letter()), Accepted)
    assert list(held.arrived()) == [str(a_letter().letter_id)]


async def test_a_host_that_is_away_is_the_hosts_fault(held: Held) -> None:
    await held.channel.hand_over(a_letter(1))
    held.break_it()
    assert isinstance(await held.channel.hand_over(a_letter(2)), HostFault)
    with pytest.raises(Exception, match=r".+"):
        await held.channel.ping()


async def test_a_channel_that_is_well_says_so(held: Held) -> None:
    await held.channel.ping()


async def test_a_channel_can_be_used_again_after_it_was_broken_off(held: Held) -> None:
    await held.channel.hand_over(a_letter(1))
    await held.channel.abort()
    assert isinstance(await held.channel.hand_over(a_letter(2)), Accepted)
    assert len(held.arrived()) == 2
