"""Messages to a person at risk as a document: a cover, then each message in its own script and direction."""

from collections.abc import Sequence
from typing import Any

from services.actions.tables import Action, SolidarityBundle
from shared.languages import way_of
from shared.languages.formats import Formats
from shared.paper.sizes import sheet_of
from shared.paper.typesetting import typeset


async def typeset_messages(bundle: SolidarityBundle, messages: Sequence[Action]) -> bytes:
    """Raises `TooBusy`."""
    return await typeset("messages", messages_data(bundle, messages))


def messages_data(bundle: SolidarityBundle, messages: Sequence[Action]) -> dict[str, Any]:
    """What the template is given. Of writers: name and country, and nothing to find them by."""
    formats = Formats()
    return {
        "id": str(bundle.id),
        "case": bundle.case_slug,
        "paper": sheet_of("").paper,
        "countries": len({message.supporter_country for message in messages}),
        "messages": [
            {
                "text": message.letter_body,
                "language": message.letter_language,
                "direction": way_of(message.letter_body),
                "name": message.supporter_name,
                "country": formats.country(message.supporter_country),
                "date": formats.day(message.accepted_at.date()),
            }
            for message in messages
        ],
    }
