"""Events the delivery service publishes: what became of each letter."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.messages.cases import Channel
from shared.messages.envelope import Event, derived_id

REGISTERED_MAX = 500  # so that one report stays a few kilobytes


def letter_id(action_id: UUID, target_id: UUID, channel: Channel) -> UUID:
    """One action makes one letter to each target on its channel, whoever asks and however often."""
    return derived_id("letter", action_id, target_id, channel)


class FailureReason(StrEnum):
    EXPIRED = "expired"
    NO_ADDRESS = "no_address"
    UNKNOWN_OUTCOME = "unknown_outcome"


class LetterEvent(Event):
    """What every report on a letter says. No personal data: others look the letter up by its ids."""

    letter_id: UUID
    action_id: UUID
    case_id: UUID
    case_slug: str
    target_id: UUID
    channel: Channel
    country: str = Field(description="the supporter's, ISO 3166-1 alpha-2")
    partner: str | None = None
    occurred_at: AwareDatetime

    def subject(self) -> str:
        return str(self.letter_id)

    def happened_at(self) -> datetime:
        return self.occurred_at


class LetterSentV1(LetterEvent):
    """A mail server took the letter and said so."""

    wire_type: ClassVar[str] = "delivery.letter_sent.v1"


class LetterUncertainV1(LetterEvent):
    """The letter was handed over whole, and the answer never came. It may or may not have arrived."""

    wire_type: ClassVar[str] = "delivery.letter_uncertain.v1"


class LetterBouncedV1(LetterEvent):
    """The receiving side refused the letter for good."""

    wire_type: ClassVar[str] = "delivery.letter_bounced.v1"

    code: int | None = Field(default=None, description="the SMTP reply code")


class LetterFailedV1(LetterEvent):
    """We gave up on the letter."""

    wire_type: ClassVar[str] = "delivery.letter_failed.v1"

    reason: FailureReason


class LetterCancelledV1(LetterEvent):
    """The letter was stopped before it went out."""

    wire_type: ClassVar[str] = "delivery.letter_cancelled.v1"

    reason: str


class LetterPrintedV1(LetterEvent):
    """The letter is on paper."""

    wire_type: ClassVar[str] = "delivery.letter_printed.v1"


class AnswerReceivedV1(Event):
    """A target answered a letter whose sender stays hidden from them, so that the answer came to us. Delivery keeps
    it; whoever knows the sender's mailbox may ask that it be forwarded."""

    wire_type: ClassVar[str] = "delivery.answer_received.v1"

    answer_id: UUID
    letter_id: UUID
    action_id: UUID
    case_id: UUID
    case_slug: str
    target_id: UUID
    received_at: AwareDatetime

    def subject(self) -> str:
        return str(self.answer_id)

    def happened_at(self) -> datetime:
        return self.received_at


class NewsUndeliverableV1(Event):
    """Delivery sends no more news to this reader: the mailbox is dead, or somebody wrote back from it that they want
    no more. `action_id` is the action by which the mail was asked for; whoever knows its mailbox knows whose it is."""

    wire_type: ClassVar[str] = "delivery.news_undeliverable.v1"

    reader_id: UUID
    action_id: UUID
    noticed_at: AwareDatetime

    def subject(self) -> str:
        return str(self.reader_id)

    def happened_at(self) -> datetime:
        return self.noticed_at


class ActionsRegisteredV1(Event):
    """Delivery has these actions in its books and answers for their letters: nobody need tell it of them again.

    Said of every batch of `ActionAcceptedV1` that was handled, seen before or not: a report that was lost is made
    again when its actions are."""

    wire_type: ClassVar[str] = "delivery.actions_registered.v1"

    action_ids: tuple[UUID, ...] = Field(min_length=1, max_length=REGISTERED_MAX)
    registered_at: AwareDatetime

    def subject(self) -> str:
        """The batch and its moment: the same actions reported later are another event, and go out again."""
        return str(derived_id("registered", self.registered_at.isoformat(), *sorted(self.action_ids)))

    def happened_at(self) -> datetime:
        return self.registered_at


class TargetForecastV1(Event):
    """By when the last letter that waits for a target now is expected to be out, at its policy and as things stand.

    Told only of targets whose letters take days, when that changed, and again once a day: who hears nothing for two
    days should forget it. Letters that join the line later are not spoken of."""

    wire_type: ClassVar[str] = "delivery.target_forecast.v1"

    target_id: UUID
    done_at: AwareDatetime | None = Field(default=None, description="absent: letters go soon, or nobody can say")
    noticed_at: AwareDatetime

    def subject(self) -> str:
        return f"{self.target_id}/{self.noticed_at.isoformat()}"

    def happened_at(self) -> datetime:
        return self.noticed_at


class TargetRunsLateV1(Event):
    """At its policy, the last letter that is queued for a target will be out only after a case of it has closed."""

    wire_type: ClassVar[str] = "delivery.target_runs_late.v1"

    target_id: UUID
    queued: int = Field(ge=1)
    done_at: AwareDatetime | None = Field(default=None, description="when the last one is out; absent: not foreseeable")
    closes_at: AwareDatetime = Field(description="the earliest closing date of its cases")
    noticed_at: AwareDatetime

    def subject(self) -> str:
        return f"{self.target_id}/{self.noticed_at.isoformat()}"

    def happened_at(self) -> datetime:
        return self.noticed_at
