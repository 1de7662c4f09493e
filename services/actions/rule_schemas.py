"""Rules as staff's tools and forms write and read them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from services.actions.access_rules import NewRule, has_ended
from services.actions.rule_values import VALUE_CHARACTERS_MAX, RuleKind, Verdict, read_value
from services.actions.schemas import ONE_LINE
from services.actions.tables import AccessRule
from shared.web.problems import FieldError, invalid

REASON_CHARACTERS_MAX = 500
# Of a form: how long a rule holds. A person then need not know what time it is elsewhere.
LASTS: Mapping[str, tuple[str, timedelta | None]] = {
    "hour": ("An hour", timedelta(hours=1)),
    "day": ("A day", timedelta(days=1)),
    "week": ("A week", timedelta(weeks=1)),
    "month": ("30 days", timedelta(days=30)),
    "removed": ("Until it is removed", None),
}

Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=REASON_CHARACTERS_MAX, pattern=ONE_LINE)
]
Value = Annotated[
    str,
    StringConstraints(min_length=1, max_length=VALUE_CHARACTERS_MAX),
    Field(
        description="a network from /8 to /24 (IPv6: /16 to /48), an address, or a mail domain, "
        "which stands for all domains below it too"
    ),
]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RuleIn(Part):
    kind: RuleKind
    value: Value
    verdict: Verdict
    reason: Reason = Field(description="why, for other staff and the audit; never shown to those it is about")
    until: AwareDatetime | None = Field(default=None, description="when it ends by itself; absent: when removed")

    def as_rule(self, now: datetime) -> NewRule:
        """Raises the 422 that says what cannot be taken."""
        if self.until and self.until <= now:
            raise invalid([FieldError("until", "This is in the past.")])
        try:
            value = read_value(self.kind, self.value)
        except ValueError as fault:
            raise invalid([FieldError("value", str(fault))]) from None
        return NewRule(self.kind, value, self.verdict, self.reason, self.until)


class RemovalIn(Part):
    why: Reason


class RuleOut(Part):
    id: UUID
    kind: RuleKind
    value: str
    verdict: Verdict
    reason: str
    until: AwareDatetime | None
    ended: bool = Field(description="its time is over, and it holds no more")
    who: str
    created_at: AwareDatetime

    @classmethod
    def of(cls, row: AccessRule, now: datetime) -> Self:
        return cls(
            id=row.id,
            kind=RuleKind(row.kind),
            value=row.value,
            verdict=Verdict(row.verdict),
            reason=row.reason,
            until=row.until,
            ended=has_ended(row, now),
            who=row.who,
            created_at=row.created_at,
        )


class RuleList(Part):
    rules: Sequence[RuleOut] = Field(description="the newest first")
