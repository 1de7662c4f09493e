"""Staff's side of bundles for paper: look at them, say that one is printed, and to whom it was handed over."""

from collections.abc import Sequence
from uuid import UUID

import structlog
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.delivery.errors import no_such_bundle, no_such_target, not_for_paper
from services.delivery.holding import Verdict, hold_letters, write_verdicts
from services.delivery.kinds import LetterKind
from services.delivery.outcomes import Decision
from services.delivery.states import LetterState, may_follow
from services.delivery.tables import Bundle, Letter, TargetPolicy
from shared.audit import Auditor, By
from shared.clock import Clock
from shared.db import Database
from shared.delivery_policy import PolicyMode
from shared.outbox import Outbox

SHOWN_MAX = 200
LETTERS_MAX = 1_000

log = structlog.get_logger(__name__)


class BundleDesk:
    def __init__(self, database: Database, outbox: Outbox, clock: Clock, audit: Auditor) -> None:
        self._database, self._outbox, self._clock, self._audit = database, outbox, clock, audit

    async def list(self) -> Sequence[Bundle]:
        """The newest first, up to `SHOWN_MAX`, without their documents."""
        columns = [column for column in Bundle.__table__.columns if column.name != "content"]  # type: ignore[attr-defined]
        statement = select(*columns).order_by(col(Bundle.made_at).desc()).limit(SHOWN_MAX)
        async with self._database.transaction() as session:
            return [Bundle(**row._mapping) for row in (await session.exec(statement)).all()]

    async def mark_printed(self, bundle_id: UUID, by: By) -> None:
        """It is on paper. Harmless twice. Raises 404, and 409 for a digest."""
        now = self._clock.now()
        async with self._database.transaction() as session:
            bundle = await _hold(session, bundle_id)
            if bundle.printed_at is None:
                bundle.printed_at, bundle.printed_by = now, by.who
                session.add(bundle)
                await self._move(session, bundle_id, LetterState.PRINTED)
                await self._audit.note(session, by, "bundle_printed", bundle=str(bundle_id))
        log.info("bundle_printed", bundle=str(bundle_id))

    async def mark_handed_over(self, bundle_id: UUID, to_whom: str, by: By) -> None:
        """Somebody took it. Harmless twice. Raises 404, and 409 for a digest."""
        now = self._clock.now()
        async with self._database.transaction() as session:
            bundle = await _hold(session, bundle_id)
            if bundle.handed_over_at is None:
                bundle.handed_over_at, bundle.handed_over_by, bundle.handed_over_to = now, by.who, to_whom
                bundle.printed_at, bundle.printed_by = bundle.printed_at or now, bundle.printed_by or by.who
                session.add(bundle)
                await self._move(session, bundle_id, LetterState.HANDED_OVER)
                await self._audit.note(session, by, "bundle_handed_over", bundle=str(bundle_id), to=to_whom)
        log.info("bundle_handed_over", bundle=str(bundle_id))

    async def make_now(self, target_id: UUID, by: By) -> None:
        """Let the next bundle of a target that wants bundles be made at once. Raises 404."""
        async with self._database.transaction() as session:
            target = await session.get(TargetPolicy, target_id, with_for_update=True)
            if target is None or not target.is_bundled:
                raise no_such_target()
            target.open_at = self._clock.now()
            session.add(target)
            await self._audit.note(session, by, "bundle_wanted", target=str(target_id))

    async def _move(self, session: AsyncSession, bundle_id: UUID, state: LetterState) -> None:
        mine = (col(Letter.bundle_id) == bundle_id, col(Letter.kind) == LetterKind.LETTER)
        letters = await hold_letters(session, *mine, order_by=col(Letter.id), limit=LETTERS_MAX)
        moved = [letter for letter in letters if may_follow(state, after=letter.state)]
        decision = Decision(state, counts=False)
        verdicts = [Verdict(letter, decision, letter.fence) for letter in moved]
        await write_verdicts(session, self._outbox, verdicts, self._clock.now())


async def _hold(session: AsyncSession, bundle_id: UUID) -> Bundle:
    bundle = await session.get(Bundle, bundle_id, with_for_update=True)
    if bundle is None:
        raise no_such_bundle()
    if bundle.mode is PolicyMode.DIGEST:
        raise not_for_paper()
    return bundle
