"""Which actions count: what staff decided last of each, in whatever order their decisions and the actions come."""

from collections import Counter
from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.cases.tables import LedgerAction, LedgerKind
from services.cases.totals import Tally, tally_of
from shared.messages.actions import ActionInvalidatedV1, ActionValidity


async def note_validity(session: AsyncSession, decisions: Sequence[ActionValidity]) -> Counter[Tally]:
    """Write what was decided, and return by how much that changes which totals. The actions' facts are there."""
    latest = {decision.action_id: decision for decision in sorted(decisions, key=lambda one: one.number)}
    changes: Counter[Tally] = Counter()
    for fact in await hold_facts(session, latest):
        decision = latest[fact.action_id]
        if decision.number > fact.validity_number:
            changes.subtract(tally_of(fact, kind) for kind in kinds_of(fact))
            await _decide(session, fact, decision)
            changes.update(tally_of(fact, kind) for kind in kinds_of(fact))
    return changes


def kinds_of(fact: LedgerAction) -> tuple[LedgerKind, ...]:
    """What an action is counted as: what does not count is neither collected nor verified."""
    if fact.is_invalid:
        return (LedgerKind.INVALIDATED,)
    return (LedgerKind.COLLECTED, LedgerKind.VERIFIED) if fact.is_verified else (LedgerKind.COLLECTED,)


async def hold_facts(session: AsyncSession, action_ids: Collection[UUID]) -> Sequence[LedgerAction]:
    """Lock the facts of these actions, in the order of their ids, until the transaction ends."""
    if not action_ids:
        return ()
    matching = col(LedgerAction.action_id).in_(action_ids)
    statement = select(LedgerAction).where(matching).order_by(col(LedgerAction.action_id)).with_for_update()
    # As the row is now: this transaction may have marked it verified, and the session would show it as it was.
    return (await session.exec(statement.execution_options(populate_existing=True))).all()


async def _decide(session: AsyncSession, fact: LedgerAction, decision: ActionValidity) -> None:
    fact.validity_number, fact.is_invalid = decision.number, isinstance(decision, ActionInvalidatedV1)
    values = {"validity_number": fact.validity_number, "is_invalid": fact.is_invalid}
    statement = update(LedgerAction).where(col(LedgerAction.action_id) == fact.action_id).values(**values)
    await session.exec(statement.execution_options(synchronize_session=False))
