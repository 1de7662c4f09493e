"""Fixtures that every test may use: real servers, started when first asked for and once for all."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from deploy.local.postgres import LocalPostgres
from deploy.local.rabbitmq import LocalRabbitMQ
from tests.support import servers
from tests.support.kept_databases import KeptDatabases

# Apps and schemas are made by the hundred and thrown away: looking for garbage at every turn costs a sixth of the time.
gc.set_threshold(50_000, 20, 20)

BREAKING = {"journeys", "chaos", "platform", "browser", "integration"}
SHARING_A_PLATFORM = ("journeys", "platform")


class ByPlatform(LoadScopeScheduling):  # type: ignore[misc]  # xdist ships no types
    """A file's tests run in one process, and so do all that share a platform, which takes its time to start."""

    def _split_scope(self, nodeid: str) -> str:
        file, _, _ = nodeid.partition("::")
        folder = Path(file).parent
        return str(folder) if folder.name in SHARING_A_PLATFORM else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return ByPlatform(config, log)


@pytest.fixture(scope="session")
def rabbitmq_url() -> Iterator[str]:
    """A broker that all tests share: use queue names of your own, and leave it running."""
    given = os.environ.get(servers.AMQP_VARIABLE)
    if given:
        yield given
        return
    with servers.started(LocalRabbitMQ) as broker:
        yield broker.url


@pytest.fixture(scope="session")
def postgres_admin_url() -> Iterator[str]:
    """The server that all tests share."""
    given = servers.admin_url_given()
    if given:
        yield given
        return
    with servers.started(LocalPostgres) as server:
        yield server.url


@pytest.fixture
def postgres(postgres_admin_url: str) -> Iterator[servers.Databases]:
    """`postgres.create_database()` gives the URL of a fresh database, dropped after the test."""
    made = servers.Databases(postgres_admin_url)
    yield made
    made.drop_databases()


@pytest.fixture(scope="session")
def kept_databases(postgres_admin_url: str) -> Iterator[KeptDatabases]:
    kept = KeptDatabases(postgres_admin_url)
    yield kept
    kept.drop()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database; the test runs once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path / 'test.db'}"
        return
    kept: KeptDatabases = request.getfixturevalue("kept_databases")
    url = kept.lend(request.module.__name__)
    yield url
    kept.take_back(request.module.__name__, url)


@pytest.fixture
def own_rabbitmq() -> Iterator[LocalRabbitMQ]:
    """A broker for this test alone, which may kill, freeze and wipe it."""
    with servers.started(LocalRabbitMQ) as broker:
        yield broker


@pytest.fixture
def own_postgres() -> Iterator[LocalPostgres]:
    """A database server for this test alone, which may kill and freeze it."""
    with servers.started(LocalPostgres) as server:
        yield server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where processes are killed under load, on noisy machines, a test gets a second try; the summary counts it.

    What shares a platform goes through one process, so it begins first: nobody waits for it at the end."""
    items.sort(key=lambda item: Path(item.path).parent.name not in SHARING_A_PLATFORM)
    for item in items:
        if Path(item.path).parent.name in BREAKING:
            item.add_marker(pytest.mark.flaky(reruns=1))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say once, in red, which servers were missing: a skip must not look like a pass."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = {report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple)}
    for reason in sorted(reason for reason in reasons if "not installed" in reason):
        terminalreporter.write_line(f"NOT TESTED. {reason}", red=True, bold=True)
