"""Every published event by its wire name, and the one way to read bytes from the bus."""

from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from shared.messages.actions import (
    ActionAcceptedV1,
    ActionAwaitsVerificationV1,
    ActionCancelledV1,
    ActionInvalidatedV1,
    ActionReinstatedV1,
    AddressHiddenV1,
    AnswerForwardingRequestedV1,
    LetterPostedV1,
    SolidarityShownV1,
    SolidarityTakenDownV1,
    VerificationRequestedV1,
)
from shared.messages.actions_news import NewsCalledOffV1, NewsRequestedV1, NewsStoppedV1
from shared.messages.cases import CaseClosedV1, CasePublishedV1, UpdatePublishedV1
from shared.messages.delivery import (
    ActionsRegisteredV1,
    AnswerReceivedV1,
    LetterBouncedV1,
    LetterCancelledV1,
    LetterFailedV1,
    LetterPrintedV1,
    LetterSentV1,
    LetterUncertainV1,
    NewsUndeliverableV1,
    TargetForecastV1,
    TargetRunsLateV1,
)
from shared.messages.envelope import Envelope, Event

EVENTS: tuple[type[Event], ...] = (
    CasePublishedV1,
    CaseClosedV1,
    ActionAcceptedV1,
    ActionAwaitsVerificationV1,
    VerificationRequestedV1,
    AnswerForwardingRequestedV1,
    LetterPostedV1,
    ActionCancelledV1,
    AddressHiddenV1,
    ActionInvalidatedV1,
    ActionReinstatedV1,
    SolidarityShownV1,
    SolidarityTakenDownV1,
    LetterSentV1,
    LetterUncertainV1,
    LetterBouncedV1,
    LetterFailedV1,
    LetterCancelledV1,
    LetterPrintedV1,
    AnswerReceivedV1,
    ActionsRegisteredV1,
    TargetRunsLateV1,
    UpdatePublishedV1,
    NewsRequestedV1,
    NewsStoppedV1,
    NewsCalledOffV1,
    NewsUndeliverableV1,
    TargetForecastV1,
)

ENVELOPES: dict[str, TypeAdapter[Envelope[Any]]] = {
    event.wire_type: TypeAdapter(Envelope[event])  # type: ignore[valid-type]
    for event in EVENTS
}


class Unreadable(Exception):
    """These bytes can never be handled: garbage, an unknown type, or not what the schema says."""


def read(body: bytes) -> Envelope[Any]:
    """Open an envelope. Raises `Unreadable` with a reason that names fields and never their values."""
    try:
        kind = from_json(body)["type"]
        adapter = ENVELOPES[kind]
    except (ValueError, TypeError) as error:
        raise Unreadable("not a JSON envelope") from error
    except KeyError as error:
        raise Unreadable(f"unknown or missing type: {error}") from error
    try:
        return adapter.validate_json(body)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['type']}" for e in error.errors(include_input=False))
        raise Unreadable(f"{kind} does not fit its schema: {faults}") from error
