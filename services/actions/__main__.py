"""The processes of the actions service: `python -m services.actions web | worker | relay | migrate`."""

import asyncio

import typer

from services.actions.app import create_app
from services.actions.handlers import subscriptions
from services.actions.settings import ActionsSettings
from services.actions.wiring import MIGRATIONS, Wiring, build
from shared import migrations, roles
from shared.bus.rabbitmq import RabbitMQBus
from shared.observability import configure_logging, configure_tracing
from shared.processes import Job, run, serve
from shared.web.health import health_app

commands = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@commands.command()
def web() -> None:
    """Take actions in and show receipts."""
    wiring = _start("web")
    settings = wiring.settings
    server = serve(
        create_app(wiring),
        settings.http_host,
        settings.http_port,
        stop_seconds_max=settings.stop_seconds_max,
        trusted_proxies=settings.trusted_proxies,
    )
    run(_closing(wiring, server), wiring.commit.watch)


@commands.command()
def worker() -> None:
    """Remember cases and what became of letters."""
    wiring = _start("worker")
    bus = _bus(wiring, "worker")
    consume = roles.worker(bus, subscriptions(wiring))
    run(_closing(wiring, consume), *wiring.chores(wiring.relay(bus)), *_health(wiring, bus))


@commands.command()
def relay() -> None:
    """Publish what the outbox holds."""
    wiring = _start("relay")
    bus = _bus(wiring, "relay")
    publish = roles.relay(bus, wiring.relay(bus), wiring.settings.database_url, wiring.wake)
    run(_closing(wiring, publish), *_health(wiring, bus))


@commands.command()
def migrate() -> None:
    """Bring the database to its newest schema. Harmless to repeat."""
    migrations.migrate(_settings().database_url, MIGRATIONS)


def _settings() -> ActionsSettings:
    return ActionsSettings()


def _start(role: str) -> Wiring:
    settings = _settings()
    configure_logging("actions", role, settings.log_level)
    configure_tracing("actions")
    return build(settings)


def _bus(wiring: Wiring, role: str) -> RabbitMQBus:
    if not wiring.settings.amqp_url:
        raise typer.BadParameter("set W4R_AMQP_URL: this role needs RabbitMQ")
    return RabbitMQBus(wiring.settings.amqp_url, name=f"actions-{role}")


def _health(wiring: Wiring, bus: RabbitMQBus) -> list[Job]:
    settings = wiring.settings
    if settings.health_port is None:
        return []
    app = health_app({"database": wiring.database.ping, "bus": bus.ping}, wiring.registry)
    return [serve(app, settings.http_host, settings.health_port)]


def _closing(wiring: Wiring, job: Job) -> Job:
    async def closing(stop: asyncio.Event) -> None:
        try:
            await job(stop)
        finally:
            await wiring.close()

    return closing


if __name__ == "__main__":
    commands()
