"""What a supporter sees: their action, and for each of its letters how far it came."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.actions.forecasts import TargetForecast, read_forecasts
from services.actions.letter_states import RANK, LetterState
from services.actions.tables import (
    Action,
    CaseStatus,
    Judgement,
    KnownCaseRow,
    KnownTargetRow,
    LetterReport,
    SolidarityBundle,
)
from services.actions.verification import is_awaited, is_late, is_unconfirmed
from shared.db import Database
from shared.messages.cases import Channel, Target
from shared.messages.delivery import letter_id

ARRIVED = frozenset({LetterState.SENT, LetterState.PRINTED, LetterState.ANSWERED})
TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")


@dataclass(frozen=True)
class Step:
    """One thing that happened to a letter."""

    state: LetterState
    at: datetime


@dataclass(frozen=True)
class LetterPath:
    """One letter's way to its target, oldest step first; the first is that it joined the line.

    `expected_by`: of a mail that waits in a long line, when it is expected to be out, as things stand."""

    id: UUID
    target: Target
    history: tuple[Step, ...]
    expected_by: datetime | None = None

    @property
    def state(self) -> LetterState:
        return self.history[-1].state

    @property
    def may_have_arrived(self) -> bool:
        """An earlier try was handed over whole and never answered: then nobody can say that it did not arrive."""
        return any(step.state is LetterState.UNCERTAIN for step in self.history)

    @property
    def changed_at(self) -> datetime:
        return self.history[-1].at


@dataclass(frozen=True)
class ReceiptView:
    """An action as its receipt shows it. `case_title` is the case's as last published.

    An action that awaits its supporter's word has no letters yet, and a post has none: they post it themselves. Nor has
    a message of solidarity; `handed_over_at` is when it was given to the family."""

    action: Action
    case_title: str
    case_is_withdrawn: bool
    case_is_open: bool
    targets: tuple[Target, ...]
    letters: tuple[LetterPath, ...]
    handed_over_at: datetime | None
    read_at: datetime

    @property
    def is_message(self) -> bool:
        return self.action.channel == Channel.SOLIDARITY

    @property
    def is_pending(self) -> bool:
        return any(letter.state.is_pending for letter in self.letters)

    @property
    def is_waiting(self) -> bool:
        return any(letter.state is LetterState.QUEUED for letter in self.letters)

    @property
    def all_arrived(self) -> bool:
        return all(letter.state in ARRIVED for letter in self.letters)

    @property
    def status(self) -> str:
        if self.action.cancelled_at:
            return "cancelled"
        if self.action.invalidation_id:
            return "invalidated"
        if is_awaited(self.action):
            return "expired" if is_late(self.action, self.read_at) else "awaiting_verification"
        return "accepted"

    @property
    def can_be_taken_back(self) -> bool:
        """Something of its own is not out yet. What an earlier letter of the same sender stands for is not its own."""
        own = [letter for letter in self.letters if _owner(self.action, letter.target) == self.action.id]
        is_waiting = any(letter.state is LetterState.QUEUED for letter in own)
        if self.status == "accepted" and self.is_message:
            return self.handed_over_at is None or self.action.judgement == Judgement.SHOWN
        return self.status == "awaiting_verification" or (self.status == "accepted" and is_waiting)

    @property
    def address_can_be_hidden(self) -> bool:
        return self.can_be_taken_back and self.action.channel == Channel.EMAIL and not self.action.hide_email

    @property
    def can_have_news(self) -> bool:
        """Where it stands, and there is an address to write to."""
        return self.status == "accepted" and not self.case_is_withdrawn and bool(self.action.supporter_email)

    def as_json(self) -> dict[str, Any]:
        """For `GET /api/v1/receipts/{token}`. Who wrote and what they wrote stays on the page."""
        action = self.action
        return {
            "action": {
                "id": str(action.id),
                "case": action.case_slug,
                "channel": action.channel,
                "status": self.status,
                "accepted_at": action.accepted_at.isoformat(),
                "can_be_taken_back": self.can_be_taken_back,
                "address_can_be_hidden": self.address_can_be_hidden,
            },
            "letters": [_letter_json(letter) for letter in self.letters],
        }


def _letter_json(letter: LetterPath) -> dict[str, Any]:
    return {
        "id": str(letter.id),
        "target": {"name": letter.target.name},
        "state": letter.state.value,
        "changed_at": letter.changed_at.isoformat(),
        "history": [{"state": step.state.value, "at": step.at.isoformat()} for step in letter.history],
    }


async def find_receipt(token: str, database: Database, now: datetime) -> ReceiptView | None:
    """The receipt that `token` opens. Raises `DatabaseAway`."""
    if not TOKEN.fullmatch(token):
        return None
    async with database.transaction() as session:
        action = (await session.exec(select(Action).where(Action.token == token))).one_or_none()
        if action is None:
            return None
        case = await session.get(KnownCaseRow, action.case_id)
        targets = await targets_of(session, action)
        owners = {_owner(action, target) for target in targets}
        reports = await session.exec(select(LetterReport).where(col(LetterReport.action_id).in_(owners)))
        has_letters = not is_unconfirmed(action) and action.channel != Channel.SOCIAL
        letters = trace_letters(action, targets, list(reports)) if has_letters else ()
        bundle = await session.get(SolidarityBundle, action.bundle_id) if action.bundle_id else None
        if action.channel == Channel.EMAIL and any(letter.state is LetterState.QUEUED for letter in letters):
            forecasts = await read_forecasts(session, [target.id for target in targets])
            letters = tuple(_foretold(letter, forecasts.get(letter.target.id), now) for letter in letters)
    title = str(case.snapshot["title"]) if case and case.snapshot else action.case_slug
    is_withdrawn = case is not None and case.status == CaseStatus.WITHDRAWN
    is_open = case is not None and case.status == CaseStatus.OPEN
    handed_over_at = bundle.handed_over_at if bundle else None
    return ReceiptView(action, title, is_withdrawn, is_open, tuple(targets), letters, handed_over_at, now)


async def targets_of(session: AsyncSession, action: Action) -> list[Target]:
    """In the order of the action's own list. Each is known: the action was accepted for it."""
    wanted = [UUID(target_id) for target_id in action.target_ids]
    rows = await session.exec(
        select(KnownTargetRow).where(
            KnownTargetRow.case_id == action.case_id, col(KnownTargetRow.target_id).in_(wanted)
        )
    )
    found = {row.target_id: Target.model_validate(row.target) for row in rows}
    return [found[target_id] for target_id in wanted if target_id in found]


def trace_letters(action: Action, targets: Sequence[Target], reports: Iterable[LetterReport]) -> tuple[LetterPath, ...]:
    """One path for each target, whether or not delivery has said anything of its letter yet.

    Where an earlier letter of the same sender counts, its way is told, but nothing as older than this action: the
    receipt of somebody who only claims to be that sender must not tell when they wrote."""
    by_letter = {
        key: list(group)
        for key, group in groupby(sorted(reports, key=lambda report: report.letter_id.bytes), lambda r: r.letter_id)
    }
    joined_at = action.verified_at or action.accepted_at
    paths = []
    for target in targets:
        key = letter_id(_owner(action, target), target.id, Channel(action.channel))
        steps = sorted((_step(report) for report in by_letter.get(key, [])), key=lambda s: (s.at, RANK[s.state]))
        steps = [Step(step.state, max(step.at, joined_at)) for step in steps]
        paths.append(LetterPath(key, target, (Step(LetterState.QUEUED, joined_at), *steps)))
    return tuple(paths)


def _foretold(letter: LetterPath, forecast: TargetForecast | None, now: datetime) -> LetterPath:
    if forecast is None or letter.state is not LetterState.QUEUED:
        return letter
    return replace(letter, expected_by=forecast.expects(letter.changed_at, now))


def _owner(action: Action, target: Target) -> UUID:
    """Whose letter to this target counts: the action's own, or that of the same sender's earlier one."""
    return UUID((action.letters_of or {}).get(str(target.id), str(action.id)))


def _step(report: LetterReport) -> Step:
    return Step(LetterState(report.state), report.occurred_at)
