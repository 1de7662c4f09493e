"""A supporter confirms an action from their mailbox: now it holds their key, and delivery hears of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from services.actions.first_letters import hold_first, share_with, tell_fresh
from services.actions.news_consent import resume_news
from services.actions.receipts import TOKEN, targets_of
from services.actions.senders import sender_key
from services.actions.solidarity import for_carriers
from services.actions.tables import Action, CaseStatus, KnownCaseRow
from services.actions.verification import is_awaited, is_late
from shared.clock import Clock
from shared.db import Database
from shared.messages.actions import ActionAcceptedV1, Letter, Supporter
from shared.messages.cases import CasePublishedV1, Channel, Target
from shared.messages.envelope import seal
from shared.observability import current_traceparent
from shared.outbox import Outbox

TRIES_MAX = 3


class Standing(StrEnum):
    """How it stands with a link. `withdrawn` and `expired` confirm nothing any more."""

    WAITING = "waiting"
    CONFIRMED = "confirmed"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    STOPPED = "stopped"


@dataclass(frozen=True)
class LinkView:
    """What a link is about, as its page shows it."""

    standing: Standing
    action: Action
    case_title: str


class Confirmations:
    def __init__(self, database: Database, outbox: Outbox, clock: Clock) -> None:
        self._database, self._outbox, self._clock = database, outbox, clock

    async def look(self, token: str) -> LinkView | None:
        """What the link is about. Changes nothing. Raises `DatabaseAway`."""
        async with self._database.transaction() as session:
            return await self._find(session, token)

    async def confirm(self, token: str) -> LinkView | None:
        """Confirm the action if it waits in time, and say how it stands now. Harmless twice. Raises `DatabaseAway`.

        Two actions of one sender confirmed at once: the second is refused the key, and comes again as a repeat."""
        for _ in range(TRIES_MAX - 1):
            try:
                return await self._confirm(token)
            except IntegrityError:
                continue
        return await self._confirm(token)

    async def _confirm(self, token: str) -> LinkView | None:
        async with self._database.transaction() as session:
            link = await self._find(session, token, hold=True)
            if link is None or link.standing is not Standing.WAITING:
                return link
            action = link.action
            case = await _case_of(session, action)
            targets = await targets_of(session, action)
            now = self._clock.now()
            event = seal(accepted_event(action, case, tuple(targets), now), current_traceparent())
            key = _key_of(action)
            first = await hold_first(session, key)
            columns: dict[str, Any] = {"sender_key": key}
            if first is None:
                await self._outbox.add_sealed(session, [event])
            else:
                share = share_with(first, action.id, action.target_ids)
                columns = dict(share.columns)
                await tell_fresh(session, self._outbox, first, action.id, share, [event])
            await _write(session, action.id, columns | {"verified_at": now})
            if action.opt_in:
                await resume_news(session, action.supporter_email, now)
        return LinkView(Standing.CONFIRMED, action, link.case_title)

    async def _find(self, session: AsyncSession, token: str, *, hold: bool = False) -> LinkView | None:
        if not TOKEN.fullmatch(token):
            return None
        statement = select(Action).where(Action.verify_token == token)
        action = (await session.exec(statement.with_for_update() if hold else statement)).one_or_none()
        if action is None:
            return None
        case = await session.get(KnownCaseRow, action.case_id)
        title = str(case.snapshot["title"]) if case and case.snapshot else action.case_slug
        return LinkView(standing_of(action, case, self._clock.now()), action, title)


def standing_of(action: Action, case: KnownCaseRow | None, now: datetime) -> Standing:
    """Pure."""
    if action.verified_at:
        return Standing.CONFIRMED
    if case and case.status == CaseStatus.WITHDRAWN:
        return Standing.WITHDRAWN
    if not is_awaited(action):
        return Standing.STOPPED
    return Standing.EXPIRED if is_late(action, now) else Standing.WAITING


def accepted_event(
    action: Action, case: CasePublishedV1, targets: tuple[Target, ...], verified_at: datetime
) -> ActionAcceptedV1:
    """The event that intake would have left, had it not asked first. A hidden address does not travel."""
    email = None if action.hide_email else action.supporter_email
    supporter, letter = for_carriers(
        Channel(action.channel),
        Supporter(name=action.supporter_name, email=email, country=action.supporter_country),
        Letter(subject=action.letter_subject, body=action.letter_body, language=action.letter_language),
    )
    return ActionAcceptedV1(
        action_id=action.id,
        case_id=action.case_id,
        case_slug=action.case_slug,
        case_title=case.title,
        campaign_name=case.campaign_name,
        channel=Channel(action.channel),
        supporter=supporter,
        letter=letter,
        targets=targets,
        partner=action.source.get("partner"),
        closes_at=case.closes_at,
        accepted_at=action.accepted_at,
        verified_at=verified_at,
    )


def _key_of(action: Action) -> UUID:
    return sender_key(action.case_id, Channel(action.channel), action.supporter_email, action.supporter_name)


async def _case_of(session: AsyncSession, action: Action) -> CasePublishedV1:
    """The case as last published. It is known: the action was accepted for it."""
    row = await session.get_one(KnownCaseRow, action.case_id)
    return CasePublishedV1.model_validate(row.snapshot)


async def _write(session: AsyncSession, action_id: UUID, columns: dict[str, Any]) -> None:
    await session.exec(update(Action).where(col(Action.id) == action_id).values(**columns))
