"""A bounded pool of connections to one smarthost, each reused for a bounded number of letters."""

import asyncio
import socket
import time
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib

from services.delivery.channels import Accepted, Answer, HostFault, Unknown
from services.delivery.channels.exchange import Exchange

IDLE_SECONDS_MAX = 30.0
CLOSE_SECONDS_MAX = 2.0
OK = 250
WEIGHT_MAX = 1_000
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Smarthost:
    """Where to connect and how. Nothing of it is printed: it holds a password."""

    host: str
    port: int
    username: str | None
    password: str | None
    use_tls: bool
    tls_required: bool
    ca_file: Path | None
    command_seconds_max: float
    weight: int = 1

    def __repr__(self) -> str:
        return f"Smarthost({self.host}:{self.port})"

    def client(self) -> aiosmtplib.SMTP:
        """TLS from the start, or STARTTLS when offered, certificate checked. A password crosses no open network."""
        must_start_tls = self.tls_required or (self.username is not None and self.host not in LOOPBACK)
        return aiosmtplib.SMTP(
            hostname=self.host,
            port=self.port,
            username=self.username,
            password=self.password,
            use_tls=self.use_tls,
            start_tls=None if self.use_tls or not must_start_tls else True,
            cert_bundle=str(self.ca_file) if self.ca_file else None,
            timeout=self.command_seconds_max,
            local_hostname=_own_name(),
        )


def read_smarthosts(
    urls: str, *, tls_required: bool, ca_file: Path | None, command_seconds_max: float
) -> list[Smarthost]:
    """One or several URLs with spaces between. Raises `ValueError`, without repeating any."""
    return [
        read_smarthost(url, tls_required=tls_required, ca_file=ca_file, command_seconds_max=command_seconds_max)
        for url in urls.split()
    ]


def read_smarthost(url: str, *, tls_required: bool, ca_file: Path | None, command_seconds_max: float) -> Smarthost:
    """From `smtp://user:password@host:port?weight=2` or `smtps://...`. Raises `ValueError`, not repeating the URL."""
    parts = urlsplit(url)
    query = parse_qs(parts.query, keep_blank_values=True)
    weight = query.pop("weight", ["1"])[-1]
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or query or not 1 <= _number(weight) <= WEIGHT_MAX:
        raise ValueError("W4R_SMTP_URL must be smtp://user:password@host:port?weight=1 or smtps://...")
    use_tls = parts.scheme == "smtps"
    return Smarthost(
        host=parts.hostname,
        port=parts.port or (465 if use_tls else 587 if parts.username else 25),
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        use_tls=use_tls,
        tls_required=tls_required,
        ca_file=ca_file,
        command_seconds_max=command_seconds_max,
        weight=_number(weight),
    )


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() else 0


@dataclass
class Connection:
    """An open one, and what the other side offers. `size_max`: bytes of a letter (RFC 1870), 0 for no bound."""

    exchange: Exchange
    pipelines: bool
    takes_utf8: bool
    knows_size: bool
    size_max: int
    letters: int = 0
    used_at: float = 0.0


class SmtpPool:
    """Hands out open connections, newest first, so that the rest may grow old and be closed."""

    def __init__(self, smarthost: Smarthost, *, connections_max: int, letters_max: int) -> None:
        self._smarthost, self._letters_max = smarthost, letters_max
        self._turns = asyncio.Semaphore(connections_max)
        self._idle: list[Connection] = []
        self._taken: list[Connection] = []
        self._opening: set[asyncio.Task[Connection]] = set()

    @property
    def command_seconds_max(self) -> float:
        return self._smarthost.command_seconds_max

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Hold this while using a connection."""
        return self._turns

    async def take(self) -> Connection:
        """Raises what aiosmtplib raises when the smarthost cannot be had."""
        self._drop_old()
        while self._idle:
            connection = self._idle.pop()
            if connection.exchange.is_open:
                self._taken.append(connection)
                return connection
        connection = await self._open(self._smarthost.client())
        self._taken.append(connection)
        return connection

    async def give_back(self, connection: Connection, answer: Answer) -> None:
        """Keep it for the next letter, unless it is worn out or in doubt."""
        self._taken.remove(connection)
        connection.letters += 1
        connection.used_at = time.monotonic()
        if isinstance(answer, HostFault | Unknown) or not connection.exchange.is_open:
            connection.exchange.close()
        elif connection.letters >= self._letters_max or not await self._is_reset(connection, answer):
            await _close(connection.exchange)
        else:
            self._idle.append(connection)

    async def ping(self) -> None:
        connection = await _greet(self._smarthost.client())
        await _close(connection.exchange)

    def forget_idle(self) -> None:
        """One kept connection was dead; the others come from the same server and time."""
        while self._idle:
            self._idle.pop().exchange.close()

    def break_off(self) -> None:
        self.forget_idle()
        for opening in self._opening:
            opening.cancel()
        for connection in self._taken:
            connection.exchange.close()

    async def _open(self, smtp: aiosmtplib.SMTP) -> Connection:
        """In a task of its own, so that `break_off` can end a wait for a host that does not answer."""
        opening = asyncio.create_task(_greet(smtp))
        self._opening.add(opening)
        try:
            await asyncio.wait({opening})
        finally:
            opening.cancel()
            self._opening.discard(opening)
        if opening.cancelled():
            raise aiosmtplib.SMTPConnectError("broken off")
        return opening.result()

    async def _is_reset(self, connection: Connection, answer: Answer) -> bool:
        """An accepted letter ends its transaction by itself (RFC 5321 section 4.1.1.4); any other needs RSET."""
        if isinstance(answer, Accepted):
            return True
        try:
            connection.exchange.write(b"RSET\r\n")
            return (await connection.exchange.reply(self._smarthost.command_seconds_max)).code == OK
        except (OSError, TimeoutError):
            return False

    def _drop_old(self) -> None:
        oldest = time.monotonic() - IDLE_SECONDS_MAX
        while self._idle and self._idle[0].used_at < oldest:
            self._idle.pop(0).exchange.close()


async def _greet(smtp: aiosmtplib.SMTP) -> Connection:
    """Raises what aiosmtplib raises, and `OSError`."""
    try:
        await smtp.connect()
        if smtp.is_ehlo_or_helo_needed:
            await smtp.ehlo()
        if smtp.transport is None:
            raise aiosmtplib.SMTPServerDisconnected("connection lost")
        # Not asked for by its class: uvloop's transports are asyncio's by behaviour alone.
        transport = cast(asyncio.Transport, smtp.transport)
        exchange = Exchange(transport)
        transport.set_protocol(exchange)
    except BaseException:
        smtp.close()
        raise
    size = smtp.esmtp_extensions.get("size", "")
    return Connection(
        exchange,
        pipelines=smtp.supports_extension("pipelining"),
        takes_utf8=smtp.supports_extension("smtputf8"),
        knows_size=smtp.supports_extension("size"),
        size_max=int(size) if size.isdecimal() else 0,
    )


async def _close(exchange: Exchange) -> None:
    """Politely while the other side listens, and in any case."""
    with suppress(OSError, TimeoutError):
        exchange.write(b"QUIT\r\n")
        await exchange.reply(CLOSE_SECONDS_MAX)
    exchange.close()


def _own_name() -> str:
    name = socket.gethostname()
    return name if name.isascii() and name and not any(character.isspace() for character in name) else "localhost"
