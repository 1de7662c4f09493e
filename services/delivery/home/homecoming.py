"""Writes down what came home, and what it means for the letter: a bounce corrects a letter that was called sent.

Harmless twice: the same bytes for the same letter are kept once, as when a mail server asks again after a fault. What
they mean beyond the letter is heeded before they are kept: so what is kept was heeded, and after a fault in between,
which the mail server takes for a no, it is heeded again.
"""

import asyncio
from dataclasses import asdict
from datetime import datetime
from hashlib import sha256
from uuid import UUID

import structlog
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.delivery.cancelling import DEAD_MAILBOX, Canceller
from services.delivery.channels import Answer, Blocked, Dead, Phase
from services.delivery.channels.replies import meaning_of
from services.delivery.destinations import Bearing, destination_of
from services.delivery.grant_book import note_answers
from services.delivery.holding import Verdict, hold_by_id, write_verdicts
from services.delivery.home.addresses import UNSUBSCRIBE
from services.delivery.home.mail import Incoming, IncomingKind, read_incoming
from services.delivery.kinds import TO_SUPPORTERS, LetterKind
from services.delivery.outcomes import RETRY_GRACE, Decision
from services.delivery.reports import HeldLetter
from services.delivery.states import LetterState
from services.delivery.suppressing import DEAD_FOR, Suppressions
from services.delivery.suppression_list import BY_MAIL_SERVER
from services.delivery.tables import IncomingMail, Letter
from services.delivery.target_addresses import move_letters, next_address
from services.delivery.waking import ring_senders
from shared.audit import By
from shared.clock import Clock
from shared.db import Database, insert_once
from shared.messages.delivery import AnswerReceivedV1
from shared.messages.envelope import derived_id
from shared.outbox import Outbox
from shared.wake import Wake

# What a bounce can say something new of. A letter that waits again, or was stopped, has its next word before it.
BOUNCEABLE = (LetterState.SENT, LetterState.UNCERTAIN)

log = structlog.get_logger(__name__)


class NoSuchLetter(Exception):
    """No letter has this address, or none any more."""


class Homecoming:
    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        clock: Clock,
        suppressions: Suppressions,
        canceller: Canceller,
        wake: Wake,
        bearing: Bearing,
    ) -> None:
        self._database, self._outbox, self._clock = database, outbox, clock
        self._suppressions, self._canceller = suppressions, canceller
        self._wake, self._bearing = wake, bearing

    async def take(self, letter_id: UUID, content: bytes, envelope_sender: str) -> IncomingKind:
        """Act on a mail and keep it. Raises `NoSuchLetter` and `DatabaseAway`."""
        incoming = await asyncio.to_thread(read_incoming, content, envelope_sender)  # megabytes take their time
        now = self._clock.now()
        meaning = meaning_of(incoming.code, incoming.status) if incoming.kind is IncomingKind.BOUNCE else None
        async with self._database.transaction() as session:
            letter = (await hold_by_id(session, [letter_id])).get(letter_id)
            if letter is None:
                raise NoSuchLetter
            row = _row(letter, incoming, content, now)
            if (await session.exec(select(IncomingMail.id).where(col(IncomingMail.id) == row["id"]))).first():
                return incoming.kind
            address = await _address_of(session, letter)
        await self._heed(letter, address, incoming, meaning)
        async with self._database.transaction() as session:
            letter = (await hold_by_id(session, [letter_id])).get(letter_id)
            if letter is None:
                raise NoSuchLetter
            kept = insert_once(session.get_bind().dialect.name, IncomingMail, [row]).returning(col(IncomingMail.id))
            if (await session.exec(kept)).first() is None:
                return incoming.kind
            if meaning and letter.state in BOUNCEABLE:
                await self._bounce(session, letter, incoming, meaning, now)
            if incoming.kind is IncomingKind.ANSWER and await _is_hidden(session, letter):
                await self._outbox.add(session, _received(letter, row["id"], now))
        log.info("came_home", letter=str(letter_id), kind=incoming.kind, code=incoming.code, status=incoming.status)
        return incoming.kind

    async def _heed(self, letter: HeldLetter, address: str, incoming: Incoming, meaning: type[Answer] | None) -> None:
        """Who wants no more mail, or whose mailbox is dead, gets none: not what waits, and not what comes later.

        Who writes back to news ends news, as its link does, and can let it come again by the same link."""
        is_unsubscribing = letter.kind in TO_SUPPORTERS and incoming.subject.strip().lower() == UNSUBSCRIBE
        if letter.kind is LetterKind.NEWS and (is_unsubscribing or meaning is Dead):
            reason = UNSUBSCRIBE if is_unsubscribing else DEAD_MAILBOX
            await self._canceller.give_up_reader(letter.target_id, letter.action_id, reason)
        elif is_unsubscribing:
            await self._canceller.cancel_mail_about(letter.action_id, letter.case_id, UNSUBSCRIBE)
        elif meaning is Dead and letter.kind is LetterKind.LETTER:
            by = By(BY_MAIL_SERVER, f"a bounce said {incoming.status or incoming.code}, as of a dead mailbox")
            await self._suppressions.suppress(address, by, DEAD_FOR)

    async def _bounce(
        self, session: AsyncSession, letter: HeldLetter, incoming: Incoming, meaning: type[Answer], now: datetime
    ) -> None:
        """A letter whose mailbox is dead goes to the target's next address, where it has one."""
        address = await _address_of(session, letter)
        following = None
        if meaning is Dead and letter.kind is LetterKind.LETTER and letter.stop_reason is None:
            following = await next_address(session, letter.target_id, address, now)
        if following is None:
            decision = Decision(LetterState.BOUNCED, counts=False)
        else:
            decision = Decision(LetterState.QUEUED, next_at=now, counts=False)
            (await session.get_one(Letter, letter.id)).expires_at = max(letter.expires_at, now + RETRY_GRACE)
            await session.flush()
        verdict = Verdict(letter, decision, letter.fence, incoming.code, incoming.text)
        await write_verdicts(session, self._outbox, [verdict], now)
        if following:
            await move_letters(session, {letter.id: following}, now)
            await ring_senders(session, self._wake)
        if meaning is Blocked:
            await note_answers(session, [(destination_of(address), Blocked(Phase.DOT))], now, self._bearing)


def _row(letter: HeldLetter, incoming: Incoming, content: bytes, now: datetime) -> dict[str, object]:
    return {
        "id": derived_id("incoming", letter.id, sha256(content).hexdigest()),
        "letter_id": letter.id,
        "action_id": letter.action_id,
        "case_id": letter.case_id,
        "case_slug": letter.case_slug,
        "content": content if incoming.kind is IncomingKind.ANSWER else None,
        "received_at": now,
        **asdict(incoming),
    }


async def _address_of(session: AsyncSession, letter: HeldLetter) -> str:
    return (await session.exec(select(Letter.to_address).where(Letter.id == letter.id))).one() or ""


async def _is_hidden(session: AsyncSession, letter: HeldLetter) -> bool:
    if letter.kind is not LetterKind.LETTER:
        return False
    return (await session.exec(select(Letter.reply_to).where(Letter.id == letter.id))).one() is None


def _received(letter: HeldLetter, answer_id: object, now: datetime) -> AnswerReceivedV1:
    return AnswerReceivedV1.model_validate(
        {
            "answer_id": answer_id,
            "letter_id": letter.id,
            "action_id": letter.action_id,
            "case_id": letter.case_id,
            "case_slug": letter.case_slug,
            "target_id": letter.target_id,
            "received_at": now,
        }
    )
