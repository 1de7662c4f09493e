"""A real SMTP server that keeps a journal of what it took and misbehaves on request, as a process of its own.

    python -m tests.support.smtp_sink --port 0 --journal FILE --rules '{"busy": "450", "slow.example": "slow:200"}'

It prints its port, and appends one JSON line to the journal, before it answers, for every letter it took. What it can
be told is written in `smtp_rules.py`; the file FILE.rules.json, or the one named, is read anew for every letter.
"""

import argparse
import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from deploy.local.guard import Guard
from tests.support.smtp_rules import Rules
from tests.support.smtp_server import serve

ROOT = Path(__file__).parents[2]
STOP_SECONDS_MAX = 5.0

Behaving = Mapping[str, str | list[str]]


@dataclass(frozen=True)
class Taken:
    """One letter the sink took, once for every time it was handed over. `session`: the connection it came on."""

    message_id: str
    recipients: tuple[str, ...]
    subject: str
    taken_at: datetime
    session: int
    raw: str


class SmtpSink:
    """Runs the sink as a process, on 127.0.0.1, in a folder of its own."""

    def __init__(self, folder: Path, rules: Behaving | None = None, port: int = 0, *, pipelines: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port, self._pipelines = port, pipelines
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
        command += ["--pipelining"] if self._pipelines else []
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
        self._guard.watch(self._process.pid)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def stop(self) -> None:
        self._end(kill=False)
        self._guard.close()

    def kill(self) -> None:
        self._end(kill=True)

    def behave(self, rules: Behaving) -> None:
        """From now on treat recipients so: {"busy": "450", "slow.example": "slow:200", "*": "421"}."""
        Rules.read(json.dumps(dict(rules)))
        fresh = self._rules_file.with_suffix(".new")
        fresh.write_text(json.dumps(dict(rules)))
        fresh.replace(self._rules_file)

    def journal(self) -> list[Taken]:
        """What it took so far, in order."""
        return [_taken(json.loads(line)) for line in self._journal.read_text().splitlines()]

    def forget(self) -> None:
        """Empty the journal."""
        self._journal.write_bytes(b"")

    def _end(self, *, kill: bool) -> None:
        if self._process is None:
            return
        self._process.kill() if kill else self._process.terminate()
        self._process.communicate(timeout=STOP_SECONDS_MAX)
        self._guard.release(self._process.pid)
        self._process = None


def _taken(line: dict[str, Any]) -> Taken:
    taken_at = datetime.fromisoformat(line["taken_at"])
    recipients = tuple(line["recipients"])
    return Taken(line["message_id"], recipients, line["subject"], taken_at, line["session"], line["raw"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--rules", default="{}", help="JSON, used when there is no rules file yet")
    parser.add_argument("--rules-file", type=Path, help="where rules are read from for every letter")
    parser.add_argument("--pipelining", action="store_true", help="offer it, as most servers do")
    options = parser.parse_args()
    rules = options.rules_file or options.journal.with_suffix(".rules.json")
    if not rules.exists():
        rules.write_text(options.rules)
    asyncio.run(serve(options.port, options.journal, rules, pipelines=options.pipelining))


if __name__ == "__main__":
    main()
