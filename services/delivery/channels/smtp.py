"""Hands letters to a smarthost over SMTP, with MAIL, RCPT, DATA and the letter itself driven apart.

Only so can "broken off before the dot" (it did not go out) be told from "no answer after the dot" (nobody knows):
aiosmtplib raises the same exception for both. Source of the rules: RFC 5321 sections 3.8, 4.2.1 and 4.5.3.2.
"""

import re

import aiosmtplib

from services.delivery.channels import (
    Answer,
    HostFault,
    Phase,
    RenderedLetter,
    Unknown,
)
from services.delivery.channels.replies import read_reply, shorten
from services.delivery.channels.smtp_pool import Connection, SmtpPool

START_INPUT = 354

_LINE_END = re.compile(rb"\r\n|[\r\n]")
_LEADING_DOT = re.compile(rb"(?m)^\.")

BrokenOff = (aiosmtplib.SMTPException, OSError, TimeoutError)


class Smtp:
    """The channel to one smarthost. As many handovers at once as the pool has connections; others wait their turn."""

    def __init__(self, pool: SmtpPool, *, dot_seconds_max: float) -> None:
        self._pool, self._dot_seconds_max = pool, dot_seconds_max

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
        except BrokenOff as fault:
            return HostFault(Phase.CONNECT, text=type(fault).__name__), False
        answer = await self._transact(connection, letter)
        was_stale = connection.letters > 0 and isinstance(answer, HostFault) and answer.phase is Phase.MAIL
        await self._pool.give_back(connection, answer)
        return answer, was_stale

    async def _transact(self, connection: Connection, letter: RenderedLetter) -> Answer:
        smtp = connection.smtp
        phase = Phase.MAIL
        try:
            reply = await smtp.execute_command(b"MAIL", b"FROM:<" + letter.sender.encode("ascii") + b">")
            if reply.code != 250:
                # Said of us, not of the letter: a sender the smarthost does not like must not bounce a whole campaign.
                return HostFault(phase, reply.code, shorten(reply.message))
            phase = Phase.RCPT
            reply = await smtp.execute_command(b"RCPT", b"TO:<" + letter.recipient.encode("ascii") + b">")
            if reply.code not in (250, 251):
                return read_reply(phase, reply.code, reply.message)
            phase = Phase.DATA
            reply = await smtp.execute_command(b"DATA")
            if reply.code != START_INPUT:
                return read_reply(phase, reply.code, reply.message)
            return await self._send_content(connection, letter.content)
        except BrokenOff as fault:
            return HostFault(phase, text=type(fault).__name__)

    async def _send_content(self, connection: Connection, content: bytes) -> Answer:
        protocol = connection.smtp.protocol
        if protocol is None:
            return HostFault(Phase.DATA, text="connection lost")
        # What this raises, raises before a byte is written; `_transact` answers for it.
        protocol.write(dot_stuffed(content))
        try:
            reply = await protocol.read_response(timeout=self._dot_seconds_max)
        except BrokenOff as fault:
            return Unknown(Phase.DOT, text=type(fault).__name__)
        return read_reply(Phase.DOT, reply.code, reply.message)


def dot_stuffed(content: bytes) -> bytes:
    """The letter as DATA wants it, final dot included (RFC 5321 section 4.5.2)."""
    lines = _LINE_END.sub(b"\r\n", content)
    ending = b".\r\n" if lines.endswith(b"\r\n") else b"\r\n.\r\n"
    return _LEADING_DOT.sub(b"..", lines) + ending
