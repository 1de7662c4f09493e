"""The measure of intake: `make bench-intake` writes `var/bench/intake.json` and prints it as a table.

Everything runs on this machine, in rounds that take turns, so that what disturbs one disturbs all: ours, a no-op route
with the same typed body, a session per request, Celery, and ours with the rest of the system at work. What counts is
ratios.
"""

import asyncio
import statistics
import sys
from contextlib import ExitStack

import services.delivery.wiring
from deploy.local.ports import free_port
from deploy.local.postgres import LocalPostgres
from deploy.local.rabbitmq import LocalRabbitMQ
from services.delivery.handlers import QUEUES
from shared.bus.rabbitmq import RabbitMQBus
from shared.migrations import migrate
from shared.observability import configure_logging
from tests.load.backlog import LETTERS, PUBLISHED, fill_outbox, measure_growth
from tests.load.measuring import (
    Load,
    drive_wrk,
    make_actions_database,
    quick_sink,
    resident_mb,
    running,
    wait_until_answered,
)
from tests.load.open_loop import measure_p99_ms
from tests.load.rows import Row, row, tell
from tests.support.servers import private_folder

ROUNDS, ROUND_SECONDS = 5, 4
LATENCY_SECONDS, OFFERED_SHARE = 5.0, 0.7
EVENTS = 10_000
# Warm: until the counts of rate limits, two for each mailbox, have come to their bound of 50,000.
ACTIONS_WARM, ACTIONS_MEMORY, ROUNDS_MEMORY_MAX = 30_000, 100_000, 100
GROWTH_MB_MAX = 5.0


def main() -> int:
    configure_logging("bench", "intake", "warning")
    with private_folder() as folder, ExitStack() as stack:
        postgres, broker = LocalPostgres(folder / "postgres"), LocalRabbitMQ(folder / "rabbitmq")
        for server in (postgres, broker):
            server.start()
            stack.callback(server.stop)
        rows = [*measure_memory(postgres), *measure_backlog(postgres, broker), *measure_rounds(postgres, broker)]
    tell("intake", rows)
    return 0


def measure_rounds(postgres: LocalPostgres, broker: LocalRabbitMQ) -> list[Row]:
    """Ours and what it is compared with by turns; then the latencies; then ours in the whole system."""
    with ExitStack() as stack:
        ours = _web(stack, make_actions_database(postgres, "actions"))[0]
        noop = _other(stack, "tests.load.noop")
        single_url = make_actions_database(postgres, "single")
        single = _other(stack, "tests.load.per_request", W4R_ACTIONS_DATABASE_URL=single_url)
        celery = _other(stack, "tests.load.celery_delay", W4R_AMQP_URL=broker.create_vhost("celery"))
        ports = (ours, noop, single, celery)
        for port in ports:
            drive_wrk(port, seconds=1)
        alone = [[drive_wrk(port, ROUND_SECONDS) for port in ports] for _ in range(ROUNDS)]
        offered = OFFERED_SHARE * statistics.median(round_[0].requests_a_second for round_ in alone)
        p99s = [[measure_p99_ms(port, offered, LATENCY_SECONDS) for port in (ours, noop)] for _ in range(ROUNDS)]
    whole = _drive_whole(postgres, broker)
    speeds = [[load.requests_a_second for load in round_] for round_ in alone]
    mine = statistics.median(speed[0] for speed in speeds)
    return [
        row("accepted actions, one web process", [speed[0] for speed in speeds], "1/s"),
        row("no-op FastAPI route, same body", [speed[1] for speed in speeds], "1/s"),
        row("one AsyncSession per request", [speed[2] for speed in speeds], "1/s"),
        row("Celery .delay on RabbitMQ with confirms", [speed[3] for speed in speeds], "1/s"),
        row("ours / no-op FastAPI route", [speed[0] / speed[1] for speed in speeds], "ratio", least=1.0),
        row("ours / one AsyncSession per request", [speed[0] / speed[2] for speed in speeds], "ratio", least=6),
        row("ours / Celery .delay with confirms", [speed[0] / speed[3] for speed in speeds], "ratio", least=6),
        row("offered load for the latencies", [offered], "1/s"),
        row("p99 ours at that load, open loop", [p99[0] for p99 in p99s], "ms"),
        row("p99 no-op at that load, open loop", [p99[1] for p99 in p99s], "ms"),
        row("p99 ours / p99 no-op", [p99[0] / p99[1] for p99 in p99s], "ratio", most=2),
        row("whole system / intake alone", [load.requests_a_second / mine for load in whole], "ratio", least=0.6),
    ]


def measure_backlog(postgres: LocalPostgres, broker: LocalRabbitMQ) -> list[Row]:
    """A full outbox is published by one relay; then what lies on the broker is planned by one worker."""
    vhost = broker.create_vhost("backlog")
    asyncio.run(_declare(vhost))
    actions, delivery = make_actions_database(postgres, "relayed"), _delivery_database(postgres, "ingested")
    per_action = asyncio.run(fill_outbox(actions, EVENTS))
    quiet = {"W4R_AMQP_URL": vhost, "W4R_LOG_LEVEL": "warning"}
    with running("services.actions", "relay", W4R_ACTIONS_DATABASE_URL=actions, **quiet):
        relayed = asyncio.run(measure_growth(actions, PUBLISHED, EVENTS))
    with running("services.delivery", "worker", W4R_DELIVERY_DATABASE_URL=delivery, **quiet):
        planned = asyncio.run(measure_growth(delivery, LETTERS, EVENTS * per_action))
    return [
        row("relay: events from outbox to confirmed", [relayed], "1/s", least=5000),
        row("ingest: letters into delivery's database", [planned], "1/s", least=4000),
    ]


def measure_memory(postgres: LocalPostgres) -> list[Row]:
    """The web process while its outbox only grows: its relay finds no broker."""
    url = make_actions_database(postgres, "memory")
    with ExitStack() as stack:
        port, pid = _web(stack, url)
        nowhere = f"amqp://guest:guest@127.0.0.1:{free_port()}/"
        stack.enter_context(
            running(
                "services.actions",
                "relay",
                W4R_ACTIONS_DATABASE_URL=url,
                W4R_AMQP_URL=nowhere,
                W4R_LOG_LEVEL="critical",
            )
        )
        _accept(port, ACTIONS_WARM)
        warm = resident_mb(pid)
        _accept(port, ACTIONS_MEMORY)
        end = resident_mb(pid)
    return [
        row("memory of the web process after 100,000 actions", [end], "MB", most=150),
        row("its growth after warm-up, broker away", [end - warm], "MB", most=GROWTH_MB_MAX),
    ]


def _accept(port: int, count: int) -> None:
    accepted = 0
    for _ in range(ROUNDS_MEMORY_MAX):
        accepted += drive_wrk(port, ROUND_SECONDS).requests
        if accepted >= count:
            return
    raise TimeoutError(f"{accepted} of {count} actions accepted")


def _drive_whole(postgres: LocalPostgres, broker: LocalRabbitMQ) -> list[Load]:
    actions, delivery = make_actions_database(postgres, "whole"), _delivery_database(postgres, "delivered")
    vhost = broker.create_vhost("whole")
    asyncio.run(_declare(vhost))
    with ExitStack() as stack:
        smtp = stack.enter_context(quick_sink()).url
        port = _web(stack, actions)[0]
        quiet = {"W4R_AMQP_URL": vhost, "W4R_LOG_LEVEL": "warning"}
        stack.enter_context(running("services.actions", "relay", W4R_ACTIONS_DATABASE_URL=actions, **quiet))
        for role in ("worker", "sender"):
            environment = {"W4R_DELIVERY_DATABASE_URL": delivery, "W4R_SMTP_URL": smtp, **quiet}
            stack.enter_context(running("services.delivery", role, **environment))
        drive_wrk(port, seconds=ROUND_SECONDS)
        return [drive_wrk(port, ROUND_SECONDS) for _ in range(ROUNDS)]


def _web(stack: ExitStack, url: str) -> tuple[int, int]:
    """The web process of actions: its port and its process id."""
    port = free_port()
    environment = {"W4R_ACTIONS_DATABASE_URL": url, "W4R_HTTP_PORT": str(port), "W4R_LOG_LEVEL": "warning"}
    pid = stack.enter_context(running("services.actions", "web", **environment))
    wait_until_answered(f"http://127.0.0.1:{port}/health/live")
    return port, pid


def _other(stack: ExitStack, module: str, **environment: str) -> int:
    """A web process to compare with: its port."""
    port = free_port()
    stack.enter_context(running(module, str(port), **environment))
    wait_until_answered(f"http://127.0.0.1:{port}/openapi.json")
    return port


def _delivery_database(postgres: LocalPostgres, name: str) -> str:
    url = postgres.create_database(name)
    migrate(url, services.delivery.wiring.MIGRATIONS)
    return url


async def _declare(amqp_url: str) -> None:
    bus = RabbitMQBus(amqp_url, name="bench")
    await bus.start()
    await bus.declare(QUEUES)
    await bus.close()


if __name__ == "__main__":
    sys.exit(main())
