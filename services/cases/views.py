"""What readers see of a case, a campaign and the ledger: plain frozen values, ready to be shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.cases.tables import CaseStatus
from shared.languages import SOURCE, direction
from shared.languages.formats import language_name
from shared.messages.cases import Channel, UpdateKind


@dataclass(frozen=True)
class TargetView:
    id: UUID
    name: str
    country: str
    email: str | None
    post_address: str | None
    handle: str | None

    def is_reached_by(self, channel: Channel) -> bool:
        """Solidarity goes to the person, so no target is reached by it."""
        address = {Channel.EMAIL: self.email, Channel.POST: self.post_address, Channel.SOCIAL: self.handle}
        return bool(address.get(channel))


@dataclass(frozen=True)
class LetterView:
    """The letter to start from, in one language."""

    language: str
    subject: str
    body: str

    @property
    def language_name(self) -> str:
        return language_name(self.language)

    @property
    def dir(self) -> str:
        return direction(self.language)


@dataclass(frozen=True)
class UpdateView:
    kind: UpdateKind
    date: str | None
    text: str
    language: str = SOURCE
    translations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class OfflineView:
    """What was counted elsewhere, in the words of who reported it."""

    count: int | None
    wording: str
    source: str
    reported_on: str | None


@dataclass(frozen=True)
class Counts:
    """Totals of one case, or of one part of it. `handed_over`: a mail server took the letter and said so.

    `verified` counts actions that their supporters confirmed from their mailboxes, where a campaign asks for that."""

    collected: int = 0
    verified: int = 0
    handed_over: int = 0
    printed: int = 0
    uncertain: int = 0
    bounced: int = 0
    failed: int = 0
    cancelled: int = 0
    invalidated: int = 0
    offline_reported: int = 0


@dataclass(frozen=True)
class LedgerView:
    case: str
    totals: Counts
    by_country: dict[str, Counts]
    by_channel: dict[str, Counts]
    by_day: dict[date, Counts]
    offline: tuple[OfflineView, ...]


@dataclass(frozen=True)
class CaseLine:
    """A case in a list. `collected` is none where the numbers were not asked for."""

    slug: str
    title: str
    person: str | None
    country: str
    summary: str
    language: str
    translations: Mapping[str, Mapping[str, Any]]
    status: CaseStatus
    closes_at: datetime | None
    outcome: UpdateView | None
    collected: int | None
    offline: tuple[OfflineView, ...]

    @property
    def is_open(self) -> bool:
        return self.status is CaseStatus.OPEN


@dataclass(frozen=True)
class CaseView:
    """The whole of a case. A case whose closing date has passed is ended, whether or not the chore came by yet.

    `ledger` is none where the numbers were not asked for; what others reported is there in any case."""

    slug: str
    revision: int
    status: CaseStatus
    campaign: str
    campaign_name: str
    proof_of_work: bool
    title: str
    person: str | None
    country: str
    discreet: bool
    risky_countries: tuple[str, ...]
    summary: str
    story: str
    demands: tuple[str, ...]
    language: str
    translations: Mapping[str, Mapping[str, Any]]
    closes_at: datetime | None
    closed_at: datetime | None
    published_at: datetime
    channels: tuple[Channel, ...]
    targets: tuple[TargetView, ...]
    letters: tuple[LetterView, ...]
    updates: tuple[UpdateView, ...]
    ledger: LedgerView | None
    offline: tuple[OfflineView, ...]
    read_at: datetime

    @property
    def has_numbers(self) -> bool:
        return self.ledger is not None

    @property
    def is_open(self) -> bool:
        return self.status is CaseStatus.OPEN

    @property
    def outcome(self) -> UpdateView | None:
        return next((update for update in self.updates if update.kind is UpdateKind.OUTCOME), None)

    @property
    def news(self) -> tuple[UpdateView, ...]:
        return tuple(update for update in self.updates if update is not self.outcome)

    @property
    def paragraphs(self) -> list[str]:
        return [" ".join(part.split()) for part in self.story.split("\n\n") if part.strip()]

    def letter_in(self, *languages: str | None) -> LetterView | None:
        """The letter in the first of these languages that it is written in, else the first there is."""
        found = (letter for language in languages for letter in self.letters if letter.language == language)
        return next(found, next(iter(self.letters), None))

    @property
    def letter_channels(self) -> tuple[Channel, ...]:
        """The ways of a letter. A post is asked for in a form of its own."""
        return tuple(channel for channel in self.channels if channel is not Channel.SOCIAL)

    @property
    def takes_posts(self) -> bool:
        return Channel.SOCIAL in self.channels and bool(self.targets_for(Channel.SOCIAL))

    @property
    def post_words(self) -> str:
        """What a post starts from: the case's name and what is asked first."""
        return f"{self.title}: {self.demands[0]}" if self.demands else f"{self.title}. {self.summary}"

    def targets_for(self, channel: Channel) -> tuple[TargetView, ...]:
        return tuple(target for target in self.targets if target.is_reached_by(channel))


@dataclass(frozen=True)
class CampaignView:
    slug: str
    name: str
    summary: str
    language: str
    translations: Mapping[str, Mapping[str, Any]]
    goal: int | None
    starts_on: date | None
    ends_on: date | None


@dataclass(frozen=True)
class FrontView:
    """What the front page and the list of cases show. Without a campaign there is nothing to show yet.

    `totals` are none where the numbers were not asked for."""

    campaign: CampaignView | None
    cases: tuple[CaseLine, ...]
    totals: Counts | None
    read_at: datetime

    @property
    def has_numbers(self) -> bool:
        return self.totals is not None

    @property
    def open_cases(self) -> tuple[CaseLine, ...]:
        return tuple(case for case in self.cases if case.is_open)

    @property
    def won_cases(self) -> tuple[CaseLine, ...]:
        return tuple(case for case in self.cases if case.status is CaseStatus.WON)

    @property
    def ended_cases(self) -> tuple[CaseLine, ...]:
        return tuple(case for case in self.cases if case.status is CaseStatus.ENDED)
