"""What the command lines of all services share: how a process begins, is reached, and lets go of what it holds."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import typer
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from shared.bus.rabbitmq import RabbitMQBus
from shared.crash_points import arm
from shared.observability import configure_logging, configure_tracing
from shared.processes import Job, give_way, serve
from shared.settings import Settings
from shared.web.health import Check, health_app

WEB = "web"


def command_line(help_text: str | None) -> typer.Typer:
    """Plain tracebacks: the pretty ones show values, and values are people's words."""
    return typer.Typer(help=help_text, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


def begin(service: str, role: str, settings: Settings) -> None:
    """Let the process tell about itself, and take its place behind those that answer people."""
    arm(settings.crash_at)
    configure_logging(service, role, settings.log_level)
    configure_tracing(service)
    if role != WEB:
        # What a worker, sender or relay does can wait in a table or a queue; who waits for an answer leaves.
        give_way(settings.background_nice)


def broker(service: str, role: str, settings: Settings) -> RabbitMQBus:
    """The bus at W4R_AMQP_URL, not yet connected."""
    if not settings.amqp_url:
        raise typer.BadParameter("set W4R_AMQP_URL: this role needs RabbitMQ")
    return RabbitMQBus(settings.amqp_url, name=f"{service}-{role}")


def web(app: ASGIApp, settings: Settings) -> Job:
    """A job: answer HTTP as the settings say."""
    return serve(
        app,
        settings.http_host,
        settings.http_port,
        stop_seconds_max=settings.stop_seconds_max,
        trusted_proxies=settings.trusted_proxies,
    )


def health(settings: Settings, registry: CollectorRegistry, checks: Mapping[str, Check]) -> list[Job]:
    """Health and metrics of a process that serves nobody else, where a port for them is set."""
    if settings.health_port is None:
        return []
    return [serve(health_app(checks, registry), settings.http_host, settings.health_port)]


def closing(job: Job, close: Callable[[], Awaitable[None]]) -> Job:
    """The job, and when it has ended, `close`."""

    async def closed(stop: asyncio.Event) -> None:
        try:
            await job(stop)
        finally:
            await close()

    return closed
