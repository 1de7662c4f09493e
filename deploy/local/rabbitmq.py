"""A private RabbitMQ on free ports in a folder of its own, which may be killed, frozen and wiped at will.

It shares nothing with a broker that the machine may run already: own data, own port mapper, own cookie, own user.
"""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from deploy.local import binaries
from deploy.local.child import Child
from deploy.local.guard import Guard
from deploy.local.ports import LOOPBACK, free_port

START_SECONDS_MAX = 90.0
STOP_SECONDS_MAX = 30.0
CTL_SECONDS_MAX = 60.0
POLL_SECONDS = 0.1
NODE = "w4r@localhost"
USER = "w4r"
AMQP_GREETING = b"AMQP\x00\x00\x09\x01"


class StartFailed(Exception):
    """The server did not come up. The text carries the end of its log."""


class LocalRabbitMQ:
    """One broker. Its ports are picked when it is made and kept for as long as it lives; its data is kept in `folder`.

    Raises `NotInstalled` when the machine has no RabbitMQ.
    """

    def __init__(self, folder: Path) -> None:
        self._scripts, self._epmd = binaries.rabbitmq_folder(), binaries.epmd()
        self.folder = folder.resolve()
        self.port, self._dist_port, self._epmd_port = free_port(), free_port(), free_port()
        self._password = self._lay_out()
        self._guard = Guard()
        self._mapper: Child | None = None
        self._broker: Child | None = None
        self._frozen = False

    @property
    def url(self) -> str:
        return self.url_of("/")

    def url_of(self, vhost: str) -> str:
        tail = "" if vhost == "/" else vhost
        return f"amqp://{USER}:{self._password}@{LOOPBACK}:{self.port}/{tail}"

    @property
    def pid(self) -> int | None:
        return self._broker.pid if self._broker else None

    def running(self) -> bool:
        return self._broker is not None and self._broker.running()

    def start(self) -> None:
        """Start, and return when clients can connect. Raises `StartFailed`."""
        if self.running():
            return
        if self._mapper is None or not self._mapper.running():
            self._mapper = self._child([self._epmd, "-port", str(self._epmd_port), "-address", LOOPBACK], "epmd.log")
        self._frozen = False
        self._broker = self._child([str(self._scripts / "rabbitmq-server")], "broker.log")
        self._wait_until_it_greets(self._broker)

    def stop(self) -> None:
        """Stop as an operator would, and let nothing of ours run on."""
        if self._broker is not None:
            self._broker.stop(signal.SIGTERM, STOP_SECONDS_MAX)
        if self._mapper is not None:
            self._mapper.kill()
        self._guard.close()
        self._broker = self._mapper = None

    def kill(self) -> None:
        """End the broker at once, as a crash or the out-of-memory killer would. `start` brings it back.

        A quorum queue declared half a second before is written down first: RabbitMQ keeps the list of them in
        memory for a moment, and a queue it lost there never answers again. Confirmed messages need no such care."""
        if self._broker is not None:
            if not self._frozen:
                self._write_queue_list()
            self._broker.kill()
            self._broker = None

    def freeze(self) -> None:
        """Let the broker hang: connections stay open and nothing answers."""
        if self._broker is not None:
            self._frozen = True
            self._broker.send(signal.SIGSTOP)

    def thaw(self) -> None:
        if self._broker is not None:
            self._broker.send(signal.SIGCONT)
            self._frozen = False

    def wipe(self) -> None:
        """Forget every queue and message. A running broker is killed and comes back empty."""
        was_running = self.running()
        if self._broker is not None:
            self._broker.kill()
        shutil.rmtree(self.folder / "data", ignore_errors=True)
        if was_running:
            self.start()

    def create_vhost(self, name: str) -> str:
        """A virtual host of one's own on this broker. Returns its URL."""
        self.ctl("add_vhost", name)
        self.ctl("set_permissions", "-p", name, USER, ".*", ".*", ".*")
        return self.url_of(name)

    def ctl(self, *arguments: str) -> str:
        """Run `rabbitmqctl` against this broker; returns what it printed. Raises `CalledProcessError`."""
        command = [str(self._scripts / "rabbitmqctl"), "--quiet", "--node", NODE, *arguments]
        done = subprocess.run(  # noqa: S603 - RabbitMQ's own script
            command,
            env=self._environment(),
            check=True,
            capture_output=True,
            text=True,
            timeout=CTL_SECONDS_MAX,
            stdin=subprocess.DEVNULL,
        )
        return done.stdout

    def _write_queue_list(self) -> None:
        with suppress(subprocess.CalledProcessError, subprocess.TimeoutExpired):  # it may be dead already
            self.ctl("eval", "[dets:sync(Table) || Table <- dets:all()].")

    def _child(self, command: list[str], log: str) -> Child:
        return Child(command, environment=self._environment(), log=self.folder / log, guard=self._guard)

    def _wait_until_it_greets(self, broker: Child) -> None:
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            if not broker.running():
                break
            if self._greets():
                return
            time.sleep(POLL_SECONDS)
        state = "is still not ready" if broker.running() else f"ended with code {broker.exit_code()}"
        tail = broker.log_tail()
        broker.kill()
        raise StartFailed(f"RabbitMQ {state}; the end of {broker.log}:\n{tail}")

    def _greets(self) -> bool:
        """Whether it answers the AMQP greeting with its first frame, type 1 (method)."""
        with suppress(OSError), socket.create_connection((LOOPBACK, self.port), timeout=1) as connection:
            connection.sendall(AMQP_GREETING)
            return connection.recv(1) == b"\x01"
        return False

    def _environment(self) -> dict[str, str]:
        interface = "-kernel inet_dist_use_interface {127,0,0,1} -start_epmd false"
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "HOME": str(self.folder / "home"),
            # The start script then becomes the broker instead of staying its parent: our signals reach it itself.
            "RUNNING_UNDER_SYSTEMD": "true",
            "RABBITMQ_NODENAME": NODE,
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "none"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.folder / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": interface,
            "RABBITMQ_CTL_ERL_ARGS": interface,
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": LOOPBACK,
        }

    def _lay_out(self) -> str:
        """Write the configuration; returns the password, the same one for the life of the folder."""
        for name in ("home", "log", "data"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        secret = self.folder / "secret.json"
        if not secret.exists():
            secret.write_text(json.dumps({"password": secrets.token_urlsafe(24), "cookie": secrets.token_hex(20)}))
        kept = json.loads(secret.read_text())
        cookie = self.folder / "home" / ".erlang.cookie"
        if not cookie.exists():
            cookie.write_text(kept["cookie"])
            cookie.chmod(0o400)
        (self.folder / "enabled_plugins").write_text("[].\n")
        (self.folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = {LOOPBACK}:{self.port}\n"
            f"default_user = {USER}\n"
            f"default_pass = {kept['password']}\n"
            "disk_free_limit.absolute = 50MB\n"
            "log.console = true\n"
            "log.console.level = warning\n"
        )
        return str(kept["password"])
