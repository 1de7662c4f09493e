"""Makes bundles: the letters of one target, as one document that a digest's mail brings or that is printed.

First letters and bundle are tied together in one transaction, then the document is made; what breaks off between is
taken up again at the next turn. Any number of processes may take turns: each target's row is held while its letters are
gathered.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, bindparam, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.delivery.bundle_documents import typeset_bundle, write_drop
from services.delivery.digests import digest_letter
from services.delivery.errors import no_such_bundle
from services.delivery.holding import DIGEST_LETTERS_MAX, Verdict, hold_letters, write_verdicts
from services.delivery.kinds import LetterKind
from services.delivery.lines import stand_in_line
from services.delivery.outcomes import Decision
from services.delivery.pauses import read_pauses
from services.delivery.reports import HeldLetter
from services.delivery.states import LetterState
from services.delivery.suppression_list import find_suppressed, normal
from services.delivery.tables import IS_QUEUED_LETTER, Bundle, Letter, TargetPolicy
from services.delivery.target_addresses import find_active
from services.delivery.waking import ring_senders
from services.delivery.working_hours import next_bundle_at
from shared.clock import Clock
from shared.db import Database
from shared.delivery_policy import DeliveryPolicy, PolicyMode
from shared.insert_many import insert_many_once
from shared.messages.cases import Channel
from shared.messages.envelope import derived_id
from shared.outbox import Outbox
from shared.wake import Wake

PAPER_LETTERS_MAX = 500
TARGETS_MAX = 1_000
BUNDLES_PER_TURN_MAX = 200
BUNDLED = Decision(LetterState.BUNDLED, counts=False)

_LETTERS = Letter.__table__  # type: ignore[attr-defined]
_TIE = update(_LETTERS).where(_LETTERS.c.id == bindparam("held_id")).values(bundle_id=bindparam("bundle"))

log = structlog.get_logger(__name__)


class Bundling:
    def __init__(
        self, database: Database, outbox: Outbox, clock: Clock, wake: Wake, campaign_name: str, folder: Path | None
    ) -> None:
        self._database, self._outbox, self._clock, self._wake = database, outbox, clock, wake
        self._campaign_name, self._folder = campaign_name, folder

    async def make_due(self) -> int:
        """A chore: gather what is due, then finish every document. Returns how many bundles were begun."""
        now = self._clock.now()
        due = (col(TargetPolicy.is_bundled), col(TargetPolicy.open_at) <= now)
        async with self._database.transaction() as session:
            targets = list(await session.exec(select(TargetPolicy.target_id).where(*due).limit(TARGETS_MAX)))
        begun = 0
        for target_id in targets:
            while begun < BUNDLES_PER_TURN_MAX and await self._gather(target_id):
                begun += 1
        await self._finish_all()
        return begun

    async def document(self, bundle_id: UUID) -> bytes:
        """The bundle as PDF, without letters that were stopped since it was made. Raises 404."""
        async with self._database.transaction() as session:
            bundle = await session.get(Bundle, bundle_id)
            if bundle is None:
                raise no_such_bundle()
            letters = await _letters_of(session, bundle_id)
        if bundle.content is not None and len(letters) == bundle.letters:
            return bundle.content
        content = await typeset_bundle(bundle, letters, self._campaign_name)
        async with self._database.transaction() as session:
            kept = await session.get_one(Bundle, bundle_id)
            kept.content, kept.letters = content, len(letters)
            kept.sha256 = hashlib.sha256(content).hexdigest()
            session.add(kept)
        return content

    async def _gather(self, target_id: UUID) -> bool:
        """Tie a target's letters to a new bundle. False when it is not its time, or no more of them wait."""
        now = self._clock.now()
        async with self._database.transaction() as session:
            row = (
                await session.exec(
                    select(TargetPolicy)
                    .where(col(TargetPolicy.target_id) == target_id)
                    .with_for_update(skip_locked=True)
                )
            ).first()
            if row is None or not row.is_bundled or row.open_at > now or row.policy is None:
                return False
            policy = DeliveryPolicy.model_validate(row.policy)
            is_digest = policy.mode is PolicyMode.DIGEST
            waiting = await _waiting(session, target_id, now, is_digest=is_digest)
            if is_digest or len(waiting) < PAPER_LETTERS_MAX:
                # One mail a day is one mail a day, however many letters wait.
                row.open_at = next_bundle_at(policy, now)
                session.add(row)
            if not waiting:
                return False
            bundle = Bundle(
                id=derived_id("bundle", target_id, now.isoformat(), waiting[0].id),
                target_id=target_id,
                target_name=row.target_name,
                mode=policy.mode,
                letters=len(waiting),
                made_at=now,
            )
            session.add(bundle)
            await session.flush()
            await write_verdicts(session, self._outbox, [Verdict(one, BUNDLED, one.fence) for one in waiting], now)
            ties = [{"held_id": letter.id, "bundle": bundle.id} for letter in waiting]
            await (await session.connection()).execute(_TIE, ties)
            if is_digest:
                await self._post(session, bundle, waiting, now)
        log.info("bundled", bundle=str(bundle.id), mode=bundle.mode, letters=bundle.letters)
        return not is_digest

    async def _post(self, session: AsyncSession, bundle: Bundle, letters: Sequence[HeldLetter], now: datetime) -> None:
        """The digest's own mail waits beside other mail; its document is made when it goes."""
        first = await session.get_one(Letter, letters[0].id)
        active = (await find_active(session, [bundle.target_id], now)).get(bundle.target_id)
        countries = len({letter.country for letter in letters})
        mail = digest_letter(bundle, first, active[0] if active else first.to_address, countries, now)
        await stand_in_line(session, [mail])
        await insert_many_once(session, Letter, [mail.as_row()])
        await ring_senders(session, self._wake)

    async def _finish_all(self) -> None:
        """Documents for paper that are not made yet, or not dropped."""
        left = col(Bundle.content).is_(None) if self._folder is None else col(Bundle.printed_at).is_(None)
        unfinished = (col(Bundle.mode) != PolicyMode.DIGEST, col(Bundle.dropped_at).is_(None), left)
        async with self._database.transaction() as session:
            ids = list(await session.exec(select(Bundle.id).where(*unfinished).limit(BUNDLES_PER_TURN_MAX)))
        for bundle_id in ids:
            content = await self.document(bundle_id)
            if self._folder:
                await self._drop(bundle_id, content, self._folder)

    async def _drop(self, bundle_id: UUID, content: bytes, folder: Path) -> None:
        async with self._database.transaction() as session:
            bundle = await session.get_one(Bundle, bundle_id)
            letters = await _letters_of(session, bundle_id)
        await write_drop(folder, bundle, letters, content)
        async with self._database.transaction() as session:
            kept = await session.get_one(Bundle, bundle_id)
            kept.dropped_at = self._clock.now()
            session.add(kept)
        log.info("bundle_dropped", bundle=str(bundle_id))


async def _waiting(session: AsyncSession, target_id: UUID, now: datetime, *, is_digest: bool) -> list[HeldLetter]:
    """Those that may go into a bundle now, the oldest ids first: not of what is paused, nor without an address."""
    paused = await read_pauses(session)
    if paused.everything or target_id in paused.targets or (is_digest and Channel.EMAIL in paused.channels):
        return []
    mine: list[ColumnElement[bool]] = [col(Letter.target_id) == target_id, col(Letter.case_id).not_in(paused.cases)]
    if is_digest:
        mine.append(col(Letter.channel) == Channel.EMAIL)
    most = DIGEST_LETTERS_MAX if is_digest else PAPER_LETTERS_MAX
    letters = await hold_letters(session, IS_QUEUED_LETTER, *mine, order_by=col(Letter.id), limit=most)
    if is_digest and letters:
        first = await session.get_one(Letter, letters[0].id)
        address = first.to_address or ""
        active = await find_active(session, [target_id], now)
        if not active and await find_suppressed(session, [normal(address)], now):
            return []
    return letters


async def _letters_of(session: AsyncSession, bundle_id: UUID) -> list[Letter]:
    gone = (LetterState.CANCELLED, LetterState.QUEUED)
    mine = (
        col(Letter.bundle_id) == bundle_id,
        col(Letter.kind) == LetterKind.LETTER,
        col(Letter.state).not_in(gone),
    )
    return list(await session.exec(select(Letter).where(*mine).order_by(col(Letter.created_at), col(Letter.id))))
