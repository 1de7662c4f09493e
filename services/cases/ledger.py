"""The ledger: counts what happened to actions and letters, exactly once, from events that may come twice.

Every event leaves a fact row under its own id. Only a row that is new, or a letter's outcome that is later than the
one known, changes a total, and both are written in one transaction: so a redelivered event counts nothing, and the
totals can always be made again from the facts (`recount`).

An action may be told of twice: when it is collected and awaits its supporter's word, and when that came. Whichever
comes first counts it as collected, and the second alone as verified.

An action that is cancelled stays in `collected`, because somebody did act: that is history. What the cancelling
changed is told by its letters, each with a LetterCancelledV1 of its own; ActionCancelledV1 itself is not consumed.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.cases.tables import NOT_TOLD, LedgerAction, LedgerKind, LedgerLetter
from services.cases.totals import Tally, add_to_totals, tally_of
from services.cases.validity import hold_facts, note_validity
from shared.db import Database, insert_once
from shared.messages.actions import ActionAcceptedV1, ActionAwaitsVerificationV1, ActionValidity
from shared.messages.cases import Channel
from shared.messages.delivery import (
    LetterBouncedV1,
    LetterCancelledV1,
    LetterEvent,
    LetterFailedV1,
    LetterPrintedV1,
    LetterSentV1,
    LetterUncertainV1,
)
from shared.messages.envelope import Event

# In the order in which they win when two reports on a letter bear the same time.
OUTCOMES: Mapping[type[LetterEvent], LedgerKind] = {
    LetterUncertainV1: LedgerKind.UNCERTAIN,
    LetterCancelledV1: LedgerKind.CANCELLED,
    LetterFailedV1: LedgerKind.FAILED,
    LetterPrintedV1: LedgerKind.PRINTED,
    LetterSentV1: LedgerKind.HANDED_OVER,
    LetterBouncedV1: LedgerKind.BOUNCED,
}
ActionEvent = ActionAcceptedV1 | ActionAwaitsVerificationV1 | ActionValidity
_RANK = {kind: rank for rank, kind in enumerate(OUTCOMES.values())}


@dataclass(frozen=True)
class ActionFact:
    """An action, as `ledger_action` keeps it: nothing that tells who."""

    action_id: UUID
    case_slug: str
    day: date
    country: str
    channel: Channel
    partner: str
    is_verified: bool


@dataclass(frozen=True)
class LetterFact:
    """A letter's latest outcome, as `ledger_letter` keeps it."""

    letter_id: UUID
    case_slug: str
    day: date
    country: str
    channel: Channel
    partner: str
    outcome: LedgerKind
    decided_at: datetime


async def count_events(database: Database, events: Iterable[Event]) -> None:
    """Count a batch in one transaction. Harmless to run twice, and beside others doing the same.

    Facts are written in the order of their ids and totals in the order of their keys, so that two consumers with
    the same events wait for each other and never in a ring: for the same reason all facts of actions are made before
    one that is there is changed. Raises `DatabaseAway`."""
    events = list(events)
    actions = known_of_actions(action_fact(event) for event in events if isinstance(event, ActionEvent))
    letters = latest_by_letter(letter_fact(event) for event in events if isinstance(event, LetterEvent))
    async with database.transaction() as session:
        decisions = [event for event in events if isinstance(event, ActionValidity)]
        changes = await _note_actions(session, [actions[key] for key in sorted(actions)], decisions)
        changes.update(await note_validity(session, decisions))
        changes.update(await _note_letters(session, [letters[key] for key in sorted(letters)]))
        await add_to_totals(session, changes)


def action_fact(event: ActionEvent) -> ActionFact:
    """A decision on an action may come before the action: that there is one, it tells as well."""
    country, is_verified = (
        (event.supporter.country, event.verified_at is not None)
        if isinstance(event, ActionAcceptedV1)
        else (event.country, False)
    )
    return ActionFact(
        action_id=event.action_id,
        case_slug=event.case_slug,
        day=event.accepted_at.astimezone(UTC).date(),
        country=country,
        channel=event.channel,
        partner=event.partner or NOT_TOLD,
        is_verified=is_verified,
    )


def known_of_actions(facts: Iterable[ActionFact]) -> dict[UUID, ActionFact]:
    """Of several events on one action, the one that knows more, in whatever order they came."""
    known: dict[UUID, ActionFact] = {}
    for fact in facts:
        if fact.action_id not in known or fact.is_verified:
            known[fact.action_id] = fact
    return known


def letter_fact(event: LetterEvent) -> LetterFact:
    return LetterFact(
        letter_id=event.letter_id,
        case_slug=event.case_slug,
        day=event.occurred_at.astimezone(UTC).date(),
        country=event.country,
        channel=event.channel,
        partner=event.partner or NOT_TOLD,
        outcome=OUTCOMES[type(event)],
        decided_at=event.occurred_at.astimezone(UTC),
    )


def latest_by_letter(facts: Iterable[LetterFact]) -> dict[UUID, LetterFact]:
    """Of several reports on one letter, the one that counts, in whatever order they came."""
    latest: dict[UUID, LetterFact] = {}
    for fact in facts:
        known = latest.get(fact.letter_id)
        if known is None or replaces(fact, known):
            latest[fact.letter_id] = fact
    return latest


def replaces(new: LetterFact | LedgerLetter, known: LetterFact | LedgerLetter) -> bool:
    return (new.decided_at, _RANK[new.outcome]) > (known.decided_at, _RANK[known.outcome])


async def _note_actions(
    session: AsyncSession, facts: Sequence[ActionFact], decisions: Sequence[ActionValidity]
) -> Counter[Tally]:
    """Facts that are there are locked once for all that changes them: here and by the `decisions` that follow."""
    rows = [{**vars(fact), "validity_number": 0, "is_invalid": False} for fact in facts]
    fresh = await _insert_new(session, LedgerAction, "action_id", rows)
    changes = Counter(tally_of(fact, LedgerKind.COLLECTED) for fact in facts if fact.action_id in fresh)
    changes.update(
        tally_of(fact, LedgerKind.VERIFIED) for fact in facts if fact.is_verified and fact.action_id in fresh
    )
    later = [fact.action_id for fact in facts if fact.is_verified and fact.action_id not in fresh]
    await hold_facts(session, {*later, *(decision.action_id for decision in decisions)})
    marked = await _verify(session, later)
    changes.update(tally_of(known, LedgerKind.VERIFIED) for known in marked if not known.is_invalid)
    return changes


async def _verify(session: AsyncSession, action_ids: list[UUID]) -> Sequence[LedgerAction]:
    """Mark those of these actions that were not verified yet, and return them. They are held."""
    if not action_ids:
        return ()
    unverified = (col(LedgerAction.action_id).in_(action_ids), col(LedgerAction.is_verified).is_(False))
    known = (await session.exec(select(LedgerAction).where(*unverified))).all()
    marked = col(LedgerAction.action_id).in_([row.action_id for row in known])
    statement = update(LedgerAction).where(marked).values(is_verified=True)
    await session.exec(statement.execution_options(synchronize_session=False))
    return known


async def _note_letters(session: AsyncSession, facts: Sequence[LetterFact]) -> Counter[Tally]:
    fresh = await _insert_new(session, LedgerLetter, "letter_id", [vars(fact) for fact in facts])
    changes = Counter(tally_of(fact, fact.outcome) for fact in facts if fact.letter_id in fresh)
    seen = {fact.letter_id: fact for fact in facts if fact.letter_id not in fresh}
    for known in await _lock_letters(session, list(seen)):
        new = seen[known.letter_id]
        if replaces(new, known):
            changes[tally_of(known, known.outcome)] -= 1
            changes[tally_of(new, new.outcome)] += 1
            await _replace(session, new)
    return changes


async def _insert_new(session: AsyncSession, table: Any, key: str, rows: Sequence[dict[str, Any]]) -> set[UUID]:
    if not rows:
        return set()
    statement = insert_once(session.get_bind().dialect.name, table, rows)
    return set((await session.exec(statement.returning(getattr(table, key)))).scalars())


async def _lock_letters(session: AsyncSession, letter_ids: list[UUID]) -> Sequence[LedgerLetter]:
    if not letter_ids:
        return ()
    matching = col(LedgerLetter.letter_id).in_(letter_ids)
    statement = select(LedgerLetter).where(matching).order_by(col(LedgerLetter.letter_id)).with_for_update()
    return (await session.exec(statement)).all()


async def _replace(session: AsyncSession, new: LetterFact) -> None:
    values = {"outcome": new.outcome, "decided_at": new.decided_at, "day": new.day}
    statement = update(LedgerLetter).where(col(LedgerLetter.letter_id) == new.letter_id).values(**values)
    await session.exec(statement.execution_options(synchronize_session=False))
