"""The gateway on this machine: the same nginx configuration as in the image, filled in for local ports."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from deploy.local import binaries
from deploy.local.child import Child
from deploy.local.guard import Guard
from deploy.local.ports import LOOPBACK
from deploy.routes import Service

GATEWAY = Path(__file__).parents[1] / "gateway"
TEMPLATE = GATEWAY / "nginx.conf.template"
PAGES = GATEWAY / "pages"
START_SECONDS_MAX = 10.0
STOP_SECONDS_MAX = 5.0
POLL_SECONDS = 0.05


class StartFailed(Exception):
    """nginx did not come up. The text carries the end of its log."""


def render(template: str, values: Mapping[str, str]) -> str:
    """Fill in `${W4R_GATEWAY_...}` and nothing else, as the image's start script does. Raises `KeyError`."""
    return re.sub(r"\$\{(W4R_GATEWAY_\w+)\}", lambda name: values[name.group(1)], template)


class LocalGateway:
    """nginx in the foreground, listening on `port` of the loopback interface, in front of `upstreams` (their ports).

    Raises `NotInstalled` when the machine has no nginx.
    """

    def __init__(self, folder: Path, port: int, upstreams: Mapping[Service, int]) -> None:
        self._nginx = binaries.nginx()
        self.folder, self.port, self._upstreams = folder.resolve(), port, dict(upstreams)
        self._guard = Guard()
        self._server: Child | None = None

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def child(self) -> Child | None:
        """The running nginx."""
        return self._server

    def start(self) -> None:
        """Start, and return when it listens. Raises `StartFailed`."""
        self.write_configuration()
        self._server = Child(
            self._command(), environment=os.environ, log=self.folder / "gateway.log", guard=self._guard
        )
        deadline = time.monotonic() + START_SECONDS_MAX
        while self._server.running() and time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection((LOOPBACK, self.port), timeout=1):
                return
            time.sleep(POLL_SECONDS)
        tail = self._server.log_tail()
        self.stop()
        raise StartFailed(f"the gateway did not start; the end of its log:\n{tail}")

    def stop(self) -> None:
        """End it once the requests in hand are answered, or `STOP_SECONDS_MAX` have passed."""
        if self._server is not None:
            self._server.stop(signal.SIGQUIT, STOP_SECONDS_MAX)
            self._server = None
        self._guard.close()

    def check(self) -> str:
        """What `nginx -t` says of the configuration. Raises `CalledProcessError` when it is not valid."""
        self.write_configuration()
        command = [*self._command(), "-t"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - nginx itself
        return done.stderr

    def write_configuration(self) -> None:
        shutil.rmtree(self.folder / "cache", ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "nginx.conf").write_text(render(TEMPLATE.read_text(), self._values()))

    def _command(self) -> list[str]:
        # As root its workers would become a user who cannot enter our folder.
        user = " user root;" if os.geteuid() == 0 else ""
        directives = f"daemon off;{user}"
        return [
            self._nginx,
            "-p",
            str(self.folder),
            "-c",
            str(self.folder / "nginx.conf"),
            "-e",
            "stderr",
            "-g",
            directives,
        ]

    def _values(self) -> dict[str, str]:
        upstreams = {f"W4R_GATEWAY_{service.name}": f"{LOOPBACK}:{self._upstreams[service]}" for service in Service}
        return {
            **upstreams,
            "W4R_GATEWAY_PORT": f"{LOOPBACK}:{self.port}",
            "W4R_GATEWAY_FOLDER": str(self.folder),
            "W4R_GATEWAY_PAGES": str(PAGES),
            "W4R_GATEWAY_TRUSTED": LOOPBACK,
        }
