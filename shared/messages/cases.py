"""Events the cases service publishes: what people can act on."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.messages.envelope import Event, Part

VARIANTS_MAX = 50


class Channel(StrEnum):
    """How one act reaches somebody. `solidarity` goes to the person at risk, never to officials."""

    EMAIL = "email"
    POST = "post"
    SOCIAL = "social"
    SOLIDARITY = "solidarity"


class ClosedReason(StrEnum):
    ENDED = "ended"
    WON = "won"
    WITHDRAWN = "withdrawn"


class UpdateKind(StrEnum):
    NEWS = "news"
    OUTCOME = "outcome"


class Verification(StrEnum):
    """Whether a supporter's mailbox is verified, and what waits for it."""

    NONE = "none"
    BEFORE_DELIVERY = "before_delivery"


class Protection(Part):
    """What a campaign asks of a supporter, so that its numbers can be believed."""

    verification: Verification = Verification.NONE
    proof_of_work: bool = Field(default=False, description="forms bring a small proof of work")


class Target(Part):
    """An official who receives, with an address for each channel that reaches them."""

    id: UUID
    name: str
    country: str = Field(description="ISO 3166-1 alpha-2")
    email: str | None = None
    post_address: str | None = None
    handle: str | None = None
    other_emails: tuple[str, ...] = Field(default=(), description="tried in this order where the first one is dead")
    delivery: dict[str, Any] | None = Field(
        default=None, description="how it wants its letters, as shared/delivery_policy.py has it; absent: as all others"
    )


class LetterTemplate(Part):
    """The letter a supporter starts from, in one language. Forms may differ from visitor to visitor."""

    language: str = Field(description="BCP 47, for example ur or en")
    subject: str
    body: str
    variants: tuple[str, ...] = Field(
        default=(), max_length=VARIANTS_MAX, description="other bodies that a form may have started from"
    )

    @property
    def bodies(self) -> tuple[str, ...]:
        """Every body that a letter may have started from."""
        return (self.body, *self.variants)


class CasePublishedV1(Event):
    """The whole case as others need it. A later `revision` of the same case wins over an earlier one."""

    wire_type: ClassVar[str] = "cases.case_published.v1"

    case_id: UUID
    slug: str
    revision: int = Field(ge=1)
    campaign: str
    campaign_name: str
    title: str
    country: str = Field(description="ISO 3166-1 alpha-2")
    channels: tuple[Channel, ...]
    targets: tuple[Target, ...]
    templates: tuple[LetterTemplate, ...]
    closes_at: AwareDatetime | None = None
    protection: Protection = Protection()
    risky_countries: tuple[str, ...] = Field(
        default=(), description="where writing may put a supporter at risk, ISO 3166-1 alpha-2"
    )
    titles: dict[str, str] = Field(default={}, description="in other languages, by their tags")
    discreet: bool | None = Field(
        default=None, description="its name stays out of titles and off other cases' pages; absent: not known"
    )
    published_at: AwareDatetime

    def subject(self) -> str:
        return f"{self.case_id}/{self.revision}"

    def happened_at(self) -> datetime:
        return self.published_at


class UpdatePublishedV1(Event):
    """Something changed in a case that was published before, and those who asked to hear of it are to be told.

    Said once of each update: a correction of its words keeps its id. The words are the case's own, in `language`, and
    in others as far as they were translated."""

    wire_type: ClassVar[str] = "cases.update_published.v1"

    update_id: UUID
    case_id: UUID
    slug: str
    campaign_name: str
    title: str
    titles: dict[str, str] = Field(default={}, description="of the case, in other languages, by their tags")
    discreet: bool = Field(description="the case's name stays out of subjects")
    kind: UpdateKind
    date: str | None = Field(default=None, description="as exact as it is known: 2020-04-02, 2021-01 or 2021")
    language: str
    text: str
    translations: dict[str, str] = Field(default={}, description="of the text, by their tags")
    published_at: AwareDatetime

    def subject(self) -> str:
        return str(self.update_id)

    def happened_at(self) -> datetime:
        return self.published_at


class CaseClosedV1(Event):
    """No more actions on this case. `withdrawn` also cancels every letter that is not out yet."""

    wire_type: ClassVar[str] = "cases.case_closed.v1"

    case_id: UUID
    slug: str
    revision: int = Field(ge=1)
    reason: ClosedReason
    closed_at: AwareDatetime

    def subject(self) -> str:
        return f"{self.case_id}/{self.revision}"

    def happened_at(self) -> datetime:
        return self.closed_at
