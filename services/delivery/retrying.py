"""Sends letters again that had come to an end, each only where it may go out at all."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.delivery.cancelling import find_cancelled, locks_of, share_cases, subjects_of
from services.delivery.errors import cannot_retry, has_no_address, is_suppressed, must_not_retry
from services.delivery.holding import Verdict, write_verdicts
from services.delivery.kinds import SUPPRESSIBLE
from services.delivery.outcomes import RETRY_GRACE, Decision
from services.delivery.reports import HeldLetter, more_time
from services.delivery.states import RETRIABLE, LetterState
from services.delivery.suppression_list import find_suppressed, normal, share_suppressions
from services.delivery.tables import Letter
from services.delivery.target_addresses import find_active, move_letters
from services.delivery.validity import find_invalid
from services.delivery.waking import ring_senders
from shared.outbox import Outbox
from shared.wake import Wake
from shared.web.problems import Problem

_LETTERS = Letter.__table__  # type: ignore[attr-defined]
_GRACE = update(_LETTERS).where(_LETTERS.c.id == bindparam("held_id")).values(expires_at=bindparam("until"), unknowns=0)


async def send_again(
    session: AsyncSession,
    outbox: Outbox,
    wake: Wake,
    letters: Mapping[UUID, tuple[HeldLetter, datetime]],
    now: datetime,
) -> dict[UUID, Problem]:
    """Queue these letters, which the caller holds, each for its time and with at least a day to arrive.

    Returns, of those that stay as they are, why. One whose address is suppressed goes to its target's next one."""
    held = [letter for letter, _ in letters.values()]
    await share_cases(session, {one for letter in held for one in locks_of(letter)})
    await share_suppressions(session)
    refused, moves = await _judge(session, held, now)
    free = {letter_id: one for letter_id, one in letters.items() if letter_id not in refused}
    verdicts = [
        Verdict(replace(letter, stop_reason=None), Decision(LetterState.QUEUED, next_at=at, counts=False), letter.fence)
        for letter, at in free.values()
    ]
    await write_verdicts(session, outbox, verdicts, now)
    rows = [{"held_id": letter.id, "until": more_time(letter, at + RETRY_GRACE)} for letter, at in free.values()]
    if rows:
        await (await session.connection()).execute(_GRACE, rows)
    await move_letters(session, {letter_id: address for letter_id, address in moves.items() if letter_id in free}, now)
    await ring_senders(session, wake)
    return refused


async def _judge(
    session: AsyncSession, letters: Sequence[HeldLetter], now: datetime
) -> tuple[dict[UUID, Problem], dict[UUID, str]]:
    """Those that may not go, with the reason; and those that may, but elsewhere."""
    stopped = await find_cancelled(session, {one for letter in letters for one in subjects_of(letter)})
    invalid = await find_invalid(session, {letter.action_id for letter in letters})
    addresses = dict(
        (
            await session.exec(
                select(Letter.id, Letter.to_address).where(col(Letter.id).in_([letter.id for letter in letters]))
            )
        ).all()
    )
    suppressed = await find_suppressed(session, {address for address in addresses.values() if address}, now)
    active = await find_active(session, {letter.target_id for letter in letters}, now)
    refused: dict[UUID, Problem] = {}
    moves: dict[UUID, str] = {}
    for letter in letters:
        address = addresses.get(letter.id)
        if letter.state not in RETRIABLE:
            refused[letter.id] = cannot_retry(letter.state)
        elif not stopped.keys().isdisjoint(subjects_of(letter)) or letter.action_id in invalid:
            refused[letter.id] = must_not_retry()
        elif not address:
            refused[letter.id] = has_no_address()
        elif letter.kind in SUPPRESSIBLE and normal(address) in suppressed:
            if active.get(letter.target_id):
                moves[letter.id] = active[letter.target_id][0]
            else:
                refused[letter.id] = is_suppressed()
    return refused, moves
