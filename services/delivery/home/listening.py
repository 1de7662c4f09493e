"""Takes mail for letters' own addresses over SMTP, from the mail server that accepts mail for that domain.

It says 250 once the mail is in the database, so nothing is lost on the way; what is for nobody, or too large, is
refused while the other side still holds it. It stands inside, behind that mail server: no TLS, no spam filter.
"""

import asyncio
from typing import Any

import structlog
from aiosmtpd.smtp import SMTP, Envelope, Session

from services.delivery.home.addresses import LetterAddresses
from services.delivery.home.homecoming import Homecoming, NoSuchLetter
from shared.db import DatabaseAway

MAIL_BYTES_MAX = 5_000_000
IDLE_SECONDS_MAX = 60
CONNECTIONS_MAX = 50

NO_MAILBOX = "550 5.1.1 no such mailbox here"
ONE_AT_A_TIME = "452 4.5.3 one recipient at a time"
LATER = "451 4.3.0 not now, please try again"
TAKEN = "250 2.0.0 taken"

log = structlog.get_logger(__name__)


class Porter:
    """aiosmtpd calls these; what they return is said to the other side."""

    def __init__(self, addresses: LetterAddresses, homecoming: Homecoming) -> None:
        self._addresses, self._homecoming = addresses, homecoming

    async def handle_RCPT(  # noqa: N802  # aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._addresses.read(address) is None:
            return NO_MAILBOX
        if envelope.rcpt_tos:
            return ONE_AT_A_TIME
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 go on"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        letter_id = self._addresses.read(envelope.rcpt_tos[0])
        content = envelope.original_content or b""
        if letter_id is None:
            return NO_MAILBOX
        try:
            await self._homecoming.take(letter_id, content, envelope.mail_from or "")
        except NoSuchLetter:
            return NO_MAILBOX
        except DatabaseAway as fault:
            log.warning("database_away", reason=repr(fault), next="the mail server brings it again")
            return LATER
        return TAKEN

    async def handle_exception(self, error: Exception) -> str:
        log.error("incoming_broken", fault=type(error).__name__, next="the mail server brings it again")
        return LATER


class Listener:
    """`port` 0 takes a free one; `port` then tells which, once it listens."""

    def __init__(self, porter: Porter, host: str, port: int) -> None:
        self._porter, self._host, self.port = porter, host, port
        self._server: asyncio.Server | None = None
        self._open: set[SMTP] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """A job: listen until `stop`. Raises `OSError` when the port cannot be had."""
        loop = asyncio.get_running_loop()
        self._server = server = await loop.create_server(self._protocol, self._host, self.port)
        self.port = server.sockets[0].getsockname()[1]
        log.info("listening", port=self.port, protocol="smtp")
        try:
            await stop.wait()
        finally:
            server.close()
            for protocol in list(self._open):
                if protocol.transport:
                    protocol.transport.close()
            await server.wait_closed()

    async def ping(self) -> None:
        """Raises `OSError` while nobody listens."""
        if self._server is None or not self._server.is_serving():
            raise OSError("not listening")

    def _protocol(self) -> asyncio.BaseProtocol:
        return _Turned(self._open) if len(self._open) >= CONNECTIONS_MAX else _Session(self._porter, self._open)


class _Session(SMTP):
    def __init__(self, porter: Porter, open_: set[SMTP]) -> None:
        super().__init__(
            porter,
            data_size_limit=MAIL_BYTES_MAX,
            enable_SMTPUTF8=True,
            timeout=IDLE_SECONDS_MAX,
            ident="Write for Rights",
        )
        self._open = open_

    def connection_made(self, transport: Any) -> None:
        self._open.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._open.discard(self)
        super().connection_lost(error)


class _Turned(asyncio.Protocol):
    """One too many."""

    def __init__(self, open_: set[SMTP]) -> None:
        self._open = open_

    def connection_made(self, transport: Any) -> None:
        log.warning("incoming_turned_away", connections=len(self._open))
        transport.write(b"421 4.3.2 too many connections, please try again\r\n")
        transport.close()
