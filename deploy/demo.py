"""`make demo`: the whole platform on one port of this machine, with a sample campaign, and nothing else needed."""

import asyncio
import os
import secrets
import socket
import sys
import time
from pathlib import Path

from deploy.embedded import Embedded, build
from shared.observability import configure_logging, configure_tracing
from shared.processes import Job, run

ROOT = Path(__file__).parent.parent
CAMPAIGN = ROOT / "campaigns" / "write-for-rights"
HOST = "127.0.0.1"
POLL_SECONDS = 0.05


def main() -> int:
    began = time.monotonic()
    port, folder = int(os.environ.get("PORT", "8000")), Path(os.environ.get("W4R_DEMO_FOLDER", ROOT / "var" / "demo"))
    if not _is_free(port):
        print(f"Port {port} is taken by another program. Choose one: PORT={port + 1} make demo")
        return 1
    configure_logging("demo", "all", "warning")
    configure_tracing("demo")
    public_url, staff_token = f"http://localhost:{port}", secrets.token_urlsafe(18)
    embedded = build(folder, public_url=public_url, staff_token=staff_token)
    embedded.prepare()
    asyncio.run(_load_campaign(embedded))
    run(*embedded.jobs(HOST, port), _greet(embedded, port, staff_token, began))
    print("\nStopped. Everything is kept: `make demo` goes on from here, `make demo-reset` begins anew.")
    return 0


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return probe.connect_ex((HOST, port)) != 0


async def _load_campaign(embedded: Embedded) -> None:
    await embedded.cases.publishing.import_folder(CAMPAIGN)
    # Connections belong to the loop they were made in, and `run` makes one of its own.
    await embedded.cases.close()


def _greet(embedded: Embedded, port: int, staff_token: str, began: float) -> Job:
    async def greet(stop: asyncio.Event) -> None:
        while not stop.is_set() and _is_free(port):  # noqa: ASYNC110 - a listening socket rings no event
            await asyncio.sleep(POLL_SECONDS)
        url = embedded.cases.settings.public_url
        print(
            f"\n  Write for Rights is at      {url}"
            f"\n  The letters land in         {_short(embedded.letters)}"
            f"\n  Operators look at them at   {url}/ops/login#{staff_token}"
            f"\n\n  Started in {time.monotonic() - began:.1f} s. Ctrl-C stops it.\n",
            flush=True,
        )
        await stop.wait()

    return greet


def _short(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


if __name__ == "__main__":
    sys.exit(main())
