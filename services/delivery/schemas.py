"""What `/api/v1/letters` answers."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.delivery.channels import Outcome, Phase
from services.delivery.kinds import LetterKind
from services.delivery.mail_view import LINK_HIDDEN, Mail
from services.delivery.states import LetterState
from services.delivery.tables import Attempt, Letter
from shared.messages.cases import Channel
from shared.messages.delivery import FailureReason


class LetterSummary(BaseModel):
    """A letter in a list: nothing of it tells who wrote or what."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    kind: LetterKind
    action_id: UUID
    case_slug: str
    target_id: UUID
    to_name: str
    channel: Channel
    country: str
    partner: str | None
    state: LetterState
    failure: FailureReason | None
    stop_reason: str | None
    attempts: int
    last_code: int | None
    created_at: datetime
    next_at: datetime = Field(description="when something happens next; of a letter at its end, when that was")
    expires_at: datetime
    decided_at: datetime | None


class AttemptView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    number: int
    phase: Phase
    code: int | None
    text: str
    outcome: Outcome
    started_at: datetime
    ended_at: datetime


class LetterView(LetterSummary):
    """One letter, whole."""

    to_address: str | None
    sender_name: str
    reply_to: str | None
    subject: str
    body: str
    language: str
    last_text: str | None
    what_next: str = Field(description="what happens to it next and what it waits for, in words")
    tries: list[AttemptView]
    mail: str = Field(description="the mail's source; empty when it cannot be written")


class LetterList(BaseModel):
    letters: list[LetterSummary]
    counts: dict[LetterState, int] = Field(description="by state; 10000 means at least so many of those at their end")
    next: str | None = Field(description="where the list goes on")


def letter_view(letter: Letter, attempts: Sequence[Attempt], mail: Mail, what_next: str) -> LetterView:
    tries = [AttemptView.model_validate(attempt) for attempt in attempts]
    body = letter.body if letter.kind is LetterKind.LETTER else LINK_HIDDEN
    more = {"body": body, "tries": tries, "mail": mail.source, "what_next": what_next}
    return LetterView.model_validate(letter.model_dump() | more)
