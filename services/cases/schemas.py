"""What the JSON API answers. Separate from the tables: these are promises to others."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.cases.front_views import CaseLine, FrontView
from services.cases.issues import Issue
from services.cases.tables import CaseStatus
from services.cases.views import CaseView, Counts, LedgerView, PictureView
from shared.messages.cases import Channel, UpdateKind


class Shown(BaseModel):
    model_config = ConfigDict(from_attributes=True, frozen=True)


class TargetShown(Shown):
    """An official to write to."""

    id: UUID
    name: str
    country: str
    email: str | None
    post_address: str | None
    handle: str | None


class PictureFileShown(Shown):
    url: str = Field(description="WebP; what it shows never changes, and may be kept for as long as the case is shown")
    width: int
    height: int


class PictureShown(Shown):
    """To be shown with its `credit`, and with `alt` for who cannot see it."""

    alt: str
    credit: str | None
    files: list[PictureFileShown] = Field(description="narrowest first")


class LetterShown(Shown):
    """The letter to start from, in one language."""

    language: str = Field(description="BCP 47")
    dir: str = Field(description="ltr or rtl")
    subject: str
    body: str = Field(
        description="whole, and the same for everybody: of a letter with `points`, the first of the variants that the "
        "pages of the case show"
    )
    opening: str | None = Field(default=None, description="what every variant begins with; null without `points`")
    points: list[str] = Field(
        description="talking points, each whole in itself: for letters that are not all alike, put some of them "
        "between `opening` and `closing`, in an order of your own. Empty where there are none"
    )
    closing: str | None = Field(default=None, description="what every variant ends with; null without `points`")


class UpdateShown(Shown):
    kind: UpdateKind
    date: str | None = Field(description="as exactly as it is known: a day, a month or a year")
    text: str


class OfflineShown(Shown):
    """Counted elsewhere, and reported by `source`. Without an exact number `count` is null."""

    count: int | None
    wording: str
    source: str
    reported_on: str | None


class CountsShown(Shown):
    """Numbers from our own events; `offline_reported` apart, which others told us."""

    collected: int = Field(description="actions accepted, those that wait to be confirmed with them")
    verified: int = Field(description="of these, confirmed from the supporter's mailbox, where that is asked for")
    handed_over: int = Field(description="letters that a mail server took and said so; not yet proof of delivery")
    printed: int = Field(description="letters on paper")
    uncertain: int = Field(description="letters handed over whole whose answer never came")
    bounced: int = Field(description="letters refused for good")
    failed: int = Field(description="letters given up")
    cancelled: int = Field(description="letters stopped before they went out")
    invalidated: int = Field(description="actions that turned out not to count; they are in no other number")
    offline_reported: int = Field(description="actions counted elsewhere, see `offline` for who reported them")


class CountryCounts(CountsShown):
    country: str = Field(description="ISO 3166-1 alpha-2; ZZ sums the countries too small to be named")


class ChannelCounts(CountsShown):
    channel: str


class DayCounts(CountsShown):
    day: str


class LedgerShown(CountsShown):
    """The public numbers of one case. Those at the top are its totals."""

    case: str
    by_country: list[CountryCounts]
    by_channel: list[ChannelCounts]
    by_day: list[DayCounts]
    offline: list[OfflineShown]


class CountShown(Shown):
    """The numbers that a page keeps fresh. Not `live`: they rest for now, and asking again soon is of no use."""

    live: bool
    collected: int | None = Field(default=None, description="actions accepted")
    handed_over: int | None = Field(default=None, description="letters that a mail server took and said so")


class CaseInList(Shown):
    slug: str
    title: str
    country: str
    summary: str
    issues: list[Issue] = Field(description="what it is about")
    languages: list[str] = Field(description="of its letters, BCP 47")
    picture: PictureShown | None
    status: CaseStatus
    closes_at: datetime | None
    url: str
    collected: int


class CaseList(Shown):
    """Open cases first. Withdrawn ones are not there."""

    campaign: str | None
    campaign_name: str | None
    cases: list[CaseInList]


class CaseShown(Shown):
    """All that is public of a case."""

    slug: str
    revision: int
    status: CaseStatus
    campaign: str
    campaign_name: str
    proof_of_work: bool = Field(description="an action on it brings a `proof`, see GET /api/v1/actions/challenge")
    discreet: bool = Field(description="its name does not belong into titles of pages, subjects of mails and the like")
    risky_countries: list[str] = Field(
        description="supporters there are to be advised, before they send, of the danger"
    )
    title: str
    person: str | None = Field(description="null where they did not agree to be named")
    country: str
    issues: list[Issue] = Field(description="what it is about")
    summary: str
    picture: PictureShown | None
    story: str
    demands: list[str]
    closes_at: datetime | None
    closed_at: datetime | None
    published_at: datetime
    channels: list[Channel]
    languages: list[str]
    targets: list[TargetShown]
    letters: list[LetterShown]
    updates: list[UpdateShown]
    url: str
    ledger_url: str


def show_list(front: FrontView, cases: Sequence[CaseLine], public_url: str) -> CaseList:
    """Those `cases` of the campaign that were asked for."""
    campaign = front.campaign
    return CaseList(
        campaign=campaign.slug if campaign else None,
        campaign_name=campaign.name if campaign else None,
        cases=[_in_list(line, public_url) for line in cases],
    )


def _in_list(line: CaseLine, public_url: str) -> CaseInList:
    return CaseInList(
        **_fields(CaseInList, line, "picture"),
        languages=list(line.letter_languages),
        picture=_picture(line.picture, public_url),
        url=case_url(line, public_url),
    )


def _picture(picture: PictureView | None, public_url: str) -> PictureShown | None:
    site = public_url.rstrip("/")
    files = [
        PictureFileShown(url=site + size.path, width=size.width, height=size.height)
        for size in (picture.sizes if picture else ())
    ]
    return PictureShown(alt=picture.alt, credit=picture.credit, files=files) if picture else None


def show_case(case: CaseView, public_url: str) -> CaseShown:
    return CaseShown(
        **_fields(CaseShown, case, "picture"),
        picture=_picture(case.picture, public_url),
        languages=[letter.language for letter in case.letters],
        url=case_url(case, public_url),
        ledger_url=f"{public_url.rstrip('/')}/api/v1/cases/{case.slug}/ledger",
    )


def show_ledger(ledger: LedgerView) -> LedgerShown:
    return LedgerShown(
        case=ledger.case,
        **vars(ledger.totals),
        by_country=[CountryCounts(country=code, **vars(part)) for code, part in ledger.by_country.items()],
        by_channel=[ChannelCounts(channel=channel, **vars(part)) for channel, part in ledger.by_channel.items()],
        by_day=[DayCounts(day=day.isoformat(), **vars(part)) for day, part in ledger.by_day.items()],
        offline=[OfflineShown.model_validate(offline) for offline in ledger.offline],
    )


def show_count(totals: Counts) -> CountShown:
    return CountShown(live=True, collected=totals.collected, handed_over=totals.handed_over)


def case_url(case: CaseView | CaseLine, public_url: str) -> str:
    return f"{public_url.rstrip('/')}/cases/{case.slug}"


def _fields(model: type[Shown], view: object, *but: str) -> dict[str, Any]:
    return {name: getattr(view, name) for name in model.model_fields if hasattr(view, name) and name not in but}
