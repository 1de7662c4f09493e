"""Builds delivery from its settings. The only place where real things are made."""

import asyncio
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from random import Random
from uuid import uuid4

from prometheus_client import CollectorRegistry

from services.delivery.announcing import Announcer
from services.delivery.backlog import read_backlog
from services.delivery.bundle_desk import BundleDesk
from services.delivery.bundling import Bundling
from services.delivery.cancelling import Canceller
from services.delivery.channels import Channel
from services.delivery.channels.accounts import Accounts
from services.delivery.claiming import Claims
from services.delivery.desk import Desk
from services.delivery.dkim_signing import read_signer
from services.delivery.enclosing import Enclosures
from services.delivery.groups import Groups
from services.delivery.home.addresses import LetterAddresses, read_addresses
from services.delivery.home.homecoming import Homecoming
from services.delivery.home.listening import Listener, Porter
from services.delivery.home.reading import IncomingReader
from services.delivery.lateness import Lateness
from services.delivery.mail_view import MailReader
from services.delivery.metrics import DeliveryMetrics
from services.delivery.moving import Moving
from services.delivery.news_desk import NewsDesk
from services.delivery.rendering import Campaign, read_campaign
from services.delivery.sending import Sender, SenderLimits
from services.delivery.settings import DeliverySettings
from services.delivery.standing import Standing
from services.delivery.states import LIVE
from services.delivery.steering import Steering
from services.delivery.suppressing import Suppressions
from services.delivery.sweeping import Sweep
from services.delivery.tables import Audit, DeadLetter
from services.delivery.tables import Inbox as InboxRow
from services.delivery.tables import Outbox as OutboxRow
from services.delivery.validity import Validity
from services.delivery.waking import CHANNEL
from services.delivery.ways_out import accounts_of, channel_of, smarthosts_of
from shared.audit import Auditor
from shared.bus import Bus, KeepDead
from shared.clock import Clock, FollowingClock
from shared.db import Database
from shared.dead_letters import keeper
from shared.inbox import Inbox
from shared.outbox import Outbox, Relay
from shared.processes import Job
from shared.roles import chore
from shared.wake import Wake, listen
from shared.web.pages import Pages
from shared.web.staff import Staff, staff_of

HERE = Path(__file__).parent
MIGRATIONS = HERE / "migrations"
LETTERS_QUEUE = "delivery.letters"
CONFIRMATIONS_QUEUE = "delivery.confirmations"
NEWS_QUEUE = "delivery.news"
KEEP_SEEN = timedelta(days=90)
FOLDER_LETTERS_AT_ONCE_MAX = 8
COUNT_EVERY_SECONDS = 15.0
FORESEE_EVERY_SECONDS = 60.0
BUNDLE_EVERY_SECONDS = 30.0
FORGET_EVERY_SECONDS = 3600.0


class NoWayOut(Exception):
    """Neither a smarthost nor a folder is set, so letters cannot be sent."""


@dataclass(frozen=True)
class Wiring:
    """What routes, handlers and processes are given. `wake` rings the relay, `sender_wake` the sender."""

    settings: DeliverySettings
    clock: Clock
    registry: CollectorRegistry
    metrics: DeliveryMetrics
    database: Database
    wake: Wake
    sender_wake: Wake
    outbox: Outbox
    relay: Callable[[Bus], Relay]
    keep_dead: KeepDead
    canceller: Canceller
    validity: Validity
    desk: Desk
    groups: Groups
    moving: Moving
    mail: MailReader
    staff: Staff
    pages: Pages
    campaign: Campaign
    channel: Channel | None
    accounts: Accounts
    audit: Auditor
    announcer: Announcer
    suppressions: Suppressions
    standing: Standing
    lateness: Lateness
    steering: Steering
    homecoming: Homecoming
    incoming: IncomingReader
    enclosures: Enclosures
    bundling: Bundling
    bundles: BundleDesk
    news: NewsDesk

    def listener(self) -> Listener | None:
        """None when letters have no addresses of their own."""
        if self.campaign.home is None:
            return None
        porter = Porter(self.campaign.home, self.homecoming)
        return Listener(porter, self.settings.home_host, self.settings.home_port)

    def sender(self) -> Sender:
        """A sender, which no other one is taken for. Raises `NoWayOut`."""
        if self.channel is None:
            raise NoWayOut("set W4R_SMTP_URL (a smarthost) or W4R_LETTERS_FOLDER (a folder): a sender needs one")
        settings, policy = self.settings, self.settings.send_policy()
        owner = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
        lease = timedelta(seconds=settings.lease_seconds)
        random = Random()  # noqa: S311  # jitter keeps no secret
        claims = Claims(
            self.database,
            self.outbox,
            self.clock,
            policy,
            settings.default_policy(),
            self.suppressions,
            random,
            owner=owner,
            lease=lease,
            bearing=settings.bearing(),
        )
        sweep = Sweep(self.database, self.outbox, self.clock, policy)
        return Sender(
            claims,
            sweep,
            self.channel,
            self.accounts,
            self.enclosures,
            self.campaign,
            self.clock,
            self.sender_wake,
            self.metrics,
            _limits(settings),
        )

    async def run_sender(self, stop: asyncio.Event) -> None:
        """A job: send until stopped, woken by every commit that makes a letter due."""
        sender = self.sender()
        async with asyncio.TaskGroup() as group:
            group.create_task(listen(self.settings.database_url, CHANNEL, self.sender_wake, stop))
            await sender.run(stop)
            stop.set()

    def chores(self, relay: Relay) -> list[Job]:
        """What is done now and then, beside the relay: forgetting what is long past, and measuring what waits."""

        async def count_waiting() -> None:
            self.metrics.outbox_depth.set(await relay.depth())

        async def make_bundles() -> None:
            await self.bundling.make_due()

        return [
            chore(count_waiting, COUNT_EVERY_SECONDS),
            chore(self.lateness.look, FORESEE_EVERY_SECONDS),
            chore(self.measure_backlog, FORESEE_EVERY_SECONDS),
            chore(make_bundles, BUNDLE_EVERY_SECONDS),
            chore(relay.forget_published, FORGET_EVERY_SECONDS),
            chore(self.forget_seen, FORGET_EVERY_SECONDS),
        ]

    async def measure_backlog(self) -> None:
        """What could go now, for the metrics."""
        async with self.database.transaction() as session:
            self.metrics.set_backlog(await read_backlog(session, self.clock.now()))

    async def count_letters(self) -> None:
        """How many letters wait, for the metrics."""
        self.metrics.set_letters(await self.desk.count_by_state(LIVE))

    async def forget_seen(self) -> None:
        """Drop marks of events that no bus will bring again. A letter's own id guards it even then."""
        async with self.database.transaction() as session:
            for queue in (LETTERS_QUEUE, CONFIRMATIONS_QUEUE, NEWS_QUEUE):
                await Inbox(InboxRow, queue, self.clock).forget_older(session, KEEP_SEEN)

    async def close(self) -> None:
        if self.channel:
            await self.channel.abort()
        await self.accounts.close()
        await self.database.close()


def build(settings: DeliverySettings, *, clock: Clock | None = None) -> Wiring:
    """Everything, connected to nothing yet. Raises `ValueError` for addresses and URLs that are none.

    Several senders' leases are by one clock: the database's."""
    clock = clock or FollowingClock()
    registry = CollectorRegistry()
    database = Database(settings.database_url, pool_size=settings.database_pool_size)
    wake, sender_wake = Wake(), Wake()
    outbox = Outbox(OutboxRow, clock, wake)
    campaign = read_campaign(settings.mail_from)
    signer = read_signer(campaign.domain, settings.dkim_keys, settings.dkim_selector)
    campaign = replace(campaign, signer=signer, home=_home(settings))
    metrics, standing = DeliveryMetrics(registry), Standing(database, clock, settings.default_policy())
    accounts, audit = Accounts(accounts_of(settings)), Auditor(Audit, clock)
    canceller = Canceller(database, outbox, clock)
    suppressions = Suppressions(database, outbox, clock, audit)
    bundling = Bundling(database, outbox, clock, sender_wake, campaign.name, settings.bundles_folder)
    incoming = IncomingReader(database)
    enclosures = Enclosures(bundling.document, incoming)
    return Wiring(
        settings=settings,
        clock=clock,
        registry=registry,
        metrics=metrics,
        database=database,
        wake=wake,
        sender_wake=sender_wake,
        outbox=outbox,
        relay=lambda bus: Relay(database, OutboxRow, bus, clock, wake),
        keep_dead=keeper(database, DeadLetter),
        canceller=canceller,
        validity=Validity(database, outbox, clock, sender_wake),
        desk=Desk(database, outbox, clock, audit, sender_wake),
        groups=Groups(database, outbox, clock, audit, sender_wake),
        moving=Moving(database, clock, audit, sender_wake),
        mail=MailReader(campaign, clock, enclosures, settings.letters_folder),
        staff=staff_of(settings, clock),
        pages=Pages([HERE / "templates"]),
        campaign=campaign,
        channel=channel_of(settings),
        accounts=accounts,
        audit=audit,
        standing=standing,
        lateness=Lateness(database, outbox, clock, standing, metrics),
        steering=Steering(database, clock, audit, sender_wake),
        suppressions=suppressions,
        incoming=incoming,
        enclosures=enclosures,
        bundling=bundling,
        bundles=BundleDesk(database, outbox, clock, audit),
        news=NewsDesk(database),
        homecoming=Homecoming(database, outbox, clock, suppressions, canceller, sender_wake, settings.bearing()),
        announcer=Announcer(database, clock, audit, sender_wake, accounts),
    )


def _home(settings: DeliverySettings) -> LetterAddresses | None:
    if settings.home_mailbox is None or settings.home_secret is None:
        return None
    return read_addresses(settings.home_mailbox, settings.home_secret.get_secret_value())


def _limits(settings: DeliverySettings) -> SenderLimits:
    connections = settings.smtp_connections_max * max(1, len(smarthosts_of(settings)))
    at_once = FOLDER_LETTERS_AT_ONCE_MAX if settings.letters_folder else connections
    return SenderLimits(
        letters_max=at_once,
        lease_seconds=settings.lease_seconds,
        sweep_seconds=settings.sweep_seconds,
        stop_seconds_max=settings.stop_seconds_max,
    )
