"""Delivery's processes: `python -m services.delivery web | worker | sender | inbound | relay | migrate`."""

from collections.abc import Mapping
from pathlib import Path

import typer

from services.delivery.app import create_app
from services.delivery.dkim_signing import make_key
from services.delivery.handlers import subscriptions
from services.delivery.rendering import read_campaign
from services.delivery.settings import DeliverySettings
from services.delivery.wiring import COUNT_EVERY_SECONDS, MIGRATIONS, Wiring, build
from shared import migrations, roles
from shared.command_line import begin, broker, closing, command_line, health
from shared.command_line import web as web_job
from shared.processes import Job, run
from shared.web.health import Check

commands = command_line(__doc__)


@commands.command()
def web() -> None:
    """The operator's console and its API."""
    wiring = _start("web")
    run(closing(web_job(create_app(wiring), wiring.settings), wiring.close))


@commands.command()
def worker() -> None:
    """Plan letters for accepted actions, and stop those that must not go out. Any number side by side."""
    wiring = _start("worker")
    bus = broker("delivery", "worker", wiring.settings)
    consume = roles.worker(bus, subscriptions(wiring))
    run(closing(consume, wiring.close), *_health(wiring, {"bus": bus.ping}))


@commands.command()
def sender() -> None:
    """Hand letters over. Any number side by side."""
    wiring = _start("sender")
    if wiring.channel is None:
        raise typer.BadParameter("set W4R_SMTP_URL (a smarthost) or W4R_LETTERS_FOLDER: a sender needs one of them")
    count = roles.chore(wiring.count_letters, COUNT_EVERY_SECONDS)
    run(closing(wiring.run_sender, wiring.close), count, *_health(wiring, {"mail": wiring.channel.ping}))


@commands.command()
def inbound() -> None:
    """Take in bounces and officials' answers over SMTP. Any number side by side."""
    wiring = _start("inbound")
    listener = wiring.listener()
    if listener is None:
        raise typer.BadParameter("set W4R_HOME_MAILBOX and W4R_HOME_SECRET: letters need addresses of their own")
    run(closing(listener.run, wiring.close), *_health(wiring, {"listening": listener.ping}))


@commands.command()
def relay() -> None:
    """Publish what became of letters."""
    wiring = _start("relay")
    bus = broker("delivery", "relay", wiring.settings)
    publisher = wiring.relay(bus)
    publish = roles.relay(bus, publisher, wiring.settings.database_url, wiring.wake)
    run(closing(publish, wiring.close), *wiring.chores(publisher), *_health(wiring, {"bus": bus.ping}))


@commands.command()
def migrate() -> None:
    """Bring the database to its newest schema. Harmless to repeat."""
    migrations.migrate(_settings().database_url, MIGRATIONS)


@commands.command()
def dkim_key(file: Path, selector: str = "w4r") -> None:
    """Make a key that signs mail, in FILE, and say what the DNS must tell. An existing file is left alone."""
    secret, record = make_key()
    file.touch(mode=0o600, exist_ok=False)
    file.write_text(secret)
    domain = read_campaign(_settings().mail_from).domain
    print(f'{selector}._domainkey.{domain}. IN TXT "{record}"')


def _settings() -> DeliverySettings:
    return DeliverySettings()  # the environment fills it in


def _start(role: str) -> Wiring:
    settings = _settings()
    begin("delivery", role, settings)
    return build(settings)


def _health(wiring: Wiring, checks: Mapping[str, Check]) -> list[Job]:
    return health(wiring.settings, wiring.registry, {"database": wiring.database.ping, **checks})


if __name__ == "__main__":
    commands()
