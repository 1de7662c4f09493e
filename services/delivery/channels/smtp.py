"""Hands letters to a smarthost over SMTP, with MAIL, RCPT, DATA and the letter itself driven apart.

Only so can "broken off before the dot" (it did not go out) be told from "no answer after the dot" (nobody knows).
Source of the rules: RFC 5321 sections 3.8, 4.2.1 and 4.5.3.2, RFC 1870 (SIZE), RFC 2920 (pipelining), RFC 6531
(SMTPUTF8).
"""

from collections.abc import Sequence

import aiosmtplib

from services.delivery.channels import (
    Answer,
    HostFault,
    Phase,
    Refused,
    RenderedLetter,
    Unknown,
)
from services.delivery.channels.exchange import Reply
from services.delivery.channels.replies import read_reply, shorten
from services.delivery.channels.smtp_pool import Connection, SmtpPool
from shared.crash_points import CrashPoint, crash_point

CRLF = b"\r\n"
OK, WILL_FORWARD, START_INPUT, TOO_LARGE = 250, 251, 354, 552

BrokenOff = (OSError, TimeoutError)


class Smtp:
    """The channel to one smarthost. As many handovers at once as the pool has connections; others wait their turn."""

    def __init__(self, pool: SmtpPool, *, dot_seconds_max: float) -> None:
        self._pool, self._dot_seconds_max = pool, dot_seconds_max
        self._command_seconds_max = pool.command_seconds_max

    async def hand_over(self, letter: RenderedLetter) -> Answer:
        async with self._pool.turn():
            answer, was_stale = await self._try(letter)
            if was_stale:
                # The server had closed a connection that lay idle, as it may. That is nobody's fault; a new one tells.
                self._pool.forget_idle()
                answer, _ = await self._try(letter)
            return answer

    async def ping(self) -> None:
        """Raises what keeps us from the smarthost."""
        await self._pool.ping()

    async def abort(self) -> None:
        self._pool.break_off()

    async def _try(self, letter: RenderedLetter) -> tuple[Answer, bool]:
        """The answer, and whether it only says that a kept connection was dead before this letter began."""
        try:
            connection = await self._pool.take()
        except aiosmtplib.SMTPResponseException as fault:
            return HostFault(Phase.CONNECT, fault.code, shorten(fault.message)), False
        except (aiosmtplib.SMTPException, *BrokenOff) as fault:
            return HostFault(Phase.CONNECT, text=type(fault).__name__), False
        answer = await self._transact(connection, letter)
        was_stale = connection.letters > 0 and isinstance(answer, HostFault) and answer.phase is Phase.MAIL
        await self._pool.give_back(connection, answer)
        return answer, was_stale

    async def _transact(self, connection: Connection, letter: RenderedLetter) -> Answer:
        """The envelope in one go where the server pipelines, else command by command; then the letter."""
        if refused := _unfit(connection, letter):
            return refused
        steps = _envelope(connection, letter)
        crash_point(CrashPoint.BEFORE_MAIL)
        refused, phase = await self._say(connection, steps)
        if refused:
            return refused
        if not letter.is_ours():
            return HostFault(phase, text="its lease is over")
        try:
            connection.exchange.write(dot_stuffed(letter.content))
        except BrokenOff as fault:
            return HostFault(phase, text=type(fault).__name__)
        crash_point(CrashPoint.AFTER_DOT)
        try:
            reply = await connection.exchange.reply(self._dot_seconds_max)
        except BrokenOff as fault:
            return Unknown(Phase.DOT, text=type(fault).__name__)
        return read_reply(Phase.DOT, reply.code, reply.text)

    async def _say(self, connection: Connection, steps: Sequence[tuple[Phase, bytes]]) -> tuple[Answer | None, Phase]:
        """What keeps the letter from going out, if anything does, and how far it got."""
        exchange, refused, phase = connection.exchange, None, Phase.MAIL
        try:
            if connection.pipelines:
                exchange.write(b"".join(command for _, command in steps), len(steps))
            for phase, command in steps:
                if not connection.pipelines:
                    if refused:
                        return refused, phase
                    exchange.write(command)
                reply = await exchange.reply(self._command_seconds_max)
                refused = refused or _read_step(phase, reply)
            if refused and reply.code == START_INPUT:
                # It waits for a letter to nobody (RFC 2920 section 3.1): there is none.
                exchange.write(b".\r\n")
                await exchange.reply(self._command_seconds_max)
        except BrokenOff as fault:
            return refused or HostFault(phase, text=type(fault).__name__), phase
        return refused, phase


def _unfit(connection: Connection, letter: RenderedLetter) -> Answer | None:
    """What the server said it does not take, it need not be asked."""
    if letter.needs_utf8 and not connection.takes_utf8:
        return Refused(Phase.MAIL, 553, "5.6.7 the address needs SMTPUTF8, which the smarthost does not offer")
    if connection.size_max and len(letter.content) > connection.size_max:
        return Refused(Phase.MAIL, 552, "5.3.4 the letter is larger than the smarthost takes")
    return None


def _envelope(connection: Connection, letter: RenderedLetter) -> Sequence[tuple[Phase, bytes]]:
    options = f" SIZE={len(letter.content)}" if connection.knows_size else ""
    options += " BODY=8BITMIME SMTPUTF8" if letter.needs_utf8 else ""
    return (
        (Phase.MAIL, f"MAIL FROM:<{letter.sender}>{options}\r\n".encode()),
        (Phase.RCPT, f"RCPT TO:<{letter.recipient}>\r\n".encode()),
        (Phase.DATA, b"DATA\r\n"),
    )


def _read_step(phase: Phase, reply: Reply) -> Answer | None:
    """None to go on."""
    match phase:
        case Phase.MAIL if reply.code == OK:
            return None
        case Phase.MAIL if reply.code == TOO_LARGE:
            return read_reply(phase, reply.code, reply.text)
        case Phase.MAIL:
            # Said of us, not of the letter: a sender the smarthost does not like must not bounce a whole campaign.
            return HostFault(phase, reply.code, shorten(reply.text))
        case Phase.RCPT if reply.code in (OK, WILL_FORWARD):
            return None
        case Phase.DATA if reply.code == START_INPUT:
            return None
    return read_reply(phase, reply.code, reply.text)


def dot_stuffed(content: bytes) -> bytes:
    """The letter as DATA wants it, final dot included (RFC 5321 section 4.5.2)."""
    lines = [b"", *content.splitlines(), b""]
    return CRLF.join(lines).replace(b"\r\n.", b"\r\n..")[len(CRLF) :] + b".\r\n"
