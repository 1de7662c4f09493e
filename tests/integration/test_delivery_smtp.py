"""The SMTP channel against a server that misbehaves: each fault is told apart, with the phase it came in."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from services.delivery.channels import (
    Accepted,
    Answer,
    Dead,
    Deferred,
    HostFault,
    Phase,
    Refused,
    RenderedLetter,
    Unknown,
)
from services.delivery.channels.replies import read_reply
from services.delivery.channels.smtp import Smtp, dot_stuffed
from services.delivery.channels.smtp_pool import SmtpPool, read_smarthost
from services.delivery.rendering import render
from tests.support.delivery_letters import CAMPAIGN, a_composition
from tests.support.events import NOW, uuid_of
from tests.support.smtp_sink import SmtpSink
from tests.support.until import until


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[SmtpSink]:
    sink = SmtpSink(tmp_path)
    sink.start()
    yield sink
    sink.stop()


class Channels:
    """Makes channels, and breaks them off after the test."""

    def __init__(self) -> None:
        self._made: list[Smtp] = []

    def __call__(
        self, url: str, *, connections_max: int = 3, letters_max: int = 100, dot_seconds_max: float = 5
    ) -> Smtp:
        smarthost = read_smarthost(url, tls_required=False, ca_file=None, command_seconds_max=5)
        pool = SmtpPool(smarthost, connections_max=connections_max, letters_max=letters_max)
        self._made.append(Smtp(pool, dot_seconds_max=dot_seconds_max))
        return self._made[-1]

    async def break_off(self) -> None:
        for channel in self._made:
            await channel.abort()


@pytest.fixture
async def a_channel() -> AsyncIterator[Channels]:
    channels = Channels()
    yield channels
    await channels.break_off()


def a_letter(number: int = 1, to: str = "minister@ministry.example") -> RenderedLetter:
    letter = render(a_composition(id=uuid_of(number), to_address=to), CAMPAIGN, NOW)
    assert isinstance(letter, RenderedLetter)
    return letter


@pytest.mark.parametrize(
    ("rule", "kind", "phase", "code"),
    [
        ("accept", Accepted, Phase.DOT, 250),
        ("450", Deferred, Phase.RCPT, 450),
        ("550", Dead, Phase.RCPT, 550),
        ("421", HostFault, Phase.RCPT, 421),
        ("554-after-dot", Refused, Phase.DOT, 554),
        ("drop-after-dot", Unknown, Phase.DOT, None),
        ("slow:50", Accepted, Phase.DOT, 250),
    ],
)
async def test_each_answer_is_told_apart(
    sink: SmtpSink, rule: str, kind: type[Answer], phase: Phase, code: int | None, a_channel: Channels
) -> None:
    sink.behave({"*": rule})
    answer = await a_channel(sink.url).hand_over(a_letter())
    assert (type(answer), answer.phase, answer.code) == (kind, phase, code)


async def test_a_letter_broken_off_on_its_way_is_never_called_undelivered(sink: SmtpSink, a_channel: Channels) -> None:
    """The whole letter may have left us before the connection broke, and only the server knows what it read."""
    sink.behave({"*": "drop-before-dot"})
    assert isinstance(await a_channel(sink.url).hand_over(a_letter()), Unknown)


async def test_a_server_too_slow_after_the_dot_is_an_unknown(sink: SmtpSink, a_channel: Channels) -> None:
    sink.behave({"*": "slow:3000"})
    answer = await a_channel(sink.url, dot_seconds_max=0.2).hand_over(a_letter())
    assert (type(answer), answer.phase) == (Unknown, Phase.DOT)


async def test_after_each_fault_the_next_letter_goes_out(sink: SmtpSink, a_channel: Channels) -> None:
    channel = a_channel(sink.url, connections_max=1)
    for number, rule in enumerate(["450", "550", "421", "554-after-dot", "drop-after-dot", "accept"]):
        sink.behave({"faulty": rule})
        await channel.hand_over(a_letter(number, to="faulty@ministry.example"))
        assert isinstance(await channel.hand_over(a_letter(100 + number)), Accepted)


async def test_a_kept_connection_that_died_is_replaced_without_a_word(sink: SmtpSink, a_channel: Channels) -> None:
    channel = a_channel(sink.url)
    await channel.hand_over(a_letter(1))
    sink.kill()
    sink.start()
    assert isinstance(await channel.hand_over(a_letter(2)), Accepted)


async def test_a_server_that_was_never_there_is_a_fault_of_connecting(sink: SmtpSink, a_channel: Channels) -> None:
    sink.kill()
    answer = await a_channel(sink.url).hand_over(a_letter())
    assert (type(answer), answer.phase) == (HostFault, Phase.CONNECT)


class CountingServer:
    """Speaks just enough SMTP to be counted: how many sessions, how many letters in each, what was said."""

    def __init__(self, greeting: bytes = b"220 ready", silent_at: bytes | None = None) -> None:
        self.sessions: list[list[bytes]] = []
        self.open = 0
        self.open_most = 0
        self._greeting, self._silent_at = greeting, silent_at

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        listening = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        yield f"smtp://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        listening.close()
        await until(lambda: self.open == 0)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sessions.append([])
        self.open += 1
        self.open_most = max(self.open, self.open_most)
        writer.write(self._greeting + b"\r\n")
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._answer(reader, writer, self.sessions[-1])
        writer.close()
        self.open -= 1

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, said: list[bytes]) -> None:
        while line := await reader.readline():
            said.append(line.strip())
            verb = line[:4].upper()
            if verb == self._silent_at:
                continue
            if verb == b"DATA":
                writer.write(b"354 go\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                said.append(b"the dot")
                if self._silent_at == b"the dot":
                    continue
            writer.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
            if verb == b"QUIT":
                return


@pytest.fixture
async def counting(a_channel: Channels) -> AsyncIterator[tuple[CountingServer, str]]:
    server = CountingServer()
    async with server.serving() as url:
        yield server, url
        await a_channel.break_off()


async def test_a_connection_carries_a_bounded_number_of_letters(
    counting: tuple[CountingServer, str], a_channel: Channels
) -> None:
    server, url = counting
    channel = a_channel(url, connections_max=1, letters_max=4)
    for number in range(10):
        await channel.hand_over(a_letter(number))
    letters = [sum(line.startswith(b"MAIL") for line in said) for said in server.sessions]
    assert letters == [4, 4, 2]
    assert server.sessions[0][-1] == b"QUIT"


async def test_no_more_connections_are_open_than_allowed(
    counting: tuple[CountingServer, str], a_channel: Channels
) -> None:
    server, url = counting
    channel = a_channel(url, connections_max=3)
    await asyncio.gather(*(channel.hand_over(a_letter(number)) for number in range(30)))
    assert server.open_most == 3


async def test_the_envelope_names_the_campaign_and_the_target(
    counting: tuple[CountingServer, str], a_channel: Channels
) -> None:
    server, url = counting
    channel = a_channel(url)
    await channel.hand_over(a_letter())
    said = server.sessions[0]
    assert b"MAIL FROM:<letters@writeforrights.example>" in said
    assert b"RCPT TO:<minister@ministry.example>" in said


@pytest.mark.parametrize(
    ("silent_at", "last_heard", "kind", "phase"),
    [
        (b"EHLO", b"EHLO", HostFault, Phase.CONNECT),
        (b"RCPT", b"RCPT", HostFault, Phase.RCPT),
        (b"the dot", b"the dot", Unknown, Phase.DOT),
    ],
)
async def test_breaking_off_tells_what_is_known_of_a_letter(
    silent_at: bytes, last_heard: bytes, kind: type[Answer], phase: Phase, a_channel: Channels
) -> None:
    server = CountingServer(silent_at=silent_at)
    async with server.serving() as url:
        channel = a_channel(url)
        flight = asyncio.create_task(channel.hand_over(a_letter()))
        await until(lambda: any(line.startswith(last_heard) for said in server.sessions for line in said))
        await channel.abort()
        answer = await asyncio.wait_for(flight, 2)
    assert (type(answer), answer.phase) == (kind, phase)


@pytest.mark.parametrize("greeting", [b"554 go away", b"421 too busy", b"220"])
async def test_a_host_that_greets_us_badly_or_not_in_smtp_is_at_fault_itself(
    greeting: bytes, a_channel: Channels
) -> None:
    async with CountingServer(greeting).serving() as url:
        channel = a_channel(url)
        answer = await channel.hand_over(a_letter())
        await channel.abort()
    assert isinstance(answer, Accepted if greeting == b"220" else HostFault)


async def test_a_password_never_crosses_an_open_network() -> None:
    smarthost = read_smarthost(
        "smtp://user:p%40ss@relay.example:587", tls_required=False, ca_file=None, command_seconds_max=5
    )
    assert (smarthost.username, smarthost.password) == ("user", "p@ss")
    assert smarthost.client()._start_tls_on_connect is True
    assert "p@ss" not in repr(smarthost)


@pytest.mark.parametrize("url", ["relay.example", "http://relay.example", "smtp://", "smtp://:secret@"])
def test_a_url_that_names_no_smarthost_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="W4R_SMTP_URL") as refusal:
        read_smarthost(url, tls_required=False, ca_file=None, command_seconds_max=5)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("phase", "code", "kind"),
    [
        (Phase.RCPT, 421, HostFault),
        (Phase.DOT, 421, HostFault),
        (Phase.RCPT, 530, HostFault),
        (Phase.RCPT, 452, Deferred),
        (Phase.DATA, 451, Deferred),
        (Phase.DATA, 554, Refused),
        (Phase.DOT, 250, Accepted),
        (Phase.DOT, 354, Unknown),
        (Phase.DOT, -1, Unknown),
        (Phase.RCPT, 354, HostFault),
    ],
)
def test_replies_mean_what_rfc_5321_says(phase: Phase, code: int, kind: type[Answer]) -> None:
    assert type(read_reply(phase, code, "text")) is kind


@pytest.mark.parametrize(
    ("content", "wire"),
    [
        (b"a\r\n", b"a\r\n.\r\n"),
        (b"a", b"a\r\n.\r\n"),
        (b".\r\n..b\r\n", b"..\r\n...b\r\n.\r\n"),
        (b"a\n.\nb\r.c", b"a\r\n..\r\nb\r\n..c\r\n.\r\n"),
    ],
)
def test_dots_are_doubled_and_only_the_last_one_ends_the_letter(content: bytes, wire: bytes) -> None:
    assert dot_stuffed(content) == wire
