"""A private PostgreSQL on a free port in a folder of its own, which may be killed and frozen at will.

It keeps what it promised (fsync is on), listens on the loopback interface alone and asks for a password.
PostgreSQL refuses to run as root, so when we are root it runs as the user `postgres`, or else `nobody`.
"""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from deploy.local import binaries, databases
from deploy.local.child import Child, children_of, group_of, is_alive
from deploy.local.guard import Guard
from deploy.local.ports import LOOPBACK, free_port

START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 20.0
INITDB_SECONDS_MAX = 120.0
POLL_SECONDS = 0.05
USER = "w4r"
CONNECTIONS_MAX = 300


class StartFailed(Exception):
    """The server did not come up. The text carries the end of its log."""


class LocalPostgres:
    """One server. Its port is picked when it is made and kept for as long as it lives; its data is kept in `folder`.

    Raises `NotInstalled` when the machine has no PostgreSQL.
    """

    def __init__(self, folder: Path) -> None:
        self._binaries = binaries.postgresql_folder()
        self.folder = folder.resolve()
        self.port = free_port()
        self._runs_as = _ordinary_user()
        self.password = ""
        self._guard = Guard()
        self._server: Child | None = None

    @property
    def url(self) -> str:
        """The administrative database, where no table of ours lives."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        return f"postgresql+asyncpg://{USER}:{self.password}@{LOOPBACK}:{self.port}/{database}"

    @property
    def pid(self) -> int | None:
        return self._server.pid if self._server else None

    def running(self) -> bool:
        return self._server is not None and self._server.running()

    def start(self) -> None:
        """Start, and return when clients can connect. Raises `StartFailed`."""
        if self.running():
            return
        self._make_cluster_once()
        self._clear_stale_lock()
        self._server = Child(
            [str(self._binaries / "postgres"), "-D", str(self.folder / "data"), *self._options()],
            environment=self._environment(),
            log=self.folder / "postgres.log",
            guard=self._guard,
            folder=self.folder,
            user=self._runs_as,
        )
        self._wait_until_ready(self._server)

    def stop(self) -> None:
        """Stop at once but cleanly: open connections are ended, what was committed is on disk."""
        if self._server is not None:
            self.thaw()
            self._server.stop(signal.SIGINT, STOP_SECONDS_MAX)
        self._guard.close()
        self._server = None

    def kill(self) -> None:
        """End every process of the server at once, as a power cut would. `start` brings it back on the same port."""
        if self._server is None:
            return
        self._server.send(signal.SIGSTOP)  # so that it starts no further process while we count them
        backends = children_of(self._server.pid)
        self._server.kill()
        for pid in backends:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._server = None
        deadline = time.monotonic() + STOP_SECONDS_MAX
        # While one lives, the shared memory counts as in use and a new server refuses to start.
        while any(map(is_alive, backends)) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)

    def freeze(self) -> None:
        """Let the server hang: connections stay open and nothing answers."""
        if self._server is not None:
            self._server.send(signal.SIGSTOP)
            self._signal_backends(signal.SIGSTOP)

    def thaw(self) -> None:
        if self._server is not None:
            self._signal_backends(signal.SIGCONT)
            self._server.send(signal.SIGCONT)

    def create_database(self, name: str) -> str:
        """Make an empty database. Returns its URL, `postgresql+asyncpg://...`."""
        return databases.create_database(self.url, name)

    def has_database(self, name: str) -> bool:
        return databases.has_database(self.url, name)

    def _signal_backends(self, number: signal.Signals) -> None:
        for pid in children_of(self._server.pid) if self._server else []:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _wait_until_ready(self, server: Child) -> None:
        probe = [str(self._binaries / "pg_isready"), "-q", "-h", LOOPBACK, "-p", str(self.port)]
        deadline = time.monotonic() + START_SECONDS_MAX
        while server.running() and time.monotonic() < deadline:
            if subprocess.run(probe, check=False).returncode == 0:  # noqa: S603 - PostgreSQL's own program
                return
            time.sleep(POLL_SECONDS)
        state = "is still not ready" if server.running() else f"ended with code {server.exit_code()}"
        tail = server.log_tail()
        self.kill()
        raise StartFailed(f"PostgreSQL {state}; the end of {server.log}:\n{tail}")

    def _options(self) -> list[str]:
        settings = {
            "listen_addresses": LOOPBACK,
            "port": str(self.port),
            # TCP alone: the path of a socket file must be under 108 characters, and ours may be longer.
            "unix_socket_directories": "",
            "max_connections": str(CONNECTIONS_MAX),
            "fsync": "on",
            "synchronous_commit": "on",
            "full_page_writes": "on",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "HOME": str(self.folder)}

    def _clear_stale_lock(self) -> None:
        """A starter that was killed may leave a lock held by a zombie, which PostgreSQL takes for a live server."""
        lock = self.folder / "data" / "postmaster.pid"
        if lock.exists() and not is_alive(int(lock.read_text().split()[0])):
            lock.unlink()

    def _make_cluster_once(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        secret = self.folder / "password"
        if not secret.exists():
            secret.touch(mode=0o600)
            secret.write_text(secrets.token_urlsafe(24))
        if self._runs_as:
            _give(self.folder, self._runs_as)
            _give(secret, self._runs_as)
        self.password = secret.read_text()
        if not (self.folder / "data" / "PG_VERSION").exists():
            self._make_cluster(secret)

    def _make_cluster(self, secret: Path) -> None:
        data = self.folder / "data"
        shutil.rmtree(data, ignore_errors=True)
        command = [str(self._binaries / "initdb"), "-D", str(data), "-U", USER, "--pwfile", str(secret)]
        command += ["--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8"]
        done = subprocess.run(  # noqa: S603 - PostgreSQL's own program
            command,
            env=self._environment(),
            cwd="/",
            user=self._runs_as,
            group=group_of(self._runs_as),
            extra_groups=[] if self._runs_as else None,
            capture_output=True,
            text=True,
            timeout=INITDB_SECONDS_MAX,
            check=False,
        )
        if done.returncode != 0:
            hint = f" (as user {self._runs_as}, who must be able to enter the folder)" if self._runs_as else ""
            raise StartFailed(f"initdb could not make {data}{hint}:\n{done.stderr}")


def _ordinary_user() -> str | None:
    """Who the server runs as: None means ourselves."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    for name in ("postgres", "nobody"):
        if name in names:
            return name
    raise StartFailed("PostgreSQL refuses to run as root, and there is no user `postgres` or `nobody` to run it as")


def _give(path: Path, user: str) -> None:
    entry = pwd.getpwnam(user)
    os.chown(path, entry.pw_uid, entry.pw_gid)
