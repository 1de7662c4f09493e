"""The API against its own OpenAPI: whatever comes in, no 500, and no answer that is not written down.

schemathesis makes the requests from the document, right ones and wrong ones, alone and in walks from an action to its
receipt, the same in every run. They go to a web process over a real socket. The document is narrowed to a case that
exists, or every answer would be a 404.
"""

import asyncio
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.local.guard import Guard
from services.actions.wiring import MIGRATIONS
from shared.migrations import migrate
from tests.support.actions_app import actions_service
from tests.support.actions_staff import BEARER, STAFF_TOKEN
from tests.support.chaos_intake import WebProcess
from tests.support.events import EMBASSY, MINISTRY

ACTIONS, RECEIPT = "/api/v1/actions", "/api/v1/receipts/{token}"
EXAMPLES_MAX = 60
RUN_SECONDS_MAX = 100
# Rules no schema can tell, such as which countries there are, make some well-formed requests a 422: which is promised.
UNTOLD = "positive_data_acceptance"


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebProcess]:
    database_url, guard = f"sqlite+aiosqlite:///{tmp_path / 'actions.db'}", Guard()
    migrate(database_url, MIGRATIONS)
    asyncio.run(know_the_case(database_url))
    web = WebProcess(database_url, tmp_path, guard, W4R_STAFF_TOKEN=STAFF_TOKEN)
    try:
        web.start()
        asyncio.run(web.until_ready())
        yield web
    finally:
        web.kill()
        guard.close()


async def know_the_case(database_url: str) -> None:
    async with actions_service(database_url):
        pass


def narrowed(document: dict[str, Any]) -> dict[str, Any]:
    """The document of a world with one case and two targets, and the way from an action to its receipt."""
    post = document["paths"][ACTIONS]["post"]
    fields = post["requestBody"]["content"]["application/json"]["schema"]["properties"]
    fields["case"]["enum"] = ["a-test-case"]
    fields["channel"]["enum"] = ["email", "post"]
    fields["targets"]["anyOf"][0]["items"]["enum"] = [str(MINISTRY.id), str(EMBASSY.id)]
    fields["supporter"]["properties"]["country"]["enum"] = ["DE", "pk"]
    fields["supporter"]["properties"]["email"]["enum"] = ["supporter@mail.example", "another@mail.example"]
    operation = document["paths"][RECEIPT]["get"]["operationId"]
    token = "$response.body#/receipt#regex:([^/]+)$"
    post["responses"]["202"]["links"] = {"receipt": {"operationId": operation, "parameters": {"token": token}}}
    return document


@pytest.mark.timeout(600)
def test_no_request_brings_an_answer_that_was_not_promised(web: WebProcess, tmp_path: Path) -> None:
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(narrowed(httpx.get(f"{web.url}/openapi.json", trust_env=False).json())))
    command = [sys.executable, "-m", "schemathesis.cli", "run", str(document), "--url", web.url]
    command += ["--checks", "all", "--exclude-checks", UNTOLD, "--suppress-health-check", "all", "--no-color"]
    command += ["--header", f"Authorization: {BEARER['Authorization']}"]  # staff's routes are asked as staff
    command += ["--max-examples", str(EXAMPLES_MAX), "--generation-deterministic"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=RUN_SECONDS_MAX)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Stateful \(in", done.stdout), "walks were made too"
    answered = answers_of(web)
    assert answered["POST", 202]
    assert answered["GET", 200], "some walks came to a receipt"
    assert not [status for _, status in answered if status >= 500]


def answers_of(web: WebProcess) -> Counter[tuple[str, int]]:
    """How often the process gave which answer, by its own log."""
    lines = [json.loads(line) for line in web.log.read_text().splitlines() if line.startswith("{")]
    requests = [line for line in lines if line.get("event") == "request"]
    return Counter((line["action"], line["status"]) for line in requests)
