"""The measure of pages: `make bench-pages` writes `var/bench/pages.json` and prints it as a table.

One web process of the cases service on PostgreSQL, with the sample campaign, beside the framework serving a constant
string of as many bytes; in rounds that take turns. What counts is ratios; and, through the gateway, how long a phone on
a slow line shows nothing.
"""

import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import services.cases.wiring
from deploy.local.gateway import LocalGateway
from deploy.local.ports import free_port
from deploy.local.postgres import LocalPostgres
from deploy.routes import Service
from shared.migrations import migrate
from shared.observability import configure_logging
from tests.load.first_content import first_content_ms
from tests.load.measuring import ANSWER_SECONDS_MAX, CONNECTIONS, ROOT, running, wait_until_answered
from tests.load.rows import Row, row, tell
from tests.support.servers import private_folder

ROUNDS, ROUND_SECONDS = 5, 3
FIRST_CONTENT_MS_MAX = 1_000
CASE, FRONT = "/en/cases/idris-khattak", "/en/"
SAMPLE = ROOT / "campaigns" / "write-for-rights"
RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
# Nothing read and nothing made is kept: every request asks the database and fills the template anew, but for those that
# come while the same is being made.
NOTHING_KEPT = {"W4R_PAGE_CACHE_SECONDS": "0", "W4R_PAGE_STALE_SECONDS_MAX": "0"}


def main() -> int:
    configure_logging("bench", "pages", "warning")
    with private_folder() as folder:
        server = LocalPostgres(folder / "postgres")
        server.start()
        try:
            rows = list(measure_pages(server, folder / "gateway"))
        finally:
            server.stop()
    tell("pages", rows)
    return 0


def measure_pages(server: LocalPostgres, gateway_folder: Path) -> Iterator[Row]:
    url = server.create_database("cases")
    migrate(url, services.cases.wiring.MIGRATIONS)
    environment = {"W4R_CASES_DATABASE_URL": url, "W4R_LOG_LEVEL": "warning"}
    importing = [sys.executable, "-m", "services.cases", "import", str(SAMPLE)]
    subprocess.run(importing, env=os.environ | environment, cwd=ROOT, check=True)
    kept, unkept, constant = free_port(), free_port(), free_port()
    with ExitStack() as stack:
        stack.enter_context(running("services.cases", "web", **environment, W4R_HTTP_PORT=str(kept)))
        stack.enter_context(running("services.cases", "web", **environment, **NOTHING_KEPT, W4R_HTTP_PORT=str(unkept)))
        for port in (kept, unkept):
            wait_until_answered(f"http://127.0.0.1:{port}/health/live")
        bytes_ = len(_read(kept, CASE))
        stack.enter_context(running("tests.load.constant_page", str(constant), str(bytes_)))
        wait_until_answered(f"http://127.0.0.1:{constant}/")
        asked = {"constant": (constant, "/"), "case": (kept, CASE), "front": (kept, FRONT), "unkept": (unkept, CASE)}
        for port, path in asked.values():
            _drive(port, path, seconds=1)
        rounds = [
            {name: _drive(port, path, ROUND_SECONDS) for name, (port, path) in asked.items()} for _ in range(ROUNDS)
        ]
        gateway = LocalGateway(gateway_folder, free_port(), dict.fromkeys(Service, kept))
        gateway.start()
        stack.callback(gateway.stop)
        seen = {path: first_content_ms(gateway.url + path, ROUNDS) for path in (CASE, FRONT)}
    yield row("page of a case, as it is sent unpacked", [bytes_ / 1000], "kB")
    for name, words in {"constant": "a constant string of as many bytes", "case": "page of a case"}.items():
        yield row(words, [each[name] for each in rounds], "1/s")
    yield row("page of a case / constant", [each["case"] / each["constant"] for each in rounds], "ratio", least=0.8)
    yield row("front page / constant", [each["front"] / each["constant"] for each in rounds], "ratio", least=0.8)
    yield row("page of a case, nothing kept", [each["unkept"] for each in rounds], "1/s")
    shares = [each["unkept"] / each["constant"] for each in rounds]
    yield row("page of a case, nothing kept / constant", shares, "ratio", least=0.4)
    for path, name in {CASE: "page of a case", FRONT: "front page"}.items():
        yield row(f"first content of the {name}, throttled phone", seen[path], "ms", most=FIRST_CONTENT_MS_MAX)


def _drive(port: int, path: str, seconds: int) -> float:
    """Pages a second over `CONNECTIONS` connections."""
    command = ["wrk", "-t2", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", f"{ANSWER_SECONDS_MAX}s"]
    done = subprocess.run([*command, f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True, check=True)
    assert "Non-2xx" not in done.stdout, done.stdout
    assert "Socket errors" not in done.stdout, done.stdout
    found = RATE.search(done.stdout)
    assert found, done.stdout
    return float(found.group(1))


def _read(port: int, path: str) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
        content: bytes = answer.read()
    return content


if __name__ == "__main__":
    sys.exit(main())
