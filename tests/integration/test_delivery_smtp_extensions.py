"""What a smarthost offers is used: several commands at once, its bound on a letter's size, addresses in any script."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from email import message_from_bytes
from email.policy import default

import pytest
import uvloop
from aiosmtpd.smtp import SMTP, Envelope, Session

from services.delivery.channels import Accepted, Answer, Dead, Deferred, HostFault, Phase, Refused, RenderedLetter
from services.delivery.channels.smtp import Smtp
from services.delivery.channels.smtp_pool import SmtpPool, read_smarthost
from services.delivery.rendering import render
from tests.support.delivery_letters import CAMPAIGN, a_composition
from tests.support.events import NOW
from tests.support.until import until

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Scripted:
    """Says what it is told to, and keeps what came in each packet."""

    def __init__(self, extensions: Sequence[str] = (), **replies: str) -> None:
        self.extensions, self.replies = extensions, replies
        self.packets: list[bytes] = []

    def reply(self, verb: str) -> bytes:
        return self.replies.get(verb, {"DATA": "354 go", "QUIT": "221 bye"}.get(verb, "250 ok")).encode() + b"\r\n"

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        in_letter, rest = False, b""
        with suppress(ConnectionError):
            while packet := await reader.read(100_000):
                self.packets.append(packet)
                *lines, rest = (rest + packet).split(b"\r\n")
                said = b""
                for line in lines:
                    verb = line[:4].decode("ascii", "replace").upper()
                    if in_letter:
                        if line == b".":
                            in_letter, said = False, said + self.reply("DOT")
                    elif verb == "EHLO":
                        said += (
                            "\r\n".join(
                                [f"250-{one}" for one in ("relay.example", *self.extensions)] + ["250 HELP"]
                            ).encode()
                            + b"\r\n"
                        )
                    else:
                        said += self.reply(verb)
                        in_letter = verb == "DATA" and self.reply(verb).startswith(b"354")
                writer.write(said)
        writer.close()


@asynccontextmanager
async def serving(talk: Talk) -> AsyncIterator[Smtp]:
    open_ones = [0]

    async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ones[0] += 1
        await talk(reader, writer)
        open_ones[0] -= 1

    listening = await asyncio.start_server(counted, "127.0.0.1", 0)
    url = f"smtp://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    smarthost = read_smarthost(url, tls_required=False, ca_file=None, command_seconds_max=5)
    channel = Smtp(SmtpPool(smarthost, connections_max=1, letters_max=100), dot_seconds_max=5)
    yield channel
    await channel.abort()
    listening.close()
    await until(lambda: open_ones[0] == 0)


def a_letter(to: str = "minister@ministry.example") -> RenderedLetter:
    letter = render(a_composition(to_address=to, to_name="Minister"), CAMPAIGN, NOW)
    assert isinstance(letter, RenderedLetter)
    return letter


async def test_the_envelope_goes_in_one_packet_where_the_server_pipelines() -> None:
    server = Scripted(["PIPELINING"])
    async with serving(server.talk) as channel:
        for _ in range(2):
            assert isinstance(await channel.hand_over(a_letter()), Accepted)
    assert [packet.count(b"\r\n") for packet in server.packets if packet.startswith(b"MAIL")] == [3, 3]
    assert sum(packet.startswith(b"EHLO") for packet in server.packets) == 1


async def test_and_command_by_command_where_it_does_not() -> None:
    server = Scripted()
    async with serving(server.talk) as channel:
        assert isinstance(await channel.hand_over(a_letter()), Accepted)
    assert [packet.count(b"\r\n") for packet in server.packets if packet.startswith(b"MAIL")] == [1]


@pytest.mark.parametrize("extensions", [[], ["PIPELINING"]])
@pytest.mark.parametrize(
    ("replies", "kind", "phase"),
    [
        ({"MAIL": "550 we do not know you", "RCPT": "503 no", "DATA": "503 no"}, HostFault, Phase.MAIL),
        ({"MAIL": "552 5.3.4 too large", "RCPT": "503 no", "DATA": "503 no"}, Refused, Phase.MAIL),
        ({"RCPT": "550 5.1.1 nobody", "DATA": "554 5.5.1 no valid recipients"}, Dead, Phase.RCPT),
        ({"RCPT": "450 4.2.1 busy", "DATA": "354 go on all the same", "DOT": "554 to nobody"}, Deferred, Phase.RCPT),
        ({"DATA": "451 4.3.0 not now"}, Deferred, Phase.DATA),
        ({"DOT": "550 5.2.2 full"}, Refused, Phase.DOT),
    ],
)
async def test_a_refusal_is_told_apart_by_phase_and_the_next_letter_goes_out(
    extensions: list[str], replies: dict[str, str], kind: type[Answer], phase: Phase
) -> None:
    server = Scripted(extensions, **replies)
    async with serving(server.talk) as channel:
        answer = await channel.hand_over(a_letter())
        assert (type(answer), answer.phase) == (kind, phase)
        server.replies = {}
        assert isinstance(await channel.hand_over(a_letter()), Accepted)
    assert sum(packet.startswith(b"EHLO") for packet in server.packets) == 1 + (kind is HostFault)


@pytest.mark.parametrize("junk", ["hello", "2x0 what", "250-never ends" * 5_000])
async def test_a_server_that_makes_no_sense_is_at_fault_itself(junk: str) -> None:
    async with serving(Scripted(MAIL=junk).talk) as channel:
        answer = await channel.hand_over(a_letter())
    assert (type(answer), answer.phase) == (HostFault, Phase.MAIL)


async def test_what_a_server_says_unasked_answers_no_letter() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        while line := await reader.readline():
            writer.write(b"354 go\r\n" if line.startswith(b"DATA") else b"250 ok\r\n")
            if line.startswith(b"DATA"):
                await reader.readuntil(b"\r\n.\r\n")
                writer.write(b"250 taken\r\n250 and one more\r\n")
        writer.close()

    async with serving(talk) as channel:
        assert isinstance(await channel.hand_over(a_letter()), Accepted)
        await asyncio.sleep(0.05)
        assert isinstance(await channel.hand_over(a_letter()), Accepted)


async def test_a_letter_larger_than_the_server_takes_is_not_offered() -> None:
    server = Scripted(["SIZE 1000"])
    async with serving(server.talk) as channel:
        small = replace(a_letter(), content=b"Subject: x\r\n\r\nx\r\n")
        assert isinstance(await channel.hand_over(small), Accepted)
        answer = await channel.hand_over(replace(small, content=b"x" * 1_001))
    assert (type(answer), answer.code) == (Refused, 552)
    assert next(packet for packet in server.packets if b"SIZE=" in packet).startswith(
        b"MAIL FROM:<letters@writeforrights.example> SIZE=17\r\n"
    )


class Keeper:
    def __init__(self) -> None:
        self.kept: list[Envelope] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.kept.append(envelope)
        return "250 taken"


@pytest.mark.parametrize("is_offered", [True, False])
async def test_an_address_in_any_script_is_written_to_where_the_server_takes_it(is_offered: bool) -> None:
    keeper, loop = Keeper(), asyncio.get_running_loop()
    listening = await loop.create_server(lambda: SMTP(keeper, enable_SMTPUTF8=is_offered), "127.0.0.1", 0)
    url = f"smtp://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    smarthost = read_smarthost(url, tls_required=False, ca_file=None, command_seconds_max=5)
    channel = Smtp(SmtpPool(smarthost, connections_max=1, letters_max=10), dot_seconds_max=5)
    answer = await channel.hand_over(a_letter("وزیر@ministry.example"))
    await channel.abort()
    listening.close()
    if not is_offered:
        assert (type(answer), answer.code) == (Refused, 553)
        return
    assert isinstance(answer, Accepted)
    [envelope] = keeper.kept
    assert envelope.rcpt_tos == ["وزیر@ministry.example"]
    mail = message_from_bytes(envelope.original_content or b"", policy=default)
    assert "وزیر@ministry.example" in str(mail["To"])


def test_it_talks_as_well_in_the_loop_that_processes_run_in() -> None:
    server = Scripted(["PIPELINING"])

    async def send() -> Answer:
        async with serving(server.talk) as channel:
            return await channel.hand_over(a_letter())

    assert isinstance(uvloop.run(send()), Accepted)
