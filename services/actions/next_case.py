"""Which case a receipt offers next: the one that closes next after its own, round and round. Pure.

Who follows it from receipt to receipt comes to every open case once before the first comes again. Which cases somebody
wrote for before is not looked up: whoever typed their address would learn it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from services.actions.known_cases import KnownCase
from services.actions.tables import CaseStatus
from shared.messages.cases import CasePublishedV1

NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class NextCase:
    slug: str
    title: str
    closes_at: datetime | None


def next_case(slug: str, cases: Mapping[str, KnownCase], language: str, now: datetime) -> NextCase | None:
    """An open case of the same campaign. One that is discreet, or of which that is not known, is never named here."""
    here = cases.get(slug)
    if here is None or here.snapshot is None:
        return None
    campaign = here.snapshot.campaign
    offered = [case.snapshot for case in cases.values() if case.snapshot and _may_be_offered(case, campaign, now)]
    others = sorted((case for case in offered if case.slug != slug), key=_turn)
    later = [case for case in others if _turn(case) > _turn(here.snapshot)]
    found = next(iter([*later, *others]), None)
    return _as_offered(found, language) if found else None


def _may_be_offered(case: KnownCase, campaign: str, now: datetime) -> bool:
    snapshot = case.snapshot
    if snapshot is None or snapshot.campaign != campaign or snapshot.discreet is not False or not snapshot.channels:
        return False
    return case.status_at(now) is CaseStatus.OPEN


def _turn(case: CasePublishedV1) -> tuple[datetime, str]:
    return case.closes_at or NEVER, case.slug


def _as_offered(case: CasePublishedV1, language: str) -> NextCase:
    return NextCase(case.slug, case.titles.get(language, case.title), case.closes_at)
