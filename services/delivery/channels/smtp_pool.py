"""A bounded pool of connections to one smarthost, each reused for a bounded number of letters."""

import asyncio
import socket
import time
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import aiosmtplib

from services.delivery.channels import Accepted, Answer, HostFault, Unknown

IDLE_SECONDS_MAX = 30.0
CLOSE_SECONDS_MAX = 2.0
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


def read_smarthost(url: str, *, tls_required: bool, ca_file: Path | None, command_seconds_max: float) -> Smarthost:
    """From `smtp://user:password@host:port` or `smtps://...`. Raises `ValueError`, without repeating the URL."""
    parts = urlsplit(url)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ValueError("W4R_SMTP_URL must be smtp://user:password@host:port or smtps://...")
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
    )


@dataclass
class Connection:
    smtp: aiosmtplib.SMTP
    letters: int = 0
    used_at: float = 0.0


class SmtpPool:
    """Hands out open connections, newest first, so that the rest may grow old and be closed."""

    def __init__(self, smarthost: Smarthost, *, connections_max: int, letters_max: int) -> None:
        self._smarthost, self._letters_max = smarthost, letters_max
        self._turns = asyncio.Semaphore(connections_max)
        self._idle: list[Connection] = []
        self._taken: list[Connection] = []
        self._opening: set[asyncio.Task[None]] = set()

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Hold this while using a connection."""
        return self._turns

    async def take(self) -> Connection:
        """Raises what aiosmtplib raises when the smarthost cannot be had."""
        self._drop_old()
        while self._idle:
            connection = self._idle.pop()
            if connection.smtp.is_connected:
                self._taken.append(connection)
                return connection
        connection = Connection(self._smarthost.client())
        await self._open(connection.smtp)
        self._taken.append(connection)
        return connection

    async def give_back(self, connection: Connection, answer: Answer) -> None:
        """Keep it for the next letter, unless it is worn out or in doubt."""
        self._taken.remove(connection)
        connection.letters += 1
        connection.used_at = time.monotonic()
        if isinstance(answer, HostFault | Unknown) or not connection.smtp.is_connected:
            connection.smtp.close()
        elif connection.letters >= self._letters_max or not await self._is_reset(connection, answer):
            await _close(connection.smtp)
        else:
            self._idle.append(connection)

    async def ping(self) -> None:
        connection = Connection(self._smarthost.client())
        await connection.smtp.connect()
        await _close(connection.smtp)

    def forget_idle(self) -> None:
        """One kept connection was dead; the others come from the same server and time."""
        while self._idle:
            self._idle.pop().smtp.close()

    def break_off(self) -> None:
        self.forget_idle()
        for opening in self._opening:
            opening.cancel()
        for connection in self._taken:
            connection.smtp.close()

    async def _open(self, smtp: aiosmtplib.SMTP) -> None:
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
        opening.result()

    async def _is_reset(self, connection: Connection, answer: Answer) -> bool:
        """An accepted letter ends its transaction by itself (RFC 5321 section 4.1.1.4); any other needs RSET."""
        if isinstance(answer, Accepted):
            return True
        try:
            await connection.smtp.rset()
        except (aiosmtplib.SMTPException, OSError):
            return False
        return True

    def _drop_old(self) -> None:
        oldest = time.monotonic() - IDLE_SECONDS_MAX
        while self._idle and self._idle[0].used_at < oldest:
            self._idle.pop(0).smtp.close()


async def _greet(smtp: aiosmtplib.SMTP) -> None:
    try:
        await smtp.connect()
        if smtp.is_ehlo_or_helo_needed:
            await smtp.ehlo()
    except BaseException:
        smtp.close()
        raise


async def _close(smtp: aiosmtplib.SMTP) -> None:
    """Politely while the other side listens, and in any case."""
    with suppress(aiosmtplib.SMTPException, OSError):
        if smtp.is_connected:
            await smtp.quit(timeout=CLOSE_SECONDS_MAX)
    smtp.close()


def _own_name() -> str:
    name = socket.gethostname()
    return name if name.isascii() and name and not any(character.isspace() for character in name) else "localhost"
