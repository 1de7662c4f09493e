"""What `/api/v1/delivery` takes and answers."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from services.delivery.groups import GroupAct
from services.delivery.home.mail import IncomingKind
from services.delivery.mime import Unwritable, write_address
from services.delivery.pauses import Scope
from services.delivery.states import CANCELLABLE, RETRIABLE, LetterState
from services.delivery.target_addresses import AddressState
from shared.delivery_policy import DeliveryPolicy, PolicyMode

WHY_CHARACTERS_MAX = 500
SUBJECT_CHARACTERS_MAX = 300
DAYS_MAX = 3_650
KEEPABLE = r"^[^\u0000]*$"  # what PostgreSQL keeps as text


def _said(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("blank", "Say why.")
    return text.strip()


def _address(text: str) -> str:
    try:
        return write_address(text.strip())
    except Unwritable:
        raise PydanticCustomError("address", "An address such as info@ministry.example.") from None


Why = Annotated[str, Field(max_length=WHY_CHARACTERS_MAX, pattern=KEEPABLE), AfterValidator(_said)]
Subject = Annotated[str, Field(max_length=SUBJECT_CHARACTERS_MAX, pattern=KEEPABLE)]
Address = Annotated[str, Field(max_length=254), AfterValidator(_address)]


class In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class WhyIn(In):
    why: Why


class PauseIn(WhyIn):
    """`subject`: the channel's or destination's name, or the id of a target or case; empty for everything."""

    scope: Scope
    subject: Subject = ""


class PolicyIn(WhyIn):
    policy: DeliveryPolicy


class RateIn(WhyIn):
    per_hour: int | None = Field(ge=1, le=1_000_000, description="letters, over all its targets; null: no rate")


class HandoverIn(WhyIn):
    to_whom: Annotated[str, Field(min_length=1, max_length=SUBJECT_CHARACTERS_MAX, pattern=KEEPABLE)]


class AddressIn(WhyIn):
    address: Address


class GroupIn(WhyIn):
    """Letters of one state; with a case, target or destination only those of it."""

    act: GroupAct
    state: LetterState
    case_id: UUID | None = None
    target_id: UUID | None = None
    destination: Subject | None = None
    per_minute: int | None = Field(default=None, ge=1, le=100_000, description="sent again, so many a minute")
    dry_run: bool = Field(default=False, description="only count them")
    after: str | None = Field(default=None, max_length=200, description="`next` of the turn before")
    begin_at: AwareDatetime | None = Field(default=None, description="`last_at` of the turn before")

    @model_validator(mode="after")
    def _fits(self) -> "GroupIn":
        fitting = RETRIABLE if self.act is GroupAct.AGAIN else CANCELLABLE
        if self.state not in fitting:
            states = ", ".join(fitting)
            raise PydanticCustomError("state", "Letters of this state cannot: {states} can.", {"states": states})
        return self


class SuppressionIn(WhyIn):
    address: Address
    days: int | None = Field(default=None, ge=1, le=DAYS_MAX, description="absent: until it is released")


class ReleaseIn(WhyIn):
    address: Address


class Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class PauseOut(Out):
    scope: Scope
    subject: str
    since: datetime
    who: str
    why: str


class DestinationOut(Out):
    name: str
    queued: int = Field(description="letters and all else")
    others: int = Field(description="how many of those queued are no letters")
    in_the_air: int
    per_hour: int | None
    at_once_max: int | None
    cool_until: datetime | None
    held_because: str | None
    is_paused: bool


class TargetAddressOut(BaseModel):
    address: str
    state: AddressState


class TargetOut(Out):
    target_id: UUID
    name: str
    country: str
    policy: DeliveryPolicy
    source: str
    queued: int
    open_at: datetime = Field(description="when it takes the next letter")
    closes_at: datetime | None = Field(description="the earliest of its cases")
    done_at: datetime | None = Field(description="when its last letter will be out; null: not within 400 days")
    is_late: bool
    is_paused: bool
    suggestion: str | None = Field(default=None, description="what would be in time, where it is late")


class CaseOut(Out):
    case_id: UUID
    slug: str
    queued: int
    closes_at: datetime | None
    is_paused: bool


class OverviewOut(BaseModel):
    counts: dict[LetterState, int]
    destinations: list[DestinationOut]
    targets: list[TargetOut]
    cases: list[CaseOut]
    pauses: list[PauseOut]


class SuppressionOut(Out):
    address: str
    reason: str
    who: str
    created_at: datetime
    expires_at: datetime | None


class SuppressedOut(BaseModel):
    letters: int = Field(description="queued letters that were stopped")


class IncomingOut(Out):
    id: UUID
    letter_id: UUID
    case_id: UUID
    case_slug: str
    kind: IncomingKind
    from_name: str
    from_address: str
    subject: str
    text: str
    code: int | None
    status: str | None
    received_at: datetime


class GroupOut(BaseModel):
    """After a dry run `done` is how many there are."""

    done: int
    left: int = Field(default=0, description="those that stay as they are: they must not go out, or have changed")
    next: str | None = Field(default=None, description="give it as `after` to go on; null: the group is through")
    last_at: datetime | None = Field(default=None, description="when the last of them goes")


class MovedOut(BaseModel):
    letters: int = Field(description="queued letters that go there now")


class BundleOut(Out):
    id: UUID
    target_id: UUID
    target_name: str
    mode: PolicyMode
    letters: int
    made_at: datetime
    sha256: str | None = Field(description="of its document; null: not made yet")
    dropped_at: datetime | None
    printed_at: datetime | None
    printed_by: str | None
    handed_over_at: datetime | None
    handed_over_by: str | None
    handed_over_to: str | None


class AuditOut(Out):
    at: datetime
    who: str
    did: str
    why: str
    details: dict[str, object]
