"""A message to the person at risk: asked for without a mailbox, read by staff, and never sent to officials.

Who wrote it and what it says stays with this service until staff have read it, so no event carries the words of one.
"""

from typing import Annotated

from pydantic import Field, TypeAdapter

from services.actions.schemas import (
    SLUG,
    ActionRequest,
    Body,
    Country,
    Fields,
    Language,
    LetterFields,
    Name,
    SupporterFields,
)
from shared.messages.actions import Letter, Supporter
from shared.messages.cases import Channel

MESSAGE_CHARACTERS_MAX = 2_000


class MessageRequest(Fields):
    """One message by one supporter, as the form has it."""

    case: Annotated[str, Field(max_length=100, pattern=SLUG)]
    name: Name
    country: Country
    body: Annotated[Body, Field(max_length=MESSAGE_CHARACTERS_MAX)]
    language: Language
    may_be_shown: bool

    def as_action(self, proof: str | None, source: dict[str, str]) -> ActionRequest:
        """The action it is: without a mailbox, a subject or a target."""
        return ActionRequest.model_construct(
            case=self.case,
            channel=Channel.SOLIDARITY,
            supporter=SupporterFields.model_construct(name=self.name, email="", country=self.country),
            letter=LetterFields.model_construct(subject="", body=self.body, language=self.language),
            targets=None,
            hide_email=True,
            opt_in=False,
            may_be_shown=self.may_be_shown,
            source=source,
            proof=proof,
        )


MESSAGE_REQUEST: TypeAdapter[MessageRequest] = TypeAdapter(MessageRequest)


def for_carriers(channel: Channel, supporter: Supporter, letter: Letter) -> tuple[Supporter, Letter]:
    """What others learn of who acts and what they wrote: of a message of solidarity, the country and the language."""
    if channel is not Channel.SOLIDARITY:
        return supporter, letter
    return Supporter(name="", country=supporter.country), Letter(subject="", body="", language=letter.language)
