"""What `/api/v1/delivery` takes and answers."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from services.delivery.home.mail import IncomingKind
from services.delivery.mime import Unwritable, write_address
from services.delivery.pauses import Scope
from services.delivery.policy import DeliveryPolicy
from services.delivery.states import LetterState

WHY_CHARACTERS_MAX = 500
SUBJECT_CHARACTERS_MAX = 300
DAYS_MAX = 3_650


def _said(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("blank", "Say why.")
    return text.strip()


def _address(text: str) -> str:
    try:
        return write_address(text.strip())
    except Unwritable:
        raise PydanticCustomError("address", "An address such as info@ministry.example.") from None


Why = Annotated[str, Field(max_length=WHY_CHARACTERS_MAX), AfterValidator(_said)]
Subject = Annotated[str, Field(max_length=SUBJECT_CHARACTERS_MAX)]
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
    queued: int
    in_the_air: int
    per_hour: int | None
    at_once_max: int | None
    cool_until: datetime | None
    held_because: str | None
    is_paused: bool


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


class AuditOut(Out):
    at: datetime
    who: str
    did: str
    why: str
    details: dict[str, object]
