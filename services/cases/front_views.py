"""What readers see of a campaign: its cases in lists, and their news. Plain frozen values, ready to be shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from services.cases.issues import Issue
from services.cases.tables import CaseStatus
from services.cases.views import Counts, OfflineView, PictureView, UpdateView


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
    discreet: bool
    outcome: UpdateView | None
    collected: int | None
    offline: tuple[OfflineView, ...]
    issues: tuple[Issue, ...] = ()
    letter_languages: tuple[str, ...] = ()
    picture: PictureView | None = None

    @property
    def is_open(self) -> bool:
        return self.status is CaseStatus.OPEN


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


@dataclass(frozen=True)
class NewsLine:
    """An update, and so much of its case as a feed says of it."""

    slug: str
    title: str
    discreet: bool
    language: str
    translations: Mapping[str, Mapping[str, Any]]
    update: UpdateView


@dataclass(frozen=True)
class NewsView:
    """The newest campaign's updates, the latest first."""

    campaign: CampaignView | None
    lines: tuple[NewsLine, ...]
    read_at: datetime

    @property
    def has_numbers(self) -> bool:
        return False
