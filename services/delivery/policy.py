"""How a target wants its letters: the policy as data, checked, and nothing else."""

from datetime import time
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

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


class WorkingHours(BaseModel):
    """When a target is at work, by its own clock. `holidays`: an ISO 3166-1 country whose public ones are kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    days: tuple[Weekday, ...] = (Weekday.MON, Weekday.TUE, Weekday.WED, Weekday.THU, Weekday.FRI)
    begin: time = time(9)
    end: time = time(17)
    holidays: str | None = None


class DeliveryPolicy(BaseModel):
    """One target's policy. `per_day_max` guards every mode: whatever the dates and numbers say, never more in a day."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: PolicyMode = PolicyMode.SINGLE
    time_zone: str = Field(default="UTC", description="IANA, such as Asia/Karachi")
    per_hour: int | None = Field(default=None, ge=1, description="letters; throttled only")
    per_day: int | None = Field(default=None, ge=1, description="letters; throttled only")
    hours: WorkingHours | None = Field(default=None, description="none: around the clock")
    every: Every = Field(default=Every.DAY, description="digest, print and handover: how often a bundle is made")
    per_day_max: int = Field(default=PER_DAY_MAX_DEFAULT, ge=1, description="mails a day by the target's own clock")
