"""Delivery's processes: `python -m services.delivery web | worker | sender | relay | migrate`."""

import asyncio
from collections.abc import Mapping

import typer

from services.delivery.app import create_app
from services.delivery.handlers import subscriptions
from services.delivery.settings import DeliverySettings
from services.delivery.wiring import MIGRATIONS, Wiring, build
from shared import migrations, roles
from shared.bus.rabbitmq import RabbitMQBus
from shared.observability import configure_logging, configure_tracing
from shared.processes import Job, run, serve
from shared.web.health import Check, health_app

COUNT_EVERY_SECONDS = 15.0
FORGET_EVERY_SECONDS = 3600.0

commands = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@commands.command()
def web() -> None:
    """The operator's console and its API."""
    wiring = _start("web")
    settings = wiring.settings
    server = serve(
        create_app(wiring),
        settings.http_host,
        settings.http_port,
        stop_seconds_max=settings.stop_seconds_max,
        trusted_proxies=settings.trusted_proxies,
    )
    run(_closing(wiring, server))


@commands.command()
def worker() -> None:
    """Plan letters for accepted actions, and stop those that must not go out. Any number side by side."""
    wiring = _start("worker")
    bus = _bus(wiring, "worker")
    consume = roles.worker(bus, subscriptions(wiring))
    run(_closing(wiring, consume), *_health(wiring, {"bus": bus.ping}))


@commands.command()
def sender() -> None:
    """Hand letters over. Any number side by side."""
    wiring = _start("sender")
    if wiring.channel is None:
        raise typer.BadParameter("set W4R_SMTP_URL (a smarthost) or W4R_LETTERS_FOLDER: a sender needs one of them")
    count = roles.chore(wiring.count_letters, COUNT_EVERY_SECONDS)
    run(_closing(wiring, wiring.run_sender), count, *_health(wiring, {"mail": wiring.channel.ping}))


@commands.command()
def relay() -> None:
    """Publish what became of letters."""
    wiring = _start("relay")
    bus = _bus(wiring, "relay")
    publisher = wiring.relay(bus)
    publish = roles.relay(bus, publisher, wiring.settings.database_url, wiring.wake)

    async def count() -> None:
        wiring.metrics.outbox_depth.set(await publisher.depth())

    chores = (
        roles.chore(count, COUNT_EVERY_SECONDS),
        roles.chore(publisher.forget_published, FORGET_EVERY_SECONDS),
        roles.chore(wiring.forget_seen, FORGET_EVERY_SECONDS),
    )
    run(_closing(wiring, publish), *chores, *_health(wiring, {"bus": bus.ping}))


@commands.command()
def migrate() -> None:
    """Bring the database to its newest schema. Harmless to repeat."""
    migrations.migrate(_settings().database_url, MIGRATIONS)


def _settings() -> DeliverySettings:
    return DeliverySettings()  # the environment fills it in


def _start(role: str) -> Wiring:
    settings = _settings()
    configure_logging("delivery", role, settings.log_level)
    configure_tracing("delivery")
    return build(settings)


def _bus(wiring: Wiring, role: str) -> RabbitMQBus:
    if not wiring.settings.amqp_url:
        raise typer.BadParameter("set W4R_AMQP_URL: this role needs RabbitMQ")
    return RabbitMQBus(wiring.settings.amqp_url, name=f"delivery-{role}")


def _health(wiring: Wiring, checks: Mapping[str, Check]) -> list[Job]:
    settings = wiring.settings
    if settings.health_port is None:
        return []
    app = health_app({"database": wiring.database.ping, **checks}, wiring.registry)
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
