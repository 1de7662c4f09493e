"""Whether one network or mailbox domain suddenly dominates a case. Pure: it decides, others read and remember."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class CrowdKind(StrEnum):
    """What the actions of a crowd have in common."""

    NETWORK = "network"
    DOMAIN = "domain"


@dataclass(frozen=True, slots=True)
class Tally:
    """`count` of `of` actions."""

    count: int
    of: int

    @property
    def share(self) -> float:
        return self.count / self.of if self.of else 0.0


@dataclass(frozen=True, slots=True)
class Crowd:
    """The latest actions on one case that came from one network, or from mailboxes of one domain."""

    case_id: UUID
    case_slug: str
    kind: CrowdKind
    value: str
    tally: Tally


@dataclass(frozen=True, slots=True)
class DominanceRules:
    """When a crowd is worth an alarm: so many actions, such a share, so many times its earlier share.

    `share_min_unknown` stands in for the last where no earlier share is known."""

    count_min: int
    share_min: float
    times_earlier_min: float
    share_min_unknown: float


def is_large(crowd: Crowd, rules: DominanceRules) -> bool:
    """Whether its earlier share is worth a look."""
    return crowd.tally.count >= rules.count_min and crowd.tally.share >= rules.share_min


def dominates(crowd: Crowd, earlier_share: float | None, rules: DominanceRules) -> bool:
    """Where everybody has a mailbox at one provider, that one's share is large and no news: it takes a jump as well."""
    if not is_large(crowd, rules):
        return False
    if earlier_share is None:
        return crowd.tally.share >= rules.share_min_unknown
    return crowd.tally.share >= rules.times_earlier_min * earlier_share


def earlier_share(of_case: Tally, of_all: Tally, rules: DominanceRules) -> float | None:
    """What the crowd's share was: on this case, for a new case on all of them, and None where both are too few."""
    for tally in (of_case, of_all):
        if tally.of >= rules.count_min:
            return tally.share
    return None
