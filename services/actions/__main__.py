"""The processes of the actions service: `python -m services.actions web | worker | relay | migrate`."""

from collections.abc import Mapping

from services.actions.app import create_app
from services.actions.handlers import subscriptions
from services.actions.settings import ActionsSettings
from services.actions.wiring import MIGRATIONS, Wiring, build
from shared import migrations, roles
from shared.command_line import begin, broker, closing, command_line, health
from shared.command_line import web as web_job
from shared.processes import Job, run
from shared.web.health import Check

commands = command_line(__doc__)


@commands.command()
def web() -> None:
    """Take actions in and show receipts."""
    wiring = _start("web")
    run(closing(web_job(create_app(wiring), wiring.settings), wiring.close), wiring.commit.watch, *wiring.web_chores())


@commands.command()
def worker() -> None:
    """Remember cases and what became of letters."""
    wiring = _start("worker")
    bus = broker("actions", "worker", wiring.settings)
    consume = roles.worker(bus, subscriptions(wiring))
    run(closing(consume, wiring.close), *wiring.chores(wiring.relay(bus)), *_health(wiring, {"bus": bus.ping}))


@commands.command()
def relay() -> None:
    """Publish what the outbox holds."""
    wiring = _start("relay")
    bus = broker("actions", "relay", wiring.settings)
    publish = roles.relay(bus, wiring.relay(bus), wiring.settings.database_url, wiring.wake)
    run(closing(publish, wiring.close), *_health(wiring, {"bus": bus.ping}))


@commands.command()
def migrate() -> None:
    """Bring the database to its newest schema. Harmless to repeat."""
    migrations.migrate(_settings().database_url, MIGRATIONS)


def _settings() -> ActionsSettings:
    return ActionsSettings()


def _start(role: str) -> Wiring:
    settings = _settings()
    begin("actions", role, settings)
    return build(settings)


def _health(wiring: Wiring, checks: Mapping[str, Check]) -> list[Job]:
    return health(wiring.settings, wiring.registry, {"database": wiring.database.ping, **checks})


if __name__ == "__main__":
    commands()
