"""What a campaigner writes: the fields of `campaign.yaml` and of one YAML file a case."""

import re
from datetime import UTC, date, datetime, time
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from services.cases.issues import Issue
from services.cases.tables import CaseStatus, ConsentScope
from services.cases.variants import POINTS_MAX, POINTS_MIN, variants_of
from shared.delivery_policy import DeliveryPolicy
from shared.languages import SOURCE
from shared.languages.formats import Formats, is_language
from shared.messages.cases import Channel, UpdateKind, Verification

SUBJECT_CHARACTERS_MAX = 200
BODY_CHARACTERS_MAX = 20_000
TEXT_CHARACTERS_MAX = 20_000
LINE_CHARACTERS_MAX = 300
ITEMS_MAX = 50
COUNTRIES_MAX = 250

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_ADDRESS = re.compile(r"[^@\s<>,;:\"()\[\]\\]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9-]+)+")
_PICTURE_FILE = re.compile(r"(?:pictures/)?[A-Za-z0-9_-][A-Za-z0-9._-]*\.(?:jpe?g|png|webp)", re.IGNORECASE)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_PARTIAL_DAY = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")


def _one_line(text: str) -> str:
    if "\n" in text or "\t" in text or _CONTROL.search(text):
        raise ValueError("must be one line, without control characters")
    return text


def _clean(text: str) -> str:
    if _CONTROL.search(text.replace("\r\n", "\n")):
        raise ValueError("must not contain control characters")
    return text


def _country(code: str) -> str:
    if code not in Formats().countries():
        raise ValueError("must be a country's two-letter code (ISO 3166-1), for example PK")
    return code


def _language(tag: str) -> str:
    if not is_language(tag):
        raise ValueError("must be a language tag (BCP 47), for example ur or pt-BR")
    return tag


def _address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise ValueError("must be one mail address, for example info@ministry.example")
    return text


def _picture_file(name: str) -> str:
    if not _PICTURE_FILE.fullmatch(name):
        raise ValueError("must name a .jpg, .jpeg, .png or .webp beside this file or in pictures/, in plain letters")
    return name


def _partial_day(value: Any) -> Any:
    """Known as exactly as it is written: a day, a month or a year."""
    text = str(value)
    if not _PARTIAL_DAY.fullmatch(text):
        raise ValueError("must be a day, a month or a year: 2020-04-02, 2020-04 or 2020")
    try:
        year, month, day = ([int(part) for part in text.split("-")] + [1, 1])[:3]
        date(year, month, day)
    except ValueError:
        raise ValueError("is not a date of the calendar") from None
    return text


def _end_of_day(value: Any) -> Any:
    """A closing day without an hour means its very end, in UTC."""
    if isinstance(value, str) and _DAY.fullmatch(value):
        return datetime.combine(date.fromisoformat(value), time(23, 59, 59), UTC)
    return value


def _in_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("must name its time zone, for example 2030-12-31T18:00:00Z, or be a day alone")
    return value.astimezone(UTC)


Slug = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)]
Line = Annotated[str, Field(min_length=1, max_length=LINE_CHARACTERS_MAX), AfterValidator(_one_line)]
Subject = Annotated[str, Field(min_length=1, max_length=SUBJECT_CHARACTERS_MAX), AfterValidator(_one_line)]
Words = Annotated[str, Field(min_length=1, max_length=TEXT_CHARACTERS_MAX), AfterValidator(_clean)]
LetterWords = Annotated[str, Field(min_length=1, max_length=BODY_CHARACTERS_MAX), AfterValidator(_clean)]
Country = Annotated[str, AfterValidator(_country)]
Language = Annotated[str, AfterValidator(_language)]
Address = Annotated[str, Field(max_length=254), AfterValidator(_address)]
PictureFile = Annotated[str, Field(max_length=100), AfterValidator(_picture_file)]
PartialDay = Annotated[str, BeforeValidator(_partial_day)]
ClosingTime = Annotated[datetime, BeforeValidator(_end_of_day), AfterValidator(_in_utc)]


class FilePart(BaseModel):
    """A part of a file. A field we do not know is an error: it is nearly always a misspelt one."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class CampaignWords(FilePart):
    """What readers see of a campaign, in another language."""

    name: Subject
    summary: Words


class CampaignFile(FilePart):
    """`campaign.yaml`."""

    slug: Slug
    name: Subject
    summary: Words
    language: Language = SOURCE
    translations: Annotated[dict[Language, CampaignWords], Field(max_length=ITEMS_MAX)] = {}
    goal: int | None = Field(default=None, ge=1)
    starts_on: date | None = None
    ends_on: date | None = None
    verification: Verification = Verification.NONE
    proof_of_work: bool = False
    risky_countries: Annotated[tuple[Country, ...], Field(max_length=COUNTRIES_MAX)] = ()


class Consent(FilePart):
    """What may be published, and how we know. `note` is for staff and is never shown."""

    scope: ConsentScope
    note: Words


class TargetPart(FilePart):
    """An official. The same `key` in several cases is the same target, with one delivery policy."""

    key: Slug
    name: Subject
    country: Country
    email: Address | None = None
    post_address: Words | None = None
    handle: Annotated[str, Field(pattern=r"^@\w{1,50}$")] | None = None
    other_emails: Annotated[tuple[Address, ...], Field(max_length=ITEMS_MAX)] = ()
    delivery: DeliveryPolicy | None = None


class LetterPart(FilePart):
    """The letter to start from: one `body` for everybody, or the parts of which each visitor's is made."""

    language: Language
    subject: Subject
    body: LetterWords | None = None
    opening: LetterWords | None = None
    points: Annotated[tuple[LetterWords, ...], Field(min_length=POINTS_MIN, max_length=POINTS_MAX)] | None = None
    closing: LetterWords | None = None

    @property
    def bodies(self) -> tuple[str, ...]:
        """Every body that somebody may start from. None where parts are missing, which `case_rules` complains of."""
        if self.opening and self.points and self.closing:
            return variants_of(self.opening, self.points, self.closing)
        return (self.body,) if self.body else ()


class UpdatePart(FilePart):
    """With a `key`, it stays the same update however much of it is rewritten. `mail`: whether those who asked to hear
    of the case are told of it, once, when it is new."""

    key: Slug | None = None
    kind: UpdateKind
    date: PartialDay | None = None
    text: Words
    translations: Annotated[dict[Language, Words], Field(max_length=ITEMS_MAX)] = {}
    mail: bool = True


class OfflinePart(FilePart):
    """Counted elsewhere. Without an exact number leave `count` out: the wording alone is shown, and nothing added."""

    count: int | None = Field(default=None, ge=1)
    wording: Line
    source: Line
    reported_on: PartialDay | None = None


class PictureWords(FilePart):
    """What a picture shows, in another language."""

    alt: Line


class PicturePart(FilePart):
    """The picture of a case: a file beside this one or in `pictures/`. `alt` tells who cannot see it what it shows."""

    file: PictureFile
    alt: Line
    credit: Line | None = None
    shows_person: bool = True
    translations: Annotated[dict[Language, PictureWords], Field(max_length=ITEMS_MAX)] = {}


class CaseWords(FilePart):
    """What a case says, in one language."""

    title: Subject
    summary: Annotated[str, Field(max_length=400)] = Field(min_length=1)
    story: Words
    demands: Annotated[tuple[Line, ...], Field(max_length=ITEMS_MAX)] = ()
    solidarity_advice: Words | None = None


class CaseFile(CaseWords):
    """One case. Its own words are in `language`; a reader of another one gets its translation, where there is one."""

    slug: Slug
    status: CaseStatus = CaseStatus.OPEN
    language: Language = SOURCE
    translations: Annotated[dict[Language, CaseWords], Field(max_length=ITEMS_MAX)] = {}
    person: Subject | None = None
    country: Country
    issues: Annotated[tuple[Issue, ...], Field(max_length=len(Issue))] = ()
    picture: PicturePart | None = None
    discreet: bool = False
    risky_countries: Annotated[tuple[Country, ...], Field(max_length=COUNTRIES_MAX)] = ()
    closes_at: ClosingTime | None = None
    consent: Consent
    channels: Annotated[tuple[Channel, ...], Field(max_length=len(Channel))] = ()
    targets: Annotated[tuple[TargetPart, ...], Field(max_length=ITEMS_MAX)] = ()
    letters: Annotated[tuple[LetterPart, ...], Field(max_length=ITEMS_MAX)] = ()
    updates: Annotated[tuple[UpdatePart, ...], Field(max_length=ITEMS_MAX)] = ()
    offline: Annotated[tuple[OfflinePart, ...], Field(max_length=ITEMS_MAX)] = ()
