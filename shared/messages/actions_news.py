"""Events the actions service publishes of news by mail: who is to be told, who wants no more, what is called off."""

from datetime import datetime
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.messages.envelope import Event, Personal


class NewsRequestedV1(Event):
    """A supporter who asked for it is to be told by mail what changed in a case: one mail a mailbox and update.

    `reader_id` stands for the mailbox, for as long as it wants news; it tells nobody which one it is."""

    wire_type: ClassVar[str] = "actions.news_requested.v1"

    news_id: UUID
    update_id: UUID
    reader_id: UUID
    action_id: UUID
    case_id: UUID
    case_slug: str
    campaign_name: str
    title: str = Field(description="of the case, in the language of the mail where it was translated")
    discreet: bool = Field(description="the subject names neither the case nor what happened")
    text: str = Field(description="what changed, shortened where it is long")
    language: str
    country: str = Field(description="the supporter's, ISO 3166-1 alpha-2")
    mailbox: Annotated[str, Personal()]
    name: Annotated[str, Personal()]
    asked_at: AwareDatetime = Field(description="when somebody gave this mailbox and asked for news")
    case_url: str
    stop_url: Annotated[str, Personal()] = Field(description="whoever has it can end all news to the mailbox")
    requested_at: AwareDatetime

    def subject(self) -> str:
        return str(self.news_id)

    def happened_at(self) -> datetime:
        return self.requested_at


class NewsStoppedV1(Event):
    """A mailbox wants no more news: what was asked for under this `reader_id` must not go out any more."""

    wire_type: ClassVar[str] = "actions.news_stopped.v1"

    reader_id: UUID
    stopped_at: AwareDatetime

    def subject(self) -> str:
        return str(self.reader_id)

    def happened_at(self) -> datetime:
        return self.stopped_at


class NewsCalledOffV1(Event):
    """Staff called off the news of one update: mails with it that are not out yet must not go out."""

    wire_type: ClassVar[str] = "actions.news_called_off.v1"

    update_id: UUID
    case_id: UUID
    called_off_at: AwareDatetime

    def subject(self) -> str:
        return str(self.update_id)

    def happened_at(self) -> datetime:
        return self.called_off_at
