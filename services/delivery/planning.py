"""Plans an action's letters, one for each target that its channel reaches, and confirmations. Pure."""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.delivery.destinations import destination_of
from services.delivery.kinds import LetterKind, lane_of
from services.delivery.news import NewsWords
from services.delivery.outcomes import LETTER_LIFE, first_expiry
from services.delivery.reports import HeldLetter
from services.delivery.states import LetterState
from services.delivery.supporter_mail import Answered
from shared.messages.actions import ActionAcceptedV1, AnswerForwardingRequestedV1, VerificationRequestedV1
from shared.messages.actions_news import NewsRequestedV1
from shared.messages.cases import Channel, Target
from shared.messages.delivery import FailureReason, letter_id
from shared.messages.envelope import Envelope, derived_id

# What becomes letters: mail, and paper, which the supporter posts or we print. The rest is other people's work.
CHANNELS = frozenset({Channel.EMAIL, Channel.POST})
PAPER_LIFE = timedelta(days=90)
NEWS_LIFE = timedelta(days=7)
NO_TARGET = UUID(int=0)


@dataclass(frozen=True, slots=True)
class PlannedLetter:
    """A letter's row as it begins. A table model in its place would take most of the planner's time."""

    id: UUID
    action_id: UUID
    case_id: UUID
    case_slug: str
    campaign_name: str
    target_id: UUID
    channel: Channel
    country: str
    partner: str | None
    to_address: str | None
    to_name: str
    subject: str
    body: str
    language: str
    sender_name: str
    reply_to: str | None
    traceparent: str | None
    next_at: datetime
    expires_at: datetime
    created_at: datetime
    kind: LetterKind = LetterKind.LETTER
    state: LetterState = LetterState.QUEUED
    failure: FailureReason | None = None
    stop_reason: str | None = None
    attempts: int = 0
    unknowns: int = 0
    lease_owner: str | None = None
    lease_until: datetime | None = None
    fence: int = 0
    line_id: UUID | None = None
    bundle_id: UUID | None = None
    target_country: str = ""
    closes_at: datetime | None = None

    def as_row(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _ROW}

    def as_held(self) -> HeldLetter:
        """Just inserted, it is ours as if it were locked: nobody else can see it yet."""
        return HeldLetter(*(getattr(self, name) for name in _HELD))


_OF_ITS_LINE = {"target_country", "closes_at"}
_ROW = tuple(field.name for field in fields(PlannedLetter) if field.name not in _OF_ITS_LINE)
_HELD = tuple(field.name for field in fields(HeldLetter))


def plan_action(envelope: Envelope[ActionAcceptedV1], now: datetime) -> list[PlannedLetter]:
    """The letters of one action, due now. One target named twice gets one letter."""
    action = envelope.data
    if action.channel not in CHANNELS:
        return []
    targets = {target.id: target for target in action.targets}
    return [_letter(action, target, envelope.traceparent, now) for target in targets.values()]


def plan_confirmation(envelope: Envelope[VerificationRequestedV1], now: datetime) -> PlannedLetter:
    """The mail that asks a supporter whether they wrote. Its body is the link alone; the words round it are ours."""
    asked = envelope.data
    return PlannedLetter(
        id=derived_id("confirmation", asked.action_id, asked.number),
        kind=LetterKind.CONFIRMATION,
        line_id=shared_line_of(LetterKind.CONFIRMATION, asked.mailbox),
        action_id=asked.action_id,
        case_id=asked.case_id,
        case_slug=asked.case_slug,
        campaign_name="",
        target_id=NO_TARGET,
        channel=Channel.EMAIL,
        country=asked.country,
        partner=None,
        to_address=asked.mailbox,
        to_name="",
        subject="",
        body=asked.confirm_url,
        language=asked.language,
        sender_name=asked.name,
        reply_to=None,
        traceparent=envelope.traceparent,
        next_at=now,
        expires_at=asked.expires_at,
        created_at=now,
    )


def plan_answer(envelope: Envelope[AnswerForwardingRequestedV1], answer: Answered, now: datetime) -> PlannedLetter:
    """The mail that brings a target's answer to the supporter. `to_name` is whose answer it is, its bundle the
    mail that came home."""
    asked = envelope.data
    return PlannedLetter(
        id=derived_id("answer", asked.answer_id),
        kind=LetterKind.ANSWER,
        line_id=shared_line_of(LetterKind.ANSWER, asked.mailbox),
        action_id=asked.action_id,
        case_id=asked.case_id,
        case_slug=asked.case_slug,
        campaign_name="",
        target_id=NO_TARGET,
        bundle_id=asked.answer_id,
        channel=Channel.EMAIL,
        country=asked.country,
        partner=None,
        to_address=asked.mailbox,
        to_name=answer.whose,
        subject=answer.subject,
        body=answer.text,
        language=asked.language,
        sender_name=asked.name,
        reply_to=None,
        traceparent=envelope.traceparent,
        next_at=now,
        expires_at=now + LETTER_LIFE,
        created_at=now,
    )


def plan_news(envelope: Envelope[NewsRequestedV1], now: datetime) -> PlannedLetter:
    """The mail that tells one reader of one update. Its target is the reader, its bundle the update."""
    asked = envelope.data
    return PlannedLetter(
        id=asked.news_id,
        kind=LetterKind.NEWS,
        line_id=shared_line_of(LetterKind.NEWS, asked.mailbox),
        action_id=asked.action_id,
        case_id=asked.case_id,
        case_slug=asked.case_slug,
        campaign_name=asked.campaign_name,
        target_id=asked.reader_id,
        bundle_id=asked.update_id,
        channel=Channel.EMAIL,
        country=asked.country,
        partner=None,
        to_address=asked.mailbox,
        to_name="",
        subject=asked.title,
        body=NewsWords.of(asked).as_body(),
        language=asked.language,
        sender_name=asked.name,
        reply_to=None,
        traceparent=envelope.traceparent,
        next_at=now,
        expires_at=now + NEWS_LIFE,
        created_at=now,
    )


def line_of(case_id: UUID, target_id: UUID, partner: str | None, address: str | None) -> UUID:
    """The same for letters that wait for the same: fairness and limits look at lines alone."""
    return derived_id("line", case_id, target_id, partner or "", destination_of(address))


def shared_line_of(kind: LetterKind, address: str | None) -> UUID:
    """Of what is no letter: one line for all of its lane over one destination."""
    return derived_id("line", lane_of(kind), destination_of(address))


def _letter(action: ActionAcceptedV1, target: Target, traceparent: str | None, now: datetime) -> PlannedLetter:
    """One on paper stands in no line: it waits until it is printed, or its supporter says that they posted it."""
    is_mail, accepted_at = action.channel is Channel.EMAIL, action.verified_at or action.accepted_at
    return PlannedLetter(
        id=letter_id(action.action_id, target.id, action.channel),
        action_id=action.action_id,
        case_id=action.case_id,
        case_slug=action.case_slug,
        campaign_name=action.campaign_name,
        target_id=target.id,
        channel=action.channel,
        country=action.supporter.country,
        partner=action.partner,
        to_address=target.email if is_mail else target.post_address,
        to_name=target.name,
        subject=action.letter.subject,
        body=action.letter.body,
        language=action.letter.language,
        sender_name=action.supporter.name,
        reply_to=action.supporter.email,
        traceparent=traceparent,
        next_at=now,
        expires_at=first_expiry(accepted_at, action.closes_at) if is_mail else accepted_at + PAPER_LIFE,
        created_at=now,
        line_id=line_of(action.case_id, target.id, action.partner, target.email) if is_mail else None,
        target_country=target.country,
        closes_at=action.closes_at,
    )
