"""Builds everything the actions service is made of. The only place where real things are made."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from prometheus_client import CollectorRegistry

from services.actions.countries import BY_NAME
from services.actions.group_commit import GroupCommit, Limits
from services.actions.intake import Intake
from services.actions.known_cases import KnownCases
from services.actions.metrics import IntakeMetrics
from services.actions.reconciling import ReconcileLimits, ReconcileMetrics, Reconciler, forget_published
from services.actions.settings import ActionsSettings
from services.actions.store import ActionStore
from services.actions.tables import Audit
from services.actions.tables import Outbox as OutboxRow
from shared.audit import Auditor
from shared.bus import Bus
from shared.clock import Clock, SystemClock
from shared.db import Database
from shared.outbox import Outbox, Relay
from shared.processes import Job
from shared.roles import chore
from shared.wake import Wake
from shared.web.clients import trusted_networks
from shared.web.pages import Pages
from shared.web.staff import Staff, staff_of

HERE = Path(__file__).parent
MIGRATIONS = HERE / "migrations"
FORGET_EVERY_SECONDS = 3600.0


@dataclass(frozen=True)
class Wiring:
    """What routes and handlers are given. `relay` makes the relay for a bus; `own_networks` are proxies of ours."""

    settings: ActionsSettings
    clock: Clock
    registry: CollectorRegistry
    database: Database
    wake: Wake
    outbox: Outbox
    relay: Callable[[Bus], Relay]
    pages: Pages
    cases: KnownCases
    commit: GroupCommit
    intake: Intake
    reconciler: Reconciler
    staff: Staff
    audit: Auditor
    own_networks: tuple[IPv4Network | IPv6Network, ...]

    def chores(self, relay: Relay) -> list[Job]:
        """What is done now and then, beside the worker: sending again what was lost, forgetting what arrived."""

        async def forget() -> None:
            await forget_published(relay)

        return [
            chore(self.reconciler.reconcile, self.settings.reconcile_seconds),
            chore(forget, FORGET_EVERY_SECONDS),
        ]

    async def close(self) -> None:
        await self.cases.close()
        await self.database.close()


def build(settings: ActionsSettings, *, clock: Clock | None = None) -> Wiring:
    """Everything, connected to nothing yet."""
    clock = clock or SystemClock()
    registry = CollectorRegistry()
    database = Database(settings.database_url, pool_size=settings.database_pool_size)
    wake = Wake()
    outbox = Outbox(OutboxRow, clock, wake)
    metrics = IntakeMetrics(registry)
    store = ActionStore(database, outbox)
    cases = KnownCases(
        database,
        clock,
        refresh_seconds=settings.known_cases_seconds,
        wait_seconds=settings.known_cases_wait_seconds,
    )
    commit = GroupCommit(store, _limits(settings), metrics)
    return Wiring(
        settings=settings,
        clock=clock,
        registry=registry,
        database=database,
        wake=wake,
        outbox=outbox,
        relay=lambda bus: Relay(database, OutboxRow, bus, clock, wake),
        pages=Pages([HERE / "templates"], countries=BY_NAME),
        cases=cases,
        commit=commit,
        intake=Intake(cases, commit, store, clock, metrics, settings.accept_seconds_max),
        reconciler=Reconciler(database, clock, _reconcile_limits(settings), ReconcileMetrics(registry)),
        staff=staff_of(settings, clock),
        audit=Auditor(Audit, clock),
        own_networks=trusted_networks(settings.trusted_proxies),
    )


def _limits(settings: ActionsSettings) -> Limits:
    return Limits(
        queue_max=settings.intake_queue_max,
        batch_max=settings.intake_batch_max,
        linger_seconds=settings.intake_linger_ms / 1000,
        writers=settings.intake_writers,
        drain_seconds_max=settings.stop_seconds_max,
    )


def _reconcile_limits(settings: ActionsSettings) -> ReconcileLimits:
    return ReconcileLimits(
        grace=timedelta(seconds=settings.reconcile_grace_seconds),
        quiet=timedelta(seconds=settings.reconcile_quiet_seconds),
        old=timedelta(seconds=settings.reconcile_old_seconds),
        batch_max=settings.reconcile_batch_max,
        times_max=settings.reconcile_times_max,
    )
