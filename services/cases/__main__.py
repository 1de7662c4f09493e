"""The processes of the cases service, `python -m services.cases COMMAND`: web, worker, relay, and commands."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from pydantic import ValidationError

from services.cases.app import create_app
from services.cases.folder import FolderRefused
from services.cases.handlers import subscriptions
from services.cases.publishing import CannotClose
from services.cases.recount import recount as recount_ledger
from services.cases.settings import CasesSettings
from services.cases.wiring import MIGRATIONS, Wiring, build
from shared import migrations, roles
from shared.bus.rabbitmq import RabbitMQBus
from shared.messages.cases import ClosedReason
from shared.observability import configure_logging, configure_tracing
from shared.processes import Job, run, serve
from shared.web.health import health_app

T = TypeVar("T")

commands = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@commands.command()
def web() -> None:
    """Show the public pages and the public API."""
    wiring = _start("web")
    settings = wiring.settings
    app = create_app(wiring)
    run(
        serve(
            app,
            settings.http_host,
            settings.http_port,
            stop_seconds_max=settings.stop_seconds_max,
            trusted_proxies=settings.trusted_proxies,
        )
    )


@commands.command()
def worker() -> None:
    """Count events into the ledger, and close cases whose closing date has passed."""
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


@commands.command("import")
def import_(folder: Annotated[Path, typer.Argument(help="campaign.yaml and one YAML file a case")]) -> None:
    """Publish a campaign's folder. Unchanged files change nothing; anything wrong, and nothing is written."""
    try:
        imported = _once(lambda wiring: wiring.publishing.import_folder(folder))
    except FolderRefused as refused:
        typer.echo(f"{refused}\n\nNothing was imported.", err=True)
        raise typer.Exit(1) from None
    counts = {"published": imported.published, "withdrawn": imported.withdrawn, "unchanged": imported.unchanged}
    typer.echo(", ".join(f"{len(slugs)} {word}" for word, slugs in counts.items()))


@commands.command()
def close(slug: str, reason: Annotated[ClosedReason, typer.Option(help="withdrawn is for ever")]) -> None:
    """Close a case: no more actions. `withdrawn` also takes its page down and stops letters that are not out."""
    try:
        changed = _once(lambda wiring: wiring.publishing.close(slug, reason))
    except CannotClose as fault:
        typer.echo(str(fault), err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{slug} is {reason.value}" + ("" if changed else ", as it was before"))


@commands.command()
def recount() -> None:
    """Make the ledger's totals again from its facts."""
    recounted = _once(lambda wiring: recount_ledger(wiring.database))
    typer.echo(f"{recounted.totals} totals, {recounted.wrong} of them put right")


def _settings() -> CasesSettings:
    try:
        return CasesSettings()
    except ValidationError as error:
        for fault in error.errors(include_input=False, include_url=False):
            typer.echo(f"setting {'.'.join(map(str, fault['loc']))}: {fault['msg']}", err=True)
        typer.echo("The database is named by W4R_CASES_DATABASE_URL.", err=True)
        raise typer.Exit(2) from None


def _start(role: str) -> Wiring:
    settings = _settings()
    configure_logging("cases", role, settings.log_level)
    configure_tracing("cases")
    return build(settings)


def _once(do: Callable[[Wiring], Awaitable[T]]) -> T:
    async def done() -> T:
        wiring = _start("command")
        try:
            return await do(wiring)
        finally:
            await wiring.close()

    return asyncio.run(done())


def _bus(wiring: Wiring, role: str) -> RabbitMQBus:
    if not wiring.settings.amqp_url:
        raise typer.BadParameter("set W4R_AMQP_URL: this role needs RabbitMQ")
    return RabbitMQBus(wiring.settings.amqp_url, name=f"cases-{role}")


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
