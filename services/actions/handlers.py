"""What this service does with the events of others: remember cases, and what became of letters."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, and_, or_
from sqlmodel.ext.asyncio.session import AsyncSession

from services.actions.forecasts import keep_forecasts
from services.actions.forwarding import ask_forwarding
from services.actions.letter_states import STATE_BY_EVENT
from services.actions.news_consent import note_undeliverable
from services.actions.registering import note_registered
from services.actions.tables import CaseStatus, DeadLetter, KnownCaseRow, KnownTargetRow, LetterReport
from services.actions.telling_news import keep_updates
from services.actions.wiring import Wiring
from shared.bus import Handler, Queue, Subscription
from shared.bus.dispatch import dispatch
from shared.db import Database, insert_latest, insert_once
from shared.dead_letters import keeper
from shared.messages.cases import CaseClosedV1, CasePublishedV1, Target, UpdatePublishedV1
from shared.messages.delivery import (
    ActionsRegisteredV1,
    AnswerReceivedV1,
    LetterEvent,
    NewsUndeliverableV1,
    TargetForecastV1,
)
from shared.messages.envelope import Envelope, Event

CASES_BATCH_MAX = 20


async def remember_cases(events: Sequence[Envelope[CasePublishedV1]], database: Database) -> None:
    """Keep each case as published. Harmless to repeat: only a later revision changes anything."""
    async with database.transaction() as session:
        for event in events:
            await _upsert_case(session, _published_row(event.data))
            for target in event.data.targets:
                await _upsert_target(session, event.data, target)


async def close_cases(events: Sequence[Envelope[CaseClosedV1]], database: Database) -> None:
    """Keep that each case is closed. Harmless to repeat: only a later revision reopens or changes it."""
    async with database.transaction() as session:
        for event in events:
            await _upsert_case(session, _closed_row(event.data))


async def note_reports(events: Sequence[Envelope[LetterEvent]], database: Database) -> None:
    """Keep what delivery says of letters. Harmless to repeat: one row an event, and order is told by its time."""
    rows = {event.id: _report_row(event) for event in events}
    async with database.transaction() as session:
        dialect = session.get_bind().dialect.name
        await session.exec(insert_once(dialect, LetterReport, list(rows.values())))


def _published_row(case: CasePublishedV1) -> dict[str, Any]:
    return {
        "case_id": case.case_id,
        "slug": case.slug,
        "revision": case.revision,
        "status": CaseStatus.OPEN.value,
        "snapshot": case.model_dump(mode="json"),
        "changed_at": case.published_at,
    }


def _closed_row(case: CaseClosedV1) -> dict[str, Any]:
    # No snapshot: what was published last stays, for receipts.
    return {
        "case_id": case.case_id,
        "slug": case.slug,
        "revision": case.revision,
        "status": CaseStatus(case.reason.value).value,
        "changed_at": case.closed_at,
    }


def _report_row(event: Envelope[LetterEvent]) -> dict[str, Any]:
    return {
        "event_id": event.id,
        "action_id": event.data.action_id,
        "letter_id": event.data.letter_id,
        "target_id": event.data.target_id,
        "state": STATE_BY_EVENT[type(event.data)].value,
        "occurred_at": event.data.occurred_at,
    }


async def _upsert_case(session: AsyncSession, row: dict[str, Any]) -> None:
    """A later revision wins. Where publishing and closing share one, closing does: nobody writes by mistake."""

    def is_later(new: Any, old: Any) -> ColumnElement[bool]:
        is_closing = and_(new.revision == old.revision, new.status != CaseStatus.OPEN.value)
        return or_(new.revision > old.revision, is_closing)

    await session.exec(insert_latest(session.get_bind().dialect.name, KnownCaseRow, [row], is_later))


async def _upsert_target(session: AsyncSession, case: CasePublishedV1, target: Target) -> None:
    row = {
        "case_id": case.case_id,
        "target_id": target.id,
        "revision": case.revision,
        "target": target.model_dump(mode="json"),
    }
    dialect = session.get_bind().dialect.name
    await session.exec(insert_latest(dialect, KnownTargetRow, [row], lambda new, old: new.revision > old.revision))


CASES = Queue("actions.cases", (CasePublishedV1, CaseClosedV1, UpdatePublishedV1))
RECEIPTS = Queue("actions.receipts", tuple(STATE_BY_EVENT))
# Of their own: among reports on letters they would cut batches short, and wait behind all letters of a launch.
REGISTRATIONS = Queue("actions.registrations", (ActionsRegisteredV1,))
ANSWERS = Queue("actions.answers", (AnswerReceivedV1,))
FORECASTS = Queue("actions.forecasts", (TargetForecastV1,))
READERS = Queue("actions.readers", (NewsUndeliverableV1,))
QUEUES = (CASES, RECEIPTS, REGISTRATIONS, ANSWERS, FORECASTS, READERS)


def subscriptions(wiring: Wiring) -> list[Subscription]:
    """Who handles which queue."""
    database, settings = wiring.database, wiring.settings
    keep_dead = keeper(database, DeadLetter)
    handlers: dict[type[Event], Handler] = {
        CasePublishedV1: partial(remember_cases, database=database),
        CaseClosedV1: partial(close_cases, database=database),
        UpdatePublishedV1: partial(keep_updates, database=database, clock=wiring.clock, rules=wiring.news_rules),
    }
    note = partial(note_reports, database=database)
    return [
        Subscription(CASES, dispatch(handlers), keep_dead, batch_max=CASES_BATCH_MAX),
        Subscription(
            RECEIPTS,
            dispatch(dict.fromkeys(RECEIPTS.events, note)),
            keep_dead,
            batch_max=settings.receipts_batch_max,
            linger_seconds=settings.receipts_linger_ms / 1000,
        ),
        Subscription(
            REGISTRATIONS,
            dispatch({ActionsRegisteredV1: partial(note_registered, database=database, clock=wiring.clock)}),
            keep_dead,
            batch_max=settings.registrations_batch_max,
        ),
        Subscription(
            ANSWERS,
            dispatch(
                {AnswerReceivedV1: partial(ask_forwarding, database=database, outbox=wiring.outbox, clock=wiring.clock)}
            ),
            keep_dead,
        ),
        Subscription(
            FORECASTS,
            dispatch({TargetForecastV1: partial(keep_forecasts, database=database)}),
            keep_dead,
            batch_max=CASES_BATCH_MAX,
        ),
        Subscription(
            READERS,
            dispatch({NewsUndeliverableV1: partial(note_undeliverable, database=database, clock=wiring.clock)}),
            keep_dead,
            batch_max=CASES_BATCH_MAX,
        ),
    ]
