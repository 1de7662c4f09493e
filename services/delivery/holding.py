"""Locks letters and writes what was decided about them: state, event and all, in the caller's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, TextClause, select
from sqlalchemy.orm import Mapped
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from services.delivery.kinds import LetterKind
from services.delivery.lines import wake_lines
from services.delivery.outcomes import Decision
from services.delivery.reports import HeldLetter, report
from services.delivery.states import LetterState, may_follow
from services.delivery.tables import Letter
from shared.messages.envelope import seal
from shared.outbox import Outbox
from shared.update_many import update_many

DIGEST_LETTERS_MAX = 1_000

Condition = ColumnElement[bool] | TextClause

_LETTERS = Letter.__table__  # type: ignore[attr-defined]
_HELD = [_LETTERS.c[field.name] for field in fields(HeldLetter)]
# What becomes of the letters in a digest when this becomes of its mail.
_FATES = {
    LetterState.SENT: LetterState.SENT,
    LetterState.UNCERTAIN: LetterState.UNCERTAIN,
    LetterState.BOUNCED: LetterState.BOUNCED,
    LetterState.FAILED: LetterState.FAILED,
    LetterState.CANCELLED: LetterState.QUEUED,
}
_IN_A_DIGEST = (LetterState.BUNDLED, LetterState.UNCERTAIN, LetterState.SENT)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision about one held letter, with what the other side said. `fence` is what the letter goes on with."""

    letter: HeldLetter
    decision: Decision
    fence: int
    code: int | None = None
    text: str | None = None


async def hold_letters(
    session: AsyncSession,
    *where: Condition,
    order_by: Mapped[Any],
    limit: int,
    skip_locked: bool = False,
) -> list[HeldLetter]:
    """Lock up to `limit` letters until the transaction ends. On SQLite the transaction itself is the lock."""
    statement = select(*_HELD).where(*where).order_by(order_by).limit(limit).with_for_update(skip_locked=skip_locked)
    return [HeldLetter(*row) for row in await (await session.connection()).execute(statement)]


async def hold_by_id(session: AsyncSession, letter_ids: Sequence[UUID]) -> dict[UUID, HeldLetter]:
    """In order of id, as everybody who waits for locks here does, so that no two wait for each other."""
    mine = col(Letter.id).in_(letter_ids)
    held = await hold_letters(session, mine, order_by=col(Letter.id), limit=len(letter_ids))
    return {letter.id: letter for letter in held}


async def write_verdicts(session: AsyncSession, outbox: Outbox, verdicts: Sequence[Verdict], now: datetime) -> None:
    """Write the new states and leave the events in the outbox."""
    if not verdicts:
        return
    held = [{"id": verdict.letter.id, "fence": verdict.letter.fence} for verdict in verdicts]
    await update_many(session, Letter, held, [_row(verdict, now) for verdict in verdicts])
    due = [(verdict.letter.line_id, verdict.decision.next_at or now) for verdict in verdicts if _waits(verdict)]
    await wake_lines(session, [(line_id, at) for line_id, at in due if line_id])
    events = [
        (report(verdict.letter, verdict.decision, now, verdict.code), verdict.letter.traceparent)
        for verdict in verdicts
    ]
    messages = [seal(event, traceparent) for event, traceparent in events if event]
    if messages:
        await outbox.add_sealed(session, messages)
    for verdict in verdicts:
        if verdict.letter.kind is LetterKind.DIGEST and verdict.decision.state in _FATES:
            await _share_fate(session, outbox, verdict, now)


async def _share_fate(session: AsyncSession, outbox: Outbox, digest: Verdict, now: datetime) -> None:
    """The letters in a digest end as its mail does."""
    bundle_id = select(_LETTERS.c.bundle_id).where(_LETTERS.c.id == digest.letter.id).scalar_subquery()
    state = _FATES[digest.decision.state]
    mine = (col(Letter.bundle_id) == bundle_id, col(Letter.kind) == LetterKind.LETTER, col(Letter.state) != state)
    letters = await hold_letters(
        session, *mine, col(Letter.state).in_(_IN_A_DIGEST), order_by=col(Letter.id), limit=DIGEST_LETTERS_MAX
    )
    fate = replace(digest.decision, state=state, counts=state is not LetterState.QUEUED)
    verdicts = [Verdict(letter, fate, letter.fence, digest.code, digest.text) for letter in letters]
    await write_verdicts(session, outbox, verdicts, now)


def _waits(verdict: Verdict) -> bool:
    return verdict.decision.state is LetterState.QUEUED


def stopped(letter: HeldLetter, reason: str | None) -> HeldLetter:
    return replace(letter, stop_reason=reason)


def _row(verdict: Verdict, now: datetime) -> dict[str, Any]:
    letter, decision = verdict.letter, verdict.decision
    if not may_follow(decision.state, after=letter.state):
        raise ValueError(f"a letter cannot go from {letter.state} to {decision.state}")
    becomes_uncertain = decision.state is LetterState.UNCERTAIN and letter.state is LetterState.SENDING
    # What waits again, waits for another bundle.
    leaves_bundle = decision.state is LetterState.QUEUED and letter.kind is LetterKind.LETTER
    return {
        "state": decision.state,
        "failure": decision.failure,
        "stop_reason": letter.stop_reason,
        "next_at": decision.next_at or now,
        "attempts": letter.attempts + decision.counts,
        "unknowns": letter.unknowns + becomes_uncertain,
        "fence": verdict.fence,
        "bundle_id": None if leaves_bundle else letter.bundle_id,
        "decided_at": now,
        "last_code": verdict.code,
        "last_text": verdict.text,
        "lease_owner": None,
        "lease_until": None,
    }
