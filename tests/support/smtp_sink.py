"""A real SMTP server that keeps a journal of what it took and misbehaves on request, as a process of its own.

    python -m tests.support.smtp_sink --port 0 --journal FILE --rules '{"busy": "450", "slow.example": "slow:200"}'

It prints its port, and appends one JSON line to the journal, before it answers, for every letter it took.
A rule is named by a recipient's local part, whole domain, or `*`, in that order of precedence.
"""

import argparse
import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from enum import StrEnum
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.local.guard import Guard

ROOT = Path(__file__).parents[2]
START_SECONDS_MAX = 20.0
STOP_SECONDS_MAX = 5.0
LETTER_BYTES_MAX = 1_000_000


class Behaviour(StrEnum):
    """What the sink does with a recipient."""

    ACCEPT = "accept"
    REFUSE_FOR_NOW = "450"
    REFUSE = "550"
    CLOSE_SERVICE = "421"
    REFUSE_LETTER = "554-after-dot"
    DROP_AFTER_DOT = "drop-after-dot"
    DROP_BEFORE_DOT = "drop-before-dot"
    SLOW = "slow"


@dataclass(frozen=True)
class Rule:
    """A behaviour, and for `slow` how long the sink thinks before it answers, in ms."""

    behaviour: Behaviour
    delay_ms: int = 0

    @classmethod
    def read(cls, text: str) -> "Rule":
        name, _, delay_ms = text.partition(":")
        return cls(Behaviour(name), int(delay_ms or 0))


@dataclass(frozen=True)
class Taken:
    """One letter the sink took, once for every time it was handed over."""

    message_id: str
    recipients: tuple[str, ...]
    subject: str
    taken_at: datetime
    raw: str


@dataclass(frozen=True)
class Rules:
    """Which recipient is treated how."""

    by_name: Mapping[str, Rule]

    @classmethod
    def read(cls, text: str) -> "Rules":
        return cls({name: Rule.read(rule) for name, rule in json.loads(text).items()})

    def of(self, address: str) -> Rule:
        local_part, _, domain = address.rpartition("@")
        for name in (local_part, domain, "*"):
            if name in self.by_name:
                return self.by_name[name]
        return Rule(Behaviour.ACCEPT)


AT_RCPT = {
    Behaviour.REFUSE_FOR_NOW: "450 4.2.1 Mailbox busy, try again later",
    Behaviour.REFUSE: "550 5.1.1 No such mailbox",
    Behaviour.CLOSE_SERVICE: "421 4.3.2 Service closing",
}


class Handler:
    """Answers as the rules say. The rules file is read for every letter, so a test may change its mind."""

    def __init__(self, rules: Path, journal: Path) -> None:
        self._rules_file, self._journal = rules, journal

    def rules(self) -> Rules:
        return Rules.read(self._rules_file.read_text())

    async def handle_RCPT(  # noqa: N802 - the name aiosmtpd calls
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        behaviour = self.rules().of(address).behaviour
        if behaviour is Behaviour.CLOSE_SERVICE:
            asyncio.get_running_loop().call_soon(_close, server)
        if behaviour in AT_RCPT:
            return AT_RCPT[behaviour]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        ruled = [self.rules().of(address) for address in envelope.rcpt_tos]
        behaviours = {rule.behaviour for rule in ruled}
        await asyncio.sleep(max(rule.delay_ms for rule in ruled) / 1000)
        if Behaviour.REFUSE_LETTER in behaviours:
            return "554 5.6.0 Content refused"
        self._keep(envelope)
        if Behaviour.DROP_AFTER_DOT in behaviours:
            _abort(server)
        return "250 OK: taken"

    def _keep(self, envelope: Envelope) -> None:
        content = envelope.original_content or b""
        letter = message_from_bytes(content, policy=policy.default)
        line = {
            "message_id": str(letter["Message-ID"] or ""),
            "recipients": envelope.rcpt_tos,
            "subject": str(letter["Subject"] or ""),
            "taken_at": datetime.now(UTC).isoformat(),
            "raw": content.decode("utf-8", "surrogateescape"),
        }
        with self._journal.open("ab") as journal:
            journal.write(json.dumps(line).encode() + b"\n")


class Server(SMTP):
    """aiosmtpd's server, able to hang up in the middle of a letter."""

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        rules = self.event_handler.rules()
        addresses = self.envelope.rcpt_tos if self.envelope else []
        if any(rules.of(address).behaviour is Behaviour.DROP_BEFORE_DOT for address in addresses):
            await self.push("354 Go ahead")
            await self._reader.readline()
            _abort(self)
            return
        await super().smtp_DATA(arg)


def _close(server: SMTP) -> None:
    if server.transport is not None:
        server.transport.close()


def _abort(server: SMTP) -> None:
    # Closing would still send the reply that aiosmtpd writes after the handler; aborting throws it away.
    if isinstance(server.transport, asyncio.WriteTransport):
        server.transport.abort()


class SmtpSink:
    """Runs the sink as a process, on 127.0.0.1, in a folder of its own."""

    def __init__(self, folder: Path, rules: Mapping[str, str] | None = None, port: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = port
        self._journal, self._rules_file = folder / "journal.jsonl", folder / "rules.json"
        self._journal.touch()
        self._guard = Guard()
        self._process: subprocess.Popen[str] | None = None
        self.behave(rules or {})

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start, on the same port as before if it was up before."""
        command = [sys.executable, "-m", "tests.support.smtp_sink", "--port", str(self.port)]
        command += ["--journal", str(self._journal), "--rules-file", str(self._rules_file)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
        self._guard.watch(self._process.pid)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def stop(self) -> None:
        self._end(kill=False)
        self._guard.close()

    def kill(self) -> None:
        self._end(kill=True)

    def behave(self, rules: Mapping[str, str]) -> None:
        """From now on treat recipients so: {"busy": "450", "slow.example": "slow:200", "*": "421"}."""
        Rules.read(json.dumps(dict(rules)))
        fresh = self._rules_file.with_suffix(".new")
        fresh.write_text(json.dumps(dict(rules)))
        fresh.replace(self._rules_file)

    def journal(self) -> list[Taken]:
        """What it took so far, in order."""
        return [_taken(json.loads(line)) for line in self._journal.read_text().splitlines()]

    def _end(self, *, kill: bool) -> None:
        if self._process is None:
            return
        self._process.kill() if kill else self._process.terminate()
        self._process.communicate(timeout=STOP_SECONDS_MAX)
        self._guard.release(self._process.pid)
        self._process = None


def _taken(line: dict[str, Any]) -> Taken:
    taken_at = datetime.fromisoformat(line["taken_at"])
    return Taken(line["message_id"], tuple(line["recipients"]), line["subject"], taken_at, line["raw"])


async def serve(port: int, journal: Path, rules: Path) -> None:
    handler = Handler(rules, journal)

    def connection() -> Server:
        return Server(handler, hostname="sink.example", enable_SMTPUTF8=True, data_size_limit=LETTER_BYTES_MAX)

    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", port)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--rules", default="{}", help="JSON, used when there is no rules file yet")
    parser.add_argument("--rules-file", type=Path, help="where rules are read from for every letter")
    options = parser.parse_args()
    rules = options.rules_file or options.journal.with_suffix(".rules.json")
    if not rules.exists():
        rules.write_text(options.rules)
    asyncio.run(serve(options.port, options.journal, rules))


if __name__ == "__main__":
    main()
