"""The platform as a journey meets it: an address to read and write at, and a place where letters arrive.

Two of them: the demo's single process, and the real processes on RabbitMQ, PostgreSQL and an SMTP server.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import httpx

from deploy.local.ports import free_port
from deploy.stack import CAMPAIGN, Stack
from tests.support.smtp_sink import SmtpSink
from tests.support.until import until

ROOT = Path(__file__).parents[2]
ARRIVE_SECONDS_MAX = 30.0
STEP_SECONDS_MAX = 60.0
LAST_CASE = "the-stansted-15"  # in the order of the folder; closed, so that nothing is counted
# Seconds where operators wait minutes, so that a journey through a fault takes a moment.
AS_OFTEN_AS_THEY_LIKE = {
    "W4R_RATE_PER_MAILBOX": "",  # one supporter walks all journeys
    "W4R_NEWS_WAIT_SECONDS": "0",
}
QUICK = AS_OFTEN_AS_THEY_LIKE | {
    "W4R_DEFERRAL_SECONDS": "[1, 1, 2]",
    "W4R_HOST_WAIT_SECONDS": "1",
    "W4R_DESTINATION_REST_SECONDS": "0.5",
    "W4R_UNCERTAIN_WAIT_SECONDS": "3",
    "W4R_LEASE_SECONDS": "6",
    "W4R_SWEEP_SECONDS": "0.5",
    "W4R_SMTP_COMMAND_SECONDS_MAX": "5",
    "W4R_SMTP_DOT_SECONDS_MAX": "5",
    "W4R_HTTP_CACHE_SECONDS": "1",
    "W4R_HTTP_CACHE_STALE_SECONDS": "0",
    "W4R_BACKGROUND_NICE": "0",  # a journey waits for letters, and the tests beside it keep the machine busy
}


@dataclass(frozen=True)
class Arrived:
    """One letter as its target got it."""

    message_id: str
    recipient: str
    text: str
    unsubscribe: tuple[str, str] = ("", "")  # the two headers of RFC 8058


class World(Protocol):
    """What a journey may do besides asking over HTTP."""

    staff_token: str

    @property
    def url(self) -> str: ...

    def arrived(self) -> list[Arrived]:
        """Every letter that arrived, in order; one that arrived twice is here twice."""

    def withdraw(self, slug: str) -> None:
        """What a campaigner does when a person at risk takes back their consent."""

    def publish(self, campaign: Path) -> None:
        """What a campaigner does with a changed folder."""


class EmbeddedWorld:
    """`make demo`'s process, with a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self._process: subprocess.Popen[str] | None = None
        self.staff_token = ""

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def start(self) -> None:
        environment = os.environ | {"PORT": str(self.port), "W4R_DEMO_FOLDER": str(self.folder)}
        environment |= AS_OFTEN_AS_THEY_LIKE
        self._process = subprocess.Popen(
            [sys.executable, "-m", "deploy.demo"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if found := re.search(r"/ops/login#(\S+)", line):
                self.staff_token = found[1]
            if "Ctrl-C" in line:
                return _wait_until_open(self.url)
        raise AssertionError("the demo ended before it was ready")

    def stop(self) -> str:
        """Ctrl-C. Returns what it said last; raises if it did not end well."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        said, _ = self._process.communicate(timeout=STEP_SECONDS_MAX)
        assert self._process.returncode == 0, said
        return said

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.communicate(timeout=STEP_SECONDS_MAX)

    def arrived(self) -> list[Arrived]:
        return [_read(path.read_bytes()) for path in sorted((self.folder / "letters").glob("*.eml"))]

    def withdraw(self, slug: str) -> None:
        self._tell_cases("close", slug, "--reason", "withdrawn")

    def publish(self, campaign: Path) -> None:
        self._tell_cases("import", str(campaign))

    def _tell_cases(self, *command: str) -> None:
        database = f"sqlite+aiosqlite:///{self.folder / 'cases.db'}"
        _run("services.cases", *command, W4R_CASES_DATABASE_URL=database)


class StackWorld:
    """`make stack`'s processes, with an SMTP server as the smarthost."""

    def __init__(self, folder: Path, *, cases: int, copies: Mapping[str, int] | None = None) -> None:
        self.sink = SmtpSink(folder / "sink")
        self.sink.start()
        campaign = many_cases(folder / "campaign", cases)
        environment = QUICK | {"W4R_SMTP_URL": self.sink.url}
        self.stack = Stack(folder / "stack", environment=environment, copies=copies, campaign=campaign)
        self.staff_token = self.stack.staff_token

    @property
    def url(self) -> str:
        return self.stack.url

    def start(self) -> None:
        """Up, and open: the last case has come through the bus."""
        self.stack.start()
        _wait_until_open(self.url)

    def stop(self) -> None:
        self.stack.stop()
        self.sink.stop()

    def arrived(self) -> list[Arrived]:
        return [_read(taken.raw.encode("utf-8", "surrogateescape")) for taken in self.sink.journal()]

    def withdraw(self, slug: str) -> None:
        _run("services.cases", "close", slug, "--reason", "withdrawn", **self.stack.environment())

    def publish(self, campaign: Path) -> None:
        _run("services.cases", "import", str(campaign), **self.stack.environment())


def _wait_until_open(url: str) -> None:
    """Until the last case has come through the bus: before, its form is a 404."""
    deadline, headers = time.monotonic() + STEP_SECONDS_MAX, {"Idempotency-Key": str(uuid4())}
    with httpx.Client(base_url=url, timeout=30) as client:
        while client.post("/api/v1/actions", json=an_action(LAST_CASE), headers=headers).status_code == 404:
            assert time.monotonic() < deadline, "no case has come through the bus"
            time.sleep(0.1)


def many_cases(folder: Path, count: int) -> Path:
    """The sample campaign, and `count` more open cases `case-1`, `case-2` ... whose targets have hosts of their own."""
    folder.mkdir(parents=True)
    for path in CAMPAIGN.glob("*.yaml"):
        (folder / path.name).write_text(path.read_text())
    template = (CAMPAIGN / "idris-khattak.yaml").read_text()
    for number in range(1, count + 1):
        text = template.replace("slug: idris-khattak", f"slug: case-{number}")
        text = re.sub(r"key: (\S+)", rf"key: \1-{number}", text)
        text = re.sub(r"email: (\w+)@([\w.-]+)\.example", rf"email: \1@case-{number}.\2.example", text)
        (folder / f"case-{number}.yaml").write_text(text)
    return folder


def an_action(case: str = "idris-khattak", **changes: Any) -> dict[str, Any]:
    """What a partner's frontend posts, by another supporter each time."""
    who = uuid4().hex
    return {
        "case": case,
        "channel": "email",
        "supporter": {"name": f"Supporter {who}", "email": f"supporter-{who}@mail.example", "country": "DE"},
        "letter": {"subject": "I write to you", "body": "Dear Minister,\n\nplease act.", "language": "en"},
    } | changes


async def act(client: httpx.AsyncClient, action: dict[str, Any], key: str | None = None) -> httpx.Response:
    return await client.post("/api/v1/actions", json=action, headers={"Idempotency-Key": key or str(uuid4())})


async def letters_of(client: httpx.AsyncClient, receipt: str) -> list[dict[str, Any]]:
    """The letters as the receipt tells them. `receipt` is the URL that the 202 gave."""
    answer = await client.get(f"/api/v1/receipts/{receipt.rsplit('/', 1)[1]}")
    letters: list[dict[str, Any]] = answer.raise_for_status().json()["letters"]
    return letters


async def until_all(client: httpx.AsyncClient, receipt: str, *states: str, timeout_seconds: float = 30) -> None:
    """Wait until the receipt says one of `states` of every letter."""

    async def told() -> bool:
        return {letter["state"] for letter in await letters_of(client, receipt)} <= set(states)

    await until(told, timeout_seconds)


def _read(raw: bytes) -> Arrived:
    mail = message_from_bytes(raw, policy=policy.default)
    body = mail.get_body()
    assert body is not None
    unsubscribe = (str(mail["List-Unsubscribe"] or ""), str(mail["List-Unsubscribe-Post"] or ""))
    return Arrived(str(mail["Message-ID"]).strip("<>"), str(mail["To"]), str(body.get_content()), unsubscribe)


def _run(*command: str, **environment: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=STEP_SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stderr
