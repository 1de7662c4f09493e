"""The SMTP sink's own side of a session: it takes letters into its journal, or misbehaves as the rules say."""

import asyncio
import json
import time
from datetime import UTC, datetime
from email import message_from_bytes, policy
from itertools import count
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.support.smtp_rules import Behaviour, Rule, Rules, Step

LETTER_BYTES_MAX = 1_000_000
CLOSING = "421 4.3.2 Service closing"
AT_RCPT = {
    Behaviour.REFUSE_FOR_NOW: "450 4.2.1 Mailbox busy, try again later",
    Behaviour.REFUSE: "550 5.1.1 No such mailbox",
    Behaviour.CLOSE_SERVICE: CLOSING,
}


class Handler:
    """Answers as the rules say. The rules file is read for every letter, so a test may change its mind."""

    def __init__(self, rules: Path, journal: Path, *, pipelines: bool = False) -> None:
        self._rules_file, self._journal, self._pipelines = rules, journal, pipelines
        self._first_tries: dict[tuple[str, str], float] = {}
        self.sessions: set[Server] = set()
        self.numbers = count(1)

    def rules(self) -> Rules:
        return Rules.read(self._rules_file.read_text())

    async def handle_EHLO(  # noqa: N802 - the names aiosmtpd calls
        self, server: "Server", session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [responses[0], *(["250-PIPELINING"] if self._pipelines else []), *responses[1:]]

    async def handle_RCPT(  # noqa: N802
        self, server: "Server", session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        rule = self.rules().of(address)
        await server.stumble(Step.RCPT, rule)
        if rule.behaviour is Behaviour.SLOW_RCPT:
            await asyncio.sleep(rule.number / 1000)
        refused = self._refusal(server, envelope, address, rule)
        if refused and refused.startswith("421"):
            asyncio.get_running_loop().call_soon(server.close)
        if refused:
            return refused
        server.ruled.append(rule)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: "Server", session: Session, envelope: Envelope) -> str:  # noqa: N802
        ruled = {rule.behaviour: rule for rule in server.ruled}
        if slow := ruled.get(Behaviour.SLOW):
            await asyncio.sleep(slow.number / 1000)
        if said := ruled.get(Behaviour.SAY_AFTER_DOT):
            return said.argument
        if Behaviour.REFUSE_LETTER in ruled:
            return "554 5.6.0 Content refused"
        self._keep(server, envelope)
        if Behaviour.DROP_AFTER_DOT in ruled:
            server.abort()
        for rule in server.ruled:
            await server.stumble(Step.DOT, rule)
        server.taken += 1
        server.ruled = []
        return "250 OK: taken"

    def _refusal(self, server: "Server", envelope: Envelope, address: str, rule: Rule) -> str | None:
        match rule.behaviour:
            case Behaviour.SAY:
                return rule.argument
            case Behaviour.CLOSE_AFTER if server.taken >= rule.number:
                return CLOSING
            case Behaviour.GREYLIST if self._is_new((envelope.mail_from or "", address), rule.number):
                return "451 4.7.1 Greylisted, try again later"
            case Behaviour.AT_ONCE if self._at_once(rule) >= rule.number:
                return "421 4.7.0 Too many connections from you"
        return AT_RCPT.get(rule.behaviour)

    def _is_new(self, pair: tuple[str, str], wait_ms: int) -> bool:
        now = time.monotonic()
        return now < self._first_tries.setdefault(pair, now) + wait_ms / 1000

    def _at_once(self, rule: Rule) -> int:
        """Sessions with a letter under this rule in hand."""
        return sum(any(held.name == rule.name for held in session.ruled) for session in self.sessions)

    def _keep(self, server: "Server", envelope: Envelope) -> None:
        content = envelope.original_content or b""
        letter = message_from_bytes(content, policy=policy.default)
        line = {
            "message_id": str(letter["Message-ID"] or ""),
            "recipients": envelope.rcpt_tos,
            "subject": str(letter["Subject"] or ""),
            "taken_at": datetime.now(UTC).isoformat(),
            "session": server.number,
            "raw": content.decode("utf-8", "surrogateescape"),
        }
        with self._journal.open("ab") as journal:
            journal.write(json.dumps(line).encode() + b"\n")


class Server(SMTP):
    """aiosmtpd's server for one session, able to hang up or fall silent in the middle of it."""

    def __init__(self, handler: Handler) -> None:
        super().__init__(handler, hostname="sink.example", enable_SMTPUTF8=True, data_size_limit=LETTER_BYTES_MAX)
        self._handler, self.number = handler, next(handler.numbers)
        self.taken, self.ruled = 0, list[Rule]()
        handler.sessions.add(self)

    async def stumble(self, step: Step, rule: Rule | None = None) -> None:
        """Drop the session, or fall silent for good, if the rule says so of this step."""
        rule = rule or self._handler.rules().of_everybody()
        if rule.at(Behaviour.DROP, step):
            self.abort()
            raise ConnectionResetError
        if rule.at(Behaviour.HANG, step):
            await asyncio.Event().wait()

    async def _handle_client(self) -> None:
        try:
            await self.stumble(Step.CONNECT)
        except ConnectionResetError:
            return
        await super()._handle_client()

    def connection_lost(self, error: Exception | None) -> None:
        self._handler.sessions.discard(self)
        super().connection_lost(error)

    async def smtp_EHLO(self, hostname: str) -> None:  # noqa: N802
        await self.stumble(Step.EHLO)
        await super().smtp_EHLO(hostname)

    async def smtp_MAIL(self, arg: str) -> None:  # noqa: N802
        self.ruled = []
        await self.stumble(Step.MAIL)
        await super().smtp_MAIL(arg)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        for rule in self.ruled:
            await self.stumble(Step.DATA, rule)
        if any(rule.behaviour is Behaviour.DROP_BEFORE_DOT or rule.at(Behaviour.DROP, Step.DOT) for rule in self.ruled):
            await self.push("354 Go ahead")
            await self._reader.readline()
            self.abort()
            raise ConnectionResetError  # or what is left of the letter would be read as commands
        await super().smtp_DATA(arg)

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()

    def abort(self) -> None:
        # Closing would still send the reply that aiosmtpd writes after the handler; aborting throws it away.
        transport: Any = self.transport
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()


async def serve(port: int, journal: Path, rules: Path, *, pipelines: bool) -> None:
    handler = Handler(rules, journal, pipelines=pipelines)
    server = await asyncio.get_running_loop().create_server(lambda: Server(handler), "127.0.0.1", port, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
