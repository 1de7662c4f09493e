"""Gives tests real servers: those named in the environment, else private ones, else a loud skip (in CI a failure)."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import pytest

from deploy.local import databases
from deploy.local.binaries import NotInstalled
from deploy.local.postgres import LocalPostgres
from deploy.local.rabbitmq import LocalRabbitMQ

AMQP_VARIABLE = "W4R_TEST_AMQP_URL"
DATABASE_VARIABLE = "W4R_TEST_DATABASE_URL"

T = TypeVar("T", bound=LocalRabbitMQ | LocalPostgres)


class Databases:
    """Makes fresh databases on one PostgreSQL server, and drops them again."""

    def __init__(self, admin_url: str) -> None:
        self.admin_url = admin_url
        self._made: list[str] = []

    def create_database(self) -> str:
        """A fresh, empty database. Returns its URL, `postgresql+asyncpg://...`. From sync and async code alike."""
        name = f"w4r_test_{uuid4().hex}"
        self._made.append(name)
        return databases.create_database(self.admin_url, name)

    def drop_database(self, url: str) -> None:
        name = url.rsplit("/", 1)[1]
        self._made.remove(name)
        databases.drop_database(self.admin_url, name)

    def drop_databases(self) -> None:
        while self._made:
            databases.drop_database(self.admin_url, self._made.pop())


def admin_url_given() -> str | None:
    """The server named in the environment, whichever way its URL is written."""
    url = os.environ.get(DATABASE_VARIABLE)
    return url.replace("postgresql://", "postgresql+asyncpg://", 1) if url else None


@contextmanager
def private_folder() -> Iterator[Path]:
    """A short-lived folder that any user may enter: pytest's own are closed to the user PostgreSQL runs as."""
    folder = Path(tempfile.mkdtemp(prefix="w4r-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def started(server: type[T]) -> Iterator[T]:
    """A private server, up for the length of the block. Skips the test, or fails it, where none is installed."""
    with private_folder() as folder:
        with skip_unless_installed():
            instance = server(folder / server.__name__.lower())
        try:
            instance.start()
            yield instance
        finally:
            instance.stop()


@contextmanager
def skip_unless_installed() -> Iterator[None]:
    """Skip the test, or in CI fail it, when the block finds that a server is not installed."""
    try:
        yield
    except NotInstalled as missing:
        reason = str(missing)
    else:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI runs every test, and cannot: {reason}", pytrace=False)
    pytest.skip(reason)
