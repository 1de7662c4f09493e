"""What delivery does when something happened elsewhere: plan an action's letters or a confirmation, or stop them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import defer
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.delivery.cancelling import CANCELLED, Canceller, find_cancelled, locks_of, share_cases, subjects_of
from services.delivery.hiding import address_of, hide_addresses, hide_in
from services.delivery.holding import Verdict, hold_by_id, stopped, write_verdicts
from services.delivery.kinds import SUPPRESSIBLE
from services.delivery.lines import stand_in_line
from services.delivery.news_desk import call_off_news, end_news, note_updates
from services.delivery.outcomes import Decision
from services.delivery.planning import PlannedLetter, plan_action, plan_answer, plan_confirmation, plan_news
from services.delivery.publishing import heed_cases
from services.delivery.registering import report_registered
from services.delivery.states import LetterState
from services.delivery.supporter_mail import Answered
from services.delivery.suppressing import SUPPRESSED
from services.delivery.suppression_list import find_suppressed, normal, share_suppressions
from services.delivery.tables import Inbox as InboxRow
from services.delivery.tables import IncomingMail, Letter
from services.delivery.target_addresses import address_letters
from services.delivery.telling_time import tell_time
from services.delivery.validity import INVALIDATED, find_invalid
from services.delivery.waking import ring_senders
from services.delivery.wiring import CONFIRMATIONS_QUEUE, LETTERS_QUEUE, NEWS_QUEUE, Wiring
from shared.bus import Handler, Queue, Retry, Subscription
from shared.bus.dispatch import dispatch
from shared.clock import Clock
from shared.crash_points import CrashPoint, crash_point
from shared.db import Database
from shared.inbox import Inbox
from shared.messages.actions import (
    ActionAcceptedV1,
    ActionCancelledV1,
    ActionInvalidatedV1,
    ActionReinstatedV1,
    AddressHiddenV1,
    AnswerForwardingRequestedV1,
    LetterPostedV1,
    VerificationRequestedV1,
)
from shared.messages.actions_news import NewsCalledOffV1, NewsRequestedV1, NewsStoppedV1
from shared.messages.cases import CaseClosedV1, CasePublishedV1, Channel, ClosedReason
from shared.messages.delivery import FailureReason
from shared.messages.envelope import Envelope, Event
from shared.outbox import Outbox
from shared.wake import Wake

BATCH_MAX = 200
LINGER_SECONDS = 0.05

_ANSWERS = select(IncomingMail).options(defer(IncomingMail.content))  # type: ignore[arg-type]  # megabytes

log = structlog.get_logger(__name__)


async def plan_letters(
    events: Sequence[Envelope[ActionAcceptedV1]],
    database: Database,
    inbox: Inbox,
    outbox: Outbox,
    clock: Clock,
    wake: Wake,
) -> None:
    """Plan one letter for each target of each action, due at once, and report the actions registered.

    Harmless twice: the inbox knows the event, and a letter's id follows from its action and target. What comes again
    is reported again: whoever sent it did not hear of it the first time."""
    async with database.transaction() as session:
        now = await tell_time(session, clock)
        fresh = await inbox.take_new(session, events)
        letters = [letter for envelope in fresh for letter in plan_action(envelope, now)]
        targets = {target.id: target for envelope in fresh for target in envelope.data.targets}
        letters = await address_letters(session, letters, targets.values(), now)
        await _keep(session, letters, outbox, wake, now)
        await outbox.add(session, *report_registered(events, now))
        crash_point(CrashPoint.BEFORE_PLAN)
    crash_point(CrashPoint.AFTER_PLAN)
    log.info("planned", actions=len(fresh), seen_before=len(events) - len(fresh), letters=len(letters))


async def plan_confirmations(
    events: Sequence[Envelope[VerificationRequestedV1]],
    database: Database,
    inbox: Inbox,
    outbox: Outbox,
    clock: Clock,
    wake: Wake,
) -> None:
    """Plan the mails that ask supporters whether they wrote. Harmless twice, as planning letters is."""
    async with database.transaction() as session:
        now = await tell_time(session, clock)
        fresh = await inbox.take_new(session, events)
        await _keep(session, [plan_confirmation(envelope, now) for envelope in fresh], outbox, wake, now)
    log.info("planned", confirmations=len(fresh), seen_before=len(events) - len(fresh))


async def forward_answers(
    events: Sequence[Envelope[AnswerForwardingRequestedV1]],
    database: Database,
    inbox: Inbox,
    outbox: Outbox,
    clock: Clock,
    wake: Wake,
) -> None:
    """Plan mails that bring targets' answers to supporters. Harmless twice; what is not kept here is passed over."""
    async with database.transaction() as session:
        now = await tell_time(session, clock)
        fresh = await inbox.take_new(session, events)
        asked = {envelope.data.answer_id: envelope for envelope in fresh}
        kept = (await session.exec(_ANSWERS.where(col(IncomingMail.id).in_(asked)))).all()
        letters = [plan_answer(asked[answer.id], _written(answer), now) for answer in kept]
        await _keep(session, letters, outbox, wake, now)
    log.info("planned", answers=len(letters), seen_before=len(events) - len(fresh))


async def plan_news_mails(
    events: Sequence[Envelope[NewsRequestedV1]],
    database: Database,
    inbox: Inbox,
    outbox: Outbox,
    clock: Clock,
    wake: Wake,
) -> None:
    """Plan the mails that tell readers what changed in a case. Harmless twice, as planning letters is."""
    async with database.transaction() as session:
        now = await tell_time(session, clock)
        fresh = await inbox.take_new(session, events)
        await note_updates(session, fresh, now)
        await _keep(session, [plan_news(envelope, now) for envelope in fresh], outbox, wake, now)
    log.info("planned", news=len(fresh), seen_before=len(events) - len(fresh))


async def note_posted(
    events: Sequence[Envelope[LetterPostedV1]], database: Database, outbox: Outbox, clock: Clock
) -> None:
    """Supporters put letters into the post themselves: nobody else need print them. Harmless twice.

    A letter that is not planned yet is tried again later; one that went another way meanwhile stays as it is."""
    ids = [envelope.data.letter_id for envelope in events]
    async with database.transaction() as session:
        held = await hold_by_id(session, ids)
        if len(held) < len(set(ids)):
            raise Retry("a letter that was posted is not planned yet")
        waiting = [one for one in held.values() if one.channel is Channel.POST and one.state is LetterState.QUEUED]
        printed = Decision(LetterState.PRINTED, counts=False)
        await write_verdicts(session, outbox, [Verdict(one, printed, one.fence) for one in waiting], clock.now())
    log.info("posted", letters=len(waiting))


async def cancel_action(events: Sequence[Envelope[ActionCancelledV1]], canceller: Canceller) -> None:
    """Stop the letters of actions that were taken back. Harmless twice: stopped letters are not stopped again."""
    for envelope in events:
        count = await canceller.cancel_action(envelope.data.action_id, envelope.data.case_id, envelope.data.reason)
        log.info("action_cancelled", action=str(envelope.data.action_id), letters=count)


async def close_case(events: Sequence[Envelope[CaseClosedV1]], canceller: Canceller) -> None:
    """Stop the letters of withdrawn cases. What was accepted before a case ended or was won still goes out.

    Harmless twice: stopped letters are not stopped again."""
    for envelope in events:
        if envelope.data.reason is ClosedReason.WITHDRAWN:
            count = await canceller.cancel_case(envelope.data.case_id, envelope.data.reason)
            log.info("case_withdrawn", case=envelope.data.slug, letters=count)


def _written(answer: IncomingMail) -> Answered:
    whose = answer.from_name or answer.from_address
    return Answered(whose, answer.subject, answer.text)


async def _keep(
    session: AsyncSession, letters: Sequence[PlannedLetter], outbox: Outbox, wake: Wake, now: datetime
) -> None:
    """Those of withdrawn cases or without an address come to their end at once; the others are due."""
    await share_cases(session, (one for letter in letters for one in locks_of(letter)))
    await share_suppressions(session)
    cancelled = await find_cancelled(session, {one for letter in letters for one in _asked_of(letter)})
    letters = hide_in(letters, cancelled)
    verdicts = await _settle_at_once(session, letters, cancelled, now)
    await stand_in_line(session, letters)
    await _insert(session, letters)
    await write_verdicts(session, outbox, verdicts, now)
    await ring_senders(session, wake)


def _asked_of(letter: PlannedLetter) -> tuple[UUID, ...]:
    """All that may have been cancelled of it: the letter itself, or that its supporter's address is shown."""
    return (*subjects_of(letter), address_of(letter.action_id))


async def _settle_at_once(
    session: AsyncSession, letters: Sequence[PlannedLetter], cancelled: Mapping[UUID, str], now: datetime
) -> list[Verdict]:
    """What is decided before it begins: letters without an address that may be written to, and those of a cancelled
    case or action.

    In this order: what is stopped may be let go again, and without an address it cannot go anywhere."""
    invalid = await find_invalid(session, {letter.action_id for letter in letters})
    reasons = {**dict.fromkeys(invalid, INVALIDATED), **cancelled}
    addresses = {letter.to_address for letter in letters if letter.to_address and letter.kind in SUPPRESSIBLE}
    suppressed = await find_suppressed(session, addresses, now)
    verdicts = []
    for letter in letters:
        reason = next((reasons[one] for one in subjects_of(letter) if one in reasons), None)
        if not letter.to_address:
            no_address = Decision(LetterState.FAILED, counts=False, failure=FailureReason.NO_ADDRESS)
            verdicts.append(Verdict(letter.as_held(), no_address, letter.fence))
        elif reason:
            verdicts.append(Verdict(stopped(letter.as_held(), reason), CANCELLED, letter.fence))
        elif normal(letter.to_address) in suppressed:
            verdicts.append(Verdict(letter.as_held(), SUPPRESSED, letter.fence))
    return verdicts


async def _insert(session: AsyncSession, letters: Sequence[PlannedLetter]) -> None:
    if not letters:
        return
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    statement = dialect.insert(Letter.__table__).on_conflict_do_nothing()  # type: ignore[attr-defined]
    connection = await session.connection()
    await connection.execute(statement, [letter.as_row() for letter in letters])


LETTERS = Queue(
    LETTERS_QUEUE,
    (
        ActionAcceptedV1,
        ActionCancelledV1,
        AddressHiddenV1,
        ActionInvalidatedV1,
        ActionReinstatedV1,
        LetterPostedV1,
        CaseClosedV1,
    ),
)
CASES = Queue("delivery.cases", (CasePublishedV1,))
CONFIRMATIONS = Queue(
    CONFIRMATIONS_QUEUE, (VerificationRequestedV1, AnswerForwardingRequestedV1, NewsStoppedV1, NewsCalledOffV1)
)
# Last, and of its own: what somebody waits for must not stand behind a mailing.
NEWS = Queue(NEWS_QUEUE, (NewsRequestedV1,))
QUEUES: tuple[Queue, ...] = (LETTERS, CONFIRMATIONS, CASES, NEWS)


def subscriptions(wiring: Wiring) -> list[Subscription]:
    """One queue for what concerns letters, so that what concerns one action mostly keeps its order; one for cases as
    they are published; and one for mail to supporters, which somebody waits for: it must not stand behind a launch."""
    handlers: dict[type[Event], Handler] = {
        ActionAcceptedV1: _planner(plan_letters, LETTERS, wiring),
        ActionCancelledV1: partial(cancel_action, canceller=wiring.canceller),
        AddressHiddenV1: partial(hide_addresses, database=wiring.database, clock=wiring.clock),
        ActionInvalidatedV1: wiring.validity.heed,
        ActionReinstatedV1: wiring.validity.heed,
        LetterPostedV1: partial(note_posted, database=wiring.database, outbox=wiring.outbox, clock=wiring.clock),
        CaseClosedV1: partial(close_case, canceller=wiring.canceller),
    }
    publications = partial(
        heed_cases,
        database=wiring.database,
        canceller=wiring.canceller,
        clock=wiring.clock,
        wake=wiring.sender_wake,
    )
    to_supporters: dict[type[Event], Handler] = {
        VerificationRequestedV1: _planner(plan_confirmations, CONFIRMATIONS, wiring),
        AnswerForwardingRequestedV1: _planner(forward_answers, CONFIRMATIONS, wiring),
        NewsStoppedV1: partial(end_news, canceller=wiring.canceller),
        NewsCalledOffV1: partial(call_off_news, canceller=wiring.canceller),
    }
    tell = _planner(plan_news_mails, NEWS, wiring)
    return [
        Subscription(LETTERS, dispatch(handlers), wiring.keep_dead, BATCH_MAX, LINGER_SECONDS),
        Subscription(CASES, dispatch({CasePublishedV1: publications}), wiring.keep_dead),
        Subscription(CONFIRMATIONS, dispatch(to_supporters), wiring.keep_dead, BATCH_MAX, LINGER_SECONDS),
        Subscription(NEWS, dispatch({NewsRequestedV1: tell}), wiring.keep_dead, BATCH_MAX, LINGER_SECONDS),
    ]


def _planner(plan: Any, queue: Queue, wiring: Wiring) -> Handler:
    return partial(
        plan,
        database=wiring.database,
        inbox=Inbox(InboxRow, queue.name, wiring.clock),
        outbox=wiring.outbox,
        clock=wiring.clock,
        wake=wiring.sender_wake,
    )
