"""Events the actions service publishes: that somebody acted, must say so by mail first, took it back, or never did."""

from datetime import datetime
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.messages.cases import Channel, Target
from shared.messages.envelope import Event, Part, Personal


class Supporter(Part):
    """Who acts, as far as a letter needs to know. The address is absent when they asked to hide it."""

    name: Annotated[str, Personal()]
    email: Annotated[str | None, Personal()] = None
    country: str = Field(description="ISO 3166-1 alpha-2")


class Letter(Part):
    """The final words, as the supporter sent them; empty where they are not for those who carry letters."""

    subject: Annotated[str, Personal()]
    body: Annotated[str, Personal()]
    language: str


class ActionAcceptedV1(Event):
    """One act by one supporter on one case, with all that delivery needs to write to every target."""

    wire_type: ClassVar[str] = "actions.action_accepted.v1"

    action_id: UUID
    case_id: UUID
    case_slug: str
    case_title: str
    campaign_name: str
    channel: Channel
    supporter: Supporter
    letter: Letter
    targets: tuple[Target, ...]
    partner: str | None = None
    closes_at: AwareDatetime | None = None
    accepted_at: AwareDatetime
    verified_at: AwareDatetime | None = Field(
        default=None, description="when the supporter confirmed it from their mailbox; absent: nobody asked them to"
    )

    def subject(self) -> str:
        return str(self.action_id)

    def happened_at(self) -> datetime:
        return self.accepted_at


class ActionAwaitsVerificationV1(Event):
    """Somebody acted, and nothing goes out until they confirm it from their mailbox. Then ActionAcceptedV1 follows.

    Enough to count it, and nothing that tells who or what."""

    wire_type: ClassVar[str] = "actions.action_awaits_verification.v1"

    action_id: UUID
    case_id: UUID
    case_slug: str
    channel: Channel
    country: str = Field(description="the supporter's, ISO 3166-1 alpha-2")
    partner: str | None = None
    accepted_at: AwareDatetime

    def subject(self) -> str:
        return str(self.action_id)

    def happened_at(self) -> datetime:
        return self.accepted_at


class VerificationRequestedV1(Event):
    """A mail is to ask a supporter whether it was they who acted. `number` 1 is the first, later ones repeat it."""

    wire_type: ClassVar[str] = "actions.verification_requested.v1"

    action_id: UUID
    number: int = Field(ge=1)
    case_id: UUID
    case_slug: str
    country: str = Field(description="the supporter's, ISO 3166-1 alpha-2")
    mailbox: Annotated[str, Personal()]
    name: Annotated[str, Personal()]
    language: str
    confirm_url: Annotated[str, Personal()] = Field(description="whoever has it can confirm")
    requested_at: AwareDatetime
    expires_at: AwareDatetime

    def subject(self) -> str:
        return f"{self.action_id}/{self.number}"

    def happened_at(self) -> datetime:
        return self.requested_at


class AnswerForwardingRequestedV1(Event):
    """An answer that delivery keeps is to be forwarded to the supporter whose letter it answers."""

    wire_type: ClassVar[str] = "actions.answer_forwarding_requested.v1"

    answer_id: UUID
    action_id: UUID
    case_id: UUID
    case_slug: str
    country: str = Field(description="the supporter's, ISO 3166-1 alpha-2")
    mailbox: Annotated[str, Personal()]
    name: Annotated[str, Personal()]
    language: str
    requested_at: AwareDatetime

    def subject(self) -> str:
        return str(self.answer_id)

    def happened_at(self) -> datetime:
        return self.requested_at


class LetterPostedV1(Event):
    """A supporter says that they put their letter to a target into the post themselves."""

    wire_type: ClassVar[str] = "actions.letter_posted.v1"

    letter_id: UUID
    action_id: UUID
    case_id: UUID
    case_slug: str
    target_id: UUID
    posted_at: AwareDatetime

    def subject(self) -> str:
        return str(self.letter_id)

    def happened_at(self) -> datetime:
        return self.posted_at


class ActionCancelledV1(Event):
    """The action is taken back: letters that are not out yet must not go out."""

    wire_type: ClassVar[str] = "actions.action_cancelled.v1"

    action_id: UUID
    case_id: UUID
    reason: str
    cancelled_at: AwareDatetime

    def subject(self) -> str:
        return str(self.action_id)

    def happened_at(self) -> datetime:
        return self.cancelled_at


class AddressHiddenV1(Event):
    """A supporter no longer wants officials to see their address: letters that are not out yet go without it."""

    wire_type: ClassVar[str] = "actions.address_hidden.v1"

    action_id: UUID
    case_id: UUID
    hidden_at: AwareDatetime

    def subject(self) -> str:
        return str(self.action_id)

    def happened_at(self) -> datetime:
        return self.hidden_at


class SolidarityShownV1(Event):
    """A message to the person at risk that staff have read, and that its writer lets everybody see.

    `number` grows with every change of one message: the latest wins, in whatever order they come."""

    wire_type: ClassVar[str] = "actions.solidarity_shown.v1"

    action_id: UUID
    case_id: UUID
    case_slug: str
    number: int = Field(ge=1)
    name: Annotated[str, Personal()]
    country: str = Field(description="the writer's, ISO 3166-1 alpha-2")
    text: Annotated[str, Personal()]
    language: str
    written_at: AwareDatetime
    shown_at: AwareDatetime

    def subject(self) -> str:
        return f"{self.action_id}/{self.number}"

    def happened_at(self) -> datetime:
        return self.shown_at


class SolidarityTakenDownV1(Event):
    """A message that was shown is not to be any more: its writer took it back, or staff did."""

    wire_type: ClassVar[str] = "actions.solidarity_taken_down.v1"

    action_id: UUID
    case_id: UUID
    case_slug: str
    number: int = Field(ge=1)
    taken_down_at: AwareDatetime

    def subject(self) -> str:
        return f"{self.action_id}/{self.number}"

    def happened_at(self) -> datetime:
        return self.taken_down_at


class ActionValidity(Event):
    """Whether staff let an action count. All that a count needs is here, since it may arrive before the action does.

    `number` grows with every change of one action: the latest wins, in whatever order they come."""

    action_id: UUID
    case_id: UUID
    case_slug: str
    country: str = Field(description="the supporter's, ISO 3166-1 alpha-2")
    channel: Channel
    partner: str | None = None
    accepted_at: AwareDatetime
    invalidation_id: UUID
    number: int = Field(ge=1)
    changed_at: AwareDatetime

    def subject(self) -> str:
        return f"{self.action_id}/{self.number}"

    def happened_at(self) -> datetime:
        return self.changed_at


class ActionInvalidatedV1(ActionValidity):
    """The action does not count, and letters that are not out yet must not go out."""

    wire_type: ClassVar[str] = "actions.action_invalidated.v1"


class ActionReinstatedV1(ActionValidity):
    """The action counts after all, and letters that were stopped for this go out."""

    wire_type: ClassVar[str] = "actions.action_reinstated.v1"
