"""Builds the cases service: the only place where its real things are made. Nothing connects before it is used."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry

from services.cases.library import Library
from services.cases.live_counts import LiveCounts
from services.cases.offline_reports import OfflineReports
from services.cases.pages import make_pages
from services.cases.publishing import Publishing
from services.cases.reading import Reading, make_reading
from services.cases.settings import CasesSettings
from services.cases.tables import Audit, DeadLetter, Outbox, SwitchRow
from shared.audit import Auditor
from shared.bus import Bus, KeepDead
from shared.clock import Clock, SystemClock
from shared.db import Database
from shared.dead_letters import keeper
from shared.outbox import Outbox as OutboxPort
from shared.outbox import Relay
from shared.processes import Job
from shared.roles import chore
from shared.switches import Switches
from shared.wake import Wake
from shared.web.in_flight import Load
from shared.web.pages import Pages
from shared.web.shedding import Feature, Shedding
from shared.web.staff import Staff, staff_of
from shared.web.switchboard import Switch, Switchboard

MIGRATIONS = Path(__file__).parent / "migrations"
FORGET_SECONDS = 3600.0


@dataclass(frozen=True)
class Wiring:
    """What the processes of this service are made of."""

    settings: CasesSettings
    clock: Clock
    database: Database
    outbox: OutboxPort
    wake: Wake
    registry: CollectorRegistry
    pages: Pages
    reading: Reading
    live: LiveCounts
    publishing: Publishing
    offline_reports: OfflineReports
    staff: Staff
    audit: Auditor
    keep_dead: KeepDead
    load: Load
    switches: Switches
    shedding: Shedding
    switchboard: Switchboard

    def relay(self, bus: Bus) -> Relay:
        return Relay(self.database, self.outbox.table, bus, self.clock, self.wake)

    def chores(self, relay: Relay) -> list[Job]:
        """What is done again and again, beside the relay: closing what is due, forgetting what was published."""
        return [
            chore(_quietly(self.publishing.close_due), self.settings.close_due_seconds),
            chore(relay.forget_published, FORGET_SECONDS),
        ]

    async def close(self) -> None:
        await self.switches.close()
        await self.database.close()


def build(settings: CasesSettings, *, clock: Clock | None = None) -> Wiring:
    clock = clock or SystemClock()
    database = Database(settings.database_url, pool_size=settings.database_pool_size)
    wake = Wake()
    outbox = OutboxPort(Outbox, clock, wake)
    registry, audit = CollectorRegistry(), Auditor(Audit, clock)
    load, switches = Load(settings.requests_in_flight_max), Switches(database, SwitchRow, clock)
    shedding = Shedding([Feature.COUNTERS, Feature.SEARCH], switches, load, clock, registry)
    return Wiring(
        settings=settings,
        clock=clock,
        database=database,
        outbox=outbox,
        wake=wake,
        registry=registry,
        pages=make_pages(settings.leave_url),
        reading=make_reading(Library(database, clock, settings), clock, settings),
        live=LiveCounts(settings),
        publishing=Publishing(database, outbox, clock),
        offline_reports=OfflineReports(database, clock, audit),
        staff=staff_of(settings, clock),
        audit=audit,
        keep_dead=keeper(database, DeadLetter),
        load=load,
        switches=switches,
        shedding=shedding,
        switchboard=Switchboard(database, SwitchRow, switches, shedding, load, audit, clock, offered_switches),
    )


async def offered_switches() -> list[Switch]:
    """What the public pages can do without."""
    return [
        Switch(Feature.COUNTERS.value, "Pages show numbers, and keep them fresh"),
        Switch(Feature.SEARCH.value, "The front page has a search and filters; lists on the API can be narrowed"),
    ]


def _quietly(do: Callable[[], Awaitable[int]]) -> Callable[[], Awaitable[None]]:
    async def close_due_cases() -> None:
        await do()

    return close_due_cases
