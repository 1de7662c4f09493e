"""The processes of the cases service, `python -m services.cases COMMAND`: web, worker, relay, and commands."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
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
from shared.command_line import begin, broker, closing, command_line, health
from shared.command_line import web as web_job
from shared.messages.cases import ClosedReason
from shared.processes import Job, run
from shared.web.health import Check

T = TypeVar("T")

commands = command_line(__doc__)


@commands.command()
def web() -> None:
    """Show the public pages and the public API."""
    wiring = _start("web")
    run(web_job(create_app(wiring), wiring.settings), wiring.live.end)


@commands.command()
def worker() -> None:
    """Count events into the ledger, and close cases whose closing date has passed."""
    wiring = _start("worker")
    bus = broker("cases", "worker", wiring.settings)
    consume = roles.worker(bus, subscriptions(wiring))
    run(closing(consume, wiring.close), *wiring.chores(wiring.relay(bus)), *_health(wiring, {"bus": bus.ping}))


@commands.command()
def relay() -> None:
    """Publish what the outbox holds."""
    wiring = _start("relay")
    bus = broker("cases", "relay", wiring.settings)
    publish = roles.relay(bus, wiring.relay(bus), wiring.settings.database_url, wiring.wake)
    run(closing(publish, wiring.close), *_health(wiring, {"bus": bus.ping}))


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
    begin("cases", role, settings)
    return build(settings)


def _once(do: Callable[[Wiring], Awaitable[T]]) -> T:
    async def done() -> T:
        wiring = _start("command")
        try:
            return await do(wiring)
        finally:
            await wiring.close()

    return asyncio.run(done())


def _health(wiring: Wiring, checks: Mapping[str, Check]) -> list[Job]:
    return health(wiring.settings, wiring.registry, {"database": wiring.database.ping, **checks})


if __name__ == "__main__":
    commands()
