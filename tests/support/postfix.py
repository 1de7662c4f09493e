"""A real Postfix of our own: on loopback alone, with its queue and configuration in a folder, apart from the system's.

It needs root, as Postfix does. Every domain goes to the port it is given; nothing is looked up and nothing leaves the
machine.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from deploy.local.child import Child
from deploy.local.guard import Guard
from deploy.local.ports import free_port

DAEMONS = Path("/usr/lib/postfix/sbin")
START_SECONDS_MAX = 20.0
SERVICES = """
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


def is_possible() -> bool:
    return os.geteuid() == 0 and (DAEMONS / "master").exists() and shutil.which("postfix", path="/usr/sbin") is not None


class Postfix:
    """`port` takes mail; `deliver` and `hold` say what becomes of it."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def queued(self) -> int:
        """Messages that are in its queue, whatever it does with them."""
        queues = ("incoming", "active", "deferred", "maildrop", "hold")
        return sum(1 for name in queues for path in (self.folder / "queue" / name).rglob("*") if path.is_file())

    def set(self, **values: str) -> None:
        """Change its settings while it runs."""
        self._command("postconf", *(f"{name}={value}" for name, value in values.items()))
        self._command("postfix", "reload")

    def flush(self) -> None:
        """Try everything now."""
        self._command("postqueue", "-f")

    def _command(self, name: str, *words: str) -> None:
        subprocess.run(
            [f"/usr/sbin/{name}", "-c", str(self.folder / "conf"), *words],
            check=True,
            capture_output=True,
            timeout=START_SECONDS_MAX,
        )


@contextmanager
def postfix(folder: Path, routes: Mapping[str, int], **settings: str) -> Iterator[Postfix]:
    """Running until the block ends. `routes`: a domain, or `*`, and the port its mail is handed to by SMTP."""
    folder.chmod(0o755)
    port = free_port()
    _configure(folder, port, routes, settings)
    guard = Guard()
    child = Child(
        ["/usr/sbin/postfix", "-c", str(folder / "conf"), "start-fg"],
        environment={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C"},
        log=folder / "postfix.log",
        guard=guard,
    )
    try:
        _wait_until_open(child, port)
        yield Postfix(folder, port)
    finally:
        with suppress(subprocess.SubprocessError):
            Postfix(folder, port)._command("postfix", "stop")
        child.wait_or_kill(START_SECONDS_MAX)
        guard.close()


def _configure(folder: Path, port: int, routes: Mapping[str, int], settings: Mapping[str, str]) -> None:
    conf, queue, data = folder / "conf", folder / "queue", folder / "data"
    for path in (conf, queue, data):
        path.mkdir()
    shutil.chown(data, "postfix")
    named = {domain: place for domain, place in routes.items() if domain != "*"}
    transports = " ".join(f"{{{domain} = smtp:[127.0.0.1]:{place}}}" for domain, place in named.items())
    values = {
        "compatibility_level": "3.6",
        "queue_directory": str(queue),
        "data_directory": str(data),
        "daemon_directory": str(DAEMONS),
        "command_directory": "/usr/sbin",
        "mail_owner": "postfix",
        "setgid_group": "postdrop",
        "maillog_file": "/dev/stdout",
        "myhostname": "relay.example",
        "mydestination": "",
        "local_transport": "error:nobody is here",
        "inet_interfaces": "127.0.0.1",
        "inet_protocols": "ipv4",
        "mynetworks": "127.0.0.0/8",
        "smtpd_relay_restrictions": "permit_mynetworks, reject",
        "smtpd_client_connection_count_limit": "0",
        "disable_dns_lookups": "yes",
        "smtp_host_lookup": "native",
        "default_transport": f"smtp:[127.0.0.1]:{routes['*']}" if "*" in routes else "error:5.1.2 no such domain",
        "transport_maps": f"inline:{{{transports}}}" if named else "",
        "alias_maps": "",
        "notify_classes": "",
        "smtp_tls_security_level": "none",
        **settings,
    }
    (conf / "main.cf").write_text("".join(f"{name} = {value}\n" for name, value in values.items()))
    (conf / "master.cf").write_text(f"127.0.0.1:{port} inet n - n - - smtpd{SERVICES}")


def _wait_until_open(child: Child, port: int) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline and child.running():
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            if connection.recv(3) == b"220":
                return
        time.sleep(0.05)
    raise RuntimeError(f"Postfix did not start; the end of its log:\n{child.log_tail()}")
