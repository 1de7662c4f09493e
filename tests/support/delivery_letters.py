"""A letter as a sender holds it, to test with. Every value may be changed by keyword."""

from typing import Any

from services.delivery.kinds import LetterKind
from services.delivery.rendering import Composition, read_campaign
from tests.support.events import NOW, uuid_of

CAMPAIGN = read_campaign("Write for Rights <letters@writeforrights.example>")


def a_composition(**changes: Any) -> Composition:
    values: dict[str, Any] = {
        "id": uuid_of(1),
        "to_address": "minister@ministry.example",
        "to_name": "Ministry of Examples",
        "subject": "Please act",
        "body": "Dear Minister,\n\nplease act.\n",
        "language": "en",
        "sender_name": "A Supporter",
        "reply_to": "supporter@mail.example",
        "country": "PK",
        "campaign_name": "Write for Rights 2026",
        "kind": LetterKind.LETTER,
        "created_at": NOW,
        "expires_at": NOW,
    }
    return Composition(**(values | changes))
