"""Builds everything the actions service is made of. The only place where real things are made."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from prometheus_client import CollectorRegistry

from services.actions.accepting import IntakeSwitches, offered_switches
from services.actions.access_rules import AccessRules
from services.actions.asking_again import AskingAgain
from services.actions.confirming import Confirmations
from services.actions.dominance import DominanceRules
from services.actions.dominance_watch import DominanceMetrics, DominanceWatch
from services.actions.forgetting import Forgetting
from services.actions.group_commit import GroupCommit, Limits
from services.actions.intake import Intake
from services.actions.intake_limits import IntakeLimits
from services.actions.invalidating import Invalidations
from services.actions.known_cases import KnownCases
from services.actions.likeness_meter import LikenessMeter
from services.actions.metrics import IntakeMetrics
from services.actions.news_consent import NewsConsent
from services.actions.news_desk import NewsDesk
from services.actions.one_statement import OneStatement
from services.actions.proving import Proving
from services.actions.rate_limits import LimitedBy, RateLimits, read_limits
from services.actions.rate_store import RateStore
from services.actions.rate_table import RateTable
from services.actions.reconciling import ReconcileLimits, ReconcileMetrics, Reconciler, forget_published
from services.actions.settings import ActionsSettings
from services.actions.solidarity_bundles import SolidarityBundles
from services.actions.solidarity_desk import SolidarityDesk
from services.actions.store import ActionStore
from services.actions.tables import Audit, SwitchRow
from services.actions.tables import Outbox as OutboxRow
from services.actions.taking_back import TakingBack
from services.actions.telling_news import TURN_SECONDS, NewsRules, NewsTeller
from services.actions.used_proofs import UsedProofs
from services.actions.verification import VerificationRules
from services.actions.waiting import Waiting
from shared.audit import Auditor
from shared.bare import BareConnections
from shared.bus import Bus
from shared.clock import Clock, SystemClock
from shared.db import Database
from shared.outbox import CHANNEL, Outbox, Relay
from shared.processes import Job
from shared.roles import chore
from shared.switches import Switches
from shared.wake import Ringer, Wake
from shared.web.clients import trusted_networks
from shared.web.in_flight import Load
from shared.web.pages import Pages
from shared.web.shedding import Feature, Shedding
from shared.web.staff import Staff, staff_of
from shared.web.switchboard import Switchboard

HERE = Path(__file__).parent
MIGRATIONS = HERE / "migrations"
WORK_OFF_EVERY_SECONDS = 2.0
FORGET_EVERY_SECONDS = 3600.0
COUNT_EVERY_SECONDS = 15.0
WATCH_EVERY_SECONDS = 60.0
FORGET_COUNTS_EVERY_SECONDS = 60.0
SHARE_COUNTS_EVERY_SECONDS = 1.0
FORGET_PROOFS_EVERY_SECONDS = 300.0
REMIND_EVERY_SECONDS = 60.0


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
    rules: AccessRules
    rate_table: RateTable
    limits: IntakeLimits
    commit: GroupCommit
    intake: Intake
    reconciler: Reconciler
    staff: Staff
    audit: Auditor
    likeness: LikenessMeter
    dominance: DominanceWatch
    waiting: Waiting
    invalidations: Invalidations
    forgetting: Forgetting
    confirmations: Confirmations
    taking_back: TakingBack
    solidarity: SolidarityDesk
    bundles: SolidarityBundles
    asking_again: AskingAgain
    news_rules: NewsRules
    news_consent: NewsConsent
    news_desk: NewsDesk
    news_teller: NewsTeller
    own_networks: tuple[IPv4Network | IPv6Network, ...]
    bare: BareConnections | None
    ringer: Ringer
    load: Load
    switches: Switches
    shedding: Shedding
    switchboard: Switchboard
    used_proofs: UsedProofs

    def chores(self, relay: Relay) -> list[Job]:
        """What is done now and then, beside the worker: sending again, forgetting, watching, reminding."""

        async def forget() -> None:
            await forget_published(relay)

        return [
            chore(self.reconciler.reconcile, self.settings.reconcile_seconds),
            chore(forget, FORGET_EVERY_SECONDS),
            chore(self.waiting.count, COUNT_EVERY_SECONDS),
            chore(self.invalidations.work_off, WORK_OFF_EVERY_SECONDS),
            chore(self.forgetting.forget_networks, FORGET_EVERY_SECONDS),
            chore(self.likeness.measure_cases, self.settings.likeness_seconds),
            chore(self.dominance.look, WATCH_EVERY_SECONDS),
            chore(self.forget_counts, FORGET_COUNTS_EVERY_SECONDS),
            chore(self.rules.forget_old, FORGET_EVERY_SECONDS),
            chore(self.used_proofs.forget_expired, FORGET_PROOFS_EVERY_SECONDS),
            chore(self.asking_again.remind, REMIND_EVERY_SECONDS),
            chore(self.news_teller.tell, TURN_SECONDS),
        ]

    def web_chores(self) -> list[Job]:
        """What is done beside each web process: sharing how often who came, and learning whom staff blocked."""
        return [chore(self.limits.beat, SHARE_COUNTS_EVERY_SECONDS)]

    async def forget_counts(self) -> None:
        await self.rate_table.forget_ended(self.clock.now().timestamp())

    async def close(self) -> None:
        await self.cases.close()
        await self.ringer.close()
        if self.bare:
            await self.bare.close()
        await self.switches.close()
        await self.used_proofs.close()
        await self.database.close()


def build(settings: ActionsSettings, *, clock: Clock | None = None) -> Wiring:
    """Everything, connected to nothing yet."""
    clock = clock or SystemClock()
    registry = CollectorRegistry()
    database = Database(settings.database_url, pool_size=settings.database_pool_size)
    wake = Wake()
    outbox = Outbox(OutboxRow, clock, wake)
    metrics = IntakeMetrics(registry)
    bare = BareConnections(settings.database_url) if database.is_postgresql else None
    quick = OneStatement(bare, database.engine.dialect, outbox) if bare else None
    ringer = Ringer(CHANNEL, wake, bare)
    store = ActionStore(database, outbox, quick, ringer)
    cases = KnownCases(
        database,
        clock,
        refresh_seconds=settings.known_cases_seconds,
        wait_seconds=settings.known_cases_wait_seconds,
    )
    audit = Auditor(Audit, clock)
    rules = AccessRules(database, clock, audit)
    rate_table = RateTable(database)
    limits = IntakeLimits(_rate_limits(settings), RateStore(rate_table, clock), rules, clock, metrics)
    commit = GroupCommit(store, _limits(settings), metrics)
    load = Load(settings.requests_in_flight_max)
    switches = Switches(database, SwitchRow, clock)
    shedding = Shedding([Feature.SHARING], switches, load, clock, registry)
    offered = offered_switches(cases, switches, clock)
    used_proofs = UsedProofs(database, clock)
    news_rules = _news_rules(settings)
    proving = Proving(settings.proof_secret, used_proofs, clock, metrics)
    return Wiring(
        settings=settings,
        clock=clock,
        registry=registry,
        database=database,
        wake=wake,
        outbox=outbox,
        relay=lambda bus: Relay(database, OutboxRow, bus, clock, wake),
        pages=Pages([HERE / "templates"], leave_url=settings.leave_url),
        cases=cases,
        rules=rules,
        rate_table=rate_table,
        limits=limits,
        commit=commit,
        intake=Intake(
            cases,
            limits,
            commit,
            store,
            clock,
            metrics,
            settings.accept_seconds_max,
            IntakeSwitches(switches),
            proving,
            _rules(settings),
        ),
        reconciler=Reconciler(database, clock, _reconcile_limits(settings), ReconcileMetrics(registry)),
        staff=staff_of(settings, clock),
        audit=audit,
        likeness=LikenessMeter(database, clock, sample_letters_max=settings.likeness_sample_letters_max),
        dominance=_watch(settings, database, clock, registry),
        waiting=Waiting(database, registry),
        invalidations=Invalidations(database, outbox, clock, audit),
        forgetting=Forgetting(database, clock, timedelta(hours=settings.keep_network_hours)),
        confirmations=Confirmations(database, outbox, clock),
        taking_back=TakingBack(database, outbox, clock),
        solidarity=SolidarityDesk(database, outbox, clock, audit),
        bundles=SolidarityBundles(database, clock, audit),
        asking_again=AskingAgain(database, outbox, clock, _rules(settings)),
        news_rules=news_rules,
        news_consent=NewsConsent(database, outbox, clock),
        news_desk=NewsDesk(database, outbox, clock, audit),
        news_teller=NewsTeller(database, outbox, clock, switches, news_rules, registry),
        own_networks=trusted_networks(settings.trusted_proxies),
        bare=bare,
        ringer=ringer,
        load=load,
        switches=switches,
        shedding=shedding,
        switchboard=Switchboard(database, SwitchRow, switches, shedding, load, audit, clock, offered),
        used_proofs=used_proofs,
    )


def _rate_limits(settings: ActionsSettings) -> list[RateLimits]:
    return [
        RateLimits(LimitedBy.NETWORK, read_limits(settings.rate_per_network)),
        RateLimits(LimitedBy.MAILBOX, read_limits(settings.rate_per_mailbox)),
        RateLimits(LimitedBy.CASE, read_limits(settings.rate_per_case)),
    ]


def _limits(settings: ActionsSettings) -> Limits:
    return Limits(
        queue_max=settings.intake_queue_max,
        batch_max=settings.intake_batch_max,
        linger_seconds=settings.intake_linger_ms / 1000,
        writers=settings.intake_writers,
        drain_seconds_max=settings.stop_seconds_max,
    )


def _rules(settings: ActionsSettings) -> VerificationRules:
    return VerificationRules(
        site=settings.public_url.rstrip("/"),
        lasts=timedelta(hours=settings.verify_hours),
        mails_max=settings.verify_mails_max,
        between_mails=timedelta(seconds=settings.verify_mail_seconds_min),
        reminded_after=timedelta(hours=settings.verify_reminder_hours),
    )


def _news_rules(settings: ActionsSettings) -> NewsRules:
    wait = timedelta(seconds=settings.news_wait_seconds)
    return NewsRules(settings.public_url.rstrip("/"), wait, settings.news_per_minute)


def _watch(settings: ActionsSettings, database: Database, clock: Clock, registry: CollectorRegistry) -> DominanceWatch:
    rules = DominanceRules(
        count_min=settings.dominance_actions_min,
        share_min=settings.dominance_share_min,
        times_earlier_min=settings.dominance_times_earlier_min,
        share_min_unknown=settings.dominance_share_min_unknown,
    )
    window = timedelta(seconds=settings.dominance_window_seconds)
    return DominanceWatch(database, clock, rules, window, DominanceMetrics(registry))


def _reconcile_limits(settings: ActionsSettings) -> ReconcileLimits:
    return ReconcileLimits(
        grace=timedelta(seconds=settings.reconcile_grace_seconds),
        quiet=timedelta(seconds=settings.reconcile_quiet_seconds),
        old=timedelta(seconds=settings.reconcile_old_seconds),
        batch_max=settings.reconcile_batch_max,
        times_max=settings.reconcile_times_max,
    )
