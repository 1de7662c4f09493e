"""Publishes, corrects, closes and withdraws cases: rows and events in one transaction, or nothing at all."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import structlog
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.cases.case_rows import (
    case_row,
    closed_event,
    erase_case,
    published_event,
    update_events,
    write_case,
)
from services.cases.drawing import Drawn, draw_pictures, to_draw
from services.cases.folder import Complaint, Folder, FolderRefused, ReadFile, read_folder
from services.cases.locks import lock_tables
from services.cases.offline_counts import write_offline
from services.cases.revisions import Decision, Step, Stored, Wanted, decide_close, decide_import
from services.cases.tables import Campaign, Case, CaseStatus, CaseUpdate
from services.cases.update_rows import Updates, make_updates
from shared.clock import Clock
from shared.db import Database
from shared.messages.cases import ClosedReason
from shared.outbox import Outbox

DUE_MAX = 100

log = structlog.get_logger(__name__)


class CannotClose(Exception):
    """There is no such case, or it cannot be closed so. The text says which."""


@dataclass(frozen=True)
class Imported:
    """What an import did, by slug."""

    published: tuple[str, ...] = ()
    withdrawn: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()


class Publishing:
    """The only writer of cases."""

    def __init__(self, database: Database, outbox: Outbox, clock: Clock) -> None:
        self._database, self._outbox, self._clock = database, outbox, clock

    async def import_folder(self, path: Path) -> Imported:
        """Take the folder as the truth of its cases. Raises `FolderRefused`, and then nothing was written.

        Two imports at once wait for each other; the second finds nothing changed."""
        folder = await asyncio.to_thread(read_folder, path)
        # Drawing takes seconds: it is done before anybody is kept waiting, for what will need it as things stand now.
        async with self._database.transaction() as session:
            expected = await self._decide(session, folder)
        drawn = await asyncio.to_thread(draw_pictures, to_draw(expected))
        async with self._database.transaction() as session:
            await lock_tables(session, Campaign)
            decided = await self._decide(session, folder)
            # Hardly ever any: another import came in between, and changed what this one has to do.
            late = await asyncio.to_thread(draw_pictures, to_draw(decided, drawn))
            await session.merge(Campaign(**folder.campaign.model_dump()))
            await session.flush()
            for position, (file, decision) in enumerate(decided):
                await self._apply(session, folder, file, decision, position, {**drawn, **late})
        imported = Imported(
            *(
                tuple(file.case.slug for file, decision in decided if decision.step is step)
                for step in (Step.PUBLISH, Step.WITHDRAW, Step.KEEP)
            )
        )
        log.info("imported", published=imported.published, withdrawn=imported.withdrawn)
        return imported

    async def close(self, slug: str, reason: ClosedReason) -> bool:
        """Whether this changed anything. Raises `CannotClose`."""
        async with self._database.transaction() as session:
            case = (await session.exec(select(Case).where(col(Case.slug) == slug).with_for_update())).one_or_none()
            if case is None:
                raise CannotClose(f"there is no case {slug}")
            decision = decide_close(_stored(case), reason)
            if decision.step is Step.REFUSE:
                raise CannotClose(f"{slug} {decision.why}")
            await self._close(session, case, decision)
        return decision.step is not Step.KEEP

    async def close_due(self) -> int:
        """Close the open cases whose closing date has passed, up to `DUE_MAX` at a time. Returns how many.

        Several workers may do this at once: each takes the cases that no other has in hand."""
        due = (
            select(Case)
            .where(col(Case.status) == CaseStatus.OPEN, col(Case.closes_at) <= self._clock.now())
            .limit(DUE_MAX)
            .with_for_update(skip_locked=True)
        )
        async with self._database.transaction() as session:
            cases = (await session.exec(due)).all()
            for case in cases:
                await self._close(session, case, decide_close(_stored(case), ClosedReason.ENDED))
        return len(cases)

    async def _decide(self, session: AsyncSession, folder: Folder) -> list[tuple[ReadFile, Decision]]:
        slugs = [file.case.slug for file in folder.files]
        found = await session.exec(select(Case).where(col(Case.slug).in_(slugs)).with_for_update())
        stored = {case.slug: _stored(case) for case in found}
        decided = [(file, self._decide_one(stored.get(file.case.slug), folder, file)) for file in folder.files]
        refused = [_refusal(file, decision) for file, decision in decided if decision.step is Step.REFUSE]
        if refused:
            raise FolderRefused(refused)
        return decided

    def _decide_one(self, stored: Stored | None, folder: Folder, file: ReadFile) -> Decision:
        wanted = Wanted(file.case.status, _digest(folder, file), file.case.closes_at)
        return decide_import(stored, wanted, self._clock.now())

    async def _apply(
        self,
        session: AsyncSession,
        folder: Folder,
        file: ReadFile,
        decision: Decision,
        position: int,
        drawn: Drawn,
    ) -> None:
        if decision.step is Step.KEEP:
            return
        now = self._clock.now()
        new = case_row(file.case, folder.campaign, decision, _digest(folder, file), position, now)
        updates = await _make_updates(session, file, new.id, now)
        row = await write_case(session, new, file.case, updates, drawn.get(file.case.slug, ()))
        await write_offline(session, file.case, now)
        if decision.publish_revision:
            event = published_event(row, file.case, folder.campaign, decision.publish_revision, now)
            news = update_events(row, file.case, folder.campaign, updates, now)
            await self._outbox.add(session, event, *news)
        if decision.close_revision:
            await self._close(session, row, decision)

    async def _close(self, session: AsyncSession, case: Case, decision: Decision) -> None:
        reason = decision.closed_reason
        if reason is None:
            return
        case.status, case.revision, case.closed_at = decision.status, decision.revision, self._clock.now()
        if decision.step is Step.WITHDRAW:
            await erase_case(session, case)
        await self._outbox.add(session, closed_event(case, reason))
        log.info("case_closed", case=case.slug, reason=reason.value, revision=case.revision)


async def _make_updates(session: AsyncSession, file: ReadFile, case_id: UUID, now: datetime) -> Updates:
    """Before the rows of its last revision are gone."""
    if await session.get(Case, case_id) is None:
        return make_updates(case_id, file.case.updates, None, now)
    stored = await session.exec(select(CaseUpdate).where(col(CaseUpdate.case_id) == case_id))
    return make_updates(case_id, file.case.updates, stored.all(), now)


def _stored(case: Case) -> Stored:
    return Stored(case.revision, case.status, case.digest)


def _digest(folder: Folder, file: ReadFile) -> str:
    """Of all that a revision says: the case, and what its events say of its campaign.

    What a file leaves out is left out: a version of the platform that knows more fields must not take a case that was
    closed by hand for one that its file opens again."""
    campaign = folder.campaign
    said: Sequence[str] = (
        campaign.slug,
        campaign.name,
        campaign.verification,
        str(campaign.proof_of_work),
        *campaign.risky_countries,
        file.case.model_dump_json(exclude_defaults=True),
        *([file.picture.digest] if file.picture else []),
    )
    return sha256("\x1f".join(said).encode()).hexdigest()


def _refusal(file: ReadFile, decision: Decision) -> Complaint:
    return file.complain(("status",), f"{file.case.slug} {decision.why}")
