"""Finds the servers installed on this machine, or says what to install."""

import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path


class NotInstalled(Exception):
    """A server is not on this machine. The text says how to get it."""


POSTGRESQL = (
    "PostgreSQL is not installed here. Debian and Ubuntu: apt-get install postgresql; macOS: brew install postgresql"
)
RABBITMQ = (
    "RabbitMQ is not installed here. Debian and Ubuntu: apt-get install rabbitmq-server; macOS: brew install rabbitmq"
)
NGINX = "nginx is not installed here. Debian and Ubuntu: apt-get install nginx-light; macOS: brew install nginx"


def postgresql_folder() -> Path:
    """The newest folder that holds `initdb` and `postgres`. Raises `NotInstalled`."""
    candidates = _newest_first(Path("/usr/lib/postgresql").glob("*/bin"))
    on_path = shutil.which("initdb")
    if on_path:
        candidates.append(Path(on_path).resolve().parent)
    return _first_with(candidates, "postgres", POSTGRESQL)


def rabbitmq_folder() -> Path:
    """The newest folder that holds RabbitMQ's own scripts. Raises `NotInstalled`.

    Debian's script on the PATH changes user and folder, so the ones it wraps come first."""
    candidates = _newest_first(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin"))
    on_path = shutil.which("rabbitmq-server")
    if on_path:
        candidates.append(Path(on_path).resolve().parent)
    return _first_with(candidates, "rabbitmq-env", RABBITMQ)


def epmd() -> str:
    """Erlang's port mapper, which every RabbitMQ node needs. Raises `NotInstalled`."""
    found = shutil.which("epmd") or next(iter(_newest_first(Path("/usr/lib/erlang").glob("erts-*/bin/epmd"))), None)
    if not found:
        raise NotInstalled(RABBITMQ)
    return str(found)


def nginx() -> str:
    """Raises `NotInstalled`."""
    found = shutil.which("nginx", path=_path_with_sbin())
    if not found:
        raise NotInstalled(NGINX)
    return found


def _path_with_sbin() -> str:
    # An ordinary user's PATH often lacks the folders where Debian keeps servers.
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])


def _newest_first(paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: [int(part) for part in re.findall(r"\d+", str(path))], reverse=True)


def _first_with(folders: list[Path], name: str, otherwise: str) -> Path:
    for folder in folders:
        if (folder / name).exists():
            return folder
    raise NotInstalled(otherwise)
