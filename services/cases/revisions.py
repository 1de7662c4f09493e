"""Decides what an import or a closing changes. Pure: no database, no clock of its own."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.cases.tables import CaseStatus
from shared.messages.cases import ClosedReason


@dataclass(frozen=True)
class Stored:
    """What the database has of a case."""

    revision: int
    status: CaseStatus
    digest: str


@dataclass(frozen=True)
class Wanted:
    """What the file says."""

    status: CaseStatus
    digest: str
    closes_at: datetime | None = None


class Step(StrEnum):
    KEEP = "keep"
    REFUSE = "refuse"
    PUBLISH = "publish"
    WITHDRAW = "withdraw"


@dataclass(frozen=True)
class Decision:
    """`publish_revision` and `close_revision` number the events to publish; the last one is the case's own."""

    step: Step
    status: CaseStatus = CaseStatus.OPEN
    publish_revision: int | None = None
    close_revision: int | None = None
    why: str = ""

    @property
    def revision(self) -> int:
        return self.close_revision or self.publish_revision or 0

    @property
    def closed_reason(self) -> ClosedReason | None:
        return ClosedReason(self.status) if self.close_revision else None


KEEP = Decision(Step.KEEP)


def decide_import(stored: Stored | None, wanted: Wanted, now: datetime) -> Decision:
    """An unchanged file changes nothing; a withdrawn case never comes back; a won one is not opened by an old file.

    A finished case is published and then closed by a revision of its own, so a reader that keeps only the latest
    revision ends with it closed, whatever order the two arrive in."""
    if stored and stored.digest == wanted.digest:
        return KEEP
    if stored and stored.status is CaseStatus.WITHDRAWN:
        return KEEP if wanted.status is CaseStatus.WITHDRAWN else _refused("was withdrawn, and cannot be published")
    if stored and stored.status is CaseStatus.WON and wanted.status is CaseStatus.OPEN:
        return _refused("is recorded as won: say `status: won`, with its outcome")
    last = stored.revision if stored else 0
    if wanted.status is CaseStatus.WITHDRAWN:
        return Decision(Step.WITHDRAW, CaseStatus.WITHDRAWN, close_revision=last + 1)
    status = _status_now(wanted, now)
    close_revision = None if status is CaseStatus.OPEN else last + 2
    return Decision(Step.PUBLISH, status, last + 1, close_revision)


def decide_close(stored: Stored, reason: ClosedReason) -> Decision:
    """Closing again for the same reason changes nothing. Withdrawal is always possible, and always the end."""
    status = CaseStatus(reason)
    if stored.status is status:
        return KEEP
    if stored.status is CaseStatus.WITHDRAWN:
        return _refused("was withdrawn, which is final")
    if stored.status is CaseStatus.WON and status is CaseStatus.ENDED:
        return _refused("is already recorded as won")
    step = Step.WITHDRAW if status is CaseStatus.WITHDRAWN else Step.PUBLISH
    return Decision(step, status, close_revision=stored.revision + 1)


def _status_now(wanted: Wanted, now: datetime) -> CaseStatus:
    is_over = wanted.closes_at is not None and wanted.closes_at <= now
    return CaseStatus.ENDED if wanted.status is CaseStatus.OPEN and is_over else wanted.status


def _refused(why: str) -> Decision:
    return Decision(Step.REFUSE, why=why)
