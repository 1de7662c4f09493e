"""What readers see of a case, a campaign and the ledger: plain frozen values, ready to be shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Self
from uuid import UUID

from services.cases.issues import Issue
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
    """The letter to start from, in one language. `bodies` are all that visitors' letters start from, the first of them
    `body`; where they differ they are made of `points`."""

    language: str
    subject: str
    body: str
    bodies: tuple[str, ...]
    opening: str | None = None
    points: tuple[str, ...] = ()
    closing: str | None = None

    def variant(self, number: int) -> Self:
        """The letter as one visitor gets it. Any number is one of theirs."""
        return replace(self, body=self.bodies[number % len(self.bodies)])

    @property
    def language_name(self) -> str:
        return language_name(self.language)

    @property
    def dir(self) -> str:
        return direction(self.language)


@dataclass(frozen=True)
class UpdateView:
    """`date` is that of what happened, as exactly as it is known; the times are those at which we said so."""

    id: UUID
    kind: UpdateKind
    date: str | None
    text: str
    published_at: datetime
    changed_at: datetime
    language: str = SOURCE
    translations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class MessageView:
    """What somebody wrote to the person at risk, and lets everybody see."""

    name: str
    country: str
    text: str


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
    read_at: datetime
    has_numbers: bool = True


@dataclass(frozen=True)
class PictureSize:
    width: int
    height: int
    digest: str

    @property
    def path(self) -> str:
        return f"/pictures/{self.digest}.webp"


@dataclass(frozen=True)
class PictureView:
    """The picture of a case, in `sizes` from the narrowest; what it shows is said in `alt`, for who cannot see it."""

    alt: str
    credit: str | None
    language: str
    translations: Mapping[str, Mapping[str, Any]]
    sizes: tuple[PictureSize, ...]

    @property
    def largest(self) -> PictureSize:
        return self.sizes[-1]

    @property
    def srcset(self) -> str:
        return ", ".join(f"{size.path} {size.width}w" for size in self.sizes)


@dataclass(frozen=True)
class CaseView:
    """The whole of a case. A case whose closing date has passed is ended, whether or not the chore came by yet.

    `totals` are none where the numbers were not asked for; what others reported is there in any case."""

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
    solidarity_advice: str | None
    language: str
    translations: Mapping[str, Mapping[str, Any]]
    closes_at: datetime | None
    closed_at: datetime | None
    published_at: datetime
    channels: tuple[Channel, ...]
    targets: tuple[TargetView, ...]
    letters: tuple[LetterView, ...]
    updates: tuple[UpdateView, ...]
    totals: Counts | None
    offline: tuple[OfflineView, ...]
    messages: tuple[MessageView, ...]
    read_at: datetime
    issues: tuple[Issue, ...] = ()
    picture: PictureView | None = None

    @property
    def has_numbers(self) -> bool:
        return self.totals is not None

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
        """The ways of a letter. A post and a message to the person are asked for in forms of their own."""
        return tuple(channel for channel in self.channels if channel in {Channel.EMAIL, Channel.POST})

    @property
    def takes_messages(self) -> bool:
        return self.is_open and Channel.SOLIDARITY in self.channels

    @property
    def takes_posts(self) -> bool:
        return Channel.SOCIAL in self.channels and bool(self.targets_for(Channel.SOCIAL))

    @property
    def post_words(self) -> str:
        """What a post starts from: the case's name and what is asked first."""
        return f"{self.title}: {self.demands[0]}" if self.demands else f"{self.title}. {self.summary}"

    def targets_for(self, channel: Channel) -> tuple[TargetView, ...]:
        return tuple(target for target in self.targets if target.is_reached_by(channel))
