"""How a target wants its letters: the policy as data, checked, and nothing else."""

from datetime import time
from enum import StrEnum
from typing import Annotated, Self
from zoneinfo import available_timezones

import holidays
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

PER_DAY_MAX_DEFAULT = 5_000


class PolicyMode(StrEnum):
    """`single`: one mail a letter, at once. `throttled`: the same, in hours and numbers the target can bear.
    `digest`: one mail a day or week with all of them in it. `print`: bundles on paper. `handover`: the same, with a
    cover sheet, carried there by hand."""

    SINGLE = "single"
    THROTTLED = "throttled"
    DIGEST = "digest"
    PRINT = "print"
    HANDOVER = "handover"


BUNDLING = frozenset({PolicyMode.DIGEST, PolicyMode.PRINT, PolicyMode.HANDOVER})


class Every(StrEnum):
    DAY = "day"
    WEEK = "week"


class Weekday(StrEnum):
    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("must be a time zone of the IANA list, such as Asia/Karachi")
    return name


def _known_calendar(country: str) -> str:
    if country not in holidays.list_supported_countries():
        raise ValueError("must be the two-letter code of a country whose holidays are known, such as PK")
    return country


TimeZone = Annotated[str, AfterValidator(_known_zone)]
Calendar = Annotated[str, AfterValidator(_known_calendar)]


class WorkingHours(BaseModel):
    """When a target is at work, by its own clock. `holidays`: an ISO 3166-1 country whose public ones are kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    days: Annotated[tuple[Weekday, ...], Field(min_length=1)] = tuple(Weekday)[:5]
    begin: time = time(9)
    end: time = time(17)
    holidays: Calendar | None = None

    @model_validator(mode="after")
    def _begins_before_it_ends(self) -> Self:
        if self.begin.tzinfo or self.end.tzinfo:
            raise ValueError("hours are by the target's own clock: leave their time zone out")
        if self.begin >= self.end:
            raise ValueError("work must begin before it ends")
        return self


class DeliveryPolicy(BaseModel):
    """One target's policy. `per_day_max` guards every mode: whatever the dates and numbers say, never more in a day."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: PolicyMode = PolicyMode.SINGLE
    time_zone: TimeZone = Field(default="UTC", description="IANA, such as Asia/Karachi")
    per_hour: int | None = Field(default=None, ge=1, description="letters; throttled only")
    per_day: int | None = Field(default=None, ge=1, description="letters; throttled only")
    hours: WorkingHours | None = Field(default=None, description="none: around the clock")
    every: Every = Field(default=Every.DAY, description="digest, print and handover: how often a bundle is made")
    per_day_max: int = Field(default=PER_DAY_MAX_DEFAULT, ge=1, description="mails a day by the target's own clock")
